//! Compresses responses for visitors, where the settings say so.
//!
//! A response that may hold a secret of the visitor beside the text of another person must not be compressed: from its length,
//! the secret could be guessed letter by letter (BREACH). Services mark such responses as private, and so does an
//! application whose page has a fragment with a session.

use std::{convert::Infallible, future::ready};

use axum::{body::Body, response::Response};
use http::{
    HeaderMap, HeaderValue, Request, StatusCode,
    header::{
        ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
        SET_COOKIE, VARY,
    },
};
use http_body::Body as _;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_http::compression::CompressionLayer;

use crate::limits::MIN_COMPRESSED_BYTES;

/// Types of content that are text beside `text/…`.
const TEXTS: [&str; 8] = [
    "application/json",
    "application/javascript",
    "application/xml",
    "application/xhtml+xml",
    "application/manifest+json",
    "application/rss+xml",
    "application/wasm",
    "image/svg+xml",
];

/// What the visitor accepts, of a request whose responses may be compressed.
pub(crate) struct Compression {
    accepted: Vec<HeaderValue>,
}

impl Compression {
    /// For the visitor who sent these headers.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(ACCEPT_ENCODING).iter().cloned();
        Self {
            accepted: accepted.collect(),
        }
    }

    /// The response, compressed if the visitor accepts that and nothing speaks against it.
    pub(crate) async fn apply(self, mut response: Response) -> Response {
        if !may_be_compressed(&response) {
            return response;
        }
        let status = response.status();
        add_vary(response.headers_mut());
        let mut request = Request::new(());
        for value in self.accepted {
            request.headers_mut().append(ACCEPT_ENCODING, value);
        }
        let mut once = Some(response);
        let inner =
            service_fn(move |_: Request<()>| ready(Ok::<_, Infallible>(once.take().unwrap_or_default())));
        // Everything that speaks against it was checked above.
        let anything = |_: StatusCode, _: http::Version, _: &HeaderMap, _: &http::Extensions| true;
        let layer = CompressionLayer::new().no_deflate().compress_when(anything);
        let Ok(response) = layer.layer(inner).oneshot(request).await;
        let mut response = response.map(Body::new);
        // A visitor who accepts nothing of this, not even the plain text, gets it all the same (RFC 9110 section 12.5.3).
        *response.status_mut() = status;
        if response.headers().contains_key(CONTENT_ENCODING) {
            weaken_tag(response.headers_mut());
        }
        response
    }
}

/// Whether the content of a response may be compressed, for every visitor.
fn may_be_compressed(response: &Response) -> bool {
    let headers = response.headers();
    let has_content = response.status().is_success()
        && !matches!(
            response.status(),
            StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::PARTIAL_CONTENT
        );
    has_content && is_text(headers) && is_long(response) && !is_personal(headers) && !must_stay(headers)
}

fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).map_or("", str::trim);
    let is_events = kind.eq_ignore_ascii_case("text/event-stream");
    let is_text = kind.len() > 5 && kind.as_bytes()[..5].eq_ignore_ascii_case(b"text/");
    !is_events && (is_text || TEXTS.iter().any(|text| kind.eq_ignore_ascii_case(text)))
}

/// Content of unknown length counts as long.
fn is_long(response: &Response) -> bool {
    let stated = response.headers().get(CONTENT_LENGTH);
    let stated = stated.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let length = stated.or_else(|| response.body().size_hint().exact());
    length.is_none_or(|length| length >= MIN_COMPRESSED_BYTES)
}

/// Whether a response may hold what only its visitor may know.
fn is_personal(headers: &HeaderMap) -> bool {
    headers.contains_key(SET_COOKIE) || has_directive(headers, &["private", "no-store"])
}

/// Whether a response is encoded already, is a part, or must not be changed (RFC 9111 section 5.2.2.6).
fn must_stay(headers: &HeaderMap) -> bool {
    headers.contains_key(CONTENT_ENCODING)
        || headers.contains_key(CONTENT_RANGE)
        || has_directive(headers, &["no-transform"])
}

fn has_directive(headers: &HeaderMap, names: &[&str]) -> bool {
    let values = headers.get_all(CACHE_CONTROL).iter();
    let mut directives = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    directives.any(|directive| {
        let name = directive.split(|byte| *byte == b'=').next().unwrap_or_default();
        names
            .iter()
            .any(|wanted| name.trim_ascii().eq_ignore_ascii_case(wanted.as_bytes()))
    })
}

/// The response differs by what the visitor accepts, also where this visitor gets the plain text.
fn add_vary(headers: &mut HeaderMap) {
    let mut names = headers
        .get_all(VARY)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let is_named = names.any(|name| {
        let name = name.trim_ascii();
        name == b"*" || name.eq_ignore_ascii_case(ACCEPT_ENCODING.as_str().as_bytes())
    });
    if !is_named {
        headers.append(VARY, ACCEPT_ENCODING.into());
    }
}

