//! The body of a page in which pieces are replaced while it streams.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::{BoxError, body::Body};
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame};

use hydra_runtime_wire::forms::Replacer;

/// The body of a page in which pieces are replaced. Trailers are dropped.
pub struct ReplacedBody {
    body: Body,
    /// Each gets what comes from the one before.
    replacers: Vec<Replacer>,
    ready: VecDeque<Bytes>,
    has_ended: bool,
}

impl ReplacedBody {
    /// The body after all `replacers`, one after the other.
    pub fn new(body: Body, replacers: impl IntoIterator<Item = Replacer>) -> Self {
        Self {
            body,
            replacers: replacers.into_iter().collect(),
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
                    let part = frame.into_data().unwrap_or_default();
                    push(&mut this.replacers, part, &mut this.ready);
                }
                Some(Err(error)) => {
                    this.has_ended = true;
                    return Poll::Ready(Some(Err(error.into())));
                }
                None => {
                    this.has_ended = true;
                    finish(&mut this.replacers, &mut this.ready);
                }
            }
        }
    }
}

/// Gives the next part of a text to the first of the replacers, and what comes from the last one to `ready`.
fn push(replacers: &mut [Replacer], part: Bytes, ready: &mut VecDeque<Bytes>) {
    match replacers {
        [] if part.is_empty() => {}
        [] => ready.push_back(part),
        [first, others @ ..] => first.push(part, |part| push(others, part, ready)),
    }
}

/// Ends the text.
fn finish(replacers: &mut [Replacer], ready: &mut VecDeque<Bytes>) {
    if let [first, others @ ..] = replacers {
        first.finish(|part| push(others, part, ready));
        finish(others, ready);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body_util::BodyExt as _;

    use super::*;
    use hydra_runtime_wire::forms::marker_comment;

    #[tokio::test]
    async fn the_forms_of_the_page_and_of_the_fragment_in_it_get_the_query() {
        let marker = "0123456789abcdef0123456789abcdef";
        let page = format!("<form action=\"?hydra-form=a\">{}<hr>", marker_comment(marker));
        for length in [1, 10, page.len()] {
            let parts = page
                .as_bytes()
                .chunks(length)
                .map(|part| Ok::<_, BoxError>(part.to_owned()));
            let parts: Vec<_> = parts.collect();
            let html = Bytes::from_static(b"<form action=\"?hydra-form=b\">");
            let replacers = [
                Some(Replacer::of_marker(marker, html)),
                Replacer::of_forms(Some("x=1")),
            ];
            let body = Body::from_stream(stream::iter(parts));
            let body = ReplacedBody::new(body, replacers.into_iter().flatten());
            assert_eq!(
                body.collect().await.expect("whole").to_bytes(),
                "<form action=\"?x=1&amp;hydra-form=a\"><form action=\"?x=1&amp;hydra-form=b\"><hr>",
                "{length}"
            );
        }
    }
}
