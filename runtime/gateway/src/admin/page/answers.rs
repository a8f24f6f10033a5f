//! The answers of the operators' page, with the headers that keep other sites and injected code out.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::{
    Router,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, SET_COOKIE, VARY,
        X_FRAME_OPTIONS,
    },
};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
const ICON: &str = include_str!("icon.svg");

/// Everything comes from this listener, nothing is inline, and no other page may frame this one.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'",
);
const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    // Forms of the page must name their origin, and links to other sites nothing.
    (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (VARY, HeaderValue::from_static("accept, cookie")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// A page.
pub(super) fn html(status: StatusCode, text: String) -> Response {
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    (status, HEADERS, [(CONTENT_TYPE, kind)], text).into_response()
}

/// Ends a stream of events whose operator is not signed in any more. The browser does not try again by itself.
pub(super) fn signed_out() -> Response {
    let text = "Sign in to go on.\n";
    (StatusCode::UNAUTHORIZED, HEADERS, text).into_response()
}

/// A stream of events.
pub(super) fn events(body: axum::body::Body) -> Response {
    let kind = HeaderValue::from_static("text/event-stream");
    (HEADERS, [(CONTENT_TYPE, kind)], body).into_response()
}

/// Leads the browser to `place` with a `GET`, and sets a cookie. `place` is a path of this listener.
pub(super) fn see(place: &str, cookie: Option<String>) -> Response {
    let mut response = (StatusCode::SEE_OTHER, HEADERS).into_response();
    let place = HeaderValue::try_from(place).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(LOCATION, place);
    if let Some(Ok(cookie)) = cookie.map(HeaderValue::try_from) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

/// What the addresses of style and script contain: browsers keep both until they change.
pub(super) fn assets_mark() -> String {
    let mut hasher = DefaultHasher::new();
    (STYLE, SCRIPT, ICON).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// The routes of style, script and icon.
pub(super) fn assets() -> Router {
    let file = |kind: &'static str, text: &'static str| {
        get(async move || {
            let kept = HeaderValue::from_static("public, max-age=31536000, immutable");
            let kind = HeaderValue::from_static(kind);
            (HEADERS, [(CONTENT_TYPE, kind), (CACHE_CONTROL, kept)], text)
        })
    };
    Router::new()
        .route("/assets/{mark}/page.css", file("text/css; charset=utf-8", STYLE))
        .route(
            "/assets/{mark}/page.js",
            file("text/javascript; charset=utf-8", SCRIPT),
        )
        .route("/assets/{mark}/icon.svg", file("image/svg+xml", ICON))
}
