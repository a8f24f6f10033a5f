//! Recognizes requests that another site makes a visitor's browser send (protocol section 5).
#![deny(clippy::disallowed_methods)]

use http::{HeaderMap, HeaderName, HeaderValue, Method, header::ORIGIN};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether the request may change something, and another site sends it. `is_upgrade`: the request begins a WebSocket.
/// `host` is the requested host with its port.
#[must_use]
pub fn is_cross_site(
    method: &Method,
    is_upgrade: bool,
    headers: &HeaderMap,
    scheme: &str,
    host: Option<&HeaderValue>,
) -> bool {
    // RFC 9110 section 9.2.1.
    let is_safe = matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE
    );
    if is_safe && !is_upgrade {
        return false;
    }
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        let is_ours = *site == "same-origin" || *site == "none";
        return !is_ours || headers.get_all(SEC_FETCH_SITE).iter().count() > 1;
    }
    match headers.get(ORIGIN) {
        Some(origin) => {
            let is_ours = host.is_some_and(|host| is_origin(origin, scheme, host));
            !is_ours || headers.get_all(ORIGIN).iter().count() > 1
        }
        // Not a browser: it sends one of both.
        None => false,
    }
}

/// Whether an origin is this scheme and host. A default port may be written or not.
#[must_use]
pub fn is_origin(origin: &HeaderValue, scheme: &str, host: &HeaderValue) -> bool {
    let (Ok(origin), Ok(host)) = (origin.to_str(), host.to_str()) else {
        return false;
    };
    let Some((of_scheme, of_host)) = origin.split_once("://") else {
        return false;
    };
    let default_port = if scheme == "https" { ":443" } else { ":80" };
    let bare = |host: &str| {
        host.strip_suffix(default_port)
            .unwrap_or(host)
            .to_ascii_lowercase()
    };
    of_scheme.eq_ignore_ascii_case(scheme) && bare(of_host) == bare(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_change_something() {
        let check = |case: &str,
                     method: &Method,
                     upgrade: bool,
                     pairs: &[(&'static str, &'static str)],
                     expected: bool| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, HeaderValue::from_static(value));
            }
            let host = HeaderValue::from_static("shop.example:8081");
            let refused = is_cross_site(method, upgrade, &headers, "http", Some(&host));
            assert_eq!(refused, expected, "{case}");
        };
        let (site, origin) = ("sec-fetch-site", "origin");
        let post = &Method::POST;
        check("our page", post, false, &[(site, "same-origin")], false);
        check("the address bar", post, false, &[(site, "none")], false);
        check("another site", post, false, &[(site, "cross-site")], true);
        check("a sibling of our site", post, false, &[(site, "same-site")], true);
        check("an unknown word", post, false, &[(site, "Same-Origin")], true);
        check(
            "the header decides before the origin",
            post,
            false,
            &[(site, "same-origin"), (origin, "null")],
            false,
        );
        check(
            "twice",
            post,
            false,
            &[(site, "same-origin"), (site, "cross-site")],
            true,
        );
        check(
            "our origin",
            post,
            false,
            &[(origin, "http://shop.example:8081")],
            false,
        );
        check(
            "our origin in capitals",
            post,
            false,
            &[(origin, "HTTP://Shop.Example:8081")],
            false,
        );
        check(
            "another port",
            post,
            false,
            &[(origin, "http://shop.example")],
            true,
        );
        check(
            "another scheme",
            post,
            false,
            &[(origin, "https://shop.example:8081")],
            true,
        );
        check(
            "another host",
            post,
            false,
            &[(origin, "http://evil.example")],
            true,
        );
        check(
            "a longer host",
            post,
            false,
            &[(origin, "http://shop.example:8081.evil")],
            true,
        );
        check("null", post, false, &[(origin, "null")], true);
        check("no origin", post, false, &[(origin, "")], true);
        check("not a browser", post, false, &[], false);
        check(
            "another site reads",
            &Method::GET,
            false,
            &[(site, "cross-site")],
            false,
        );
        check(
            "another site opens a WebSocket",
            &Method::GET,
            true,
            &[(origin, "http://evil.example")],
            true,
        );
        check(
            "our page opens a WebSocket",
            &Method::GET,
            true,
            &[(origin, "http://shop.example:8081")],
            false,
        );
        for method in [
            &Method::PUT,
            &Method::PATCH,
            &Method::DELETE,
            &Method::from_bytes(b"PURGE").expect("a method"),
        ] {
            check("another method", method, false, &[(site, "cross-site")], true);
        }
    }

    #[test]
    fn a_default_port_may_be_left_out() {
        let value = HeaderValue::from_static;
        for (origin, scheme, host, expected) in [
            ("https://shop.example", "https", "shop.example:443", true),
            ("https://shop.example:443", "https", "shop.example", true),
            ("http://shop.example", "http", "shop.example:80", true),
            ("http://shop.example", "http", "shop.example:443", false),
            ("http://[::1]:8081", "http", "[::1]:8081", true),
        ] {
            assert_eq!(
                is_origin(&value(origin), scheme, &value(host)),
                expected,
                "{origin} {host}"
            );
        }
    }
}
