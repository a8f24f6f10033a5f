//! What stands in front of the gateway: pages get a script that shows problems and loads them again, and requests wait for services that
//! are being started.

mod document;
mod events;
mod policy;
mod waiting;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, HOST},
    uri::Authority,
};
use hydra_runtime_gateway::is_reserved;
use hydra_runtime_net::admin;
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

use super::board::Board;

/// The path of the script. No service can have it.
const SCRIPT_PATH: &str = "/_h/dev.js";
/// The path of the events that the script listens to.
const EVENTS_PATH: &str = "/_h/dev/events";
const SCRIPT: &str = include_str!("front/script.js");
/// How long a request waits for services that are being started.
const PATIENCE: Duration = Duration::from_secs(20);
/// The most browsers that listen at a time.
const MAX_LISTENERS: usize = 200;

/// What all threads share.
#[derive(Clone, Debug)]
pub(super) struct Front {
    board: Board,
    listeners: Arc<Semaphore>,
}

/// The front, and what stands behind it on one thread.
#[derive(Clone)]
struct Worker {
    front: Front,
    inner: Router,
}

impl Front {
    pub(super) fn new(board: Board) -> Self {
        let listeners = Arc::new(Semaphore::new(MAX_LISTENERS));
        Self { board, listeners }
    }

    /// The router `inner` behind this front.
    pub(super) fn around(&self, inner: Router) -> Router {
        let front = self.clone();
        Router::new().fallback(answer).with_state(Worker { front, inner })
    }
}

async fn answer(State(Worker { front, inner }): State<Worker>, request: Request) -> Response {
    let pass_on = async |request| inner.oneshot(request).await.into_response();
    match request.uri().path() {
        SCRIPT_PATH => script(),
        EVENTS_PATH if is_own_page(&request) => events::events(&front.board, &front.listeners),
        EVENTS_PATH => (
            StatusCode::FORBIDDEN,
            "Only pages of this site get these events.\n",
        )
            .into_response(),
        // What services and operators ask never waits.
        path if is_reserved(path) => pass_on(request).await,
        _ => {
            let shown = front.board.settled(PATIENCE).await;
            match document::Document::of(&request) {
                Some(document) => {
                    let response = pass_on(document::plain(request)).await;
                    document.with_script(response, &shown)
                }
                None => waiting::or(pass_on(request).await, &shown),
            }
        }
    }
}

fn script() -> Response {
    let headers = [
        (CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, SCRIPT).into_response()
}

/// Whether a browser asks for a page of this site, by an address or a name of this machine: reports have parts of the sources in them.
fn is_own_page(request: &Request<Body>) -> bool {
    let site = request.headers().get("sec-fetch-site").map(HeaderValue::as_bytes);
    let is_own_site = site.is_none_or(|site| matches!(site, b"same-origin" | b"none"));
    let host = request
        .uri()
        .authority()
        .map(Authority::as_str)
        .or_else(|| host(request.headers()));
    is_own_site && host.is_some_and(|host| admin::is_allowed(host, &[]))
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(HOST)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_site_hear_of_problems() {
        for (host, site, is_own) in [
            ("127.0.0.1:8081", Some("same-origin"), true),
            ("localhost:8081", None, true),
            ("shop.localhost:8081", Some("none"), true),
            ("127.0.0.1:8081", Some("cross-site"), false),
            ("127.0.0.1:8081", Some("same-site"), false),
            ("attacker.example", Some("same-origin"), false),
            ("", None, false),
        ] {
            let mut request = Request::get(EVENTS_PATH).header(HOST, host);
            if let Some(site) = site {
                request = request.header("sec-fetch-site", site);
            }
            let request = request.body(Body::empty()).expect("a request");
            assert_eq!(is_own_page(&request), is_own, "{host} {site:?}");
        }
    }
}
