//! Error pages, which visitors see where there is nothing else to show.

use std::{panic::AssertUnwindSafe, sync::Arc};

use axum::{
    Json,
    body::Body,
    extract::FromRequestParts,
    response::{Html, IntoResponse, Response},
    routing::MethodRouter,
};
use futures_util::FutureExt as _;
use http::{
    Request, StatusCode,
    header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE},
    request::Parts,
};
use http_body::Body as _;
use hydra_runtime_wire::forms::FormFailure;
use serde_json::json;
use tower::ServiceExt as _;

use super::{
    context::RenderContext,
    page::PendingPage,
    render::{VisitorRequest, shown, with_head_of},
};
use crate::{accept, page::PageFailure, user::RequestLogin};

/// Why a visitor gets an error page: an argument of the handler of [`App::error_page`](crate::App::error_page).
///
/// It tells no more than a visitor may know. The cause is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    status: StatusCode,
    /// What became of the form that the visitor sent.
    form: Option<FormFailure>,
}

/// The request is not one for an error page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("only the handler of `App::error_page` has a `Failure`")]
pub struct NoFailure;

/// Marks a response that must not become an error page, although it is a bare status.
#[derive(Clone, Copy)]
pub(super) struct AsItIs;

impl Failure {
    /// The status of the answer, 400 to 599.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The reason phrase of the status: `Not Found` (RFC 9110, section 15), or `Error` where it has none.
    #[must_use]
    pub fn title(&self) -> &'static str {
        self.status.canonical_reason().unwrap_or("Error")
    }

    /// What happened, in a sentence or two for visitors. After a form, it tells whether they may send it again.
    #[must_use]
    pub fn text(&self) -> &'static str {
        if let Some(form) = self.form {
            return form.words().1;
        }
        match self.status {
            StatusCode::NOT_FOUND | StatusCode::GONE => "There is no page at this address.",
            StatusCode::UNAUTHORIZED => "Please log in to see this page.",
            StatusCode::FORBIDDEN => "You are not allowed to see this page.",
            status if status.is_server_error() => "This page can't be shown at the moment. Please try again.",
            _ => "This page can't be shown.",
        }
    }
}

impl IntoResponse for NoFailure {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.to_string()).into_response()
    }
}

impl<S: Sync> FromRequestParts<S> for Failure {
    type Rejection = NoFailure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NoFailure> {
        parts.extensions.get::<Failure>().copied().ok_or(NoFailure)
    }
}

/// The response where the page engine could not show a page. The engine has logged the cause, and an outer layer adds
/// the error page.
pub(super) fn of_page(failure: &PageFailure) -> Response {
    failure.status().into_response()
}

/// Whether `response` is an error with a status and no body.
pub(super) fn is_bare(response: &Response) -> bool {
    let status = response.status();
    (status.is_client_error() || status.is_server_error())
        && !response.headers().contains_key(CONTENT_TYPE)
        && response.body().size_hint().exact() == Some(0)
        && response.extensions().get::<AsItIs>().is_none()
}

/// `bare` with a body: JSON for clients that prefer it, or the site's own error page, or a plain one. The status and
/// headers of `bare` stay.
pub(super) async fn with_body(
    context: &Arc<RenderContext>,
    bare: Response,
    request: &VisitorRequest,
) -> Response {
    let failure = Failure {
        status: bare.status(),
        form: bare.extensions().get().copied(),
    };
    if accept::prefers_json(request.accept.as_ref()) {
        let error = failure.form.map_or(failure.title(), |form| form.words().1);
        let words = json!({ "error": error, "status": failure.status.as_u16() });
        return with_head_of(bare, Json(words).into_response());
    }
    let own = match &context.error_page {
        Some(handler) => own_page(context, handler.clone(), failure, request).await,
        None => None,
    };
    with_head_of(bare, own.unwrap_or_else(|| plain_page(failure)))
}

/// The site's own error page. `None`: it failed itself.
async fn own_page(
    context: &Arc<RenderContext>,
    handler: MethodRouter,
    failure: Failure,
    original: &VisitorRequest,
) -> Option<Response> {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = original.uri.clone();
    *request.headers_mut() = original.travelling.clone();
    let kept = [(ACCEPT, &original.accept), (ACCEPT_LANGUAGE, &original.language)];
    let kept = kept
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.clone()?)));
    request.headers_mut().extend(kept);
    request.extensions_mut().insert(failure);
    request.extensions_mut().insert(context.overview.clone());
    request.extensions_mut().insert(original.request_sessions.clone());
    request
        .extensions_mut()
        .insert(RequestLogin::of_page(context.keys.clone()));
    let answer = AssertUnwindSafe(handler.oneshot(request)).catch_unwind().await;
    let Ok(response) = answer.unwrap_or_else(|_| Ok(panicked()));
    let is_page = response.extensions().get::<PendingPage>().is_some();
    let response = shown(context, response, original).await;
    // A page that failed is a bare status by now.
    let fails = is_bare(&response) || (!is_page && response.status().is_server_error());
    if fails {
        tracing::error!(
            status = failure.status.as_u16(),
            "the application's own error page can't be shown: a plain one is"
        );
        return None;
    }
    Some(response)
}

fn plain_page(failure: Failure) -> Response {
    let title = failure.form.map_or(failure.title(), |form| form.words().0);
    let text = failure.text();
    Html(format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title}</title></head>\n\
         <body><main><h1>{title}</h1><p>{text}</p></main></body></html>\n"
    ))
    .into_response()
}

/// The response where a handler panicked. The panic hook has logged the place.
pub(super) fn panicked() -> Response {
    tracing::error!("a handler panicked: its visitor gets an error page");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}
