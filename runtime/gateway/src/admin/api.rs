//! The operators' API: what the gateway knows and would do, as JSON.

pub(super) mod channels;
mod services;
mod trace;

use axum::{
    Json, Router,
    extract::{Query, State},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use crate::{Gateway, operators::guarded};
pub(super) use services::kind;

/// The routes of the API.
pub(super) fn routes(gateway: Gateway) -> Router {
    Router::new()
        .route("/api/services", get(all_services))
        .route("/api/routes", get(all_routes))
        .route("/api/trace", get(trace))
        .layer(middleware::from_fn_with_state(gateway.clone(), guarded))
        .with_state(gateway)
}

async fn all_services(State(gateway): State<Gateway>) -> Response {
    Json(services::services(
        &gateway.publisher().snapshot(),
        gateway.channels(),
    ))
    .into_response()
}

async fn all_routes(State(gateway): State<Gateway>) -> Response {
    Json(services::routes(&gateway.publisher().snapshot())).into_response()
}

/// The query of `/api/trace`.
#[derive(Deserialize)]
struct TraceQuery {
    /// The address that a visitor would open: a URL, or a path.
    url: Option<String>,
    /// The visitor's cookies, which select versions.
    #[serde(default)]
    cookie: String,
}

async fn trace(State(gateway): State<Gateway>, Query(query): Query<TraceQuery>) -> Response {
    let Some(url) = query.url else {
        return refused("the query must have `url`, such as /api/trace?url=/orders/1");
    };
    match trace::trace(&gateway.newest(), &url, &query.cookie) {
        Ok(traced) => Json(traced).into_response(),
        Err(reason) => refused(reason),
    }
}

fn refused(reason: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": reason }))).into_response()
}
