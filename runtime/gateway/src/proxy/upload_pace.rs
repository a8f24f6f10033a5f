//! Watches how fast a visitor sends the body of a request, and how long a service takes to answer: the time in which
//! the visitor still sends does not count for the service.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{BoxError, body::Body};
use bytes::Bytes;
use http::Request;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};

use super::upload_rate::UploadRate;
use crate::edge::headers::clean_trailers;

/// Watches how a visitor sends the body of a request. `None`: the request has no body.
pub(super) struct UploadPace(Option<Arc<Progress>>);

struct Progress {
    /// When the last piece arrived.
    last: Mutex<Instant>,
    /// Whether the next piece is awaited from the visitor.
    waits: AtomicBool,
    /// Whether the body was given up because it arrived too slowly.
    is_slow: AtomicBool,
    /// Whether the body was given up because it is too long.
    is_large: AtomicBool,
}

impl UploadPace {
    /// Watches the body of `request` from now on. The body fails if it brings fewer than `least` bytes a second (0:
    /// never), or more than `most` bytes in all (`None`: never).
    pub(super) fn of(request: &mut Request<Body>, least: u64, most: Option<u64>) -> Self {
        if request.body().is_end_stream() {
            return Self(None);
        }
        let progress = Arc::new(Progress {
            last: Mutex::new(Instant::now()),
            waits: AtomicBool::new(false),
            is_slow: AtomicBool::new(false),
            is_large: AtomicBool::new(false),
        });
        let body = std::mem::take(request.body_mut());
        *request.body_mut() = Body::new(Upload {
            body,
            progress: Arc::clone(&progress),
            rate: UploadRate::new(least),
            left: most,
            waiting: None,
            timer: None,
        });
        Self(Some(progress))
    }

    /// Whether the visitor is to blame for a timeout: the body arrived too slowly, or its next piece is awaited.
    pub(super) fn is_visitors_fault(&self) -> bool {
        self.is_slow() || self.has(|progress| &progress.waits)
    }

    /// Whether the body was given up because it arrived too slowly.
    pub(super) fn is_slow(&self) -> bool {
        self.has(|progress| &progress.is_slow)
    }

    /// Whether the body was given up because it is too long.
    pub(super) fn is_large(&self) -> bool {
        self.has(|progress| &progress.is_large)
    }

    fn has(&self, what: impl FnOnce(&Progress) -> &AtomicBool) -> bool {
        self.0
            .as_deref()
            .is_some_and(|progress| what(progress).load(Relaxed))
    }

    /// The result of `work`, which begins `now`; `None` if it takes longer than `limit` after the last piece of the body.
    pub(super) async fn within<F: Future>(
        &self,
        now: Instant,
        limit: Duration,
        mut work: Pin<&mut F>,
    ) -> Option<F::Output> {
        let mut until = now + limit;
        loop {
            if let Ok(done) = timeout_at(until, work.as_mut()).await {
                return Some(done);
            }
            let progress = self.0.as_deref()?;
            let later = *progress.last.lock().unwrap_or_else(PoisonError::into_inner) + limit;
            if later <= until {
                return None;
            }
            until = later;
        }
    }
}

/// A body from a visitor. Only the time in which the gateway waits for it counts: a service that reads slowly is not
/// the visitor's fault.
struct Upload {
    body: Body,
    progress: Arc<Progress>,
    rate: UploadRate,
    /// How many more bytes may come. `None`: any number.
    left: Option<u64>,
    /// Since when the next piece is awaited.
    waiting: Option<Instant>,
    /// Fires when the rate must be checked. It is created at the first wait.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Upload {
    fn came(&mut self, frame: Option<&Result<Frame<Bytes>, axum::Error>>) {
        self.progress.waits.store(false, Relaxed);
        let now = Instant::now();
        *self.progress.last.lock().unwrap_or_else(PoisonError::into_inner) = now;
        let bytes = frame
            .and_then(|frame| frame.as_ref().ok()?.data_ref())
            .map_or(0, Bytes::len);
        self.rate.came(bytes as u64);
        if let Some(since) = self.waiting.take() {
            // A piece that has arrived is passed on in any case: the next wait decides whether it was too little.
            self.rate.waited(now.saturating_duration_since(since));
        }
    }

    /// Whether the body is too long with this frame.
    fn is_too_long(&mut self, frame: Option<&Result<Frame<Bytes>, axum::Error>>) -> bool {
        let Some(left) = &mut self.left else {
            return false;
        };
        let bytes = frame
            .and_then(|frame| frame.as_ref().ok()?.data_ref())
            .map_or(0, Bytes::len);
        match left.checked_sub(bytes as u64) {
            Some(rest) => {
                *left = rest;
                false
            }
            None => true,
        }
    }

