//! The head of an answer: its status, how its body ends, and whether its connection stays.
#![deny(clippy::disallowed_methods)]

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use httparse::{EMPTY_HEADER, Header, Status};

use super::BadAnswer;

/// The most headers.
const MAX_HEADERS: usize = 100;

/// What a head says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    /// Those that were wanted.
    pub(super) headers: HeaderMap,
    pub(super) framing: Framing,
    /// Whether the connection can take another request after this answer.
    pub(super) stays: bool,
}

/// How a body ends (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// After so many bytes.
    Length(u64),
    /// As its chunks say.
    Chunked,
    /// With the connection.
    Close,
}

/// Where the first head in `bytes` ends. What lies before `from` was looked at already.
pub(super) fn end(bytes: &[u8], from: usize) -> Option<usize> {
    // The end of a line, and an empty line: three bytes at most lie before what is new.
    let start = from.saturating_sub(3);
    let fresh = bytes.get(start..)?;
    memchr::memchr_iter(b'\n', fresh).find_map(|at| match fresh.get(at + 1..) {
        Some([b'\n', ..]) => Some(start + at + 2),
        Some([b'\r', b'\n', ..]) => Some(start + at + 3),
        _ => None,
    })
}

/// Reads a head, which is all of `bytes`.
pub(super) fn read(bytes: &[u8], wanted: &[HeaderName]) -> Result<Head, BadAnswer> {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(bytes) {
        Ok(Status::Complete(length)) if length == bytes.len() => {}
        Ok(_) => return Err(BadAnswer::Head("it does not begin as an answer")),
        Err(httparse::Error::TooManyHeaders) => return Err(BadAnswer::Head("it has too many headers")),
        Err(_) => return Err(BadAnswer::Head("it is no HTTP/1.1")),
    }
    let status = response.code.and_then(|code| StatusCode::from_u16(code).ok());
    let status = status.ok_or(BadAnswer::Head("its status means nothing"))?;
    let is_1_1 = response.version == Some(1);
    let framing = match status {
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED => Framing::Length(0),
        status if status.is_informational() => Framing::Length(0),
        _ => framing(response.headers, is_1_1)?,
    };
    let closes = values(response.headers, "connection")
        .flat_map(|value| value.split(|byte| *byte == b','))
        .any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"));
    Ok(Head {
        status,
        headers: kept(response.headers, wanted),
        framing,
        stays: is_1_1 && !closes && framing != Framing::Close,
    })
}

fn framing(headers: &[Header<'_>], is_1_1: bool) -> Result<Framing, BadAnswer> {
    let mut lengths = values(headers, "content-length");
    let mut codings = values(headers, "transfer-encoding");
    // Two ways to say where a body ends are one too many: whoever reads the other one sees another answer.
    match ((lengths.next(), lengths.next()), (codings.next(), codings.next())) {
        ((None, _), (None, _)) => Ok(Framing::Close),
        ((Some(length), None), (None, _)) => number(length)
            .map(Framing::Length)
            .ok_or(BadAnswer::Head("its length is no number")),
        ((None, _), (Some(coding), None)) if is_1_1 && coding.eq_ignore_ascii_case(b"chunked") => {
            Ok(Framing::Chunked)
        }
        ((None, _), (Some(_), _)) => Err(BadAnswer::Head("its transfer coding is not known")),
        _ => Err(BadAnswer::Head("it says twice how long its body is")),
    }
}

fn number(text: &[u8]) -> Option<u64> {
    // `parse` alone would take a sign.
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
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
