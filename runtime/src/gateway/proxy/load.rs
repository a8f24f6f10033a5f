//! What an instance has to do at present: each call counts until the last byte of its answer.

use std::{
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::gateway::{breaker::Work, registration::Instance, upstream::UpstreamBody};

/// Counts one thing under way, until it is dropped.
pub(in crate::gateway) struct Load {
    instance: Arc<Instance>,
    work: Work,
}

impl Load {
    /// A request, until the end of its answer.
    pub(in crate::gateway) fn on(instance: &Arc<Instance>) -> Self {
        Self::of(instance, Work::Request)
    }

    /// From now on it is a socket.
    pub(super) fn into_socket(self) -> Self {
        Self::of(&self.instance, Work::Socket)
    }

    fn of(instance: &Arc<Instance>, work: Work) -> Self {
        instance.breaker.count(work).fetch_add(1, Relaxed);
        Self {
            instance: Arc::clone(instance),
            work,
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.instance.breaker.count(self.work).fetch_sub(1, Relaxed);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::registry::tests::instance;

    #[test]
    fn a_socket_is_no_request_any_more_and_counts_to_its_end() {
        let instance = instance("a", 1, &[]);
        let counts = || [Work::Request, Work::Socket].map(|work| instance.breaker.count(work).load(Relaxed));
        let load = Load::on(&instance);
        assert_eq!(counts(), [1, 0]);
        let load = load.into_socket();
        assert_eq!(counts(), [0, 1]);
        drop(load);
        assert_eq!(counts(), [0, 0]);
    }
}
