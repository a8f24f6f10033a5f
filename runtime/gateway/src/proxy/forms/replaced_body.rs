//! The body of a page in which a marker is replaced while it streams.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::{BoxError, body::Body};
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame};

use super::replacer::Replacer;

/// The body of a page in which a marker is replaced. Trailers are dropped.
pub(super) struct ReplacedBody {
    body: Body,
    replacer: Replacer,
    ready: VecDeque<Bytes>,
    has_ended: bool,
}

impl ReplacedBody {
    pub(super) fn new(body: Body, replacer: Replacer) -> Self {
        Self {
            body,
            replacer,
            ready: VecDeque::new(),
            has_ended: false,
        }
    }
}

impl HttpBody for ReplacedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        loop {
            if let Some(piece) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            if this.has_ended {
                return Poll::Ready(None);
            }
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Ok(piece) = frame.into_data() {
                        this.replacer.push(piece, |text| this.ready.push_back(text));
                    }
                }
                Some(Err(error)) => {
                    this.has_ended = true;
                    return Poll::Ready(Some(Err(error.into())));
                }
                None => {
                    this.has_ended = true;
                    let rest = this.replacer.finish().into_iter();
                    this.ready.extend(rest.filter(|text| !text.is_empty()));
                }
            }
        }
    }
}
