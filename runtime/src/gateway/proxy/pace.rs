//! How long to wait for an answer: the time in which the visitor still sends the body does not count.

use std::{
    future::Future,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::body::Body;
use http::Request;
use http_body::Body as _;
use tokio::time::{Instant, timeout_at};

use crate::gateway::watched::{Seen, Watched, Watcher};

/// When the last piece of a request's body went on its way.
pub(super) struct Pace(Arc<Mutex<Instant>>);

impl Pace {
    /// Watches the body of `request` from now on.
    pub(super) fn of(request: &mut Request<Body>) -> Self {
        let last = Arc::new(Mutex::new(Instant::now()));
        if !request.body().is_end_stream() {
            let body = std::mem::take(request.body_mut());
            let last = Last(Arc::clone(&last));
            *request.body_mut() = Body::new(Watched::new(body, last));
        }
        Self(last)
    }

    /// What `work` gives; `None` where it takes longer than `limit` after the last piece of the body.
    pub(super) async fn within<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        let mut until = Instant::now() + limit;
        loop {
            if let Ok(done) = timeout_at(until, work.as_mut()).await {
                return Some(done);
            }
            let later = *self.0.lock().unwrap_or_else(PoisonError::into_inner) + limit;
            if later <= until {
                return None;
            }
            until = later;
        }
    }
}

/// When something of a body passed last.
struct Last(Arc<Mutex<Instant>>);

impl Watcher for Last {
    fn saw(&mut self, _: Seen) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::stream;
    use http_body_util::BodyExt;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(100);

    #[tokio::test]
    async fn a_slow_upload_is_no_slow_answer() {
        let pieces = stream::unfold(0, |sent| async move {
            tokio::time::sleep(LIMIT / 5).await;
            (sent < 10).then(|| (Ok::<_, std::io::Error>(Bytes::from_static(b"x")), sent + 1))
        });
        let mut request = Request::new(Body::from_stream(pieces));
        let pace = Pace::of(&mut request);
        let whole = pace.within(LIMIT, request.into_body().collect()).await;
        let whole = whole.expect("in time").expect("a body").to_bytes();
        assert_eq!(whole.len(), 10);
    }

    #[tokio::test]
    async fn a_body_that_stands_still_ends_the_wait() {
        let mut request = Request::new(Body::from_stream(stream::pending::<std::io::Result<Bytes>>()));
        let pace = Pace::of(&mut request);
        assert!(pace.within(LIMIT, request.into_body().collect()).await.is_none());
    }
}
