//! The calls to the gateway itself: discovery, fragments, health (protocol sections 1 and 6).

mod discovery;
mod fragments;
mod room;

use std::time::SystemTime;

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Path, State, rejection::PathRejection},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};

use super::{
    Gateway,
    answer::{empty, refused},
    bodies::{discard, read},
    proxy,
};
use crate::{signing::BadSignature, wire::Health};

/// Protocol 1 clients hold no longer answer than this.
const MAX_PROTOCOL_1_ANSWER: usize = 256 << 10;

/// `ok`, or why this gateway may know less than the others.
const REGISTRY: HeaderName = HeaderName::from_static("hydra-registry");

/// All routes of the gateway. What is not its own goes to the services.
pub(crate) fn router(gateway: Gateway) -> Router {
    Router::new()
        .route("/h/discovery/{key}/registration", post(discovery::registration))
        .route("/h/discovery/{key}/alive", post(discovery::alive))
        .route(
            "/h/discovery/{key}/requestFragment",
            post(fragments::request_fragment),
        )
        .route("/h/discovery/{key}/overview", get(discovery::overview))
        .route("/health", get(health))
        .route("/_h/services", get(services))
        // The gateway's own paths are never passed on, whatever patterns services have.
        .route("/login", any(nothing))
        .route("/logout", any(nothing))
        .route("/h", any(nothing))
        .route("/_h", any(nothing))
        .route("/h/{*rest}", any(nothing))
        .route("/_h/{*rest}", any(nothing))
        .fallback(forward)
        .with_state(gateway)
}

async fn forward(State(gateway): State<Gateway>, request: Request<Body>) -> Response {
    proxy::forward(gateway, request).await
}

async fn nothing() -> Response {
    empty(StatusCode::NOT_FOUND)
}

async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}

async fn services(State(gateway): State<Gateway>) -> Response {
    let mut response = Json(gateway.hub().snapshot().by_name()).into_response();
    let trouble = gateway.hub().trouble();
    let value = trouble
        .as_deref()
        .and_then(|text| HeaderValue::from_str(text).ok());
    response
        .headers_mut()
        .insert(REGISTRY, value.unwrap_or(HeaderValue::from_static("ok")));
    response
}

/// The `{K}` of a path.
type Key = Result<Path<String>, PathRejection>;

/// Reads the body of a call that has the right key and signature. Whoever has not learns nothing.
async fn admitted(
    gateway: &Gateway,
    key: &Key,
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<Bytes, Response> {
    let config = gateway.config();
    // A key that is no text is wrong like any other.
    if !key.as_ref().is_ok_and(|Path(key)| *key == config.public_key) {
        discard(body).await;
        return Err(empty(StatusCode::NOT_FOUND));
    }
    let body = read(body, limit)
        .await
        .map_err(|problem| refused(problem.status(), &problem.to_string()))?;
    let Some(signer) = gateway.signer() else {
        return Ok(body);
    };
    match signer.check(headers, &body, SystemTime::now()) {
        Ok(_) => Ok(body),
        Err(BadSignature::Missing) if config.allow_unsigned => Ok(body),
        Err(problem) => Err(refused(StatusCode::UNAUTHORIZED, &problem.to_string())),
    }
}
