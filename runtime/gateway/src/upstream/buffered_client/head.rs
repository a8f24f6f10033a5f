//! The head of an answer: its status, how its body ends, and whether its connection stays open.
#![deny(clippy::disallowed_methods)]

use std::{mem::MaybeUninit, sync::LazyLock};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use httparse::{Header, ParserConfig, Status};
use memchr::memmem::Finder;

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

/// The end of a line and an empty line, with and without a carriage return. Two searches for them cost less than half of a look
/// at the end of each line.
static WITH_RETURN: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\n\r\n"));
static WITHOUT_RETURN: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\n\n"));

/// The end of the first head in `bytes`. Bytes before `from` were searched already.
pub(in crate::upstream) fn end(bytes: &[u8], from: usize) -> Option<usize> {
    // At most two of the bytes that are searched for lie before the new ones.
    let start = from.saturating_sub(2);
    let fresh = bytes.get(start..)?;
    let with = WITH_RETURN.find(fresh).map(|at| at + 3);
    // The body may have an empty line, too.
    let head = with.map_or(fresh, |end| fresh.get(..end).unwrap_or(fresh));
    let without = WITHOUT_RETURN.find(head).map(|at| at + 2);
    without.or(with).map(|end| start + end)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_empty_line_ends_a_head() {
        for (text, expected) in [
            ("", None),
            ("HTTP/1.1 200 OK\r\n", None),
            ("HTTP/1.1 200 OK\r\n\r", None),
            ("a\r\n\r\n", Some(5)),
            ("a\n\n", Some(3)),
            ("a\n\r\n", Some(4)),
            ("a\r\n\n", Some(4)),
            ("a\r\n\r\nb\n\nc", Some(5)),
            ("a\n\nb\r\n\r\nc", Some(3)),
            ("a\r\n \r\n\r\n\r\n", Some(8)),
            ("\r\n\r\n", Some(4)),
            ("a\r\r\n", None),
        ] {
            // Whatever was searched before the end arrived.
            for from in 0..expected.unwrap_or(text.len()) {
                assert_eq!(end(text.as_bytes(), from), expected, "{text:?} from {from}");
            }
        }
    }
}
