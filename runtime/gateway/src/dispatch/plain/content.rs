//! The HTML in an answer of a plain HTTP service: checks the status and the type, and undoes content codings and
//! charsets.
#![deny(clippy::disallowed_methods)]

use std::io::Read;

use encoding_rs::{Encoding, UTF_8};
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::{
    HeaderMap, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};
use hydra_runtime_wire::lines::cut;

use crate::limits::MAX_CONTENT_CODINGS;

/// The HTML of an answer as text of at most `limit` bytes, without a byte-order mark. The error is a reason in words.
pub(crate) fn html(
    status: StatusCode,
    headers: &HeaderMap,
    body: Vec<u8>,
    limit: usize,
) -> Result<String, String> {
    match status {
        StatusCode::OK | StatusCode::NON_AUTHORITATIVE_INFORMATION => {}
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT => return Ok(String::new()),
        status => return Err(format!("the service answered {status}")),
    }
    let charset = charset(headers)?;
    let body = without_codings(headers, body, limit)?;
    text(body, charset, limit)
}

/// Whether an answer says that it is HTML, or does not say what it is.
pub(crate) fn is_html(headers: &HeaderMap) -> bool {
    charset(headers).is_ok()
}

/// The charset that an answer states. The error: the answer is not HTML. An answer without a type counts as HTML.
fn charset(headers: &HeaderMap) -> Result<Option<String>, String> {
    let mut charset = None;
    for value in headers.get_all(CONTENT_TYPE) {
        let value = String::from_utf8_lossy(value.as_bytes());
        let mut parts = value.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        let is_kind = |known: &str| kind.eq_ignore_ascii_case(known);
        if !["", "text/html", "application/xhtml+xml"]
            .into_iter()
            .any(is_kind)
        {
            let kind = kind.to_ascii_lowercase();
            return Err(format!("the answer is `{}`, not HTML", cut(&kind)));
        }
        let stated = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            let is_charset = name.trim().eq_ignore_ascii_case("charset");
            is_charset.then(|| value.trim().trim_matches(['"', '\'']).trim().to_owned())
        });
        charset = charset.or(stated).filter(|charset| !charset.is_empty());
    }
    Ok(charset)
}

/// Undoes the `Content-Encoding` of a body (RFC 9110 section 8.4). No coding may produce more than `limit` bytes.
fn without_codings(headers: &HeaderMap, mut body: Vec<u8>, limit: usize) -> Result<Vec<u8>, String> {
    let values = headers.get_all(CONTENT_ENCODING).iter();
    let text: Vec<_> = values
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    let codings: Vec<_> = text
        .iter()
        .flat_map(|value| value.split(','))
        .map(|coding| coding.trim().to_ascii_lowercase())
        .filter(|coding| !["", "identity"].contains(&coding.as_str()))
        .collect();
    if codings.len() > MAX_CONTENT_CODINGS {
        return Err(format!(
            "the answer is encoded more than {MAX_CONTENT_CODINGS} times"
        ));
    }
    for coding in codings.iter().rev() {
        // Some servers name a coding even if the body is empty.
        if body.is_empty() {
            break;
        }
        body = match coding.as_str() {
            "gzip" | "x-gzip" => read(MultiGzDecoder::new(body.as_slice()), coding, limit)?,
            "deflate" if is_zlib(&body) => read(ZlibDecoder::new(body.as_slice()), coding, limit)?,
            // Some servers send it without the wrapper that the specification demands.
            "deflate" => read(DeflateDecoder::new(body.as_slice()), coding, limit)?,
            other => {
                let other = cut(other);
                return Err(format!(
                    "the answer is encoded as `{other}`, which was not asked for"
                ));
            }
        };
    }
    Ok(body)
}

/// Whether bytes begin with the header of zlib (RFC 1950 section 2.2).
fn is_zlib(bytes: &[u8]) -> bool {
    matches!(bytes, [method, flags, ..] if method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]) % 31 == 0)
}

fn read(decoder: impl Read, coding: &str, limit: usize) -> Result<Vec<u8>, String> {
    let mut decoded = Vec::new();
    let result = decoder.take(limit as u64 + 1).read_to_end(&mut decoded);
    result.map_err(|error| format!("the answer's {coding} can't be read: {error}"))?;
    if decoded.len() > limit {
        return Err(too_long(limit));
    }
    Ok(decoded)
}

/// Decodes a text. A byte-order mark overrides the stated charset, as in browsers, and is removed. `<meta charset>`
/// is ignored: the answer is a part of a document, not a document.
fn text(mut body: Vec<u8>, charset: Option<String>, limit: usize) -> Result<String, String> {
    let encoding = match (Encoding::for_bom(&body), &charset) {
        (Some((encoding, length)), _) => {
            body.drain(..length);
            encoding
        }
        (None, Some(label)) => named(label, &body)?,
        (None, None) => UTF_8,
    };
    if encoding == UTF_8 {
        return String::from_utf8(body).map_err(|_| match charset {
            Some(_) => "the answer is not UTF-8".to_owned(),
            None => "the answer is not UTF-8, and its `Content-Type` names no charset".to_owned(),
        });
    }
    let text = encoding
        .decode_without_bom_handling_and_without_replacement(&body)
        .ok_or_else(|| format!("the answer is not {}", encoding.name()))?;
    if text.len() > limit {
        return Err(too_long(limit));
    }
    Ok(text.into_owned())
}

/// The encoding with this name. An unknown name does no harm to a text that is UTF-8.
fn named(label: &str, body: &[u8]) -> Result<&'static Encoding, String> {
    let unknown = || format!("the answer's charset `{}` is not known", cut(label));
    match Encoding::for_label(label.as_bytes()) {
        // The bytes of these encodings, read as ASCII, could be markup that their author never wrote.
        Some(encoding) if encoding == encoding_rs::REPLACEMENT => Err(unknown()),
        Some(encoding) => Ok(encoding),
        None if std::str::from_utf8(body).is_ok() => Ok(UTF_8),
        None => Err(unknown()),
    }
}

fn too_long(limit: usize) -> String {
    format!("the answer is longer than {limit} bytes")
}

#[cfg(test)]
mod tests;
