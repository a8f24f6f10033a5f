//! Decides whether a client prefers JSON to a page (RFC 9110, section 12.5.1).
#![deny(clippy::disallowed_methods)]

use http::HeaderValue;

use crate::limits::MAX_MEDIA_RANGES;

/// Whether a client prefers JSON to a page: it names a JSON type, and no HTML type with the same weight or more.
/// Wildcards do not count, because browsers and most tools send them.
pub(crate) fn prefers_json(accept: Option<&HeaderValue>) -> bool {
    let Some(accept) = accept.and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let (mut json, mut html) = (0, 0);
    for range in accept.split(',').take(MAX_MEDIA_RANGES) {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|part| weight(part.strip_prefix("q=").or(part.strip_prefix("Q="))?));
        let weight = weight.unwrap_or(1_000);
        if name == "application/json" || (name.starts_with("application/") && name.ends_with("+json")) {
            json = json.max(weight);
        } else if name == "text/html" || name == "application/xhtml+xml" {
            html = html.max(weight);
        }
    }
    json > html
}

/// A weight in thousandths. `None`: the text is not a weight.
fn weight(text: &str) -> Option<u32> {
    let (whole, rest) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let digits = rest.len() <= 3 && rest.bytes().all(|byte| byte.is_ascii_digit());
    let rest: u32 = match rest {
        "" => 0,
        rest if digits => format!("{rest:0<3}").parse().ok()?,
        _ => return None,
    };
    match whole {
        "0" => Some(rest),
        "1" => Some(1_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_for_those_who_name_it_and_do_not_like_pages_as_much() {
        for (accept, expected) in [
            ("application/json", true),
            ("application/json, text/plain, */*", true),
            ("application/problem+json", true),
            ("Application/JSON; charset=utf-8", true),
            ("text/html;q=0.5, application/json;q=0.9", true),
            ("text/html;q=0, application/json;q=0.1", true),
            ("*/*", false),
            ("", false),
            (
                "text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8",
                false,
            ),
            ("text/html, application/json", false),
            ("text/html;q=0.9, application/json;q=0.85", false),
            ("application/json;q=0", false),
            ("application/*", false),
            ("text/json-like", false),
            ("application/json;q=high, text/html", false),
        ] {
            let header = HeaderValue::from_str(accept).expect(accept);
            assert_eq!(prefers_json(Some(&header)), expected, "{accept}");
        }
        assert!(!prefers_json(None));
        assert!(!prefers_json(Some(
            &HeaderValue::from_bytes(b"application/json\xff").expect("bytes")
        )));
    }
}
