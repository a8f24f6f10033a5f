//! What the task of a connection, its requests and its handlers share.

use std::{
    collections::{HashMap, VecDeque},
    future::poll_fn,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Poll, Waker},
};

use tokio::{sync::Notify, task::AbortHandle};

use super::error::RequestError;
use crate::{
    frame::{ErrorCode, Failure, Payload},
    machine::{CloseReason, Event, Machine},
};

type Map<T> = HashMap<u32, T, foldhash::fast::RandomState>;

pub(super) struct Shared {
    /// Never held across an `.await`.
    state: Mutex<State>,
    /// Frames have been sent, or the connection has ended.
    room: Notify,
    /// The connection has ended.
    ended: Notify,
    pub(super) received_bytes: AtomicU64,
    pub(super) sent_bytes: AtomicU64,
}

pub(super) struct State {
    pub(super) machine: Machine,
    /// What has arrived for requests, by their ids.
    inboxes: Map<Inbox>,
    /// Tasks that wait for credit.
    senders: Map<Waker>,
    /// Tasks that answer requests, or send the payloads of a channel, each with its number.
    tasks: Map<(u64, AbortHandle)>,
    task_count: u64,
    pub(super) driver: Option<Waker>,
}

/// What has arrived for a request, and was not taken yet. Credit bounds it.
#[derive(Default)]
struct Inbox {
    items: VecDeque<Payload>,
    end: Option<Result<(), RequestError>>,
    waker: Option<Waker>,
}

impl Inbox {
    fn end(&mut self, end: Result<(), RequestError>) {
        self.end.get_or_insert(end);
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Shared {
    pub(super) fn new(machine: Machine) -> Arc<Shared> {
        Arc::new(Shared {
            state: Mutex::new(State {
                machine,
                inboxes: Map::default(),
                senders: Map::default(),
                tasks: Map::default(),
                task_count: 0,
                driver: None,
            }),
            room: Notify::new(),
            ended: Notify::new(),
            received_bytes: AtomicU64::new(0),
            sent_bytes: AtomicU64::new(0),
        })
    }

    /// A panic elsewhere leaves the state as it was before or after a whole step.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until frames may be queued. Returns at once if the connection has ended.
    pub(super) async fn room(&self) {
        loop {
            let sent = self.room.notified();
            if self.has_room() {
                return;
            }
            sent.await;
        }
    }

    fn has_room(&self) -> bool {
        let machine = &self.lock().machine;
        machine.has_room() || machine.closed().is_some()
    }

    /// Says that frames have been sent.
    pub(super) fn sent(&self, bytes: usize) {
        self.sent_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.room.notify_waiters();
    }

    /// Says that the connection has ended.
    pub(super) fn has_ended(&self) {
        self.room.notify_waiters();
        self.ended.notify_waiters();
    }

    /// Waits for the end of the connection.
    pub(super) async fn ended(&self) -> CloseReason {
        loop {
            let ended = self.ended.notified();
            if let Some(reason) = self.lock().machine.closed() {
                return reason.clone();
            }
            ended.await;
        }
    }

    /// Waits until a payload may be sent. Returns whether one ever may.
    pub(super) async fn credit(&self, id: u32) -> bool {
        poll_fn(|cx| {
            let mut state = self.lock();
            match state.machine.credit(id) {
                None => Poll::Ready(false),
                Some(0) => {
                    state.senders.insert(id, cx.waker().clone());
                    Poll::Pending
                }
                Some(_) => Poll::Ready(true),
            }
        })
        .await
    }
}

impl State {
    /// Lets the connection's task send what waits.
    pub(super) fn wake_driver(&mut self) {
        if let Some(waker) = self.driver.take() {
            waker.wake();
        }
    }

    pub(super) fn add_inbox(&mut self, id: u32) {
        self.inboxes.insert(id, Inbox::default());
    }

    pub(super) fn remove_inbox(&mut self, id: u32) {
        self.inboxes.remove(&id);
    }

    /// A number for a task: a peer may use an id again while the task of its former request ends.
    pub(super) fn number_task(&mut self) -> u64 {
        self.task_count += 1;
        self.task_count
    }

    pub(super) fn add_task(&mut self, id: u32, number: u64, task: AbortHandle) {
        self.tasks.insert(id, (number, task));
    }

    pub(super) fn remove_task(&mut self, id: u32) -> Option<AbortHandle> {
        self.senders.remove(&id);
        self.tasks.remove(&id).map(|(_, task)| task)
    }

    /// Forgets a task that ends by itself.
    pub(super) fn task_ended(&mut self, id: u32, number: u64) {
        if self.tasks.get(&id).is_some_and(|(of_id, _)| *of_id == number) {
            self.remove_task(id);
        }
    }

    /// The next payload of a request. Its end comes after all of them, once.
    pub(super) fn take(&mut self, id: u32, waker: &Waker) -> Poll<Option<Result<Payload, RequestError>>> {
        let Some(inbox) = self.inboxes.get_mut(&id) else {
            return Poll::Ready(None);
        };
        if let Some(item) = inbox.items.pop_front() {
            return Poll::Ready(Some(Ok(item)));
        }
        let Some(end) = inbox.end.take() else {
            inbox.waker = Some(waker.clone());
            return Poll::Pending;
        };
        self.inboxes.remove(&id);
        Poll::Ready(end.err().map(Err))
    }

    /// Ends what is received for a request with an error of this side.
    pub(super) fn fail_inbox(&mut self, id: u32, error: RequestError) {
        if let Some(inbox) = self.inboxes.get_mut(&id) {
            inbox.end(Err(error));
        }
    }

    /// Hands an event to the request that it is about. Returns the tasks that it makes useless, which the caller aborts without the lock.
    pub(super) fn deliver(&mut self, event: Event) -> Vec<AbortHandle> {
        match event {
            Event::Item { id, payload } => {
                if let Some(inbox) = self.inboxes.get_mut(&id) {
                    inbox.items.push_back(payload);
                    inbox.wake();
                }
            }
            Event::Completed(id) => {
                if let Some(inbox) = self.inboxes.get_mut(&id) {
                    inbox.end(Ok(()));
                }
            }
            Event::Failed(id, error) => {
                self.fail_inbox(id, error.into());
                return self.remove_task(id).into_iter().collect();
            }
            Event::Credit(id) => {
                if let Some(waker) = self.senders.remove(&id) {
                    waker.wake();
                }
            }
            Event::Cancelled(id) => {
                if !self.machine.is_own(id) {
                    let failure = Failure::new(ErrorCode::CANCELED, "the peer cancelled the request");
                    self.fail_inbox(id, RequestError::Peer(failure));
                }
                return self.remove_task(id).into_iter().collect();
            }
            Event::Closed(reason) => return self.end(&reason),
            // The connection's task begins their handlers.
            Event::Request { .. } | Event::MetadataPush(_) => {}
        }
        Vec::new()
    }

    fn end(&mut self, reason: &CloseReason) -> Vec<AbortHandle> {
        for inbox in self.inboxes.values_mut() {
            inbox.end(Err(RequestError::Closed(reason.clone())));
        }
        self.senders.clear();
        self.tasks.drain().map(|(_, (_, task))| task).collect()
    }
}
