//! The layer that renders pages: a handler gives attributes, the visitor gets HTML.

use std::{collections::BTreeSet, mem, panic::AssertUnwindSafe, sync::Arc, time::SystemTime};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::MethodRouter,
};
use futures_util::FutureExt as _;
use http::{
    HeaderMap, StatusCode,
    header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE, COOKIE},
};
use hydra_contract::{Contract, Place};
use hydra_runtime_net::{
    proxies::TrustedProxies,
    source::{Caller, FragmentSource},
};
use hydra_runtime_wire::{Attributes, cookies};

use super::{
    failure::{self, Asked},
    page::PendingPage,
};
use crate::{
    overview::Board,
    page::{Engine, PageFailure, PageRequest, PageSessions, PageVisitor, RenderError, ScriptNonce},
    session::{Keeper, Sessions, Visit},
    source::LocalFragments,
};

/// What pages and fragments are made with.
pub(crate) struct Kitchen {
    pub(crate) engine: Engine,
    pub(crate) local: Arc<dyn LocalFragments>,
    pub(crate) source: Option<Arc<dyn FragmentSource>>,
    /// What visitors see in place of a bare status.
    pub(crate) error_page: Option<MethodRouter>,
    /// The fragments that the templates offer.
    pub(crate) offers: BTreeSet<String>,
    pub(crate) contract: Contract,
    pub(crate) board: Board,
    pub(crate) sessions: Arc<Keeper>,
    pub(crate) proxies: TrustedProxies,
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

    /// Whether a fragment of `owner`, or of this service, may begin a session of the visitor.
    fn may_begin_sessions(&self, owner: Option<&str>) -> bool {
        match owner {
            None => self.contract.may_begin_sessions(),
            Some(service) => self.source.is_some() && self.board.now().may_begin_sessions(service),
        }
    }

    /// The visitor whose request has such `headers` of those that travel on, and such `sessions`.
    pub(crate) fn visitor(&self, headers: HeaderMap, sessions: Sessions, visit: Arc<Visit>) -> PageVisitor {
        PageVisitor {
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

    /// Renders the page where a handler gave one, with the sessions as the handler left them. Any other response passes.
    pub(super) async fn shown(&self, mut response: Response, asked: &Asked) -> Response {
        asked.visit.keep_said().await;
        let Some(pending) = response.extensions_mut().remove::<PendingPage>() else {
            return response;
        };
        let nonce = response.extensions().get::<ScriptNonce>().cloned();
        let context = match pending.context {
            Ok(context) => context,
            Err(reason) => return unserialisable(pending.template, &reason),
        };
        let visit = asked.visit.clone();
        let sessions = visit.latest().await;
        let page = PageRequest {
            template: pending.template.to_owned(),
            context,
            method: asked.method.clone(),
            visitor: self.visitor(asked.travelling.clone(), sessions, visit),
            script_nonce: nonce.or_else(|| asked.nonce.clone()),
        };
        dress(self.engine.page(page).await, response)
    }
}

impl Asked {
    fn of(request: &Request, visit: Arc<Visit>) -> Self {
        let headers = request.headers();
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            accept: headers.get(ACCEPT).cloned(),
            language: headers.get(ACCEPT_LANGUAGE).cloned(),
            travelling: travelling(headers),
            nonce: request.extensions().get::<ScriptNonce>().cloned(),
            visit,
        }
    }
}

/// The answer where a page's attributes are none: most often a map whose keys are no texts.
fn unserialisable(template: &str, reason: &str) -> Response {
    let place = Place {
        file: template.to_owned(),
        line: 1,
        column: 1,
    };
    let message = format!("the attributes of the page can't be serialised: {reason}");
    let failure = PageFailure::Render(RenderError { place, message });
    tracing::error!(%failure, "page not shown");
    failure.status().into_response()
}

/// All that happens around the routes of an application without layers of its own.
pub(super) async fn whole(State(kitchen): State<Arc<Kitchen>>, mut request: Request, next: Next) -> Response {
    let (visit, is_secure) = begin(&kitchen, &mut request);
    let response = finished(&kitchen, request, next, visit.clone()).await;
    end(&kitchen, &visit, response, is_secure).await
}

/// Inside the application's layers: renders pages and error pages.
pub(super) async fn inside(
    State(kitchen): State<Arc<Kitchen>>,
    mut request: Request,
    next: Next,
) -> Response {
    let visit = match request.extensions().get::<Arc<Visit>>() {
        Some(visit) => visit.clone(),
        // A layer made a new request of its own: what its handlers keep is for the log of that layer's author.
        None => begin(&kitchen, &mut request).0,
    };
    finished(&kitchen, request, next, visit).await
}

/// Outside the application's layers: the visitor's sessions, and error pages for what the layers refuse.
pub(super) async fn outside(
    State(kitchen): State<Arc<Kitchen>>,
    mut request: Request,
    next: Next,
) -> Response {
    let (visit, is_secure) = begin(&kitchen, &mut request);
    let asked = Asked::of(&request, visit.clone());
    let response = run(next, request).await;
    let response = worded(&kitchen, response, &asked).await;
    end(&kitchen, &visit, response, is_secure).await
}

/// Tells the request who visits. Gives that, and whether the visitor came over TLS, as far as trusted proxies say.
fn begin(kitchen: &Kitchen, request: &mut Request) -> (Arc<Visit>, bool) {
    let extensions = mem::take(request.extensions_mut());
    // Why here: what handlers read of the visitor is what is believed.
    let is_secure = kitchen
        .proxies
        .rewrite(&extensions, request.headers_mut())
        .is_secure();
    *request.extensions_mut() = extensions;
    let visit = kitchen.sessions.visit(request.headers(), SystemTime::now());
    request.extensions_mut().insert(kitchen.board.clone());
    request.extensions_mut().insert(visit.clone());
    (visit, is_secure)
}

/// What the handlers give, pages as HTML, and bare errors with words.
async fn finished(kitchen: &Arc<Kitchen>, request: Request, next: Next, visit: Arc<Visit>) -> Response {
    let asked = Asked::of(&request, visit);
    let response = run(next, request).await;
    let response = kitchen.shown(response, &asked).await;
    worded(kitchen, response, &asked).await
}

async fn worded(kitchen: &Arc<Kitchen>, response: Response, asked: &Asked) -> Response {
    if failure::is_bare(&response) {
        failure::with_words(kitchen, response, asked).await
    } else {
        response
    }
}

/// A handler that panics has failed: its visitor gets an answer all the same.
async fn run(next: Next, request: Request) -> Response {
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    answer.unwrap_or_else(|_| failure::panicked())
}

/// Keeps the visitor's sessions, and what is for one visitor from caches that serve others.
async fn end(kitchen: &Kitchen, visit: &Visit, mut response: Response, is_secure: bool) -> Response {
    visit.keep_said().await;
    let page = response
        .extensions_mut()
        .remove::<PageSessions>()
        .unwrap_or_default();
    let may_begin = page.open.some_may(|owner| kitchen.may_begin_sessions(owner));
    let sets_cookie = visit.sign(response.headers_mut(), may_begin, is_secure);
    visit.guard(
        response.headers_mut(),
        sets_cookie || may_begin || page.is_personal,
    );
    response
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
