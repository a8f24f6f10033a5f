//! The layer that renders pages: a handler gives attributes, the visitor gets HTML.

use std::{collections::BTreeSet, sync::Arc, time::SystemTime};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, Method, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE, COOKIE},
};
use hydra_contract::{Contract, Place};

use super::page::PendingPage;
use crate::{
    cookies,
    overview::Board,
    page::{Engine, ErrorPage, PageFailure, PageRequest, RenderError, ScriptNonce, StillOpen, Visitor},
    session::{Keeper, Sessions, Visit},
    source::{Caller, FragmentSource, LocalFragments},
    wire::Attributes,
};

/// What pages and fragments are made with.
pub(crate) struct Kitchen {
    pub(crate) engine: Engine,
    pub(crate) local: Arc<dyn LocalFragments>,
    pub(crate) source: Option<Arc<dyn FragmentSource>>,
    pub(crate) error_page: Option<ErrorPage>,
    /// The fragments that the templates offer.
    pub(crate) offers: BTreeSet<String>,
    pub(crate) contract: Contract,
    pub(crate) board: Board,
    pub(crate) sessions: Arc<Keeper>,
}

impl Kitchen {
    /// Of `attributes`, those that the fragment imports by its contract. All where there is none. What is left out is not
    /// counted as dropped: a page of protocol 1 sends all that it has, whatever its tags name.
    pub(crate) fn contracted(&self, reference: &str, attributes: &Attributes) -> Attributes {
        let Some(contract) = self.contract.fragments.get(reference) else {
            return attributes.clone();
        };
        let named = attributes
            .iter()
            .filter(|(name, _)| contract.imports.contains_key(name.as_str()));
        named.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// The visitor whose request has such `headers` of those that travel on, and such `sessions`.
    pub(crate) fn visitor(&self, headers: HeaderMap, sessions: Sessions, visit: Arc<Visit>) -> Visitor {
        Visitor {
            caller: Caller {
                headers,
                ..Caller::default()
            },
            local: Some(self.local.clone()),
            source: self.source.clone(),
            sessions,
            on_sessions: Some(Box::new(move |changed| visit.keep(changed))),
        }
    }

    /// The answer where a page's attributes are none: most often a map whose keys are no texts.
    fn unserialisable(&self, template: &str, reason: &str) -> Response {
        let place = Place {
            file: template.to_owned(),
            line: 1,
            column: 1,
        };
        let message = format!("the attributes of the page can't be serialised: {reason}");
        let failure = PageFailure::Render(RenderError { place, message });
        tracing::error!(%failure, "page not shown");
        match &self.error_page {
            Some(page) => page(&failure),
            None => failure.status().into_response(),
        }
    }
}

/// Renders the page where the handler gave one, any other response passes; and keeps the visitor's sessions.
pub(crate) async fn render(
    State(kitchen): State<Arc<Kitchen>>,
    mut request: Request,
    next: Next,
) -> Response {
    let method = request.method().clone();
    let headers = travelling(request.headers());
    let is_secure = request
        .headers()
        .get("x-forwarded-proto")
        .is_some_and(|proto| proto == "https");
    let nonce = request.extensions().get::<ScriptNonce>().cloned();
    let visit = kitchen.sessions.visit(request.headers(), SystemTime::now());
    request.extensions_mut().insert(kitchen.board.clone());
    request.extensions_mut().insert(visit.clone());
    let mut response = next.run(request).await;
    let changed = visit.changed();
    if !changed.is_empty() {
        visit.sessions().await;
        visit.keep(changed.clone());
    }
    let mut response = match response.extensions_mut().remove::<PendingPage>() {
        Some(pending) => {
            let nonce = response.extensions().get::<ScriptNonce>().cloned().or(nonce);
            let page = show(&kitchen, pending, (method, headers, nonce), (&visit, &changed)).await;
            dress(page, response)
        }
        None => response,
    };
    let is_open = response.extensions_mut().remove::<StillOpen>().is_some();
    let sets_cookie = visit.sign(response.headers_mut(), is_open, is_secure);
    visit.guard(response.headers_mut(), sets_cookie || is_open);
    response
}

/// The page, with the sessions that the visitor has and those that `changed` already.
async fn show(
    kitchen: &Kitchen,
    pending: PendingPage,
    (method, headers, script_nonce): (Method, HeaderMap, Option<ScriptNonce>),
    (visit, changed): (&Arc<Visit>, &Sessions),
) -> Response {
    let context = match pending.context {
        Ok(context) => context,
        Err(reason) => return kitchen.unserialisable(pending.template, &reason),
    };
    let mut sessions = visit.sessions().await.clone();
    sessions.extend(changed.clone());
    let page = PageRequest {
        template: pending.template.to_owned(),
        context,
        method,
        visitor: kitchen.visitor(headers, sessions, visit.clone()),
        script_nonce,
    };
    kitchen.engine.page(page).await
}

/// Gives the rendered page what the handler said beside it: its status, its headers, its extensions. An error page
/// keeps its own status.
fn dress(mut page: Response, said: Response) -> Response {
    let (parts, _) = said.into_parts();
    if page.status() == StatusCode::OK {
        *page.status_mut() = parts.status;
    }
    page.extensions_mut().extend(parts.extensions);
    let ours = [CONTENT_TYPE, CONTENT_LENGTH];
    let said = parts.headers.iter().filter(|(name, _)| !ours.contains(name));
    for (name, value) in said {
        page.headers_mut().append(name.clone(), value.clone());
    }
    page
}

/// The headers of a visitor's request that travel on.
pub(crate) fn travelling(headers: &HeaderMap) -> HeaderMap {
    let cookies = cookies::travelling(headers);
    cookies.map(|value| (COOKIE, value)).into_iter().collect()
}
