//! `Expect: 100-continue` (RFC 9110 section 10.1.1): the body of a request is not requested from the visitor before the
//! service wants it, so that a service can refuse an upload before it is sent.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker, ready},
};

use axum::{BoxError, body::Body};
use bytes::Bytes;
use http::{HeaderValue, Request, Version, header::EXPECT};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::{
    edge::observed_body::{BodyEvent, BodyObserver},
    limits::EXPECT_CONTINUE_WAIT,
};

const CONTINUE: HeaderValue = HeaderValue::from_static("100-continue");

/// Whether a visitor's request has a body that may wait. HTTP/1.0 has no interim responses, and a body that has arrived
/// with the head does not wait.
pub(crate) fn expects_continue(request: &Request<Body>) -> bool {
    let is_stated = request
        .headers()
        .get(EXPECT)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(CONTINUE.as_bytes()));
    is_stated && request.version() > Version::HTTP_10 && !request.body().is_end_stream()
}

/// What is known about the body of a request that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The service has said nothing yet.
    Waiting,
    /// The service wants the body, or has said nothing for so long that it gets the body anyway.
    Wanted,
    /// The service answered without the body: its answer is on the way to the visitor.
    Answered,
    /// The answer has ended. The body is never sent.
    Over,
}

/// The lock is held for one step, never across an await.
#[derive(Debug)]
struct Shared(Mutex<(Phase, Option<Waker>)>);

impl Shared {
    /// Changes the phase if the body was not requested yet.
    fn become_now(&self, next: Phase) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.0 == Phase::Wanted {
            return;
        }
        state.0 = next;
        if let Some(waker) = state.1.take() {
            waker.wake();
        }
    }

    fn poll(&self, cx: &Context<'_>) -> Phase {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(state.0, Phase::Waiting | Phase::Answered) {
            state.1 = Some(cx.waker().clone());
        }
        state.0
    }
}

/// Tells the body of a request that the service wants it. A request extension.
#[derive(Clone, Debug)]
pub(super) struct ContinueSignal(Arc<Shared>);

impl ContinueSignal {
    pub(super) fn send(&self) {
        self.0.become_now(Phase::Wanted);
    }
}

/// A request whose body waits. When it is dropped, a body that still waits is given up, and with it the connection to
/// the service.
#[derive(Debug)]
pub(crate) struct Expectation(Arc<Shared>);

impl Expectation {
    /// Makes the body of a request wait.
    pub(crate) fn of(request: &mut Request<Body>) -> Self {
        let shared = Arc::new(Shared(Mutex::new((Phase::Waiting, None))));
        let body = std::mem::take(request.body_mut());
        *request.body_mut() = Body::new(WaitingBody {
            body,
            shared: Arc::clone(&shared),
            is_wanted: false,
            timer: None,
        });
        request.headers_mut().insert(EXPECT, CONTINUE);
        request
            .extensions_mut()
            .insert(ContinueSignal(Arc::clone(&shared)));
        Self(shared)
    }

    /// The service has answered: a body that still waits is not requested any more.
    pub(crate) fn answered(&self) {
        self.0.become_now(Phase::Answered);
    }
}

impl Drop for Expectation {
    fn drop(&mut self) {
        self.0.become_now(Phase::Over);
    }
}

/// The expectation is over with the answer.
impl BodyObserver for Option<Expectation> {
    fn observe(&mut self, event: BodyEvent) {
        self.take_if(|_| event != BodyEvent::Frame);
    }
}

/// The body of a request, which waits until the service wants it.
struct WaitingBody {
    body: Body,
    shared: Arc<Shared>,
    is_wanted: bool,
    /// Created at the first wait.
    timer: Option<Pin<Box<Sleep>>>,
}

impl WaitingBody {
    /// Ready once the body may be requested.
    ///
    /// # Errors
    /// The service answered without it.
    fn poll_wanted(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        while !self.is_wanted {
            match self.shared.poll(cx) {
                Phase::Wanted => self.is_wanted = true,
                Phase::Answered => return Poll::Pending,
                Phase::Over => {
                    let reason = io::Error::other("the service answered without the body");
                    return Poll::Ready(Err(reason.into()));
                }
                Phase::Waiting => {
                    let timer = self
                        .timer
                        .get_or_insert_with(|| Box::pin(sleep(EXPECT_CONTINUE_WAIT)));
                    ready!(timer.as_mut().poll(cx));
                    self.shared.become_now(Phase::Wanted);
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl HttpBody for WaitingBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Err(reason) = ready!(self.poll_wanted(cx)) {
            return Poll::Ready(Some(Err(reason)));
        }
        Pin::new(&mut self.body).poll_frame(cx).map_err(BoxError::from)
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
    use http_body_util::BodyExt as _;

    use super::*;

    fn upload() -> Request<Body> {
        Request::new(Body::from("upload"))
    }

    #[test]
    fn only_a_body_of_http_1_1_or_later_waits() {
        for (version, expect, body, expected) in [
            (Version::HTTP_11, Some("100-continue"), "x", true),
            (Version::HTTP_11, Some("100-Continue"), "x", true),
            (Version::HTTP_2, Some("100-continue"), "x", true),
            (Version::HTTP_10, Some("100-continue"), "x", false),
            (Version::HTTP_11, Some("100-continue"), "", false),
            (Version::HTTP_11, Some("200-ok"), "x", false),
            (Version::HTTP_11, None, "x", false),
        ] {
            let mut request = Request::new(Body::from(body));
            *request.version_mut() = version;
            if let Some(expect) = expect {
                request
                    .headers_mut()
                    .insert(EXPECT, HeaderValue::from_static(expect));
            }
            assert_eq!(
                expects_continue(&request),
                expected,
                "{version:?} {expect:?} {body}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_waits_for_the_service_and_not_for_ever() {
        for is_wanted in [true, false] {
            let mut request = upload();
            let expectation = Expectation::of(&mut request);
            let signal = request
                .extensions()
                .get::<ContinueSignal>()
                .cloned()
                .expect("a signal");
            let began = tokio::time::Instant::now();
            if is_wanted {
                signal.send();
            }
            let body = request.into_body().collect().await.expect("a body").to_bytes();
            assert_eq!(body, "upload");
            let waited = began.elapsed();
            assert_eq!(waited >= EXPECT_CONTINUE_WAIT, !is_wanted, "{waited:?}");
            drop(expectation);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_the_service_does_not_want_is_never_requested() {
        let mut request = upload();
        let expectation = Expectation::of(&mut request);
        expectation.answered();
        let mut body = request.into_body();
        let wait = tokio::time::timeout(10 * EXPECT_CONTINUE_WAIT, body.frame());
        assert!(wait.await.is_err(), "its answer is still on the way");
        drop(expectation);
        assert!(body.frame().await.expect("an end").is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_was_requested_is_sent_to_its_end() {
        let mut request = upload();
        let expectation = Expectation::of(&mut request);
        request
            .extensions()
            .get::<ContinueSignal>()
            .expect("a signal")
            .send();
        expectation.answered();
        drop(expectation);
        assert!(request.into_body().collect().await.is_ok());
    }
}
