//! Which answers pin a visitor to the instance that gave them.
#![deny(clippy::disallowed_methods)]

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{CACHE_CONTROL, ORIGIN},
};

use super::{cross_site::is_origin, headers};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether another site could have made the visitor's browser send this request without the visitor's cookies: `Lax` cookies
/// do not come with requests of other sites whose method is not safe (RFC 6265bis section 5.5.7.1). The answer to such a request
/// must not pin: the visitor may have a pin that was not sent. From another host of the same site, cookies come
/// along. `host` is the one that the visitor requested.
pub(crate) fn is_of_another_site(
    method: &Method,
    request: &HeaderMap,
    scheme: &str,
    host: Option<&HeaderValue>,
) -> bool {
    if method.is_safe() {
        return false;
    }
    if let Some(site) = request.get(SEC_FETCH_SITE) {
        return site == "cross-site";
    }
    // Older browsers send the origin only. `null` is the origin of a page that does not want to be known.
    let origin = request.get(ORIGIN);
    origin.is_some_and(|origin| !host.is_some_and(|host| is_origin(origin, scheme, host)))
}

/// Whether an answer of a service may pin its visitor: no cache may give it to others, and it does not only confirm a copy that
/// the visitor has (RFC 9110 section 15.4.5).
pub(crate) fn may_pin(status: StatusCode, answer: &HeaderMap) -> bool {
    status != StatusCode::NOT_MODIFIED && !headers::is_for_all(answer)
}

/// Says that an answer which sets a cookie is for its visitor only, where it does not say so itself.
pub(crate) fn keep_private(answer: &mut HeaderMap) {
    let says = |part: &str| {
        let name = part.split('=').next().unwrap_or_default().trim();
        name.eq_ignore_ascii_case("private") || name.eq_ignore_ascii_case("no-store")
    };
    let mut values = answer
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok());
    if !values.any(|value| value.split(',').any(says)) {
        answer.append(CACHE_CONTROL, HeaderValue::from_static("private"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn requests_of_other_sites_are_known_by_what_browsers_say() {
        let host = HeaderValue::from_static("shop.example");
        for (method, pairs, expected) in [
            (Method::GET, &[("sec-fetch-site", "cross-site")][..], false),
            (Method::HEAD, &[("origin", "https://evil.example")], false),
            (Method::POST, &[("sec-fetch-site", "cross-site")], true),
            (Method::PUT, &[("sec-fetch-site", "cross-site")], true),
            (Method::POST, &[("sec-fetch-site", "same-origin")], false),
            (Method::POST, &[("sec-fetch-site", "same-site")], false),
            (Method::POST, &[("sec-fetch-site", "none")], false),
            (Method::POST, &[("origin", "https://evil.example")], true),
            (
                Method::POST,
                &[("origin", "https://shop.example.evil.example")],
                true,
            ),
            (Method::POST, &[("origin", "null")], true),
            (Method::POST, &[("origin", "https://SHOP.example")], false),
            (Method::POST, &[("origin", "https://shop.example:443")], false),
            (Method::POST, &[("origin", "https://shop.example:8443")], true),
            (Method::POST, &[("origin", "http://shop.example")], true),
            (
                Method::POST,
                &[
                    ("origin", "https://evil.example"),
                    ("sec-fetch-site", "same-origin"),
                ],
                false,
            ),
            (Method::POST, &[], false),
        ] {
            let found = is_of_another_site(&method, &headers(pairs), "https", Some(&host));
            assert_eq!(found, expected, "{method} {pairs:?}");
        }
        let post = headers(&[("origin", "https://shop.example")]);
        assert!(is_of_another_site(&Method::POST, &post, "https", None));
    }

    #[test]
    fn answers_for_one_visitor_pin() {
        for (status, pairs, expected) in [
            (200, &[][..], true),
            (101, &[], true),
            (302, &[], true),
            (401, &[], true),
            (500, &[], true),
            (304, &[], false),
            (200, &[("cache-control", "private, max-age=60")], true),
            (200, &[("cache-control", "public, max-age=60")], false),
            (200, &[("cache-control", "max-age=60")], false),
            (200, &[("cache-control", "max-age=0")], true),
            (200, &[("cache-control", "s-maxage=60")], false),
            (
                200,
                &[("cache-control", "public"), ("cache-control", "no-store")],
                true,
            ),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            assert_eq!(may_pin(status, &headers(pairs)), expected, "{status} {pairs:?}");
        }
    }

    #[test]
    fn an_answer_that_pins_is_private() {
        for (before, expected) in [
            (&[][..], &["private"][..]),
            (&[("cache-control", "no-cache")], &["no-cache", "private"]),
            (
                &[("cache-control", "Private, max-age=5")],
                &["Private, max-age=5"],
            ),
            (&[("cache-control", "no-store")], &["no-store"]),
            (
                &[("cache-control", "private=\"set-cookie\"")],
                &["private=\"set-cookie\""],
            ),
        ] {
            let mut answer = headers(before);
            keep_private(&mut answer);
            let after: Vec<_> = answer.get_all(CACHE_CONTROL).iter().collect();
            assert_eq!(after, expected, "{before:?}");
        }
    }
}
