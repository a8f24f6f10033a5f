//! A request as bytes on the wire, and its body if that is short and all of it is there.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    BoxError,
    body::{Body, Bytes},
};
use bytes::BytesMut;
use futures_util::{StreamExt as _, stream};
use http::{
    HeaderMap, Method, Request,
    header::{CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING, UPGRADE},
};
use http_body::Body as _;

use crate::{limits::MAX_DIRECT_BODY_BYTES, upstream::framing};

/// Takes the body out of a request that can be sent directly. `None`: it must go over hyper. Its body is as it was then.
///
/// # Errors
/// The body broke off.
pub(in crate::upstream) async fn whole_body(request: &mut Request<Body>) -> Result<Option<Bytes>, BoxError> {
    let headers = request.headers();
    if headers.contains_key(UPGRADE)
        || headers.contains_key(EXPECT)
        || headers.contains_key(TRANSFER_ENCODING)
    {
        return Ok(None);
    }
    let length = stated_length(headers);
    if request.body().is_end_stream() {
        return Ok((length == Some(0)).then(Bytes::new));
    }
    let is_short = length.is_some_and(|length| length <= MAX_DIRECT_BODY_BYTES);
    if !is_short || request.body().size_hint().exact() != length {
        return Ok(None);
    }
    let (arrived, is_whole) = arrived(request.body_mut()).await?;
    if is_whole {
        return Ok(Some(arrived));
    }
    let rest = std::mem::take(request.body_mut()).into_data_stream();
    *request.body_mut() = Body::from_stream(stream::iter([Ok(arrived)]).chain(rest));
    Ok(None)
}

/// The length that a head states; 0 if it states none. `None`: it states several, or none that is a number.
fn stated_length(headers: &HeaderMap) -> Option<u64> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    match (lengths.next(), lengths.next()) {
        (None, _) => Some(0),
        (Some(length), None) => framing::number(length.as_bytes()),
        (Some(_), Some(_)) => None,
    }
}

/// What arrives of a body without waiting, and whether that is all.
async fn arrived(body: &mut Body) -> Result<(Bytes, bool), BoxError> {
    let (mut arrived, mut has_waited) = (BytesMut::new(), false);
    poll_fn(|cx: &mut Context<'_>| {
        loop {
            match Pin::new(&mut *body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    arrived.extend_from_slice(&frame.into_data().unwrap_or_default());
                    if body.is_end_stream() {
                        return Poll::Ready(Ok(true));
                    }
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error.into())),
                Poll::Ready(None) => return Poll::Ready(Ok(true)),
                // A server reads a body when it is asked for: the bytes that came with the head are there in the next turn.
                Poll::Pending if !has_waited => {
                    has_waited = true;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Pending => return Poll::Ready(Ok(false)),
            }
        }
    })
    .await
    .map(|is_whole| (arrived.freeze(), is_whole))
}

/// A request as it is sent.
pub(in crate::upstream) struct RequestBytes {
    pub(super) bytes: Vec<u8>,
    pub(super) is_head: bool,
}

