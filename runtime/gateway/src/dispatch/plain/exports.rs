//! The exports of a plain HTTP service's fragment: one JSON object in the response header `hydra-exports`.
#![deny(clippy::disallowed_methods)]

use http::{HeaderMap, HeaderName};
use hydra_runtime_wire::Attributes;

/// The response header with the exports.
pub(super) const EXPORTS: HeaderName = HeaderName::from_static("hydra-exports");

/// Reads the exports. The error is a reason in words that repeats nothing of the value, which may belong to one
/// visitor.
pub(super) fn exports(headers: &HeaderMap) -> Result<Attributes, String> {
    let mut values = headers.get_all(EXPORTS).iter().map(|value| value.as_bytes());
    let value = match (values.next(), values.next()) {
        (None, _) => return Ok(Attributes::new()),
        (Some(value), None) => value,
        (Some(_), Some(_)) => return Err("it occurs more than once".to_owned()),
    };
    // Some tools write a byte-order mark at the start of every text.
    let value = value.strip_prefix(b"\xef\xbb\xbf").unwrap_or(value).trim_ascii();
    if value.is_empty() {
        return Ok(Attributes::new());
    }
    let text = std::str::from_utf8(value).map_err(|error| {
        format!(
            "its byte {} is not UTF-8 but of another encoding, such as ISO-8859-1: send JSON in UTF-8, or in ASCII \
             with escapes like `\\u00f6`",
            error.valid_up_to() + 1
        )
    })?;
    serde_json::from_str(text)
        .map_err(|error| format!("it is not one JSON object: column {}", error.column()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn came(values: &[&[u8]]) -> Result<usize, String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(EXPORTS, HeaderValue::from_bytes(value).expect("a value"));
        }
        exports(&headers).map(|exports| exports.len())
    }

    #[test]
    fn exports_are_one_json_object_in_utf_8() {
        for (values, expected) in [
            (&[] as &[&[u8]], Ok(0)),
            (&[b""], Ok(0)),
            (&[b"{}"], Ok(0)),
            (&[br#"{"a":1}"#], Ok(1)),
            (&["{\"city\":\"Köln\"}".as_bytes()], Ok(1)),
            (&["\u{feff}{\"city\":\"Köln\"}".as_bytes()], Ok(1)),
            (&[br#"{"city":"K\u00f6ln"}"#], Ok(1)),
            (
                &[b"{\"city\":\"K\xf6ln\"}"],
                Err("byte 11 is not UTF-8 but of another encoding, such as ISO-8859-1"),
            ),
            (&[b"{\"city\":\"\x82\xa0\"}"], Err("not UTF-8")),
            (&[b"\xff\xfe{"], Err("not UTF-8")),
            (&[b"{"], Err("one JSON object: column 1")),
            (&[b"[1]"], Err("one JSON object")),
            (&[b"null"], Err("one JSON object")),
            (&[b"7"], Err("one JSON object")),
            (&[br#"{"a":1},{"b":2}"#], Err("one JSON object")),
            (&[br#"{"a":NaN}"#], Err("one JSON object")),
            (&[br#"{"a":1}"#, br#"{"b":2}"#], Err("more than once")),
        ] {
            let shown: Vec<_> = values
                .iter()
                .map(|value| String::from_utf8_lossy(value))
                .collect();
            match (came(values), expected) {
                (Ok(count), Ok(expected)) => assert_eq!(count, expected, "{shown:?}"),
                (Err(reason), Err(part)) => {
                    assert!(reason.contains(part), "{shown:?}: {reason}");
                    assert!(!reason.contains("ln\""), "{shown:?}: {reason}");
                }
                (came, _) => panic!("{shown:?}: {came:?} instead of {expected:?}"),
            }
        }
        let deep = [b"{\"a\":".as_slice(), &b"[".repeat(20_000)].concat();
        assert!(came(&[&deep]).is_err());
    }
}
