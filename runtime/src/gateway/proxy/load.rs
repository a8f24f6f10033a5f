//! What an instance has to do at present: each call counts until the last byte of its answer.

use std::{
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::gateway::{registration::Instance, upstream::UpstreamBody};

/// Counts one thing under way, until it is dropped.
pub(in crate::gateway) struct Load {
    instance: Arc<Instance>,
}

impl Load {
    /// Whatever the instance does: requests, streams and sockets as long as they last.
    pub(in crate::gateway) fn on(instance: &Arc<Instance>) -> Self {
        instance.breaker.in_flight.fetch_add(1, Relaxed);
        Self {
            instance: Arc::clone(instance),
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.instance.breaker.in_flight.fetch_sub(1, Relaxed);
    }
}

/// A body that counts until its end.
pub(super) struct LoadedBody {
    body: UpstreamBody,
    load: Option<Load>,
}

impl LoadedBody {
    pub(super) fn new(body: UpstreamBody, load: Load) -> Self {
        let load = (!body.is_end_stream()).then_some(load);
        Self { body, load }
    }
}

impl HttpBody for LoadedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) || self.body.is_end_stream() {
            self.load = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
