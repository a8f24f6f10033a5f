//! How the body of an answer ends, and how large its head may be: one rule for all clients.
#![deny(clippy::disallowed_methods)]

use http::{
    HeaderMap, HeaderValue, Response, StatusCode, Version,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};

/// The reason for refusing a head beyond `MAX_ANSWER_HEADERS` or `MAX_ANSWER_HEAD_BYTES` of `limits.rs`.
pub(super) const TOO_LARGE: &str = "it has more than 100 headers, or its head is longer than 32 KiB";

/// How a body ends (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// After this many bytes.
    Length(u64),
    /// As its chunks say.
    Chunked,
    /// With the connection.
    Close,
}

impl Framing {
    /// The framing that `Content-Length` and `Transfer-Encoding` state; `is_1_1` is false for HTTP/1.0.
    ///
    /// Equal lengths count as one (RFC 9110 section 8.6).
    ///
    /// # Errors
    /// The lengths differ or are not numbers; there is a transfer coding besides `chunked`, or more than one, or one
    /// in HTTP/1.0, which has none (RFC 9112 section 6.1); or both headers are present, so that another reader would
    /// see another answer.
    pub(super) fn of<'a>(
        lengths: impl Iterator<Item = &'a [u8]>,
        mut codings: impl Iterator<Item = &'a [u8]>,
        is_1_1: bool,
    ) -> Result<Self, &'static str> {
        let mut length = None;
        for text in lengths.flat_map(|value| value.split(|byte| *byte == b',')) {
            let number = number(text.trim_ascii()).ok_or("its length is not a number")?;
            if length.is_some_and(|known| known != number) {
                return Err("it says twice how long its body is");
            }
            length = Some(number);
        }
        match (length, codings.next(), codings.next()) {
            (None, None, _) => Ok(Self::Close),
            (Some(length), None, _) => Ok(Self::Length(length)),
            (Some(_), Some(_), _) => Err("it says twice how long its body is"),
            (None, Some(coding), None) if is_1_1 && coding.trim_ascii().eq_ignore_ascii_case(b"chunked") => {
                Ok(Self::Chunked)
            }
            (None, Some(_), _) => Err("its transfer coding is not known"),
        }
    }
}

/// Checks an answer that hyper has framed, and leaves at most one `Content-Length` in it. Its version becomes
/// HTTP/1.1 (RFC 9112 section 2.3).
///
/// # Errors
/// As [`Framing::of`].
pub(super) fn normalize<B>(response: &mut Response<B>) -> Result<(), &'static str> {
    let is_1_1 = response.version() == Version::HTTP_11;
    *response.version_mut() = Version::HTTP_11;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Ok(());
    }
    let headers = response.headers_mut();
    if has_one_length(headers) {
        return Ok(());
    }
    let values = |name| headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let framing = Framing::of(values(CONTENT_LENGTH), values(TRANSFER_ENCODING), is_1_1)?;
    let is_one = |value: &HeaderValue| value.as_bytes().iter().all(u8::is_ascii_digit);
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    if let (Framing::Length(length), Some(first)) = (framing, lengths.next())
        && (lengths.next().is_some() || !is_one(first))
    {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Ok(())
}

/// Whether the headers state one plain length and no transfer coding, as most do: there is nothing to check or to change.
fn has_one_length(headers: &HeaderMap) -> bool {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let is_plain = |length: &HeaderValue| number(length.as_bytes()).is_some();
    lengths.next().is_some_and(is_plain)
        && lengths.next().is_none()
        && !headers.contains_key(TRANSFER_ENCODING)
}

/// Whether the body of a message with these headers has no transfer coding other than `chunked`.
pub(crate) fn codings_are_known(headers: &HeaderMap) -> bool {
    let codings = headers
        .get_all(TRANSFER_ENCODING)
        .iter()
        .map(HeaderValue::as_bytes);
    Framing::of(std::iter::empty(), codings, true).is_ok()
}

/// A number of digits alone (RFC 9110 section 8.6).
pub(super) fn number(text: &[u8]) -> Option<u64> {
    // `parse` alone would accept a sign.
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What both clients make of an answer with these headers.
    fn check(lengths: &[&'static str], codings: &[&'static str], expected: Result<Framing, &'static str>) {
        let bytes = |values: &[&'static str]| values.iter().map(|text| text.as_bytes()).collect::<Vec<_>>();
        let framing = Framing::of(bytes(lengths).into_iter(), bytes(codings).into_iter(), true);
        assert_eq!(framing, expected, "{lengths:?} {codings:?}");
        let mut response = Response::new(());
        for (name, values) in [(CONTENT_LENGTH, lengths), (TRANSFER_ENCODING, codings)] {
            for value in values {
                response
                    .headers_mut()
                    .append(&name, HeaderValue::from_static(value));
            }
        }
        assert_eq!(normalize(&mut response), expected.map(|_| ()));
        if let Ok(Framing::Length(length)) = expected {
            let all: Vec<_> = response.headers().get_all(CONTENT_LENGTH).iter().collect();
            assert_eq!(all, [&HeaderValue::from(length)]);
        }
    }

    #[test]
    fn equal_lengths_are_one_and_others_none() {
        const TWICE: &str = "it says twice how long its body is";
        const NO_NUMBER: &str = "its length is not a number";
        for (lengths, expected) in [
            (&["8"][..], Ok(8)),
            (&["8, 8"], Ok(8)),
            (&["8,8 ,\t8"], Ok(8)),
            (&["8", "8"], Ok(8)),
            (&["08", "8"], Ok(8)),
            (&["8, 9"], Err(TWICE)),
            (&["8", "9"], Err(TWICE)),
            (&["8,"], Err(NO_NUMBER)),
            (&["+8"], Err(NO_NUMBER)),
            (&["-8"], Err(NO_NUMBER)),
            (&["0x8"], Err(NO_NUMBER)),
            (&["8 8"], Err(NO_NUMBER)),
            (&[""], Err(NO_NUMBER)),
            (&["99999999999999999999999"], Err(NO_NUMBER)),
        ] {
            check(lengths, &[], expected.map(Framing::Length));
        }
        check(&["8"], &["chunked"], Err(TWICE));
    }

    #[test]
    fn chunked_is_the_only_transfer_coding_and_once() {
        const UNKNOWN: &str = "its transfer coding is not known";
        for (codings, expected) in [
            (&["chunked"][..], Ok(Framing::Chunked)),
            (&[" Chunked "], Ok(Framing::Chunked)),
            (&["gzip, chunked"], Err(UNKNOWN)),
            (&["chunked, chunked"], Err(UNKNOWN)),
            (&["chunked", "chunked"], Err(UNKNOWN)),
            (&["gzip", "chunked"], Err(UNKNOWN)),
            (&["chunked, gzip"], Err(UNKNOWN)),
            (&["identity"], Err(UNKNOWN)),
            (&["xchunked"], Err(UNKNOWN)),
            (&[""], Err(UNKNOWN)),
        ] {
            check(&[], codings, expected);
        }
        let old = Framing::of(std::iter::empty(), [&b"chunked"[..]].into_iter(), false);
        assert_eq!(old, Err(UNKNOWN), "HTTP/1.0 has none");
    }

    #[test]
    fn an_answer_bears_our_own_version() {
        for version in [Version::HTTP_09, Version::HTTP_10, Version::HTTP_11] {
            let mut response = Response::new(());
            *response.version_mut() = version;
            assert_eq!(normalize(&mut response), Ok(()));
            assert_eq!(response.version(), Version::HTTP_11);
        }
    }
}
