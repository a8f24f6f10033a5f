//! Which headers pass through the gateway, and which headers it sets (RFC 9110 sections 7.6.1 and 7.6.3, RFC 7239).
#![deny(clippy::disallowed_methods)]

mod cookie_header;
mod untrusted;

use http::{
    HeaderMap, HeaderName, HeaderValue, Uri, Version,
    header::{CACHE_CONTROL, CONNECTION, COOKIE, FORWARDED, HOST, TE, TRAILER, UPGRADE, VIA},
};
use hydra_runtime_net::proxies::{
    Origin, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO, address_text,
};
use hydra_runtime_wire::headers::HYDRA_PATH;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

pub(crate) use cookie_header::{
    begins_with, filter_cookies, has_cookie_with, remove_cookies, replace_cookie,
};
pub(crate) use hydra_runtime_wire::cookies::values as cookies;
pub(crate) use untrusted::{clean_trailers, is_of_http, remove_alike};

/// Everything except the unreserved characters of a URI (RFC 3986 section 2.3).
const IN_NAME: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// The only protocol to which connections may switch.
const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// Names the gateways that a request has passed (RFC 8586). The header says nothing about the visitor, so it stays.
const CDN_LOOP: HeaderName = HeaderName::from_static("cdn-loop");

/// Headers that caches in front of the gateway obey in place of `Cache-Control` (RFC 9213, and Edge Architecture).
pub(crate) const FOR_CACHES_IN_FRONT: [HeaderName; 2] = [
    HeaderName::from_static("cdn-cache-control"),
    HeaderName::from_static("surrogate-control"),
];

/// The cookie of a session on the operators' page. Browsers send cookies to all ports of a host, and so also to a gateway
/// for visitors. Services must not get it.
pub(crate) const OPERATORS_COOKIE: &str = "HYDRA-OPERATOR";

/// Whether a request has passed the gateway with this mark already.
pub(crate) fn has_passed(headers: &HeaderMap, mark: &HeaderValue) -> bool {
    mark.to_str()
        .is_ok_and(|mark| tokens(headers, &CDN_LOOP).any(|token| token == mark))
}

/// Records that a request passed the gateway with this mark.
pub(crate) fn leave_mark(headers: &mut HeaderMap, mark: &HeaderValue) {
    headers.append(CDN_LOOP, mark.clone());
}

/// Says that a request passed a gateway, which received it in this version of HTTP (RFC 9110 section 7.6.3). What proxies before it said
/// stays. All gateways have one name, since no name of a machine leaves the installation.
pub(crate) fn add_via(headers: &mut HeaderMap, received: Version) {
    let via = match received {
        Version::HTTP_09 | Version::HTTP_10 => "1.0 hydra",
        Version::HTTP_2 => "2 hydra",
        Version::HTTP_3 => "3 hydra",
        _ => "1.1 hydra",
    };
    headers.append(VIA, HeaderValue::from_static(via));
}

/// The protocol to which a request wants to switch, if that is allowed (RFC 9110 section 7.8). Other protocols, `h2c`
/// above all, would let a visitor talk to a service past all checks of the gateway.
pub(crate) fn wanted_upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let wanted = is_upgrade(headers) && tokens(headers, &UPGRADE).any(is_websocket);
    wanted.then_some(WEBSOCKET)
}

/// The protocol to which an answer switches, if it is exactly the one that a visitor may request.
pub(crate) fn chosen_upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let chosen = wanted_upgrade(headers).is_some() && tokens(headers, &UPGRADE).all(is_websocket);
    chosen.then_some(WEBSOCKET)
}

fn is_upgrade(headers: &HeaderMap) -> bool {
    tokens(headers, &CONNECTION).any(|token| token.eq_ignore_ascii_case("upgrade"))
}

fn is_websocket(token: &str) -> bool {
    token.eq_ignore_ascii_case("websocket")
}

/// Removes the headers of one connection: those that `Connection` names, and the known ones. `TE: trailers` stays,
/// since trailers pass through.
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    // Most messages have one or two of them: one look at each name costs a fifth of a look-up for each of eight.
    if !headers.keys().any(|name| is_hop_by_hop(name.as_str())) {
        return;
    }
    let named: Vec<HeaderName> = tokens(headers, &CONNECTION)
        .filter(|token| !["keep-alive", "close"].contains(token))
        .filter_map(|token| token.parse().ok())
        .collect();
    let trailers = tokens(headers, &TE).any(|token| token.eq_ignore_ascii_case("trailers"));
    for name in named.iter().filter(|name| !is_end_to_end(name)) {
        headers.remove(name);
    }
    while let Some(known) = headers.keys().find(|name| is_hop_by_hop(name.as_str())) {
        let known = known.clone();
        headers.remove(known);
    }
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
}

