//! Requests that end at a proxy: `TRACE`, and requests without hops left (RFC 9110 sections 7.6.2, 9.3.7 and 9.3.8).
#![deny(clippy::disallowed_methods)]

use axum::{body::Body, response::Response};
use http::{
    HeaderValue, Method, Request, StatusCode,
    header::{ALLOW, CACHE_CONTROL, MAX_FORWARDS},
};

/// The methods that the gateway passes on to services.
const ALLOWED: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");

/// Counts `Max-Forwards` down. Returns the answer if the request goes no further.
///
/// `TRACE` never goes further: a service would send back what it received, including headers that the gateway added.
pub(crate) fn ends_here(request: &mut Request<Body>) -> Option<Response> {
    match *request.method() {
        Method::TRACE => return Some(answer(StatusCode::METHOD_NOT_ALLOWED)),
        Method::OPTIONS => {}
        // Other methods may ignore the header (RFC 9110 section 7.6.2).
        _ => return None,
    }
    if request.uri().path() == "*" {
        return Some(answer(StatusCode::NO_CONTENT));
    }
    let headers = request.headers_mut();
    match remaining_hops(headers.get_all(MAX_FORWARDS).iter()) {
        RemainingHops::Any => None,
        RemainingHops::Of(hops) => {
            headers.insert(MAX_FORWARDS, HeaderValue::from(hops));
            None
        }
        RemainingHops::Nothing => Some(answer(StatusCode::NO_CONTENT)),
        RemainingHops::Unclear => Some(answer(StatusCode::BAD_REQUEST)),
    }
}

/// How many hops a request may still go.
#[derive(Debug, PartialEq, Eq)]
enum RemainingHops {
    /// The request does not say.
    Any,
    /// This many hops beyond this gateway.
    Of(u64),
    Nothing,
    /// The header is malformed.
    Unclear,
}

fn remaining_hops<'a>(mut values: impl Iterator<Item = &'a HeaderValue>) -> RemainingHops {
    let value = match (values.next(), values.next()) {
        (None, _) => return RemainingHops::Any,
        (Some(value), None) => value,
        (Some(_), Some(_)) => return RemainingHops::Unclear,
    };
    let digits = value.as_bytes();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return RemainingHops::Unclear;
    }
    // A number that is too large counts as the largest one.
    let hops = value.to_str().ok().and_then(|digits| digits.parse().ok());
    match hops.unwrap_or(u64::MAX).checked_sub(1) {
        Some(hops) => RemainingHops::Of(hops),
        None => RemainingHops::Nothing,
    }
}

fn answer(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(ALLOW, ALLOWED);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_without_a_hop_left_ends_here() {
        let check =
            |method: &str, uri: &str, values: &[&'static str], expected: Result<Option<&str>, u16>| {
                let mut request = Request::builder().method(method).uri(uri);
                for value in values {
                    request = request.header(MAX_FORWARDS, *value);
                }
                let mut request = request.body(Body::empty()).expect("a request");
                let ended = ends_here(&mut request).map(|response| response.status().as_u16());
                let left = request.headers().get(MAX_FORWARDS);
                let left = left.map(|value| value.to_str().expect("text"));
                match expected {
                    Ok(value) => assert_eq!((ended, left), (None, value), "{method} {uri} {values:?}"),
                    Err(status) => assert_eq!(ended, Some(status), "{method} {uri} {values:?}"),
                }
            };
        check("TRACE", "/", &["0"], Err(405));
        check("TRACE", "/", &["5"], Err(405));
        check("TRACE", "/", &[], Err(405));
        check("OPTIONS", "/", &["0"], Err(204));
        check("OPTIONS", "/", &["00"], Err(204));
        check("OPTIONS", "/", &["3"], Ok(Some("2")));
        check("OPTIONS", "/", &["1"], Ok(Some("0")));
        check(
            "OPTIONS",
            "/",
            &["99999999999999999999999"],
            Ok(Some("18446744073709551614")),
        );
        check("OPTIONS", "/", &[], Ok(None));
        check("OPTIONS", "/", &["x"], Err(400));
        check("OPTIONS", "/", &["-1"], Err(400));
        check("OPTIONS", "/", &[""], Err(400));
        check("OPTIONS", "/", &["1", "1"], Err(400));
        check("OPTIONS", "*", &[], Err(204));
        check("GET", "/", &["0"], Ok(Some("0")));
        check("POST", "/", &["x"], Ok(Some("x")));
    }
}
