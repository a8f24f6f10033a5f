//! Header names that are never trusted from outside: proxies set them, and services rely on them.
#![deny(clippy::disallowed_methods)]

use std::borrow::Cow;

use http::{HeaderMap, HeaderName};

/// Names that only a proxy in front of a service may set, each as [`folded`] writes it.
const NAMES: [&str; 22] = [
    "cf-connecting-ip",
    "client-ip",
    "fastly-client-ip",
    "forwarded",
    "forwarded-for",
    "http2-settings",
    "proxy",
    "remote-addr",
    "remote-email",
    "remote-groups",
    "remote-name",
    "remote-user",
    "true-client-ip",
    "x-accel-mapping",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-forwarded",
    "x-host",
    "x-rewrite-url",
    "x-script-name",
    "x-sendfile-type",
    "x-webauth-user",
];

/// The prefixes of whole families of such names.
const FAMILIES: [&str; 11] = [
    "hydra-",
    "ssl-client-",
    "x-auth-request-",
    "x-authenticated-",
    "x-client-cert",
    "x-envoy-",
    "x-forwarded-",
    "x-original-",
    "x-real-",
    "x-remote-",
    "x-ssl-",
];

/// Names that are meaningless or dangerous in trailers (RFC 9110 section 6.5.1): framing, routing, credentials, and
/// headers that change how the message before them is read.
const NOT_IN_TRAILERS: [&str; 26] = [
    "age",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "expect",
    "expires",
    "host",
    "keep-alive",
    "location",
    "max-forwards",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "www-authenticate",
];

/// Removes the headers of a visitor's request that no visitor may set.
pub(super) fn remove_unbelieved(headers: &mut HeaderMap) {
    remove(headers, is_unbelieved);
}

/// Removes from trailers the headers that trailers may not contain, and those that are never trusted from outside.
pub(crate) fn clean_trailers(trailers: &mut HeaderMap) {
    remove(trailers, |name| {
        is_unbelieved(name) || NOT_IN_TRAILERS.contains(&&*folded(name))
    });
}

/// Removes the headers that some server takes for one of these names, which are in lower case.
pub(crate) fn remove_alike(headers: &mut HeaderMap, names: &[&str]) {
    remove(headers, |name| names.contains(&&*folded(name)));
}

/// Whether a header of this name means something in HTTP, or is set by the gateway. `name` is in lower case.
pub(crate) fn is_of_http(name: &str) -> bool {
    let ours = [
        "forwarded",
        "x-request-id",
        "traceparent",
        "tracestate",
        "cdn-loop",
        "via",
    ];
    NOT_IN_TRAILERS.contains(&name)
        || ours.contains(&name)
        || ["hydra-", "x-forwarded-", "sec-", "accept"]
            .iter()
            .any(|family| name.starts_with(family))
}

fn remove(headers: &mut HeaderMap, is_wrong: impl Fn(&str) -> bool) {
    if !headers.keys().any(|name| is_wrong(name.as_str())) {
        return;
    }
    let wrong: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_wrong(name.as_str()))
        .cloned()
        .collect();
    for name in wrong {
        headers.remove(name);
    }
}

/// Whether a header of this name is never trusted from outside. `name` is in lower case.
fn is_unbelieved(name: &str) -> bool {
    match folded(name) {
        Cow::Borrowed(name) => is_proxys(name),
        // A client that means a header of HTTP does not write it like `content_length`.
        Cow::Owned(name) => NOT_IN_TRAILERS.contains(&&*name) || name == "cdn-loop" || is_proxys(&name),
    }
}

/// Whether only a proxy in front of a service may set a header of this name, which is folded.
fn is_proxys(name: &str) -> bool {
    // Each request has many headers: one step finds that most begin with letters that none of these names has.
    match name.as_bytes() {
        [b'c', b'f' | b'l', ..]
        | [b'f' | b'p' | b'x', ..]
        | [b'h', b't' | b'y', ..]
        | [b'r', b'e', b'm', ..]
        | [b's', b's', ..]
        | [b't', b'r', b'u', ..] => {
            NAMES.binary_search(&name).is_ok() || FAMILIES.iter().any(|family| name.starts_with(family))
        }
        _ => false,
    }
}

/// The name as WSGI, CGI and PHP see it: they treat all characters except letters and digits as the same one (RFC
/// 3875 section 4.1.18).
fn folded(name: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if name.bytes().all(is_plain) {
        return Cow::Borrowed(name);
    }
    let fold = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    Cow::Owned(name.chars().map(fold).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visitor_does_not_set_what_proxies_set() {
        for name in [
            "x-forwarded-for",
            "x_forwarded_for",
            "x.forwarded.for",
            "x-forwarded_proto",
            "x-forwarded-user",
            "x_forwarded_host",
            "x-original-url",
            "x_original_uri",
            "x-rewrite-url",
            "x-real-ip",
            "x_real_ip",
            "true-client-ip",
            "cf_connecting_ip",
            "client-ip",
            "remote-user",
            "remote_user",
            "x-remote-user",
            "x-auth-request-email",
            "ssl-client-verify",
            "x-ssl-client-cert",
            "x-client-cert",
            "x-envoy-external-address",
            "forwarded",
            "hydra-path",
            "hydra_path",
            "hydra-deadline-ms",
            "proxy",
            "x-sendfile-type",
            "http2-settings",
            "transfer_encoding",
            "content_length",
            "cdn_loop",
            "proxy_authorization",
        ] {
            assert!(is_unbelieved(name), "{name}");
        }
        for name in [
            "accept",
            "x-requested-with",
            "x-forward",
            "x-request-id",
            "x-csrf-token",
            "traceparent",
            "cdn-loop",
            "cookie",
            "host",
            "sec-websocket-key",
            "x-http-method-override",
            "referer",
            "range",
            "prefer",
            "content-type",
            "my_own",
        ] {
            assert!(!is_unbelieved(name), "{name}");
        }
    }

    #[test]
    fn the_names_are_sorted_and_folded_and_all_are_found() {
        assert!(NAMES.is_sorted());
        for name in NAMES.iter().chain(&FAMILIES) {
            assert!(is_proxys(name), "{name}");
        }
        for name in NAMES.iter().chain(&FAMILIES).chain(&NOT_IN_TRAILERS) {
            assert_eq!(folded(name), *name);
        }
    }

    #[test]
    fn trailers_hold_nothing_that_a_head_decides() {
        let mut trailers = HeaderMap::new();
        for name in [
            "x-forwarded-for",
            "x_forwarded_for",
            "cookie",
            "host",
            "content-length",
            "content_length",
            "transfer-encoding",
            "authorization",
            "set-cookie",
            "hydra-path",
            "x-checksum",
            "grpc-status",
            "server-timing",
        ] {
            trailers.append(name, http::HeaderValue::from_static("1"));
        }
        clean_trailers(&mut trailers);
        let mut left: Vec<_> = trailers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["grpc-status", "server-timing", "x-checksum"]);
    }
}