/// Whether a header means something on one connection only, whether `Connection` names it or not.
fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// The host that a request is for, with its port (RFC 9112 section 3.2.2: the target's counts before the header's).
pub(crate) fn visitors_host(uri: &Uri, headers: &HeaderMap) -> Option<HeaderValue> {
    let authority = uri
        .authority()
        .and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    authority.or_else(|| headers.get(HOST).cloned())
}

/// Sets the `Host` of a request to a service.
pub(crate) fn bear_host(headers: &mut HeaderMap, host: &HeaderValue) {
    if headers.get(HOST) != Some(host) {
        headers.insert(HOST, host.clone());
    }
}

/// Turns a visitor's headers into those for a service. The request has this `origin`, and is for this `host`.
pub(crate) fn to_service(headers: &mut HeaderMap, service: &str, origin: &Origin, host: Option<HeaderValue>) {
    remove_hop_by_hop(headers);
    untrusted::remove_unbelieved(headers);
    cookie_header::join(headers);
    replace_cookie(headers, OPERATORS_COOKIE, None);
    if let Some(address) = origin.address
        && let Ok(value) = HeaderValue::try_from(address_text(address))
    {
        headers.insert(X_FORWARDED_FOR, value);
    }
    if let Some(value) = origin.forwarded(host.as_ref()) {
        headers.insert(FORWARDED, value);
    }
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(origin.scheme));
    if let Some(host) = host {
        headers.insert(X_FORWARDED_HOST, host.clone());
        headers.insert(HOST, host);
    }
    if let Some(value) = service_header_value(service) {
        headers.insert(HYDRA_PATH, value);
    }
}

/// The name of a service as a header value. Letters that a header cannot contain are percent-encoded.
fn service_header_value(service: &str) -> Option<HeaderValue> {
    if service.is_ascii() {
        HeaderValue::from_str(service).ok()
    } else {
        HeaderValue::try_from(utf8_percent_encode(service, IN_NAME).to_string()).ok()
    }
}

/// Headers that a peer must not remove by naming them in `Connection`.
fn is_end_to_end(name: &HeaderName) -> bool {
    *name == HOST
        || *name == COOKIE
        || *name == TRAILER
        || matches!(name.as_str(), "content-length" | "authorization")
}

fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|token| !token.is_empty())
}

/// Whether shared caches may give an answer to other visitors, so that it must not contain anything of this visitor.
/// An answer that does not say so is private. For a cache in front of the gateway, the headers for it count (RFC 9213
/// section 2.1).
pub(crate) fn is_for_all(answer: &HeaderMap) -> bool {
    is_shared(answer, &CACHE_CONTROL) || FOR_CACHES_IN_FRONT.iter().any(|name| is_shared(answer, name))
}

