//! How many requests are in flight at a time. Further ones wait in a queue that is bounded in length and time.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::StatusCode;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places for requests.
pub(crate) struct InFlight {
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    max_waiting: usize,
    patience: Duration,
}

/// The place of one request.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
}

/// All places are taken, and so is the queue; or the wait was too long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl InFlight {
    /// `max` requests at a time; `max_waiting` further ones wait for `patience` at most.
    pub(crate) fn new(max: usize, max_waiting: usize, patience: Duration) -> Self {
        Self {
            places: Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS))),
            waiting: AtomicUsize::new(0),
            max_waiting,
            patience,
        }
    }

    /// A place, which is free again when the result is dropped.
    pub(crate) async fn enter(&self) -> Result<Place, Full> {
        if let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(Place { _permit: permit });
        }
        let _waiting = Waiting::in_queue(self)?;
        let permit = Arc::clone(&self.places).acquire_owned();
        match tokio::time::timeout(self.patience, permit).await {
            Ok(Ok(permit)) => Ok(Place { _permit: permit }),
            // The places are never closed.
            Ok(Err(_)) | Err(_) => Err(Full),
        }
    }
}

/// A request in the queue, until it is dropped.
struct Waiting<'q>(&'q InFlight);

impl<'q> Waiting<'q> {
    fn in_queue(queue: &'q InFlight) -> Result<Self, Full> {
        let waiting = Self(queue);
        match queue.waiting.fetch_add(1, SeqCst) < queue.max_waiting {
            true => Ok(waiting),
            false => Err(Full),
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, SeqCst);
    }
}

impl Place {
    /// Keeps the place until the body of the response has ended. A socket needs none.
    pub(crate) fn until_end_of(self, response: Response) -> Response {
        match response.status() {
            StatusCode::SWITCHING_PROTOCOLS => response,
            _ => response.map(|body| {
                Body::new(Held {
                    body,
                    place: Some(self),
                })
            }),
        }
    }
}

/// A body that keeps a place.
struct Held {
    body: Body,
    place: Option<Place>,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            self.place = None;
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
    use futures_util::FutureExt as _;
    use http_body_util::BodyExt as _;
    use std::pin::pin;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_queue_is_bounded_in_length_and_time() {
        let queue = InFlight::new(1, 2, Duration::from_secs(1));
        let first = queue.enter().await.expect("a place");
        let (mut second, mut third) = (Box::pin(queue.enter()), Box::pin(queue.enter()));
        assert!(second.as_mut().now_or_never().is_none() && third.as_mut().now_or_never().is_none());
        assert_eq!(queue.enter().await.err(), Some(Full), "the queue is full");
        drop(first);
        let second = second.await.expect("the first one in the queue");
        // A place in the queue is free again.
        let mut fourth = pin!(queue.enter());
        assert!(fourth.as_mut().now_or_never().is_none());
        drop(third);
        assert_eq!(fourth.await.err(), Some(Full), "it waited for too long");
        drop(second);
        assert!(queue.enter().await.is_ok());
    }

    #[tokio::test]
    async fn a_place_is_kept_until_the_end_of_the_body_and_not_by_sockets() {
        let queue = InFlight::new(1, 0, Duration::ZERO);
        let answer = |status| {
            let mut response = Response::new(Body::from("text"));
            *response.status_mut() = status;
            response
        };
        let response = queue
            .enter()
            .await
            .expect("a place")
            .until_end_of(answer(StatusCode::OK));
        assert!(queue.enter().await.is_err());
        assert_eq!(
            response.into_body().collect().await.expect("a body").to_bytes(),
            "text"
        );
        let broken = queue
            .enter()
            .await
            .expect("a place")
            .until_end_of(answer(StatusCode::OK));
        drop(broken);
        let place = queue.enter().await.expect("a place");
        let socket = place.until_end_of(answer(StatusCode::SWITCHING_PROTOCOLS));
        assert!(queue.enter().await.is_ok());
        drop(socket);
    }
}
