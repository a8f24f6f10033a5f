//! Parses `Cache-Control` for a shared cache (RFC 9111 section 5.2.2).
#![deny(clippy::disallowed_methods)]

use http::{HeaderMap, header::CACHE_CONTROL};

/// The directives that matter here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CacheControl {
    /// Whether a shared cache must not keep the response, or would have to revalidate it before each use.
    pub(super) is_forbidden: bool,
    /// How long the response is fresh, in seconds: `s-maxage`, else `max-age`. `None`: neither is present.
    pub(super) lifetime: Option<u64>,
}

impl CacheControl {
    /// Reads all field lines as one list. Ambiguous or malformed values get the stricter reading, as RFC 9111 section
    /// 4.2.1 advises: a lifetime that is not a number, or two different ones, is zero; an unterminated quotation
    /// forbids caching.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let (mut cache_control, mut shared, mut any) = (Self::default(), None, None);
        for value in headers.get_all(CACHE_CONTROL) {
            for member in members(value.as_bytes()) {
                let Some(directive) = member else {
                    cache_control.is_forbidden = true;
                    continue;
                };
                let mut halves = directive.splitn(2, |byte| *byte == b'=');
                let name = halves.next().unwrap_or_default().trim_ascii();
                let argument = halves.next().unwrap_or_default().trim_ascii();
                match name.to_ascii_lowercase().as_slice() {
                    // With field names (`private="set-cookie"`), only those fields must not be kept. Keeping nothing
                    // is allowed as well (sections 5.2.2.4 and 5.2.2.7), and common.
                    b"no-store" | b"no-cache" | b"private" => cache_control.is_forbidden = true,
                    b"s-maxage" => shared = Some(agreed(shared, seconds(argument))),
                    b"max-age" => any = Some(agreed(any, seconds(argument))),
                    _ => {}
                }
            }
        }
        cache_control.lifetime = shared.or(any);
        cache_control
    }
}

/// The members of a list, separated by the commas outside of quotations. `None`: an unterminated quotation.
fn members(value: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let (mut is_quoted, mut is_escaped) = (false, false);
        for (at, byte) in text.iter().enumerate() {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' if is_quoted => is_escaped = true,
                b'"' => is_quoted = !is_quoted,
                b',' if !is_quoted => {
                    rest = text.get(at + 1..);
                    return Some(text.get(..at));
                }
                _ => {}
            }
        }
        Some((!is_quoted).then_some(text))
    })
}

/// Two values of one directive: if they differ, the response counts as stale (RFC 9111 section 4.2.1).
fn agreed(known: Option<u64>, new: u64) -> u64 {
    if known.is_none_or(|known| known == new) {
        new
    } else {
        0
    }
}

/// A number of seconds, as a token or a quoted string (RFC 9111 section 5.2). A malformed number is zero.
fn seconds(argument: &[u8]) -> u64 {
    let inner = argument
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""));
    delta_seconds(inner.unwrap_or(argument)).unwrap_or(0)
}

/// A number of seconds in digits only (RFC 9111 section 1.2.2). A number that is too large becomes the largest one.
pub(super) fn delta_seconds(text: &[u8]) -> Option<u64> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let digits = std::str::from_utf8(text).ok().filter(|_| is_number)?;
    Some(digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const FORBIDDEN: Option<Option<u64>> = None;
    const SILENT: Option<Option<u64>> = Some(None);

    fn for_seconds(seconds: u64) -> Option<Option<u64>> {
        Some(Some(seconds))
    }

    fn check(values: &[&[u8]], expected: Option<Option<u64>>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(CACHE_CONTROL, HeaderValue::from_bytes(value).expect("a value"));
        }
        let cache_control = CacheControl::of(&headers);
        let came = (!cache_control.is_forbidden).then_some(cache_control.lifetime);
        let shown: Vec<_> = values
            .iter()
            .map(|value| String::from_utf8_lossy(value))
            .collect();
        assert_eq!(came, expected, "{shown:?}");
    }

    #[test]
    fn directives_say_how_long_a_shared_cache_may_keep_a_response() {
        for (value, expected) in [
            ("max-age=30", for_seconds(30)),
            ("public, Max-Age=30", for_seconds(30)),
            ("max-age=30, s-maxage=5", for_seconds(5)),
            ("s-maxage=5,max-age=30", for_seconds(5)),
            ("S-MaxAge=5", for_seconds(5)),
            ("s-maxage=soon, max-age=30", for_seconds(0)),
            ("max-age=\"30\"", for_seconds(30)),
            ("max-age=\"30", FORBIDDEN),
            ("max-age=30, max-age=30", for_seconds(30)),
            ("max-age=30, max-age=60", for_seconds(0)),
            ("max-age=60, max-age=30", for_seconds(0)),
            ("s-maxage=9, s-maxage=8, max-age=7", for_seconds(0)),
            ("max-age", for_seconds(0)),
            ("max-age=", for_seconds(0)),
            ("max-age=soon", for_seconds(0)),
            ("max-age=-1", for_seconds(0)),
            ("max-age=+30", for_seconds(0)),
            ("max-age=1.5", for_seconds(0)),
            ("max-age=30s", for_seconds(0)),
            ("max-age='30'", for_seconds(0)),
            ("max-age=0", for_seconds(0)),
            ("max-age=99999999999999999999999", for_seconds(u64::MAX)),
            ("max-age=30, no-store", FORBIDDEN),
            ("max-age=30, NO-STORE", FORBIDDEN),
            ("no-cache, max-age=30", FORBIDDEN),
            ("no-cache=\"set-cookie\", max-age=30", FORBIDDEN),
            ("private, max-age=30", FORBIDDEN),
            ("private=\"x\"", FORBIDDEN),
            ("private=\"x, y\", max-age=30", FORBIDDEN),
            // A cache may keep what it understands then. It need not.
            ("must-understand, no-store", FORBIDDEN),
            ("must-revalidate", SILENT),
            ("must-revalidate, max-age=30", for_seconds(30)),
            ("proxy-revalidate, s-maxage=30", for_seconds(30)),
            ("immutable, stale-while-revalidate=9, max-age=30", for_seconds(30)),
            ("ext=\"max-age=60\", max-age=30", for_seconds(30)),
            ("ext=\"a, no-store, max-age=60\"", SILENT),
            ("ext=\"\\\", no-store\", max-age=30", for_seconds(30)),
            ("ext=\"open, max-age=30", FORBIDDEN),
            ("x-no-store, max-age=30", for_seconds(30)),
            (", ,max-age=30,,", for_seconds(30)),
            ("", SILENT),
        ] {
            check(&[value.as_bytes()], expected);
        }
        check(&[], SILENT);
    }

    #[test]
    fn several_field_lines_are_one_list() {
        check(&[b"max-age=30", b"no-store"], FORBIDDEN);
        check(&[b"public", b"max-age=30"], for_seconds(30));
        check(&[b"max-age=30", b"max-age=60"], for_seconds(0));
        check(&[b"max-age=30", b"s-maxage=60"], for_seconds(60));
        // What is not ASCII hides nothing.
        check(&[b"\xff, private", b"max-age=30"], FORBIDDEN);
        check(&[b"ext=\"\xff\", max-age=30"], for_seconds(30));
    }
}
