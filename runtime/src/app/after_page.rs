//! The paths that an application answers for fragments that come after their page.

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::{OriginalUri, State},
    response::Response,
    routing,
};
use http::HeaderMap;

use super::{
    context::{RenderContext, travelling},
    failure::AsItIs,
};
use crate::{
    page::{AfterPage, LazyRequest},
    session::RequestSessions,
};

/// Adds the paths of `after_page`.
pub(super) fn routes(router: Router, after_page: &AfterPage, context: Arc<RenderContext>) -> Router {
    let script = {
        let after_page = after_page.clone();
        move |OriginalUri(uri): OriginalUri| async move { after_page.script(&uri) }
    };
    router
        .route(after_page.script_path(), routing::get(script))
        .route(after_page.fragment_path(), routing::get(lazy).with_state(context))
}

/// A browser asks for a lazy fragment: with its visitor's cookies and sessions, as for a page.
async fn lazy(
    State(context): State<Arc<RenderContext>>,
    Extension(request_sessions): Extension<Arc<RequestSessions>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Response {
    let sessions = request_sessions.sessions().await.clone();
    let visitor = context.visitor(travelling(&headers), sessions, request_sessions);
    let engine = context.engine.now();
    let mut response = engine.lazy(LazyRequest { uri, visitor }).await;
    // The script in the browser reads the response, and would not show an error page.
    response.extensions_mut().insert(AsItIs);
    response
}
