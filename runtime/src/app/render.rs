//! Renders the page that a handler gave.

use std::{sync::Arc, time::SystemTime};

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, HeaderValue, Method, StatusCode, Uri,
    header::{ACCEPT, ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE},
};
use hydra_contract::TemplatePosition;
use hydra_runtime_wire::{
    forms::{
        FormFailure,
        page::{is_secret, kept},
    },
    headers::HYDRA_PREVIEW,
};
use tera::Context;

use super::{
    context::{RenderContext, travelling},
    form_responses, front,
    page::PendingPage,
    prefilled::FormHeaders,
};
use crate::{
    form::FormState,
    page::{PageFailure, PageRequest, PrefilledSlot, PreviewBar, RenderError, ScriptNonce},
    session::RequestSessions,
};

/// What is left of a visitor's request once its handler has it: pages and error pages are made from this.
pub(super) struct VisitorRequest {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) accept: Option<HeaderValue>,
    pub(super) language: Option<HeaderValue>,
    /// The headers that other services may see: the cookies of the site.
    pub(super) travelling: HeaderMap,
    pub(super) nonce: Option<ScriptNonce>,
    /// What the gateway says that this visitor previews.
    pub(super) preview: Option<PreviewBar>,
    /// What the gateway says about the answer to a form.
    pub(super) form: Option<FormHeaders>,
    pub(super) request_sessions: Arc<RequestSessions>,
    /// Whether the browser keeps no page with what was typed into it.
    pub(super) is_secret: bool,
}

impl VisitorRequest {
    pub(super) fn of(request: &Request, request_sessions: Arc<RequestSessions>) -> Self {
        let headers = request.headers();
        let form = FormHeaders::of(request);
        // Only a page that shows a form again asks: for others, the cookies need not be read.
        let may_show_form = form.is_some() || *request.method() == Method::POST;
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            accept: headers.get(ACCEPT).cloned(),
            language: headers.get(ACCEPT_LANGUAGE).cloned(),
            travelling: travelling(headers),
            nonce: request.extensions().get::<ScriptNonce>().cloned(),
            preview: headers
                .get(HYDRA_PREVIEW)
                .and_then(|state| PreviewBar::of(state, request.uri())),
            form,
            request_sessions,
            is_secret: may_show_form && is_secret(headers),
        }
    }
}

/// Renders the page that a handler returned, with the sessions as the handler left them. Any other response passes
/// unchanged.
pub(super) async fn shown(
    context: &RenderContext,
    mut response: Response,
    request: &VisitorRequest,
) -> Response {
    request.request_sessions.save_own().await;
    let Some(pending) = response.extensions_mut().remove::<PendingPage>() else {
        return response;
    };
    let nonce = response.extensions().get::<ScriptNonce>().cloned();
    let sent = response.extensions_mut().remove::<Arc<FormState>>();
    let attributes = match pending.context {
        Ok(attributes) => attributes,
        Err(reason) => {
            let failed = unserialisable(pending.template, &reason);
            return sent.map_or(failed, |_| form_responses::failed(FormFailure::Unsent));
        }
    };
    let own = response.extensions_mut().remove::<Box<PrefilledSlot>>();
    let html = own.as_ref().and_then(|slot| slot.answer.html.clone());
    let form = request.form.as_ref().filter(|_| own.is_none());
    let read = |form: &FormHeaders| form.read(context.signer.as_deref(), &context.service, SystemTime::now());
    let prefilled = own.or_else(|| form.and_then(read));
    let is_form = prefilled.is_some() || sent.is_some();
    let page = Rendering {
        context,
        request,
        template: pending.template,
        nonce: nonce.or_else(|| request.nonce.clone()),
    };
    let page = match sent {
        Some(sent) => page.shown_again(attributes, &sent).await,
        None => page.page(attributes, None, prefilled).await,
    };
    let mut shown = with_head_of(response, page);
    if is_form || request.preview.is_some() {
        // A gateway decides it too. Without one, a visitor could have a cache keep the page for others.
        let is_secret = request.preview.is_some() || request.is_secret || is_secret(shown.headers());
        shown.headers_mut().insert(CACHE_CONTROL, kept(is_secret));
    }
    match html {
        Some(html) => front::placed(shown, html),
        None => shown,
    }
}

/// A page that is to be rendered.
struct Rendering<'a> {
    context: &'a RenderContext,
    request: &'a VisitorRequest,
    template: &'static str,
    nonce: Option<ScriptNonce>,
}

impl Rendering<'_> {
    /// The page. `sent`: its own form, if it is shown again.
    async fn page(
        &self,
        mut attributes: Context,
        sent: Option<&FormState>,
        prefilled: Option<Box<PrefilledSlot>>,
    ) -> Response {
        let (context, request) = (self.context, self.request);
        let forms = &context.actions.forms;
        if let Some(form) = forms.of_page(self.template, request.uri.query(), sent) {
            attributes.insert("form", &form);
        }
        let sessions = request.request_sessions.latest().await;
        let page = PageRequest {
            prefilled,
            template: self.template.to_owned(),
            context: attributes,
            method: request.method.clone(),
            visitor: context.visitor(
                request.travelling.clone(),
                sessions,
                request.request_sessions.clone(),
            ),
            script_nonce: self.nonce.clone(),
            preview: request.preview.clone(),
        };
        context.engine.now().page(page).await
    }

    /// The page with its own form as the visitor filled it in. If the page can't be rendered so, it comes without what was typed: what
    /// the visitor typed may be the cause.
    async fn shown_again(&self, attributes: Context, sent: &FormState) -> Response {
        let mut page = self.page(attributes.clone(), Some(sent), None).await;
        if !page.status().is_server_error() {
            return page;
        }
        let (template, action) = (self.template, &sent.action);
        tracing::warn!(
            template,
            action,
            "a form can't be shown again as it was filled in"
        );
        if page.status() == StatusCode::INTERNAL_SERVER_ERROR {
            page = self.page(attributes, Some(&sent.emptied()), None).await;
        }
        match page.status().is_server_error() {
            // Nothing was done.
            true => form_responses::failed(FormFailure::Unsent),
            false => page,
        }
    }
}

/// The answer where the attributes of a page can't be serialised. Most often, a map has keys that are not texts.
fn unserialisable(template: &str, reason: &str) -> Response {
    let place = TemplatePosition {
        file: template.to_owned(),
        line: 1,
        column: 1,
    };
    let message = format!("the attributes of the page can't be serialised: {reason}");
    let failure = PageFailure::Render(RenderError { place, message });
    tracing::error!(%failure, "page not shown");
    failure.status().into_response()
}

/// `body` with the status, headers and extensions of `head`. A `body` that is not 200 keeps its status.
pub(super) fn with_head_of(head: Response, mut body: Response) -> Response {
    let (parts, _) = head.into_parts();
    if body.status() == StatusCode::OK {
        *body.status_mut() = parts.status;
    }
    body.extensions_mut().extend(parts.extensions);
    let of_body = [CONTENT_TYPE, CONTENT_LENGTH];
    let headers = parts.headers.iter().filter(|(name, _)| !of_body.contains(name));
    for (name, value) in headers {
        body.headers_mut().append(name.clone(), value.clone());
    }
    body
}
