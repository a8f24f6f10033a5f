//! The own forms of pages: their actions run beside the pages, and what can't be used is shown in its page again (protocol section 9).

use std::sync::Arc;

use axum::{body::Body, extract::OriginalUri, response::Response};
use http::{
    HeaderValue, StatusCode, Uri,
    header::{CACHE_CONTROL, LOCATION},
    request::Parts,
    uri::PathAndQuery,
};
use hydra_runtime_wire::forms::FormFailure;

use super::{
    actions::{self, Handled},
    form_responses::{self, Front},
    page::PendingPage,
};
use crate::form::FormState;

/// A form of a page that a visitor sent.
pub(super) struct Sent<'a> {
    /// The request that sent it.
    pub(super) parts: Parts,
    /// The path and query of the page.
    pub(super) page: &'a PathAndQuery,
    pub(super) is_secure: bool,
}

/// Runs the action of a form of a page.
pub(super) async fn answer(front: &Front, action: &str, mut sent: Sent<'_>, body: Body) -> Response {
    let (context, page) = (&front.context, sent.page);
    // The handler gets it as a request for the page.
    sent.parts.uri = Uri::from(page.clone());
    sent.parts.extensions.insert(OriginalUri(sent.parts.uri.clone()));
    let (handled, record) = actions::run_of_page(context, action, &sent.parts, body).await;
    // Also behind a gateway, which does not know the actions of pages.
    front.count(&record);
    match handled {
        Handled::Done(done) => form_responses::done_with(front, &done, page, sent.is_secure),
        Handled::Invalid(state) => {
            let response = form_responses::made_again(front, sent.parts, page).await;
            shown_again(front, response, state)
        }
        Handled::Failed(action) => form_responses::failed_action(&action),
    }
}

/// What the visitor of a form gets if its page is none any more: the handler may refuse the visitor by now, or lead elsewhere.
fn without_page(mut response: Response) -> Response {
    let status = response.status();
    if status.is_client_error() {
        return response;
    }
    if !status.is_redirection() || !response.headers().contains_key(LOCATION) {
        return form_responses::failed(FormFailure::Unsent);
    }
    // With 307 and 308, browsers would send the form there once more (RFC 9110 sections 15.4.8 and 15.4.9).
    *response.status_mut() = StatusCode::SEE_OTHER;
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, no_store);
    response
}

/// The page with its form as it was filled in. `response`: what handles the page gave, which the layers around render.
fn shown_again(front: &Front, mut response: Response, state: FormState) -> Response {
    let (action, status) = (&state.action, response.status());
    let Some(pending) = response.extensions().get::<PendingPage>() else {
        tracing::warn!(action, %status, "a form can't be shown again: there is no page at its address");
        return without_page(response);
    };
    let template = pending.template;
    if !front.context.actions.forms.has_page_form(template, action) {
        tracing::warn!(
            action,
            template,
            "a form can't be shown again: the page at its address does not have it"
        );
    }
    if status == StatusCode::OK {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    response.extensions_mut().insert(Arc::new(state));
    response
}
