//! The gateway's own answers: JSON, and for browsers a page that says what is the matter.

use std::borrow::Cow;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER},
};
use serde_json::json;

use super::error_pages::ErrorPages;

/// Why a visitor does not get what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nobody has the path.
    NotFound,
    /// The path cannot be right.
    BadPath,
    /// The service is registered, and no instance is active.
    Inactive,
    /// Nobody is known to have the path, and the gateway does not know all services yet.
    Starting,
    /// No instance can be reached, or one broke off.
    Unreachable,
    /// The answer of the service cannot be used, for this reason.
    BadAnswer(&'static str),
    /// This gateway has no more files, ports or memory to call a service with.
    Overloaded,
    /// The body of the visitor's request cannot be read.
    BadBody,
    /// The visitor sends the body of the request too slowly.
    SlowBody,
    /// The body of the visitor's request is coded in a way that is not known here.
    UnknownCoding,
    /// The service takes too long.
    Late,
    /// The request has passed this gateway before.
    Loop,
    /// A page of a folder cannot be shown.
    Broken,
    /// A page of a folder does not take the request's method.
    BadMethod,
}

impl Trouble {
    /// All of them.
    pub(super) const ALL: [Self; 14] = [
        Self::NotFound,
        Self::BadPath,
        Self::Inactive,
        Self::Starting,
        Self::Unreachable,
        Self::BadAnswer(""),
        Self::Overloaded,
        Self::BadBody,
        Self::SlowBody,
        Self::UnknownCoding,
        Self::Late,
        Self::Loop,
        Self::Broken,
        Self::BadMethod,
    ];

    pub(super) fn status(self) -> StatusCode {
        match self {
            Trouble::NotFound => StatusCode::NOT_FOUND,
            Trouble::BadPath => StatusCode::BAD_REQUEST,
            Trouble::Inactive | Trouble::Starting => StatusCode::SERVICE_UNAVAILABLE,
            Trouble::Unreachable | Trouble::BadAnswer(_) => StatusCode::BAD_GATEWAY,
            Trouble::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            Trouble::BadBody => StatusCode::BAD_REQUEST,
            Trouble::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Trouble::UnknownCoding => StatusCode::NOT_IMPLEMENTED,
            Trouble::Late => StatusCode::GATEWAY_TIMEOUT,
            Trouble::Loop => StatusCode::LOOP_DETECTED,
            Trouble::Broken => StatusCode::INTERNAL_SERVER_ERROR,
            Trouble::BadMethod => StatusCode::METHOD_NOT_ALLOWED,
        }
    }

    /// What a status most often stands for.
    pub(super) fn of(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::BadMethod,
            StatusCode::BAD_GATEWAY => Self::Unreachable,
            StatusCode::SERVICE_UNAVAILABLE => Self::Inactive,
            StatusCode::GATEWAY_TIMEOUT => Self::Late,
            status if status.is_client_error() => Self::BadPath,
            _ => Self::Broken,
        }
    }

    pub(super) fn words(self) -> (&'static str, &'static str) {
        match self {
            Trouble::Loop => ("In a circle", "This address leads in a circle."),
            Trouble::Broken => (
                "Page not shown",
                "This page cannot be shown at the moment. Please try again.",
            ),
            Trouble::BadMethod => ("Not supported", "This page can only be read."),
            Trouble::NotFound => ("Page not found", "There is no page at this address."),
            Trouble::BadPath => ("Bad address", "This address cannot be read."),
            Trouble::Inactive => (
                "Back soon",
                "This part of the site is away at the moment. Please try again in a few seconds.",
            ),
            Trouble::Starting => (
                "Back soon",
                "This site is starting. Please try again in a few seconds.",
            ),
            Trouble::Unreachable => (
                "No connection",
                "This part of the site cannot be reached at the moment. Please try again.",
            ),
            Trouble::BadAnswer(_) => (
                "Bad answer",
                "This part of the site gave an answer that cannot be used",
            ),
            Trouble::Overloaded => (
                "Too busy",
                "This site has too much to do at the moment. Please try again in a few seconds.",
            ),
            Trouble::BadBody => ("Bad request", "What was sent cannot be read."),
            Trouble::SlowBody => ("Too slow", "What was to be sent came too slowly."),
            Trouble::UnknownCoding => (
                "Not supported",
                "What was sent has a transfer coding other than `chunked`.",
            ),
            Trouble::Late => (
                "Too slow",
                "This part of the site took too long to answer. Please try again.",
            ),
        }
    }
}

/// The answer for a visitor: one of `pages` where the request's `Accept` names HTML, else JSON.
pub(crate) fn trouble(trouble: Trouble, accept: Option<&HeaderValue>, pages: &ErrorPages) -> Response {
    let (_, text) = trouble.words();
    let text = &match trouble {
        Trouble::BadAnswer(reason) => Cow::Owned(format!("{text}: {reason}.")),
        _ => Cow::Borrowed(text),
    };
    let status = trouble.status();
    let wants_html = accept
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.to_ascii_lowercase().contains("text/html"));
    let (kind, body) = if wants_html {
        ("text/html; charset=utf-8", Body::from(pages.page(trouble, text)))
    } else {
        (
            "application/json",
            Body::from(json!({ "error": text, "status": status.as_u16() }).to_string()),
        )
    };
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if matches!(
        trouble,
        Trouble::Inactive | Trouble::Starting | Trouble::Overloaded
    ) {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("2"));
    }
    response
}

/// The answer for a service or an operator that sent something wrong.
pub(crate) fn refused(status: StatusCode, reason: &str) -> Response {
    tracing::info!(%status, reason, "a call was refused");
    (status, axum::Json(json!({ "error": reason }))).into_response()
}

/// No body at all: what a wrong key gets, so that nothing is told to those who guess.
pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
