//! The calls to the gateway itself: discovery, fragments, health (protocol sections 1 and 6).

mod caller;
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
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use hydra_runtime_net::bodies::{discard, read};
use hydra_runtime_wire::{
    Health,
    headers::{AWAY, REGISTRY},
    paths,
    signing::BadSignature,
};

use super::{
    Gateway,
    answer::{empty, refused},
    proxy,
};
use caller::Caller;

/// Protocol 1 clients hold no longer answer than this.
const MAX_PROTOCOL_1_ANSWER: usize = 256 << 10;

/// All routes of the gateway. What is not its own goes to the services.
pub(crate) fn router(gateway: Gateway) -> Router {
    Router::new()
        .route(paths::REGISTRATION, post(discovery::registration))
        .route(paths::ALIVE, post(discovery::alive))
        .route(paths::RESOLVE, post(fragments::request_fragment))
        .route(paths::OVERVIEW, get(discovery::overview))
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

/// `GET /_h/services`: all about the active services for operators, and their names for all others.
async fn services(State(gateway): State<Gateway>, caller: Caller, headers: HeaderMap) -> Response {
    let snapshot = gateway.hub().snapshot();
    let trouble = gateway.hub().trouble();
    let (services, registry) = if is_operator(&gateway, &caller, &headers) {
        let told = trouble.map(|text| HeaderValue::from_str(&text).unwrap_or(AWAY));
        (snapshot.by_name(), told)
    } else {
        (snapshot.names(), trouble.map(|_| AWAY))
    };
    let mut response = Json(services).into_response();
    let registry = registry.unwrap_or(HeaderValue::from_static("ok"));
    response.headers_mut().insert(REGISTRY, registry);
    response
}

/// Whether a caller may see addresses: with the private key where there is one, and otherwise from this machine.
fn is_operator(gateway: &Gateway, caller: &Caller, headers: &HeaderMap) -> bool {
    match gateway.signer() {
        Some(signer) => signer.check(headers, b"", SystemTime::now()).is_ok(),
        None => caller.is_on_this_machine(),
    }
}

/// The `{K}` of a path.
type Key = Result<Path<String>, PathRejection>;

/// A call that was let in.
struct Admitted {
    body: Bytes,
    /// The name in which the call was signed. `None`: it was not, and need not be.
    issuer: Option<String>,
}

impl Admitted {
    /// The refusal of a call that was signed in the name of another service than the one that it speaks for.
    fn refusal_for(&self, service: &str) -> Option<Response> {
        let issuer = self.issuer.as_deref().filter(|issuer| *issuer != service);
        let reason = "the call is signed in the name of another service";
        issuer.map(|_| refused(StatusCode::UNAUTHORIZED, reason))
    }
}

/// Reads the body of a call that has the right key and signature. Without them, the answer tells nothing.
async fn admitted(
    gateway: &Gateway,
    key: &Key,
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<Admitted, Response> {
    let config = gateway.config();
    // A key that is no text is wrong like any other.
    if !key.as_ref().is_ok_and(|Path(key)| *key == config.public_key) {
        discard(body).await;
        gateway.hears_a_wrong_key(key.as_ref().map_or("", |Path(key)| key));
        return Err(empty(StatusCode::NOT_FOUND));
    }
    let body = read(body, limit)
        .await
        .map_err(|problem| refused(problem.status(), &problem.to_string()))?;
    let unsigned = |body| Admitted { body, issuer: None };
    let Some(signer) = gateway.signer() else {
        return Ok(unsigned(body));
    };
    match signer.check(headers, &body, SystemTime::now()) {
        Ok(issuer) => Ok(Admitted {
            body,
            issuer: Some(issuer),
        }),
        Err(BadSignature::Missing) if config.allow_unsigned => Ok(unsigned(body)),
        Err(problem) => Err(refused(StatusCode::UNAUTHORIZED, &problem.to_string())),
    }
}
