//! Bodies that report their progress, and whose trailers contain only what trailers may.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http_body::{Body, Frame, SizeHint};

use crate::edge::headers::clean_trailers;

/// The progress of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyEvent {
    /// A frame of the body passed.
    Frame,
    /// The whole body passed.
    End,
    /// The body failed: no more of it can come.
    Failed,
}

/// Receives the progress of a body. The observer is dropped with the body, whether the body has ended or not.
pub(crate) trait BodyObserver {
    fn observe(&mut self, event: BodyEvent);
}

/// A body with its observer. Everything passes unchanged except trailers, which are cleaned.
pub(crate) struct ObservedBody<B, W> {
    body: B,
    observer: W,
}

impl<B: Body, W: BodyObserver> ObservedBody<B, W> {
    /// Observes a body. An empty body has ended at once.
    pub(crate) fn new(body: B, mut observer: W) -> Self {
        if body.is_end_stream() {
            observer.observe(BodyEvent::End);
        }
        Self { body, observer }
    }
}

impl<B: Body + Unpin, W: BodyObserver + Unpin> Body for ObservedBody<B, W> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &mut frame
            && let Some(trailers) = frame.trailers_mut()
        {
            clean_trailers(trailers);
        }
        let event = match &frame {
            Some(Err(_)) => BodyEvent::Failed,
            Some(Ok(_)) if !self.body.is_end_stream() => BodyEvent::Frame,
            Some(Ok(_)) | None => BodyEvent::End,
        };
        self.observer.observe(event);
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
    use axum::body::Body as AnyBody;
    use bytes::Bytes;
    use futures_util::stream;
    use http::{HeaderMap, HeaderValue};
    use http_body_util::{BodyExt as _, Collected, StreamBody};

    use super::*;

    impl BodyObserver for &mut Vec<BodyEvent> {
        fn observe(&mut self, event: BodyEvent) {
            self.push(event);
        }
    }

    /// Reads a body to its end, and returns the events of its observer.
    async fn seen(body: impl Into<AnyBody>) -> Vec<BodyEvent> {
        let mut seen = Vec::new();
        let _ = ObservedBody::new(body.into(), &mut seen).collect().await;
        seen
    }

    #[tokio::test]
    async fn the_end_is_seen_with_the_last_piece_or_after_it() {
        assert_eq!(seen("all of it").await[..1], [BodyEvent::End]);
        let pieces = stream::iter(["a", "b"].map(Ok::<_, std::io::Error>));
        let pieces = AnyBody::from_stream(pieces);
        assert_eq!(
            seen(pieces).await,
            [BodyEvent::Frame, BodyEvent::Frame, BodyEvent::End]
        );
    }

    #[tokio::test]
    async fn an_empty_body_has_ended_before_it_is_read() {
        let mut seen = Vec::new();
        drop(ObservedBody::new(AnyBody::empty(), &mut seen));
        assert_eq!(seen, [BodyEvent::End]);
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_has_no_end() {
        let pieces = stream::iter([Ok(Bytes::from_static(b"a")), Err(std::io::Error::other("gone"))]);
        let pieces = AnyBody::from_stream(pieces);
        assert_eq!(seen(pieces).await, [BodyEvent::Frame, BodyEvent::Failed]);
    }

    #[tokio::test]
    async fn trailers_lose_what_a_head_decides() {
        let mut trailers = HeaderMap::new();
        for name in ["x-forwarded-for", "x_forwarded_for", "cookie", "x-sum"] {
            trailers.insert(name, HeaderValue::from_static("1"));
        }
        let frames = stream::iter([Ok::<_, std::io::Error>(Frame::trailers(trailers))]);
        let mut seen = Vec::new();
        let whole = ObservedBody::new(StreamBody::new(frames), &mut seen)
            .collect()
            .await;
        let whole: Collected<Bytes> = whole.expect("a body");
        let left = whole.trailers().expect("trailers").keys();
        assert_eq!(left.collect::<Vec<_>>(), ["x-sum"]);
    }

    #[test]
    fn the_length_of_a_body_is_what_it_was() {
        let mut seen = Vec::new();
        let body = ObservedBody::new(AnyBody::from("four"), &mut seen);
        assert_eq!(body.size_hint().exact(), Some(4));
    }
}
