//! The start of a body that was sent, kept until it is known that the server has processed it.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{Error, body::Body};
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::limits::HTTP2_KEPT_BODY_BYTES;

/// The pieces of a body that were sent.
#[derive(Debug, Default)]
pub(super) struct SentPieces {
    pieces: VecDeque<Bytes>,
    length: usize,
    /// Whether something was sent that is not kept.
    is_lost: bool,
}

impl SentPieces {
    /// Keeps a piece, if all pieces together are short.
    pub(super) fn keep(&mut self, piece: &Bytes) {
        if self.is_lost {
            return;
        }
        self.length = self.length.saturating_add(piece.len());
        if self.length > HTTP2_KEPT_BODY_BYTES {
            return self.lose();
        }
        self.pieces.push_back(piece.clone());
    }

    /// Something is sent that is not kept.
    pub(super) fn lose(&mut self) {
        self.is_lost = true;
        self.pieces = VecDeque::new();
    }

    /// The whole body again, with the rest that was not sent. `None`: a part of it is gone.
    pub(super) fn before(self, rest: Body) -> Option<Body> {
        if self.is_lost {
            return None;
        }
        if self.pieces.is_empty() {
            return Some(rest);
        }
        Some(Body::new(Replay {
            pieces: self.pieces,
            rest,
        }))
    }
}

/// A body whose first pieces were read before.
struct Replay {
    pieces: VecDeque<Bytes>,
    rest: Body,
}

impl HttpBody for Replay {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self.pieces.pop_front() {
            Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let kept: u64 = self.pieces.iter().map(|piece| piece.len() as u64).sum();
        let rest = self.rest.size_hint();
        let mut whole = SizeHint::new();
        whole.set_lower(rest.lower().saturating_add(kept));
        if let Some(upper) = rest.upper() {
            whole.set_upper(upper.saturating_add(kept));
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn a_short_body_is_whole_again_and_a_long_one_is_not() {
        let half = HTTP2_KEPT_BODY_BYTES / 2;
        for (pieces, expected) in [
            (vec![], Some(3)),
            (vec![half], Some(half + 3)),
            (vec![half, half], Some(2 * half + 3)),
            (vec![half, half, 1], None),
            (vec![2 * half + 2, 1], None),
        ] {
            let mut sent = SentPieces::default();
            for length in &pieces {
                sent.keep(&vec![b'x'; *length].into());
            }
            let body = sent.before(Body::from("end"));
            assert_eq!(body.is_some(), expected.is_some(), "{pieces:?}");
            if let (Some(body), Some(expected)) = (body, expected) {
                assert_eq!(body.size_hint().exact(), Some(expected as u64));
                let bytes = body.collect().await.expect("a body").to_bytes();
                assert_eq!(bytes.len(), expected);
                assert!(bytes.ends_with(b"end"));
            }
        }
    }
}