/// Compressed bytes are not those of the tag, which can only say that the content is the same (RFC 9110 section 8.8.1).
fn weaken_tag(headers: &mut HeaderMap) {
    let Some(tag) = headers.get(ETAG).filter(|tag| !tag.as_bytes().starts_with(b"W/")) else {
        return;
    };
    let weak = HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat());
    match weak {
        Ok(weak) => _ = headers.insert(ETAG, weak),
        Err(_) => _ = headers.remove(ETAG),
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    const PAGE: &str = "text/html; charset=utf-8";

    fn long() -> String {
        "All work is done beside the street. ".repeat(100)
    }

    /// The response to a visitor who accepts `accepted`, for content with these headers.
    async fn sent(accepted: &str, headers: &[(http::HeaderName, &str)], text: String) -> Response {
        let mut response = Response::new(Body::from(text));
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).expect("a value");
            response.headers_mut().append(name, value);
        }
        let mut request = HeaderMap::new();
        request.insert(ACCEPT_ENCODING, HeaderValue::from_str(accepted).expect("a value"));
        Compression::of(&request).apply(response).await
    }

    fn coding(response: &Response) -> Option<&str> {
        let coding = response.headers().get(CONTENT_ENCODING);
        coding.map(|coding| coding.to_str().expect("text"))
    }

    #[tokio::test]
    async fn the_visitor_says_which_coding_it_is() {
        for (accepted, expected) in [
            ("gzip", Some("gzip")),
            ("br", Some("br")),
            ("zstd", Some("zstd")),
            ("gzip;q=0.5, br;q=0.9", Some("br")),
            ("gzip, deflate", Some("gzip")),
            ("deflate", None),
            ("identity", None),
            ("", None),
            ("gzip;q=0", None),
            ("identity;q=0", None),
            ("identity;q=0, gzip", Some("gzip")),
            ("x-unknown", None),
        ] {
            let response = sent(accepted, &[(CONTENT_TYPE, PAGE)], long()).await;
            assert_eq!(coding(&response), expected, "{accepted}");
            assert_eq!(response.status(), StatusCode::OK, "{accepted}");
            assert_eq!(response.headers()[VARY], "accept-encoding", "{accepted}");
            let length = response
                .into_body()
                .collect()
                .await
                .expect("a body")
                .to_bytes()
                .len();
            assert_eq!(length < long().len(), expected.is_some(), "{accepted}");
        }
    }

    #[tokio::test]
    async fn what_may_not_be_compressed_is_not() {
        let kind = (CONTENT_TYPE, PAGE);
        for (what, headers, text, is_compressed) in [
            ("a page", vec![kind.clone()], long(), true),
            ("JSON", vec![(CONTENT_TYPE, "application/json")], long(), true),
            (
                "an image in text",
                vec![(CONTENT_TYPE, "image/svg+xml")],
                long(),
                true,
            ),
            (
                "public",
                vec![kind.clone(), (CACHE_CONTROL, "public, max-age=5")],
                long(),
                true,
            ),
            ("too small", vec![kind.clone()], "short".to_owned(), false),
            ("no type", vec![], long(), false),
            ("an image", vec![(CONTENT_TYPE, "image/png")], long(), false),
            (
                "an archive",
                vec![(CONTENT_TYPE, "application/zip")],
                long(),
                false,
            ),
            ("events", vec![(CONTENT_TYPE, "text/event-stream")], long(), false),
            (
                "a session",
                vec![kind.clone(), (CACHE_CONTROL, "private")],
                long(),
                false,
            ),
            (
                "a session in capitals",
                vec![kind.clone(), (CACHE_CONTROL, "max-age=0, PRIVATE")],
                long(),
                false,
            ),
            (
                "private fields",
                vec![kind.clone(), (CACHE_CONTROL, "private=\"x\"")],
                long(),
                false,
            ),
            (
                "not stored",
                vec![kind.clone(), (CACHE_CONTROL, "no-store")],
                long(),
                false,
            ),
            ("a cookie", vec![kind.clone(), (SET_COOKIE, "a=b")], long(), false),
            (
                "compressed",
                vec![kind.clone(), (CONTENT_ENCODING, "gzip")],
                long(),
                false,
            ),
            (
                "a part",
                vec![kind.clone(), (CONTENT_RANGE, "bytes 0-1/2")],
                long(),
                false,
            ),
            (
                "unchangeable",
                vec![kind.clone(), (CACHE_CONTROL, "public, no-transform")],
                long(),
                false,
            ),
        ] {
            let had = headers.iter().any(|(name, _)| *name == CONTENT_ENCODING);
            let response = sent("gzip", &headers, text).await;
            assert_eq!(coding(&response).is_some() && !had, is_compressed, "{what}");
            assert_eq!(response.headers().contains_key(VARY), is_compressed, "{what}");
        }
        for status in [204, 205, 206, 304, 404, 500] {
            let mut response = Response::new(Body::from(long()));
            *response.status_mut() = StatusCode::from_u16(status).expect("a status");
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static(PAGE));
            assert!(!may_be_compressed(&response), "{status}");
        }
    }

    #[tokio::test]
    async fn tags_become_weak_and_lengths_and_ranges_go() {
        let length = long().len().to_string();
        for (tag, accepted, expected) in [
            ("\"a\"", "gzip", "W/\"a\""),
            ("W/\"a\"", "gzip", "W/\"a\""),
            ("\"a\"", "identity", "\"a\""),
        ] {
            let headers = [
                (CONTENT_TYPE, PAGE),
                (ETAG, tag),
                (CONTENT_LENGTH, &*length),
                (http::header::ACCEPT_RANGES, "bytes"),
                (VARY, "accept, cookie"),
            ];
            let response = sent(accepted, &headers, long()).await;
            assert_eq!(response.headers()[ETAG], expected);
            let is_plain = accepted == "identity";
            for name in [CONTENT_LENGTH, http::header::ACCEPT_RANGES] {
                assert_eq!(response.headers().contains_key(&name), is_plain, "{name}");
            }
            let vary: Vec<_> = response.headers().get_all(VARY).iter().collect();
            assert_eq!(vary, ["accept, cookie", "accept-encoding"]);
        }
        let named = sent("gzip", &[(CONTENT_TYPE, PAGE), (VARY, "Accept-Encoding")], long()).await;
        assert_eq!(named.headers().get_all(VARY).iter().count(), 1);
    }
}
