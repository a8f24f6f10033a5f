//! All routes of the gateway: its own paths, and everything else, which the proxy passes on to services.

use axum::{
    Router,
    body::Body,
    extract::State,
    response::Response,
    routing::{any, get, post},
};
use http::{Request, StatusCode};
use hydra_runtime_wire::paths;

use crate::{Gateway, api, proxy};

/// The routes. A layer around this router sees every request of a visitor and every call of a service, with its answer.
pub(crate) fn router(gateway: Gateway) -> Router {
    Router::new()
        .route(paths::REGISTRATION, post(api::discovery::registration))
        .route(paths::ALIVE, post(api::discovery::alive))
        .route(paths::RESOLVE, post(api::fragments::request_fragment))
        .route(paths::OVERVIEW, get(api::discovery::overview))
        .route("/health", get(api::health))
        .route("/_h/services", get(api::services))
        // The gateway's own paths are never passed on, whatever patterns services have.
        .route("/login", any(not_found))
        .route("/logout", any(not_found))
        .route("/h", any(not_found))
        .route("/_h", any(not_found))
        .route("/h/{*rest}", any(not_found))
        .route("/_h/{*rest}", any(not_found))
        .fallback(forward)
        .with_state(gateway)
}

async fn forward(State(gateway): State<Gateway>, request: Request<Body>) -> Response {
    proxy::forward(gateway, request).await
}

async fn not_found() -> Response {
    api::responses::empty(StatusCode::NOT_FOUND)
}