    /// Ready once the body was awaited for too long.
    fn poll_slow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.progress.waits.store(true, Relaxed);
        let mut since = *self.waiting.get_or_insert_with(Instant::now);
        while !self.rate.is_slow() {
            let Some(left) = self.rate.left() else {
                return Poll::Pending;
            };
            let due = since + left;
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
            if timer.deadline() != due {
                timer.as_mut().reset(due);
            }
            std::task::ready!(timer.as_mut().poll(cx));
            let now = Instant::now();
            self.rate.waited(now.saturating_duration_since(since));
            (since, self.waiting) = (now, Some(now));
        }
        Poll::Ready(())
    }
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(mut frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.came(frame.as_ref());
            if self.is_too_long(frame.as_ref()) {
                self.progress.is_large.store(true, Relaxed);
                return Poll::Ready(Some(Err(io::Error::other("the body is too long").into())));
            }
            if let Some(Ok(frame)) = &mut frame
                && let Some(trailers) = frame.trailers_mut()
            {
                clean_trailers(trailers);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(BoxError::from)));
        }
        std::task::ready!(self.poll_slow(cx));
        self.progress.is_slow.store(true, Relaxed);
        let reason = io::Error::new(io::ErrorKind::TimedOut, "the body arrives too slowly");
        Poll::Ready(Some(Err(reason.into())))
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
    use std::pin::pin;

    use futures_util::stream;
    use http_body_util::BodyExt;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(100);

    fn request(
        pieces: impl stream::Stream<Item = Result<Bytes, io::Error>> + Send + 'static,
    ) -> Request<Body> {
        Request::new(Body::from_stream(pieces))
    }

    #[tokio::test]
    async fn a_slow_upload_is_no_slow_answer() {
        let pieces = stream::unfold(0, |sent| async move {
            tokio::time::sleep(LIMIT / 5).await;
            (sent < 10).then(|| (Ok(Bytes::from_static(b"x")), sent + 1))
        });
        let mut request = request(pieces);
        let pace = UploadPace::of(&mut request, 0, None);
        let whole = pace
            .within(Instant::now(), LIMIT, pin!(request.into_body().collect()))
            .await;
        let whole = whole.expect("in time").expect("a body").to_bytes();
        assert_eq!(whole.len(), 10);
        assert!(!pace.is_visitors_fault());
    }

    #[tokio::test]
    async fn a_body_may_have_as_many_bytes_as_are_allowed() {
        for (most, is_whole) in [(None, true), (Some(4), true), (Some(3), false), (Some(0), false)] {
            let mut request = request(stream::iter(["ab", "cd"].map(|piece| Ok(piece.into()))));
            let pace = UploadPace::of(&mut request, 0, most);
            let read = request.into_body().collect().await;
            assert_eq!((read.is_ok(), pace.is_large()), (is_whole, !is_whole), "{most:?}");
        }
    }

    #[tokio::test]
    async fn a_body_that_stands_still_ends_the_wait_and_is_the_visitors_fault() {
        let mut request = request(stream::pending());
        let pace = UploadPace::of(&mut request, 0, None);
        assert!(
            pace.within(Instant::now(), LIMIT, pin!(request.into_body().collect()))
                .await
                .is_none()
        );
        assert!(pace.is_visitors_fault() && !pace.is_slow());
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_that_brings_too_little_is_given_up() {
        let drops = |bytes: usize, every: u64, count: usize| {
            stream::unfold(0, move |sent| async move {
                tokio::time::sleep(Duration::from_secs(every)).await;
                (sent < count).then(|| (Ok(Bytes::from(vec![b'x'; bytes])), sent + 1))
            })
        };
        for (bytes, every, least, expected) in [
            (1, 10, 1_024, false),
            (1_023, 1, 1_024, false),
            (100_000, 100, 1_024, false),
            (1_024, 1, 1_024, true),
            (60_000, 20, 1_024, true),
            (1, 10, 0, true),
            (1, 1, 1, true),
        ] {
            let mut request = request(drops(bytes, every, 40));
            let pace = UploadPace::of(&mut request, least, None);
            let is_whole = request.into_body().collect().await.is_ok();
            assert_eq!(is_whole, expected, "{bytes} bytes every {every} s");
            assert_eq!(pace.is_slow(), !expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_reads_slowly_is_not_the_visitors_fault() {
        let pieces = stream::iter((0..10).map(|_| Ok(Bytes::from_static(b"x"))));
        let mut request = request(pieces);
        let pace = UploadPace::of(&mut request, 1_024, None);
        let mut body = request.into_body();
        while let Some(frame) = body.frame().await {
            assert!(frame.is_ok());
            tokio::time::sleep(Duration::from_secs(100)).await;
        }
        assert!(!pace.is_visitors_fault());
    }
}
