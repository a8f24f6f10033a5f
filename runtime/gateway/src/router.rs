//! All routes of the gateway: its own paths, and everything else, which the proxy passes on to services.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{FromRequestParts as _, State},
    response::Response,
    routing::{any, get, post},
};
use futures_util::future::BoxFuture;
use http::{Method, Request, StatusCode};
use hydra_runtime_net::{
    boxed,
    channel::{ACTION, REQUEST_FRAGMENT},
    server::Routes,
};
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

/// The routes, with a short way for requests that are passed on: almost all. The router takes 7 % of the instructions of such a
/// request.
pub(crate) fn routes(gateway: Gateway) -> Routes {
    let routes = Routes::new(router(gateway.clone()));
    let pass_on = move |request| -> BoxFuture<'static, Response> {
        let gateway = State(gateway.clone());
        boxed::in_place(|| forward(gateway, request))
    };
    // The router removes the bodies of responses to HEAD.
    let takes =
        |request: &Request<Body>| *request.method() != Method::HEAD && !may_be_own(request.uri().path());
    routes.with_shortcut(takes, Arc::new(pass_on))
}

/// Whether the router may have more for a path than [`forward`].
fn may_be_own(path: &str) -> bool {
    ["/h", "/_h", "/login", "/logout", "/.well-known/"]
        .iter()
        .any(|own| path.starts_with(own))
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
    visitor(&gateway, request, |request| proxy::forward(&gateway, request)).await
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortcut_leaves_the_gateways_own_paths_to_the_router() {
        for path in [
            paths::REGISTRATION,
            paths::ALIVE,
            paths::RESOLVE,
            paths::OVERVIEW,
            paths::CONTRACTS,
            paths::CHANNEL,
            paths::RELAY,
            paths::RELAY_ACTION,
            login::RETURN,
            "/health",
            "/_h/services",
            "/.well-known/jwks.json",
            "/login",
            "/logout",
            "/h",
            "/_h",
            "/h/x",
            "/_h/x",
        ] {
            assert!(may_be_own(path), "{path}");
        }
        for path in ["", "*", "/", "/detail", "/shop/h/x", "/well-known"] {
            assert!(!may_be_own(path), "{path}");
        }
    }
}
