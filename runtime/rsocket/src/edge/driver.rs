//! The task of a connection: it moves frames between the transport and the state machine, and keeps the time.

use std::{
    future::{Future, poll_fn},
    io,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::{Responder, handlers, shared::Shared};
use crate::{
    limits::{FRAMES_PER_TURN, LAST_WORDS_TIMEOUT},
    machine::{CloseReason, Event},
    transport::{Transport, TransportError},
};

pub(super) struct Driver<T, R> {
    transport: T,
    shared: Arc<Shared>,
    responder: Arc<R>,
    channel_credit: u32,
    sleep: Pin<Box<Sleep>>,
    /// Frames between the transport and the state machine, within one turn.
    frames: Vec<Bytes>,
}

/// The runtime may drop the task of a connection: its requests must end, too.
impl<T, R> Drop for Driver<T, R> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.machine.transport_ended(CloseReason::Lost);
        let mut aborts = Vec::new();
        while let Some(event) = state.machine.poll_event() {
            aborts.extend(state.deliver(event));
        }
        drop(state);
        aborts.iter().for_each(tokio::task::AbortHandle::abort);
        self.shared.has_ended();
    }
}

impl<T: Transport, R: Responder> Driver<T, R> {
    pub(super) fn new(transport: T, shared: Arc<Shared>, responder: R, channel_credit: u32) -> Driver<T, R> {
        Driver {
            transport,
            shared,
            responder: Arc::new(responder),
            channel_credit,
            sleep: Box::pin(sleep_until(Instant::now())),
            frames: Vec::new(),
        }
    }

    pub(super) async fn run(mut self) {
        poll_fn(|cx| self.turn(cx)).await;
        self.shared.has_ended();
        // A peer that does not read must not keep the connection.
        let _ = timeout(LAST_WORDS_TIMEOUT, poll_fn(|cx| self.last_words(cx))).await;
    }

    /// Ready when the connection has ended.
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let mut state = self.shared.lock();
            // Before anything is written, so that no later frame stays unnoticed.
            state.driver = Some(cx.waker().clone());
            let wanted = state.machine.wants_frames();
            drop(state);
            let has_more = wanted && self.read(cx);
            self.write(cx);
            if self.tick(cx) {
                self.write(cx);
            }
            self.deliver();
            let state = self.shared.lock();
            if state.machine.closed().is_some() {
                return Poll::Ready(());
            }
            if !has_more && (wanted || !state.machine.wants_frames()) {
                return Poll::Pending;
            }
        }
    }

    /// Reads what has arrived. Returns whether there may be more.
    fn read(&mut self, cx: &mut Context<'_>) -> bool {
        let (mut has_more, mut end) = (true, None);
        while self.frames.len() < FRAMES_PER_TURN {
            match self.transport.poll_receive(cx) {
                Poll::Ready(Some(Ok(frame))) => self.frames.push(frame),
                Poll::Ready(None) => end = Some(Ok(())),
                Poll::Ready(Some(Err(error))) => end = Some(Err(error)),
                Poll::Pending => has_more = false,
            }
            if !has_more || end.is_some() {
                break;
            }
        }
        if self.frames.is_empty() && end.is_none() {
            return has_more;
        }
        let now = Instant::now().into_std();
        let mut state = self.shared.lock();
        let mut bytes = 0;
        for frame in self.frames.drain(..) {
            bytes += frame.len();
            state.machine.receive(frame, now);
        }
        match end {
            Some(Ok(())) => state.machine.transport_ended(CloseReason::Lost),
            Some(Err(TransportError::Io(error))) => state.machine.transport_ended(failed(&error)),
            Some(Err(TransportError::Protocol(message))) => state.machine.abort(&message),
            None => {}
        }
        drop(state);
        self.shared
            .received_bytes
            .fetch_add(bytes as u64, Ordering::Relaxed);
        self.deliver();
        has_more
    }

    /// Writes what waits, as far as the transport takes it.
    fn write(&mut self, cx: &mut Context<'_>) {
        if let Poll::Ready(Err(error)) = self.poll_write(cx) {
            self.shared.lock().machine.transport_ended(failed(&error));
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let now = Instant::now().into_std();
        let mut state = self.shared.lock();
        let mut bytes = 0;
        let taken = loop {
            match self.transport.poll_ready(cx) {
                Poll::Ready(Ok(())) => {}
                other => break other,
            }
            let Some(frame) = state.machine.poll_frame(now) else {
                break Poll::Ready(Ok(()));
            };
            bytes += frame.encoded_bytes();
            if let Err(error) = self.transport.send(&frame) {
                break Poll::Ready(Err(error));
            }
        };
        drop(state);
        if bytes > 0 {
            self.shared.sent(bytes);
        }
        ready!(taken)?;
        self.transport.poll_flush(cx)
    }

    /// Keeps the time. Returns whether something was due.
    fn tick(&mut self, cx: &mut Context<'_>) -> bool {
        let mut was_due = false;
        loop {
            let mut state = self.shared.lock();
            let Some(deadline) = state.machine.deadline() else {
                return was_due;
            };
            let now = Instant::now().into_std();
            if deadline <= now {
                state.machine.tick(now);
                was_due = true;
                // What waited for the transport too long has ended the connection; otherwise the deadline has moved.
                if state.machine.deadline().is_some_and(|next| next <= now) {
                    return was_due;
                }
                continue;
            }
            drop(state);
            let deadline = Instant::from_std(deadline);
            if self.sleep.deadline() > deadline || self.sleep.is_elapsed() {
                self.sleep.as_mut().reset(deadline);
            }
            if self.sleep.as_mut().poll(cx).is_pending() {
                return was_due;
            }
        }
    }

    /// Hands events to requests, and begins handlers.
    fn deliver(&mut self) {
        let mut state = self.shared.lock();
        let mut aborts = Vec::new();
        while let Some(event) = state.machine.poll_event() {
            match event {
                Event::Request { .. } | Event::MetadataPush(_) => {
                    handlers::begin(
                        &self.shared,
                        &mut state,
                        &self.responder,
                        event,
                        self.channel_credit,
                    );
                }
                event => aborts.extend(state.deliver(event)),
            }
        }
        drop(state);
        aborts.iter().for_each(tokio::task::AbortHandle::abort);
    }

    /// Writes the last frame, and closes the transport.
    fn last_words(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_write(cx))?;
        self.transport.poll_close(cx)
    }
}

fn failed(error: &io::Error) -> CloseReason {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            CloseReason::Lost
        }
        _ => CloseReason::Failed(error.to_string()),
    }
}
