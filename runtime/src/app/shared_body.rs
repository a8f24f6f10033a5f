//! The body of a form, which is read to its end although its handler reads only a part of it.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame};
use hydra_runtime_net::bodies;

/// A body whose clones share what is left of it: a handler reads one, and another one reads what the handler left.
#[derive(Clone)]
pub(super) struct SharedBody(Arc<Mutex<State>>);

/// The lock is held for one step, never across an await.
struct State {
    body: Body,
    has_ended: bool,
}

impl SharedBody {
    pub(super) fn new(body: Body) -> Self {
        let has_ended = body.is_end_stream();
        Self(Arc::new(Mutex::new(State { body, has_ended })))
    }

    /// Reads and drops what is left: a sender that listens only after it has sent all would never see the answer.
    pub(super) async fn discard(self) {
        if !self.lock().has_ended {
            bodies::discard(Body::new(self)).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpBody for SharedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut state = self.lock();
        if state.has_ended {
            return Poll::Ready(None);
        }
        let frame = ready!(Pin::new(&mut state.body).poll_frame(cx));
        state.has_ended = !matches!(frame, Some(Ok(_))) || state.body.is_end_stream();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.lock().has_ended
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use futures_util::stream;
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn what_is_left_unread_is_dropped_and_no_more_is_asked_for() {
        let mut pieces = ["a", "b", "c"].into_iter();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let next = move || {
            count.fetch_add(1, Relaxed);
            pieces.next().map(Ok::<_, axum::Error>)
        };
        let body = SharedBody::new(Body::from_stream(stream::iter(std::iter::from_fn(next))));
        let mut read = body.clone();
        let first = read.frame().await.expect("a frame").expect("no error");
        assert_eq!(first.into_data().expect("data"), "a");
        body.clone().discard().await;
        assert!(body.is_end_stream() && read.frame().await.is_none());
        body.discard().await;
        assert_eq!(asked.load(Relaxed), 4, "three pieces and the end");
    }

    #[tokio::test]
    async fn a_body_of_known_length_has_ended_with_its_last_byte() {
        let mut body = SharedBody::new(Body::from("a"));
        assert!(!body.is_end_stream());
        body.frame().await.expect("a frame").expect("no error");
        assert!(body.is_end_stream());
        assert!(SharedBody::new(Body::empty()).is_end_stream());
    }
}
