//! The head of an answer: its status, how its body ends, and whether its connection stays open.
#![deny(clippy::disallowed_methods)]

use std::mem::MaybeUninit;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use httparse::{Header, ParserConfig, Status};

use super::BadAnswer;
use crate::{
    limits::MAX_ANSWER_HEADERS,
    upstream::framing::{self, Framing},
};

/// What a head states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::upstream) struct Head {
    pub(in crate::upstream) status: StatusCode,
    /// The headers that the caller wants.
    pub(in crate::upstream) headers: HeaderMap,
    pub(in crate::upstream) framing: Framing,
    /// Whether the connection can take another request after this answer.
    pub(in crate::upstream) stays: bool,
    /// Whether the connection can take another request after an answer without a body.
    pub(in crate::upstream) persists: bool,
}

/// The end of the first head in `bytes`. Bytes before `from` were searched already.
pub(in crate::upstream) fn end(bytes: &[u8], from: usize) -> Option<usize> {
    // The end of a line and an empty line: at most three of their bytes lie before the new ones.
    let start = from.saturating_sub(3);
    let fresh = bytes.get(start..)?;
    memchr::memchr_iter(b'\n', fresh).find_map(|at| match fresh.get(at + 1..) {
        Some([b'\n', ..]) => Some(start + at + 2),
        Some([b'\r', b'\n', ..]) => Some(start + at + 3),
        _ => None,
    })
}

/// Reads a head, which is all of `bytes`, and keeps the headers in `wanted`.
pub(super) fn read(bytes: &[u8], wanted: &[HeaderName]) -> Result<Head, BadAnswer> {
    read_with(bytes, |headers| Some(kept(headers, wanted)))
}

/// Reads a head, which is all of `bytes`, with the headers that `keep` makes of those that it has. `None`: they cannot be
/// kept.
pub(in crate::upstream) fn read_with(
    bytes: &[u8],
    keep: impl FnOnce(&[Header<'_>]) -> Option<HeaderMap>,
) -> Result<Head, BadAnswer> {
    // The array has no values until headers are parsed into it: most heads have few headers, and to fill all of its
    // places would cost more than to parse those few.
    let mut headers = [const { MaybeUninit::uninit() }; MAX_ANSWER_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    // Blanks before a colon are removed (RFC 9112 section 5.1).
    let mut parser = ParserConfig::default();
    parser.allow_spaces_after_header_name_in_responses(true);
    match parser.parse_response_with_uninit_headers(&mut response, bytes, &mut headers) {
        Ok(Status::Complete(length)) if length == bytes.len() => {}
        Ok(_) => return Err(BadAnswer::Head("it does not begin as an answer")),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(BadAnswer::Head(framing::TOO_LARGE));
        }
        Err(_) => return Err(BadAnswer::Head("it is not HTTP/1.1")),
    }
    let status = response.code.and_then(|code| StatusCode::from_u16(code).ok());
    let status = status.ok_or(BadAnswer::Head("its status is not a number from 100 to 999"))?;
    let is_1_1 = response.version == Some(1);
    let lengths = values(response.headers, "content-length");
    let codings = values(response.headers, "transfer-encoding");
    let framing = match status {
        status if status.is_informational() => Framing::Length(0),
        _ => Framing::of(lengths, codings, is_1_1).map_err(BadAnswer::Head)?,
    };
    let framing = match status {
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED => Framing::Length(0),
        _ => framing,
    };
    let closes = values(response.headers, "connection")
        .flat_map(|value| value.split(|byte| *byte == b','))
        .any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"));
    let persists = is_1_1 && !closes;
    Ok(Head {
        status,
        headers: keep(response.headers).ok_or(BadAnswer::Head("it is not HTTP/1.1"))?,
        framing,
        stays: persists && framing != Framing::Close,
        persists,
    })
}

/// The values of a header, without the white space around them.
fn values<'a>(headers: &'a [Header<'_>], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    headers
        .iter()
        .filter(move |header| header.name.eq_ignore_ascii_case(name))
        .map(|header| header.value.trim_ascii())
}

fn kept(headers: &[Header<'_>], wanted: &[HeaderName]) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for header in headers {
        let name = wanted
            .iter()
            .find(|name| header.name.eq_ignore_ascii_case(name.as_str()));
        if let (Some(name), Ok(value)) = (name, HeaderValue::from_bytes(header.value.trim_ascii())) {
            kept.append(name, value);
        }
    }
    kept
}
