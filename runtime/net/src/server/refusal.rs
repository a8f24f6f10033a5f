//! Requests that are refused before any route sees them, and requests after which a connection must close.
#![deny(clippy::disallowed_methods)]

use std::net::SocketAddr;

use http::{
    HeaderMap, Method, Request, Version,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};

use super::authority::{self, BadHost};

/// Why a request is refused, as a sentence for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error(transparent)]
    Host(#[from] BadHost),
    #[error("The request states more than one length, or one that is not a number.")]
    Length,
}

/// Checks what every request must satisfy. `here` is the address at which it arrived.
///
/// # Errors
/// The host is wrong, as [`authority::check`] says; or a request of HTTP/2 has several lengths or one that is not a
/// number (RFC 9110 section 8.6). The parser of HTTP/1 has refused those already.
pub(super) fn check<B>(request: &mut Request<B>, here: SocketAddr) -> Result<(), Refusal> {
    authority::check(request, here)?;
    if request.version() >= Version::HTTP_2 && !has_one_length(request.headers()) {
        return Err(Refusal::Length);
    }
    Ok(())
}

/// Whether the headers state one length at most, in digits.
fn has_one_length(headers: &HeaderMap) -> bool {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let Some(length) = lengths.next() else {
        return true;
    };
    let digits = length.as_bytes();
    lengths.next().is_none() && !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// Whether the connection must close after the answer to this request: what follows it may be meant for another
/// reader. That is so after `CONNECT` (RFC 9110 section 9.3.6), and after a transfer coding other than `chunked` (RFC
/// 9112 section 6.1). The parser closes after a request with a length and a transfer coding by itself.
pub(super) fn must_close<B>(request: &Request<B>) -> bool {
    if *request.method() == Method::CONNECT {
        return true;
    }
    let mut codings = request.headers().get_all(TRANSFER_ENCODING).iter();
    let is_chunked = |coding: &[u8]| coding.trim_ascii().eq_ignore_ascii_case(b"chunked");
    match (codings.next(), codings.next()) {
        (None, _) => false,
        (Some(coding), None) => !is_chunked(coding.as_bytes()),
        (Some(_), Some(_)) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, headers: &[(&'static str, &'static str)]) -> Request<()> {
        let mut request = Request::builder()
            .method(method)
            .version(Version::HTTP_2)
            .uri("http://a.test/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).expect("a request")
    }

    #[test]
    fn a_request_of_http2_states_one_length_at_most() {
        let here = SocketAddr::from(([127, 0, 0, 1], 1));
        for (lengths, is_good) in [
            (&[][..], true),
            (&["0"], true),
            (&["5"], true),
            (&["5", "5"], false),
            (&["0", "7"], false),
            (&["5, 5"], false),
            (&["+5"], false),
            (&["-5"], false),
            (&["0x5"], false),
            (&[""], false),
        ] {
            let headers: Vec<_> = lengths.iter().map(|length| ("content-length", *length)).collect();
            let expected = if is_good { Ok(()) } else { Err(Refusal::Length) };
            assert_eq!(
                check(&mut request("POST", &headers), here),
                expected,
                "{lengths:?}"
            );
        }
    }

    #[test]
    fn a_connection_closes_after_what_another_reader_may_read_otherwise() {
        let coding = |value| ("transfer-encoding", value);
        for (method, headers, expected) in [
            ("GET", &[][..], false),
            ("POST", &[("content-length", "5")], false),
            ("POST", &[coding("chunked")], false),
            ("POST", &[coding("Chunked")], false),
            ("POST", &[coding("gzip, chunked")], true),
            ("POST", &[coding("chunked, chunked")], true),
            ("POST", &[coding("identity"), coding("chunked")], true),
            ("POST", &[coding("chunked"), coding("chunked")], true),
            ("CONNECT", &[], true),
        ] {
            assert_eq!(
                must_close(&request(method, headers)),
                expected,
                "{method} {headers:?}"
            );
        }
    }
}