/// Whether the answer is for all according to this header.
fn is_shared(answer: &HeaderMap, name: &HeaderName) -> bool {
    let values = answer.get_all(name).iter();
    let (mut is_public, mut is_private) = (false, false);
    for part in values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
    {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let is = |other| name.trim().eq_ignore_ascii_case(other);
        is_private |= is("private") || is("no-store");
        let is_lasting = !value.trim().trim_matches(['0', '"']).is_empty();
        is_public |= is("public") || is("s-maxage") || (is("max-age") && is_lasting);
    }
    is_public && !is_private
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn hop_by_hop_headers_stop_here() {
        let mut headers = map(&[
            ("connection", "keep-alive, X-Secret, cookie"),
            ("keep-alive", "timeout=5"),
            ("x-secret", "1"),
            ("te", "gzip, trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("proxy-authorization", "Basic x"),
            ("cookie", "a=b"),
            ("accept", "*/*"),
        ]);
        remove_hop_by_hop(&mut headers);
        assert_eq!(
            headers,
            map(&[("cookie", "a=b"), ("accept", "*/*"), ("te", "trailers")])
        );
    }

    #[test]
    fn where_a_request_came_from_is_said_by_the_gateway_only() {
        let mut headers = map(&[
            ("x-forwarded-for", "1.2.3.4"),
            ("x-forwarded-for", "5.6.7.8"),
            ("forwarded", "for=1.2.3.4"),
            ("x-real-ip", "1.2.3.4"),
            ("x-forwarded-prefix", "/evil"),
            ("hydra-path", "other"),
            ("cookie", "a=b; HYDRA-OPERATOR=1.2.3"),
            ("cookie", "HYDRA-OPERATOR=4.5.6; c=d"),
        ]);
        let origin = Origin {
            address: Some("::1".parse().expect("an address")),
            scheme: "http",
            host: None,
        };
        let host = HeaderValue::from_static("shop.example:8081");
        to_service(&mut headers, "orders", &origin, Some(host));
        let expected = map(&[
            ("cookie", "a=b; c=d"),
            ("x-forwarded-for", "::1"),
            ("forwarded", "for=\"[::1]\";host=\"shop.example:8081\";proto=http"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-host", "shop.example:8081"),
            ("host", "shop.example:8081"),
            ("hydra-path", "orders"),
        ]);
        assert_eq!(headers, expected);
    }

    #[test]
    fn a_request_says_through_which_gateways_it_came() {
        for (received, before, expected) in [
            (Version::HTTP_10, &[][..], &["1.0 hydra"][..]),
            (Version::HTTP_11, &[], &["1.1 hydra"]),
            (Version::HTTP_2, &[], &["2 hydra"]),
            (
                Version::HTTP_11,
                &["1.0 fred, 1.1 p.example"],
                &["1.0 fred, 1.1 p.example", "1.1 hydra"],
            ),
            (
                Version::HTTP_2,
                &["1.0 fred", "1.1 hydra"],
                &["1.0 fred", "1.1 hydra", "2 hydra"],
            ),
        ] {
            let before: Vec<_> = before.iter().map(|value| ("via", *value)).collect();
            let expected: Vec<_> = expected.iter().map(|value| ("via", *value)).collect();
            let mut headers = map(&before);
            add_via(&mut headers, received);
            assert_eq!(headers, map(&expected), "{received:?} {before:?}");
        }
    }

    #[test]
    fn only_websockets_are_switched_to() {
        let check = |pairs: &[(&'static str, &'static str)], wanted: bool, chosen: bool| {
            let headers = map(pairs);
            let (is_wanted, is_chosen) = (wanted_upgrade(&headers), chosen_upgrade(&headers));
            assert_eq!(is_wanted, wanted.then_some(WEBSOCKET), "{pairs:?}");
            assert_eq!(is_chosen, chosen.then_some(WEBSOCKET), "{pairs:?}");
        };
        let upgrade = ("connection", "Upgrade");
        check(&[upgrade, ("upgrade", "websocket")], true, true);
        check(&[upgrade, ("upgrade", "WebSocket")], true, true);
        check(
            &[("connection", "keep-alive, upgrade"), ("upgrade", "websocket")],
            true,
            true,
        );
        // Of several, the one is passed on, and an answer may choose no other.
        check(&[upgrade, ("upgrade", "h2c, websocket")], true, false);
        check(
            &[upgrade, ("upgrade", "h2c"), ("upgrade", "websocket")],
            true,
            false,
        );
        check(
            &[("connection", "Upgrade, HTTP2-Settings"), ("upgrade", "h2c")],
            false,
            false,
        );
        check(&[upgrade, ("upgrade", "H2C")], false, false);
        check(&[upgrade, ("upgrade", "TLS/1.0")], false, false);
        check(&[upgrade, ("upgrade", "HTTP/2.0")], false, false);
        check(&[upgrade, ("upgrade", "websocket/13")], false, false);
        check(&[upgrade, ("upgrade", "")], false, false);
        check(
            &[("connection", "keep-alive"), ("upgrade", "websocket")],
            false,
            false,
        );
        check(&[upgrade], false, false);
    }

    #[test]
    fn a_name_is_encoded_where_it_must_be_and_nowhere_else() {
        for (name, expected) in [
            ("orders", "orders"),
            ("my app", "my app"),
            ("my app é-1", "my%20app%20%C3%A9-1"),
            ("é.b_c~d-e", "%C3%A9.b_c~d-e"),
            ("é!$(),:=@[]+", "%C3%A9%21%24%28%29%2C%3A%3D%40%5B%5D%2B"),
            ("žß", "%C5%BE%C3%9F"),
        ] {
            assert_eq!(
                service_header_value(name),
                HeaderValue::from_str(expected).ok(),
                "{name}"
            );
        }
    }

    #[test]
    fn what_shared_caches_may_keep_is_for_all() {
        let of = |value: &str| {
            let mut answer = HeaderMap::new();
            answer.insert(CACHE_CONTROL, HeaderValue::from_str(value).expect("a header"));
            is_for_all(&answer)
        };
        for value in [
            "public",
            "Public, max-age=0",
            "max-age=60",
            "immutable, MAX-AGE=\"10\"",
            "s-maxage=5",
        ] {
            assert!(of(value), "{value}");
        }
        for value in [
            "",
            "no-cache",
            "max-age=0",
            "no-cache, max-age=00",
            "private, max-age=60",
            "public, no-store",
        ] {
            assert!(!of(value), "{value}");
        }
        assert!(!is_for_all(&HeaderMap::new()));
        for (pairs, expected) in [
            (
                [("cache-control", "no-store"), ("cdn-cache-control", "max-age=60")],
                true,
            ),
            (
                [
                    ("cache-control", "private"),
                    ("surrogate-control", "max-age=60, content=\"ESI/1.0\""),
                ],
                true,
            ),
            (
                [("cache-control", "no-cache"), ("cdn-cache-control", "no-store")],
                false,
            ),
            (
                [("cache-control", "private"), ("surrogate-control", "max-age=0")],
                false,
            ),
            (
                [
                    ("cache-control", "public, max-age=60"),
                    ("cdn-cache-control", "no-store"),
                ],
                true,
            ),
        ] {
            assert_eq!(is_for_all(&map(&pairs)), expected, "{pairs:?}");
        }
    }
}
