//! What happens around the handlers of an application: the visitor's sessions, pages as HTML, error pages.

use std::{mem, panic::AssertUnwindSafe, sync::Arc, time::SystemTime};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use futures_util::FutureExt as _;
use http::{HeaderValue, header::CACHE_CONTROL};
use hydra_runtime_net::observe::{RequestRecord, Served};
use hydra_runtime_wire::headers::{HYDRA_PATH, HYDRA_PERSONAL, PERSONAL};

use super::{
    context::RenderContext,
    failure,
    front::Visited,
    owner_session,
    render::{VisitorRequest, shown},
};
use crate::{
    page::PageSessions,
    session::RequestSessions,
    user::{RequestLogin, not_stored},
};

/// The layer of an application without layers of its own.
pub(super) async fn whole(
    State(context): State<Arc<RenderContext>>,
    request: Request,
    next: Next,
) -> Response {
    let answer = async |mut request: Request| {
        let visit = begin(&context, &mut request);
        if let Some(asked) = owner_session::asked(&context, &request) {
            let answer = owner_session::answer(&context, asked, &visit.sessions).await;
            return end(&context, &visit, answer).await;
        }
        let response = handle(&context, request, next, visit.sessions.clone()).await;
        end(&context, &visit, response).await
    };
    context.observer.visitor(request, answer).await
}

/// The layer inside the application's own layers: it renders pages and error pages.
pub(super) async fn inside(
    State(context): State<Arc<RenderContext>>,
    mut request: Request,
    next: Next,
) -> Response {
    let request_sessions = match request.extensions().get::<Arc<RequestSessions>>() {
        Some(request_sessions) => request_sessions.clone(),
        // A layer of the application replaced the request, and its extensions with it. Changes that the handler makes to
        // this service's session are not saved: `outside` saves those of the original request.
        None => begin(&context, &mut request).sessions,
    };
    handle(&context, request, next, request_sessions).await
}

/// The layer outside the application's own layers: it handles the visitor's sessions, and makes error pages where those
/// layers refuse a request.
pub(super) async fn outside(
    State(context): State<Arc<RenderContext>>,
    request: Request,
    next: Next,
) -> Response {
    let answer = async |mut request: Request| {
        let visit = begin(&context, &mut request);
        if let Some(asked) = owner_session::asked(&context, &request) {
            let answer = owner_session::answer(&context, asked, &visit.sessions).await;
            return end(&context, &visit, answer).await;
        }
        let original = VisitorRequest::of(&request, visit.sessions.clone());
        let login = request.extensions().get::<RequestLogin>().cloned();
        let response = run(next, request).await;
        let response = with_error_page(&context, response, &original).await;
        let response = kept_private(response, login.as_ref());
        end(&context, &visit, response).await
    };
    context.observer.visitor(request, answer).await
}

/// What the layer reads from a visitor's request before the handler runs, because it needs it for the response.
struct Visit {
    sessions: Arc<RequestSessions>,
    /// Whether the visitor uses TLS according to trusted proxies.
    is_secure: bool,
    /// Whether the request came through a gateway, which removes its headers from the response.
    has_gateway: bool,
}

/// Adds the visitor's sessions to the request.
fn begin(context: &RenderContext, request: &mut Request) -> Visit {
    if let Some(record) = request.extensions().get::<Arc<RequestRecord>>() {
        record.answered_by(|| context.service.clone());
        let route = request.extensions().get::<MatchedPath>();
        record.served(|| Served {
            route: route.map(|route| route.as_str().to_owned()).unwrap_or_default(),
            ..Served::default()
        });
    }
    let extensions = mem::take(request.extensions_mut());
    // The headers are rewritten first, so that handlers read only what trusted proxies say about the visitor.
    let origin = context.proxies.rewrite(&extensions, request.headers_mut());
    let is_secure = origin.is_secure();
    *request.extensions_mut() = extensions;
    request.extensions_mut().insert(Visited(origin));
    let sessions = context
        .sessions
        .request_of_browser(request.headers(), SystemTime::now());
    request.extensions_mut().insert(context.overview.clone());
    request.extensions_mut().insert(sessions.clone());
    request
        .extensions_mut()
        .insert(RequestLogin::of_visitor(context.keys.clone()));
    Visit {
        sessions,
        is_secure,
        has_gateway: request.headers().contains_key(HYDRA_PATH),
    }
}

/// The response of the handlers, with pages as HTML and with bodies for bare errors.
async fn handle(
    context: &Arc<RenderContext>,
    request: Request,
    next: Next,
    request_sessions: Arc<RequestSessions>,
) -> Response {
    let original = VisitorRequest::of(&request, request_sessions);
    let login = request.extensions().get::<RequestLogin>().cloned();
    let response = run(next, request).await;
    let response = shown(context, response, &original).await;
    let response = with_error_page(context, response, &original).await;
    kept_private(response, login.as_ref())
}

/// Keeps a response that depends on the user out of all caches.
fn kept_private(mut response: Response, login: Option<&RequestLogin>) -> Response {
    if login.is_some_and(RequestLogin::is_taken) {
        not_stored(&mut response);
    }
    response
}

async fn with_error_page(
    context: &Arc<RenderContext>,
    response: Response,
    original: &VisitorRequest,
) -> Response {
    if failure::is_bare(&response) {
        failure::with_body(context, response, original).await
    } else {
        response
    }
}

/// Runs the handler. Where it panics, the visitor still gets a response.
async fn run(next: Next, request: Request) -> Response {
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    answer.unwrap_or_else(|_| failure::panicked())
}

/// Saves the visitor's sessions, and keeps a response for one visitor out of shared caches. A gateway is told not to compress
/// it, whatever `Cache-Control` of the handler says.
async fn end(context: &RenderContext, visit: &Visit, mut response: Response) -> Response {
    visit.sessions.save_own().await;
    let page = response
        .extensions_mut()
        .remove::<PageSessions>()
        .unwrap_or_default();
    let may_begin = page.open.some_may(|owner| context.may_begin_sessions(owner));
    let headers = response.headers_mut();
    let sets_cookie = visit.sessions.set_cookie(headers, may_begin, visit.is_secure);
    let is_personal = visit
        .sessions
        .is_personal(sets_cookie || may_begin || page.is_personal);
    if is_personal && !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
    }
    if visit.has_gateway && (is_personal || page.may_hold_secrets()) {
        headers.insert(HYDRA_PERSONAL, PERSONAL);
    }
    response
}
