//! The body of a request on its way to the server, as fast as the server takes it.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::{BoxError, body::Body};
use bytes::Bytes;
use h2::{Reason, SendStream};
use http_body::Body as _;
use tokio::time::timeout;

use super::replay::SentPieces;
use crate::limits::IDLE_TIMEOUT;

/// Sends a body. It ends once the server has room for the last of it, or wants no more of it. Dropping it before resets the stream.
pub(super) struct Upload {
    body: Body,
    stream: SendStream<Bytes>,
    sent: SentPieces,
    /// The rest of the last piece, which the server has no room for yet.
    piece: Bytes,
    /// Whether the piece is the last one.
    is_last: bool,
    /// How often the server took something.
    taken: u64,
    is_done: bool,
}

/// The body broke off.
#[derive(Debug)]
pub(super) struct BrokenOff(pub(super) BoxError);

impl Upload {
    /// The upload of a body. An empty one is done: its stream has ended with the head.
    pub(super) fn new(body: Body, stream: SendStream<Bytes>) -> Self {
        Self {
            is_done: body.is_end_stream(),
            body,
            stream,
            sent: SentPieces::default(),
            piece: Bytes::new(),
            is_last: false,
            taken: 0,
        }
    }

    /// Whether the body is sent, or not wanted any more.
    pub(super) fn is_done(&self) -> bool {
        self.is_done
    }

    /// Sends the rest while the answer comes, and after `answered` for as long as the server goes on to take it.
    ///
    /// # Errors
    /// The body broke off.
    pub(super) async fn send_rest(mut self, answered: impl Future) -> Result<(), BrokenOff> {
        // An answer has begun, so that the request is not sent again.
        self.sent.lose();
        tokio::select! {
            sent = &mut self => return sent,
            _ = answered => {}
        }
        loop {
            let taken = self.taken;
            if let Ok(sent) = timeout(IDLE_TIMEOUT, &mut self).await {
                return sent;
            }
            if self.taken == taken {
                return Ok(());
            }
        }
    }

    /// The whole body, if it was short so far.
    pub(super) fn into_body(self) -> Option<Body> {
        self.sent.before(self.body)
    }

    /// Ready once the server has room for a part of so many bytes. `false`: it wants none.
    fn poll_room(&mut self, wanted: usize, cx: &mut Context<'_>) -> Poll<bool> {
        // A stream that the server has reset is of no use, whatever the body does.
        if self.stream.poll_reset(cx).is_ready() {
            return Poll::Ready(false);
        }
        self.stream.reserve_capacity(wanted);
        while self.stream.capacity() == 0 {
            match ready!(self.stream.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Poll::Ready(false),
            }
        }
        Poll::Ready(true)
    }

    fn end(&mut self) {
        self.stream.reserve_capacity(0);
        // A stream that has ended already needs no end.
        let _ = self.stream.send_data(Bytes::new(), true);
    }
}

impl Future for Upload {
    type Output = Result<(), BrokenOff>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.is_done {
            return Poll::Ready(Ok(()));
        }
        let ended = ready!(self.poll_pieces(cx));
        self.is_done = true;
        Poll::Ready(ended)
    }
}

impl Upload {
    fn poll_pieces(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BrokenOff>> {
        loop {
            // The body is asked only if there is room for some of it.
            if !ready!(self.poll_room(self.piece.len().max(1), cx)) {
                return Poll::Ready(Ok(()));
            }
            if !self.piece.is_empty() {
                if self.send_part() {
                    return Poll::Ready(Ok(()));
                }
                continue;
            }
            let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(cx)) else {
                self.end();
                return Poll::Ready(Ok(()));
            };
            let frame = match frame {
                Ok(frame) => frame,
                Err(error) => {
                    self.stream.send_reset(Reason::CANCEL);
                    return Poll::Ready(Err(BrokenOff(error.into())));
                }
            };
            match frame.into_data() {
                Ok(piece) => {
                    self.sent.keep(&piece);
                    self.is_last = self.body.is_end_stream();
                    self.piece = piece;
                    if self.is_last && self.piece.is_empty() {
                        self.end();
                        return Poll::Ready(Ok(()));
                    }
                }
                Err(other) => {
                    self.sent.lose();
                    if let Ok(trailers) = other.into_trailers() {
                        self.stream.reserve_capacity(0);
                        let _ = self.stream.send_trailers(trailers);
                        return Poll::Ready(Ok(()));
                    }
                }
            }
        }
    }

    /// Sends as much of the piece as there is room for: nothing waits in the library, where no one would notice that the server never
    /// takes it. Returns whether the upload is over.
    fn send_part(&mut self) -> bool {
        let room = self.stream.capacity().min(self.piece.len());
        let part = self.piece.split_to(room);
        let is_end = self.is_last && self.piece.is_empty();
        self.taken += 1;
        self.stream.send_data(part, is_end).is_err() || is_end
    }
}
