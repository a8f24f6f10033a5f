//! A request as bytes on the wire.
#![deny(clippy::disallowed_methods)]

use http::{HeaderName, HeaderValue, Method, StatusCode, uri::PathAndQuery};

use super::{Risk, pipeline::Pipelines, reader::Answer};

/// A request with its whole body. The types of its parts cannot contain a line break.
#[derive(Clone, Debug)]
pub(crate) struct CallRequest<'a> {
    pub(crate) method: Method,
    pub(crate) target: PathAndQuery,
    /// The host that the visitor requested. It becomes the `Host` if the address wants it.
    pub(crate) visitors_host: Option<&'a HeaderValue>,
    /// All headers except `Host` and `Content-Length`, which are written here.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: &'a [u8],
    /// The headers of the answer that the caller reads. Others are dropped.
    pub(crate) wanted: &'static [HeaderName],
    /// The longest body of the answer, in bytes.
    pub(crate) limit: usize,
    /// A text that an answer with status 200 must repeat. A connection whose answer lacks it is out of step, and
    /// takes no further call.
    pub(crate) repeated: Option<&'a str>,
    /// The other requests of the same page, with which this one may share a connection.
    pub(crate) pipelines: Option<&'a Pipelines>,
}

impl CallRequest<'_> {
    /// What is lost if the idle connection turns out to be closed: idempotent requests can be repeated (RFC 9110
    /// section 9.2.2).
    pub(super) fn risk(&self) -> Risk {
        if self.method.is_idempotent() {
            Risk::Delay
        } else {
            Risk::Loss
        }
    }

    /// Whether `answer` can be the answer to this request.
    pub(super) fn is_answered_by(&self, answer: &Answer) -> bool {
        let has = |text: &str| std::str::from_utf8(&answer.body).is_ok_and(|body| body.contains(text));
        answer.status != StatusCode::OK || self.repeated.is_none_or(has)
    }

    /// The head and the body in one piece, for `host`.
    pub(super) fn bytes(&self, host: &HeaderValue) -> Vec<u8> {
        let headers: usize = self
            .headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 4)
            .sum();
        let target = self.target.as_str();
        let mut bytes = Vec::with_capacity(target.len() + host.len() + headers + self.body.len() + 80);
        let mut put = |parts: &[&[u8]]| parts.iter().for_each(|part| bytes.extend_from_slice(part));
        put(&[self.method.as_str().as_bytes(), b" "]);
        put(&[
            target.as_bytes(),
            b" HTTP/1.1\r\nhost: ",
            host.as_bytes(),
            b"\r\n",
        ]);
        for (name, value) in &self.headers {
            put(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
        }
        if !self.body.is_empty() || self.method == Method::POST {
            let length = self.body.len().to_string();
            put(&[b"content-length: ", length.as_bytes(), b"\r\n"]);
        }
        put(&[b"\r\n", self.body]);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use http::header::ACCEPT;

    use super::*;

    fn check(method: Method, body: &[u8], expected: &str) {
        let call_request = CallRequest {
            method,
            target: PathAndQuery::from_static("/a?b=c"),
            visitors_host: None,
            headers: vec![(ACCEPT, HeaderValue::from_static("text/html"))],
            body,
            wanted: &[],
            limit: 0,
            repeated: None,
            pipelines: None,
        };
        let bytes = call_request.bytes(&HeaderValue::from_static("h:1"));
        assert_eq!(String::from_utf8(bytes).as_deref(), Ok(expected));
    }

    #[test]
    fn a_request_is_one_piece() {
        check(
            Method::GET,
            b"",
            "GET /a?b=c HTTP/1.1\r\nhost: h:1\r\naccept: text/html\r\n\r\n",
        );
        check(
            Method::POST,
            b"{}",
            "POST /a?b=c HTTP/1.1\r\nhost: h:1\r\naccept: text/html\r\ncontent-length: 2\r\n\r\n{}",
        );
        check(
            Method::POST,
            b"",
            "POST /a?b=c HTTP/1.1\r\nhost: h:1\r\naccept: text/html\r\ncontent-length: 0\r\n\r\n",
        );
    }
}
