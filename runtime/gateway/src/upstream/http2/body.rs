//! The body of an answer. Dropping it before its end resets its stream, and no other one.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::RecvStream;
use http_body::{Body, Frame, SizeHint};
use tokio::{sync::oneshot, task::AbortHandle};

use super::connection::Place;

/// A body that streams from a server. The server sends no more than is read, and a little ahead.
#[derive(Debug)]
pub(crate) struct Http2Body {
    stream: RecvStream,
    /// What the head says about the rest of it.
    left: Option<u64>,
    has_data: bool,
    /// The upload that still goes on.
    upload: Option<Uploading>,
    /// Counts the stream.
    _place: Place,
}

/// An upload in a task of its own.
#[derive(Debug)]
pub(super) struct Uploading {
    pub(super) task: AbortHandle,
    /// Dropped at the end of the answer.
    pub(super) _answered: oneshot::Sender<()>,
}

impl Http2Body {
    pub(super) fn new(
        stream: RecvStream,
        length: Option<u64>,
        upload: Option<Uploading>,
        place: Place,
    ) -> Self {
        Self {
            left: if stream.is_end_stream() { Some(0) } else { length },
            stream,
            has_data: true,
            upload,
            _place: place,
        }
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, h2::Error>>> {
        let Some(piece) = ready!(self.stream.poll_data(cx)) else {
            return Poll::Ready(None);
        };
        let piece = piece?;
        // Room for as many bytes as were read.
        self.stream.flow_control().release_capacity(piece.len())?;
        self.left = self.left.map(|left| left.saturating_sub(piece.len() as u64));
        Poll::Ready(Some(Ok(piece)))
    }
}

impl Body for Http2Body {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        if self.has_data {
            match ready!(self.poll_data(cx)) {
                Some(piece) => return Poll::Ready(Some(piece.map(Frame::data))),
                None => self.has_data = false,
            }
        }
        let trailers = ready!(self.stream.poll_trailers(cx))?;
        Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for Http2Body {
    fn drop(&mut self) {
        // An answer may end before the upload that it answers, which then goes on while the server takes it.
        if let Some(upload) = self.upload.take()
            && !self.stream.is_end_stream()
        {
            upload.task.abort();
        }
    }
}
