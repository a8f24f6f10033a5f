//! All routes of the gateway: its own paths, and everything else, which the proxy passes on to services.

use axum::{
    Router,
    body::Body,
    extract::{FromRequestParts as _, State},
    response::Response,
    routing::{any, get, post},
};
use http::{Request, StatusCode};
use hydra_runtime_net::channel::{ACTION, REQUEST_FRAGMENT};
use hydra_runtime_wire::paths;

use crate::{
    Gateway,
    api::{self, PathKey, caller::CallOrigin},
    channel, login, proxy,
};

/// The routes. Requests of visitors and calls for fragments are observed; registrations and heartbeats are not.
pub(crate) fn router(gateway: Gateway) -> Router {
    Router::new()
        .route(paths::REGISTRATION, post(api::discovery::registration))
        .route(paths::ALIVE, post(api::discovery::alive))
        .route(paths::RESOLVE, post(fragments))
        .route(paths::OVERVIEW, get(api::discovery::overview))
        .route(paths::CONTRACTS, get(api::contracts::contracts))
        .route(paths::CHANNEL, get(channel::open))
        .route(paths::RELAY, channel::relay(REQUEST_FRAGMENT))
        .route(paths::RELAY_ACTION, channel::relay(ACTION))
        .route("/health", get(api::health))
        .route("/_h/services", get(api::services))
        .route("/.well-known/jwks.json", any(key_set))
        // The gateway's own paths are never passed on, whatever patterns services have.
        .route("/login", any(log_in))
        .route("/logout", any(log_out))
        .route(login::RETURN, any(openid_return))
        .route("/h", any(not_found))
        .route("/_h", any(not_found))
        .route("/h/{*rest}", any(not_found))
        .route("/_h/{*rest}", any(not_found))
        .fallback(forward)
        .with_state(gateway)
}

/// Answers a request of a visitor, which is observed, and whose response gets the headers of the settings.
async fn visitor<F: Future<Output = Response>>(
    gateway: &Gateway,
    request: Request<Body>,
    answer: impl FnOnce(Request<Body>) -> F,
) -> Response {
    let observed = |request| gateway.observer().visitor(request, answer);
    gateway.response_headers().around(request, observed).await
}

async fn forward(State(gateway): State<Gateway>, request: Request<Body>) -> Response {
    let passing = gateway.clone();
    visitor(&gateway, request, |request| proxy::forward(passing, request)).await
}

/// Fragments for the page of another process, whose request has its id and its trace there.
async fn fragments(State(gateway): State<Gateway>, request: Request<Body>) -> Response {
    let observer = gateway.observer().clone();
    let answer = async |request: Request<Body>| {
        let (mut parts, body) = request.into_parts();
        let key = PathKey::from_request_parts(&mut parts, &gateway).await;
        let from = CallOrigin::from_request_parts(&mut parts, &gateway).await;
        let (Ok(key), Ok(from)) = (key, from);
        api::fragments::request_fragment(State(gateway), key, from, parts, body).await
    };
    observer.call(request, answer).await
}

async fn key_set(State(gateway): State<Gateway>, request: Request<Body>) -> Response {
    if gateway.logins().is_none() {
        return forward(State(gateway), request).await;
    }
    let answer = async |request| {
        let keys = async |_, _| Ok(login::key_set(&gateway).unwrap_or_else(absent));
        proxy::within_limits(&gateway, request, keys).await
    };
    visitor(&gateway, request, answer).await
}

async fn log_in(State(gateway): State<Gateway>, request: Request<Body>) -> Response {
    let answer = async |request| {
        let page = async |request, place| {
            let page = login::login(&gateway, request, place).await?;
            Ok(page.unwrap_or_else(absent))
        };
        proxy::within_limits(&gateway, request, page).await
    };
    visitor(&gateway, request, answer).await
}

async fn openid_return(State(gateway): State<Gateway>, request: Request<Body>) -> Response {
    let answer = async |request| {
        let page = async |request, place| {
            // The provider may take its time.
            drop(place);
            let page = login::openid_return(&gateway, request).await;
            Ok(page.unwrap_or_else(absent))
        };
        proxy::within_limits(&gateway, request, page).await
    };
    visitor(&gateway, request, answer).await
}

async fn log_out(State(gateway): State<Gateway>, request: Request<Body>) -> Response {
    let answer = async |request| {
        let page = async |request, _place| {
            let page = login::logout(&gateway, request).await;
            Ok(page.unwrap_or_else(absent))
        };
        proxy::within_limits(&gateway, request, page).await
    };
    visitor(&gateway, request, answer).await
}

fn absent() -> Response {
    api::responses::empty(StatusCode::NOT_FOUND)
}

async fn not_found(State(gateway): State<Gateway>, request: Request<Body>) -> Response {
    gateway
        .response_headers()
        .around(request, |_| std::future::ready(absent()))
        .await
}
