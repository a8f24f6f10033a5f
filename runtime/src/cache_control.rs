//! How long an answer may be used again, as its `Cache-Control` says (RFC 9111 section 5.2.2).
#![deny(clippy::disallowed_methods)]

use std::time::Duration;

use http::{HeaderMap, header::CACHE_CONTROL};

/// The longest that is believed.
const MOST: u64 = 24 * 3600;

/// How long a shared cache may keep an answer with these headers. Zero forbids it; `None`: they don't say.
pub(crate) fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(CACHE_CONTROL).iter();
    let (mut shared, mut any) = (None, None);
    for directive in values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|text| text.trim().to_ascii_lowercase())
    {
        let (name, value) = directive.split_once('=').unwrap_or((&directive, ""));
        // A number that can't be read counts as one that has run out.
        let seconds = || value.trim().trim_matches('"').parse().unwrap_or(0);
        match name.trim() {
            "no-store" | "no-cache" | "private" => return Some(Duration::ZERO),
            "s-maxage" => shared = Some(seconds()),
            "max-age" => any = Some(seconds()),
            _ => {}
        }
    }
    let seconds: u64 = shared.or(any)?;
    Some(Duration::from_secs(seconds.min(MOST)))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn how_long_an_answer_may_be_kept() {
        for (value, expected) in [
            ("max-age=30", Some(30)),
            ("public, Max-Age=30", Some(30)),
            ("max-age=30, s-maxage=5", Some(5)),
            ("s-maxage=5,max-age=30", Some(5)),
            ("max-age=30, no-store", Some(0)),
            ("private, max-age=30", Some(0)),
            ("private=\"x\"", Some(0)),
            ("max-age=soon", Some(0)),
            ("max-age=-1", Some(0)),
            ("max-age=0", Some(0)),
            ("max-age=99999999999", Some(86_400)),
            ("must-revalidate", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_static(value))]);
            assert_eq!(max_age(&headers), expected.map(Duration::from_secs), "{value}");
        }
        assert_eq!(max_age(&HeaderMap::new()), None);
    }
}