impl RequestBytes {
    /// The head and the body in one piece. The types of a head's parts cannot contain a line break.
    pub(in crate::upstream) fn new(request: &Request<Body>, body: &[u8]) -> Self {
        // The text of the two together lacks the `/` of an address without a path (RFC 9112 section 3.2.1).
        let (path, query) = (request.uri().path(), request.uri().query());
        let headers = request.headers().iter();
        let headers: usize = headers
            .map(|(name, value)| name.as_str().len() + value.len() + 4)
            .sum();
        let target = path.len() + query.map_or(0, str::len);
        let mut bytes = Vec::with_capacity(target + headers + body.len() + 40);
        let mut put = |part: &[u8]| bytes.extend_from_slice(part);
        put(request.method().as_str().as_bytes());
        put(b" ");
        put(path.as_bytes());
        if let Some(query) = query {
            put(b"?");
            put(query.as_bytes());
        }
        put(b" HTTP/1.1\r\n");
        for (name, value) in request.headers() {
            put(name.as_str().as_bytes());
            put(b": ");
            put(value.as_bytes());
            put(b"\r\n");
        }
        put(b"\r\n");
        put(body);
        Self {
            bytes,
            is_head: *request.method() == Method::HEAD,
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    /// What is sent directly of a request with these headers; `None` if hyper sends it.
    async fn check(headers: &[(&str, &str)], body: Body, expected: Option<&str>) {
        let mut request = Request::post("/a?b=c");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(body).expect("a request");
        let whole = whole_body(&mut request).await.expect("a body");
        let sent =
            whole.map(|body| String::from_utf8(RequestBytes::new(&request, &body).bytes).expect("a text"));
        assert_eq!(sent.as_deref(), expected, "{headers:?}");
    }

    #[test]
    fn an_address_without_a_path_is_that_of_the_root() {
        for (uri, expected) in [
            ("http://x?b=c", "GET /?b=c HTTP/1.1\r\n\r\n"),
            ("http://x", "GET / HTTP/1.1\r\n\r\n"),
            ("/a?", "GET /a? HTTP/1.1\r\n\r\n"),
        ] {
            let request = Request::get(uri).body(Body::empty()).expect("a request");
            let bytes = RequestBytes::new(&request, b"").bytes;
            assert_eq!(String::from_utf8(bytes).as_deref(), Ok(expected), "{uri}");
        }
    }

    /// A body of four bytes that come in these pieces. A piece without bytes comes after a turn of other tasks.
    fn pieces(pieces: &'static [&'static str]) -> Body {
        let pieces = stream::iter(pieces).then(async |piece| {
            if piece.is_empty() {
                tokio::task::yield_now().await;
            }
            Ok::<_, std::io::Error>(Bytes::from_static(piece.as_bytes()))
        });
        let exact = http_body_util::StreamBody::new(pieces.map(|piece| piece.map(http_body::Frame::data)));
        Body::new(Exact(Box::pin(exact)))
    }

    /// A body of four bytes, which says so.
    struct Exact<B>(Pin<Box<B>>);

    impl<B: http_body::Body> http_body::Body for Exact<B> {
        type Data = B::Data;
        type Error = B::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<http_body::Frame<B::Data>, B::Error>>> {
            self.0.as_mut().poll_frame(cx)
        }

        fn size_hint(&self) -> http_body::SizeHint {
            http_body::SizeHint::with_exact(4)
        }
    }

    #[tokio::test]
    async fn a_short_request_is_one_piece() {
        let head = "POST /a?b=c HTTP/1.1\r\nhost: x\r\n";
        let host = ("host", "x");
        check(&[host], Body::empty(), Some(&format!("{head}\r\n"))).await;
        let none = ("content-length", "0");
        let expected = format!("{head}content-length: 0\r\n\r\n");
        check(&[host, none], Body::empty(), Some(&expected)).await;
        let four = ("content-length", "4");
        let expected = format!("{head}content-length: 4\r\n\r\nform");
        for body in [
            Body::from("form"),
            pieces(&["form"]),
            pieces(&["fo", "rm"]),
            pieces(&["", "form"]),
        ] {
            check(&[host, four], body, Some(&expected)).await;
        }
    }

    #[tokio::test]
    async fn what_is_long_or_in_pieces_or_waits_goes_over_hyper() {
        let four = ("content-length", "4");
        for (headers, body) in [
            (&[four, ("expect", "100-continue")][..], Body::from("form")),
            (&[four, ("upgrade", "websocket")], Body::from("form")),
            (&[("transfer-encoding", "chunked")], Body::from("form")),
            (&[four, ("transfer-encoding", "chunked")], Body::from("form")),
            // What the head states is not what follows: hyper decides.
            (&[], Body::from("form")),
            (&[four], Body::empty()),
            (&[("content-length", "5")], Body::from("form")),
            (&[("content-length", "x")], Body::from("form")),
            (&[("content-length", "+4")], Body::from("form")),
            (&[four, four], Body::from("form")),
            (&[("content-length", "9999999")], Body::from(vec![0; 9_999_999])),
        ] {
            check(headers, body, None).await;
        }
    }

    #[tokio::test]
    async fn a_body_that_is_not_there_yet_loses_nothing() {
        let body = pieces(&["fo", "", "", "", "rm"]);
        let request = Request::post("/").header("content-length", "4");
        let mut request = request.body(body).expect("a request");
        assert_eq!(whole_body(&mut request).await.expect("a body"), None);
        let body = request.into_body().collect().await.expect("a body");
        assert_eq!(body.to_bytes(), "form");
    }
}
