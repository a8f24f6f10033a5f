//! Headers that the gateway adds to responses for visitors, where a response lacks them: what an application says stays.
#![deny(clippy::disallowed_methods)]

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use axum::{body::Body, response::Response};
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, StatusCode,
    header::{
        CONTENT_SECURITY_POLICY, CONTENT_TYPE, Entry, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
        X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
};
use hydra_runtime_net::proxies::TrustedProxies;

use super::headers::visitors_host;
use crate::{
    GatewayConfig,
    limits::{MAX_ANSWER_HEADERS, MAX_RESPONSE_HEADER_BYTES, MAX_RESPONSE_HEADERS},
};

/// What is added if the settings do not say otherwise.
const DEFAULT: [(HeaderName, HeaderValue); 4] = [
    // A text that a visitor uploaded is never run as a script.
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    // No other site shows this one in a frame, so that none steals clicks.
    (X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN")),
    // Other sites hear from which site a visitor comes, and not from which page. Not `no-referrer`: browsers would send forms with
    // `Origin: null`, which is refused.
    (
        REFERRER_POLICY,
        HeaderValue::from_static("strict-origin-when-cross-origin"),
    ),
    // The browser comes over https for the next half year. It is sent over https only (RFC 6797 section 7.2).
    (
        STRICT_TRANSPORT_SECURITY,
        HeaderValue::from_static("max-age=15552000"),
    ),
];

/// Names that describe the connection, the content or a decision of the response, or that belong to the gateway: one value for
/// all responses would be wrong.
const NOT_FOR_ALL: [&str; 25] = [
    "accept-ranges",
    "age",
    "allow",
    "cache-control",
    "connection",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-range",
    "content-type",
    "date",
    "etag",
    "expires",
    "keep-alive",
    "last-modified",
    "location",
    "refresh",
    "retry-after",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "www-authenticate",
];

/// The headers of the settings. Clones are the same.
#[derive(Clone, Debug)]
pub struct ResponseHeaders(Arc<Headers>);

#[derive(Debug)]
struct Headers {
    /// Without that for https.
    all: Vec<(HeaderName, HeaderValue)>,
    /// `Strict-Transport-Security`.
    https: Option<HeaderValue>,
    proxies: TrustedProxies,
}

impl ResponseHeaders {
    /// The headers of the settings, which were checked: the default ones, with those of the settings in their places. An
    /// empty value takes a default away.
    #[must_use]
    pub fn of(config: &GatewayConfig) -> Self {
        let mut all = DEFAULT.to_vec();
        for (name, value) in &config.response_headers {
            let Ok(name) = HeaderName::try_from(name) else {
                continue;
            };
            all.retain(|(known, _)| *known != name);
            if let Some(value) = HeaderValue::try_from(value)
                .ok()
                .filter(|value| !value.is_empty())
            {
                all.push((name, value));
            }
        }
        let https = all.extract_if(.., |(name, _)| *name == STRICT_TRANSPORT_SECURITY);
        let https = https.map(|(_, value)| value).last();
        let proxies = config.trusted_proxies.clone();
        Self(Arc::new(Headers { all, https, proxies }))
    }

    /// Answers a request of a visitor, and adds the headers that the response lacks.
    pub async fn around<F: Future<Output = Response>>(
        &self,
        request: Request<Body>,
        answer: impl FnOnce(Request<Body>) -> F,
    ) -> Response {
        let https = self.0.https.as_ref().filter(|_| self.is_https(&request));
        let mut response = answer(request).await;
        let status = response.status();
        add(&self.0.all, https, status, response.headers_mut());
        response
    }

    /// Whether the visitor came over https, to a name. Browsers ignore `Strict-Transport-Security` for addresses; for
    /// `localhost` it would hold for the other programs of a developer, too.
    fn is_https(&self, request: &Request<Body>) -> bool {
        let origin = self.0.proxies.origin_of(request.extensions(), request.headers());
        origin.is_secure()
            && origin
                .host
                .or_else(|| visitors_host(request.uri(), request.headers()))
                .is_some_and(|host| is_name(&host))
    }
}

/// Adds the headers that a response lacks.
fn add(
    all: &[(HeaderName, HeaderValue)],
    https: Option<&HeaderValue>,
    status: StatusCode,
    headers: &mut HeaderMap,
) {
    // Neither has content, and the browser has the headers of the response that has (RFC 9110 sections 15.2 and 15.4.5).
    if status.is_informational() || status == StatusCode::NOT_MODIFIED {
        return;
    }
    let https = https.map(|value| (&STRICT_TRANSPORT_SECURITY, value));
    let all = all.iter().map(|(name, value)| (name, value)).chain(https);
    for (name, value) in all {
        // Many clients read no more headers than that; the server adds `Date`.
        let has_room = headers.len() + 1 < MAX_ANSWER_HEADERS;
        if has_room
            && !breaks(name, headers)
            && let Entry::Vacant(place) = headers.entry(name)
        {
            place.insert(value.clone());
        }
    }
}

/// Whether a header would break a response with these others.
fn breaks(name: &HeaderName, headers: &HeaderMap) -> bool {
    // Without a type, the browser must look at the content: it would show the text of a page (WHATWG MIME Sniffing section 7).
    if *name == X_CONTENT_TYPE_OPTIONS {
        return !headers.contains_key(CONTENT_TYPE);
    }
    // The application says who may frame it.
    let says_who_frames = |policy: &HeaderValue| {
        let policy = String::from_utf8_lossy(policy.as_bytes()).to_ascii_lowercase();
        policy.contains("frame-ancestors")
    };
    *name == X_FRAME_OPTIONS
        && headers
            .get_all(CONTENT_SECURITY_POLICY)
            .iter()
            .any(says_who_frames)
}

fn is_name(host: &HeaderValue) -> bool {
    let Some(authority) = host
        .to_str()
        .ok()
        .and_then(|host| host.parse::<http::uri::Authority>().ok())
    else {
        return false;
    };
    let name = authority.host().trim_matches(['[', ']']).to_ascii_lowercase();
    let is_local = name == "localhost" || name.ends_with(".localhost");
    !is_local && name.parse::<IpAddr>().is_err()
}

/// What is wrong with the headers of the settings.
pub(crate) fn wrong(settings: &BTreeMap<String, String>) -> Option<String> {
    if settings.len() > MAX_RESPONSE_HEADERS {
        return Some(format!("there are more than {MAX_RESPONSE_HEADERS}"));
    }
    let mut seen = Vec::new();
    settings.iter().find_map(|(name, value)| {
        let shown = name
            .chars()
            .take(100)
            .collect::<String>()
            .escape_debug()
            .to_string();
        let lower = name.to_ascii_lowercase();
        if HeaderName::try_from(name).is_err() {
            return Some(format!("`{shown}` can't be the name of a header"));
        }
        if HeaderValue::try_from(value).is_err() || value.len() > MAX_RESPONSE_HEADER_BYTES {
            return Some(format!("the value of `{shown}` can't be that of a header"));
        }
        if NOT_FOR_ALL.contains(&&*lower) || lower.starts_with("hydra-") || lower.starts_with("proxy-") {
            return Some(format!("`{shown}` can't be the same for all responses"));
        }
        let mut policies = value.split(',').map(str::trim);
        if lower == "referrer-policy" && policies.any(|policy| policy.eq_ignore_ascii_case("no-referrer")) {
            let reason =
                "makes browsers send forms with `Origin: null`, which are refused: write `same-origin`";
            return Some(format!("`{shown}: no-referrer` {reason}"));
        }
        let is_twice = seen.contains(&lower);
        seen.push(lower);
        is_twice.then(|| format!("`{shown}` stands there twice"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pairs<'a> = &'a [(&'a str, &'a str)];

    fn map(pairs: Pairs<'_>) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            let name = HeaderName::try_from(*name).expect("a name");
            (name, HeaderValue::try_from(*value).expect("a value"))
        });
        pairs.collect()
    }

    fn settings(pairs: Pairs<'_>) -> GatewayConfig {
        let pairs = pairs.iter();
        let response_headers = pairs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        GatewayConfig {
            response_headers,
            trusted_proxies: TrustedProxies::parse(["127.0.0.0/8"]).expect("a network"),
            ..GatewayConfig::default()
        }
    }

    /// The response to a request with these headers, where the service answers with those of `said`.
    async fn answered(config: &GatewayConfig, request: Pairs<'_>, status: u16, said: Pairs<'_>) -> HeaderMap {
        let mut asked = Request::new(Body::empty());
        *asked.headers_mut() = map(request);
        let peer = hydra_runtime_net::server::Peer(IpAddr::from([127, 0, 0, 1]));
        asked.extensions_mut().insert(peer);
        let said = map(said);
        let answer = |_| async {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::from_u16(status).expect("a status");
            *response.headers_mut() = said;
            response
        };
        let headers = ResponseHeaders::of(config);
        headers.around(asked, answer).await.headers().clone()
    }

    const HTML: (&str, &str) = ("content-type", "text/html");
    const NOSNIFF: (&str, &str) = ("x-content-type-options", "nosniff");
    const FRAME: (&str, &str) = ("x-frame-options", "SAMEORIGIN");
    const REFERRER: (&str, &str) = ("referrer-policy", "strict-origin-when-cross-origin");
    const HSTS: (&str, &str) = ("strict-transport-security", "max-age=15552000");
    const HTTPS: (&str, &str) = ("x-forwarded-proto", "https");
    const HOST: (&str, &str) = ("host", "shop.example");

    #[tokio::test]
    async fn what_a_response_lacks_is_added_and_what_it_says_stays() {
        let all = [HTML, NOSNIFF, FRAME, REFERRER];
        for (case, request, status, said, expected) in [
            ("a page", &[HOST][..], 200, &[HTML][..], &all[..]),
            ("an error", &[HOST], 404, &[HTML], &all),
            ("a redirect has no type", &[HOST], 302, &[], &[FRAME, REFERRER]),
            ("not modified", &[HOST], 304, &[], &[]),
            ("another protocol", &[HOST], 101, &[], &[]),
            (
                "the application's own values",
                &[HOST],
                200,
                &[
                    HTML,
                    ("referrer-policy", "no-referrer"),
                    ("x-frame-options", "DENY"),
                    ("x-content-type-options", ""),
                ],
                &[
                    HTML,
                    ("referrer-policy", "no-referrer"),
                    ("x-frame-options", "DENY"),
                    ("x-content-type-options", ""),
                ],
            ),
            (
                "the application says who frames it",
                &[HOST],
                200,
                &[
                    HTML,
                    (
                        "content-security-policy",
                        "default-src *; Frame-Ancestors https://other.example",
                    ),
                ],
                &[
                    HTML,
                    (
                        "content-security-policy",
                        "default-src *; Frame-Ancestors https://other.example",
                    ),
                    NOSNIFF,
                    REFERRER,
                ],
            ),
            (
                "another policy says nothing of frames",
                &[HOST],
                200,
                &[HTML, ("content-security-policy", "default-src 'self'")],
                &[
                    HTML,
                    ("content-security-policy", "default-src 'self'"),
                    NOSNIFF,
                    FRAME,
                    REFERRER,
                ],
            ),
        ] {
            let got = answered(&settings(&[]), request, status, said).await;
            assert_eq!(got, map(expected), "{case}");
        }
    }

    #[tokio::test]
    async fn https_is_demanded_over_https_of_a_name_only() {
        for (case, request, expected) in [
            ("https", &[HOST, HTTPS][..], true),
            ("http", &[HOST][..], false),
            ("an address", &[("host", "10.0.0.7:443"), HTTPS], false),
            ("an address of IPv6", &[("host", "[fd00::1]"), HTTPS], false),
            ("this machine", &[("host", "localhost:8443"), HTTPS], false),
            (
                "a name of this machine",
                &[("host", "shop.localhost"), HTTPS],
                false,
            ),
            ("no host", &[HTTPS], false),
        ] {
            let got = answered(&settings(&[]), request, 200, &[HTML]).await;
            assert_eq!(got.contains_key(STRICT_TRANSPORT_SECURITY), expected, "{case}");
        }
        let own = [("Strict-Transport-Security", "max-age=60; includeSubDomains")];
        let got = answered(&settings(&own), &[HOST, HTTPS], 200, &[HTML]).await;
        assert_eq!(got[STRICT_TRANSPORT_SECURITY], own[0].1);
        let got = answered(&settings(&own), &[HOST], 200, &[HTML]).await;
        assert!(!got.contains_key(STRICT_TRANSPORT_SECURITY), "not over http");
        let said = answered(
            &settings(&[]),
            &[HOST, HTTPS],
            200,
            &[("strict-transport-security", "max-age=0")],
        )
        .await;
        assert_eq!(said[STRICT_TRANSPORT_SECURITY], "max-age=0");
        assert_eq!(
            answered(&settings(&[]), &[HOST, HTTPS], 200, &[HTML]).await,
            map(&[HTML, NOSNIFF, FRAME, REFERRER, HSTS])
        );
    }

    #[tokio::test]
    async fn settings_take_the_place_of_single_defaults() {
        for (case, stated, expected) in [
            (
                "another value",
                &[("x-frame-options", "DENY")][..],
                &[HTML, NOSNIFF, ("x-frame-options", "DENY"), REFERRER][..],
            ),
            (
                "none",
                &[
                    ("X-Frame-Options", ""),
                    ("Referrer-Policy", ""),
                    ("X-Content-Type-Options", ""),
                ],
                &[HTML],
            ),
            (
                "one more",
                &[("Permissions-Policy", "camera=()")],
                &[
                    HTML,
                    NOSNIFF,
                    FRAME,
                    REFERRER,
                    ("permissions-policy", "camera=()"),
                ],
            ),
        ] {
            assert_eq!(
                answered(&settings(stated), &[HOST], 200, &[HTML]).await,
                map(expected),
                "{case}"
            );
        }
    }

    #[test]
    fn settings_that_would_break_something_are_refused() {
        let long = "x".repeat(MAX_RESPONSE_HEADER_BYTES + 1);
        for (name, value, is_good) in [
            ("X-Frame-Options", "DENY", true),
            ("X-Frame-Options", "", true),
            ("Strict-Transport-Security", "max-age=31536000", true),
            ("Referrer-Policy", "same-origin", true),
            ("Referrer-Policy", "no-referrer-when-downgrade", true),
            ("Referrer-Policy", "no-referrer", false),
            ("referrer-policy", "origin, No-Referrer", false),
            ("Content-Length", "7", false),
            ("Content-Type", "text/html", false),
            ("Set-Cookie", "a=b", false),
            ("Location", "/", false),
            ("Hydra-Path", "x", false),
            ("Proxy-Authenticate", "x", false),
            ("a b", "x", false),
            ("", "x", false),
            ("X-A", "a\nb", false),
            ("X-A", &long, false),
        ] {
            let stated = settings(&[(name, value)]).response_headers;
            assert_eq!(wrong(&stated).is_none(), is_good, "{name}: {value}");
        }
        let twice = settings(&[("X-A", "1"), ("x-a", "2")]).response_headers;
        assert!(wrong(&twice).is_some_and(|reason| reason.contains("twice")));
        let many = (0..=MAX_RESPONSE_HEADERS).map(|n| (format!("X-{n}"), "x".to_owned()));
        assert!(wrong(&many.collect()).is_some());
    }
}
