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

use super::replay::SentPieces;

/// Sends a body. It ends once the body has been handed over, or the server wants no more of it.
pub(super) struct Upload {
    body: Body,
    stream: SendStream<Bytes>,
    sent: SentPieces,
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
        }
    }

    /// Whether the body is sent, or not wanted any more.
    pub(super) fn is_done(&self) -> bool {
        self.is_done
    }

    /// The whole body, if it was short so far.
    pub(super) fn into_body(self) -> Option<Body> {
        self.sent.before(self.body)
    }

    /// Ready once the server may get a piece. `false`: it wants none.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        // A stream that the server has reset is of no use, whatever the body does.
        if self.stream.poll_reset(cx).is_ready() {
            return Poll::Ready(false);
        }
        self.stream.reserve_capacity(1);
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
            if !ready!(self.poll_room(cx)) {
                return Poll::Ready(Ok(()));
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
                    let is_last = self.body.is_end_stream();
                    if (is_last || !piece.is_empty()) && self.stream.send_data(piece, is_last).is_err() {
                        return Poll::Ready(Ok(()));
                    }
                    if is_last {
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
}
