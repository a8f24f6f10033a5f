//! Answers without a body that do not say how long the body would be: to `HEAD`, and `304 Not Modified`.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{StatusCode, header::CONTENT_LENGTH};
use http_body::Frame;

/// An empty body of unknown length.
struct NoLength;

impl http_body::Body for NoLength {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }
}

/// Keeps the server from adding `Content-Length: 0` where a service did not state the length: a length there is that of
/// the answer to `GET` (RFC 9110 section 8.6).
pub(crate) fn keep_unknown(response: Response, is_head: bool) -> Response {
    let has_no_body = is_head || response.status() == StatusCode::NOT_MODIFIED;
    if !has_no_body || response.headers().contains_key(CONTENT_LENGTH) {
        return response;
    }
    response.map(|_| Body::new(NoLength))
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;

    use super::*;

    #[test]
    fn only_a_length_that_a_service_states_is_known() {
        for (status, is_head, length, expected) in [
            (200, true, None, None),
            (200, true, Some("0"), Some(0)),
            (304, false, None, None),
            (304, true, None, None),
            (200, false, None, Some(0)),
            (204, false, None, Some(0)),
        ] {
            let mut response = Response::builder().status(status);
            if let Some(length) = length {
                response = response.header(CONTENT_LENGTH, length);
            }
            let response = keep_unknown(response.body(Body::empty()).expect("a response"), is_head);
            assert_eq!(
                response.size_hint().exact(),
                expected,
                "{status} {is_head} {length:?}"
            );
        }
    }
}
