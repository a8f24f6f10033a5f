//! Requests to the peer.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};

use super::{
    error::RequestError,
    items::{Credit, Items},
    send::send_items,
    shared::{Shared, State},
};
use crate::{
    frame::{Failure, Interaction, Payload},
    machine::CloseReason,
};

/// Sends requests to the peer. Clones share the connection. When the last clone of a client's requester is dropped, the
/// connection closes as with [`Requester::close`]; a server's connection stays open.
#[derive(Clone)]
pub struct Requester {
    handle: Arc<Handle>,
}

struct Handle {
    shared: Arc<Shared>,
    closes: bool,
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.closes {
            let mut state = self.shared.lock();
            state.machine.close();
            state.wake_driver();
        }
    }
}

impl fmt::Debug for Requester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requester")
            .field("statistics", &self.statistics())
            .finish()
    }
}

/// A connection as operators see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statistics {
    /// Bytes of frames that arrived.
    pub received_bytes: u64,
    /// Bytes of frames that were sent.
    pub sent_bytes: u64,
    /// Requests of this side without an end.
    pub requests: usize,
    /// Requests of the peer whose handlers run.
    pub served: usize,
    /// The time between the last KEEPALIVE and its answer.
    pub round_trip: Option<Duration>,
}

impl Requester {
    pub(super) fn new(shared: Arc<Shared>, closes: bool) -> Requester {
        Requester {
            handle: Arc::new(Handle { shared, closes }),
        }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }

    /// Sends a request and waits for its answer. An answer without payload is an empty one. Dropping the future cancels the request.
    ///
    /// # Errors
    /// [`RequestError`]: every request ends, also if the connection does.
    pub async fn request_response(&self, request: Payload) -> Result<Payload, RequestError> {
        let id = self
            .open(Interaction::Response, request, State::add_inbox)
            .await?;
        let mut answers = Items::new(self.shared().clone(), id, Credit::Exactly(1), None);
        let answer = answers.next().await;
        answers.forget();
        answer.unwrap_or_else(|| Ok(Payload::default()))
    }

    /// Sends a request that has no answer. Returns when it is queued.
    ///
    /// # Errors
    /// [`RequestError`] if the connection takes no requests.
    pub async fn fire_and_forget(&self, request: Payload) -> Result<(), RequestError> {
        self.open(Interaction::FireAndForget, request, |_, _| {}).await?;
        Ok(())
    }

    /// Sends a request with many answers. Dropping them cancels the request.
    ///
    /// # Errors
    /// [`RequestError`] if the connection takes no requests.
    pub async fn request_stream(&self, request: Payload, credit: Credit) -> Result<Items, RequestError> {
        let interaction = Interaction::Stream {
            credit: credit.initial(),
        };
        let id = self.open(interaction, request, State::add_inbox).await?;
        Ok(Items::new(self.shared().clone(), id, credit, None))
    }

    /// Opens a channel: `first` goes with the request, and the others as the peer gives credit. If they fail, so does the channel,
    /// and the peer is told. Dropping the answers cancels the channel.
    ///
    /// # Errors
    /// [`RequestError`] if the connection takes no requests.
    pub async fn request_channel(
        &self,
        first: Payload,
        others: impl Stream<Item = Result<Payload, Failure>> + Send + 'static,
        credit: Credit,
    ) -> Result<Items, RequestError> {
        let complete = others.size_hint() == (0, Some(0));
        let interaction = Interaction::Channel {
            credit: credit.initial(),
            complete,
        };
        let shared = self.shared().clone();
        let begin = move |state: &mut State, id| {
            state.add_inbox(id);
            if !complete {
                let sender = tokio::spawn(async move { send_items(&shared, id, others, true).await });
                let number = state.number_task();
                state.add_task(id, number, sender.abort_handle());
            }
        };
        let id = self.open(interaction, first, begin).await?;
        Ok(Items::new(self.shared().clone(), id, credit, None))
    }

    /// Sends metadata about the connection.
    ///
    /// # Errors
    /// [`RequestError`] if the connection takes no requests, or if the metadata are longer than a frame.
    pub async fn metadata_push(&self, metadata: Bytes) -> Result<(), RequestError> {
        self.shared().room().await;
        let mut state = self.shared().lock();
        state.machine.metadata_push(metadata)?;
        state.wake_driver();
        Ok(())
    }

    /// Sends a request as soon as there is room. `begin` prepares what receives its answers.
    async fn open(
        &self,
        interaction: Interaction,
        payload: Payload,
        begin: impl FnOnce(&mut State, u32),
    ) -> Result<u32, RequestError> {
        let shared = self.shared();
        shared.room().await;
        let mut state = shared.lock();
        let id = state.machine.open(interaction, payload)?;
        begin(&mut state, id);
        state.wake_driver();
        Ok(id)
    }

    /// Takes no new requests from either side, and closes the connection when those in flight have ended.
    pub fn close(&self) {
        let mut state = self.shared().lock();
        state.machine.close();
        state.wake_driver();
    }

    /// Ends the connection at once. The peer is told why.
    pub fn abort(&self, message: &str) {
        let mut state = self.shared().lock();
        state.machine.abort(message);
        state.wake_driver();
    }

    /// Waits for the end of the connection.
    pub async fn closed(&self) -> CloseReason {
        self.shared().ended().await
    }

    /// Why the connection has ended, if it has.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.shared().lock().machine.closed().cloned()
    }

    /// The connection as operators see it.
    pub fn statistics(&self) -> Statistics {
        let state = self.shared().lock();
        let (requests, served) = state.machine.in_flight();
        Statistics {
            received_bytes: self.shared().received_bytes.load(Ordering::Relaxed),
            sent_bytes: self.shared().sent_bytes.load(Ordering::Relaxed),
            requests,
            served,
            round_trip: state.machine.round_trip(),
        }
    }
}
