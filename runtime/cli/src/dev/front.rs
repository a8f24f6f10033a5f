//! What stands in front of the gateway: pages get a script that shows problems and loads them again, and requests wait for services that
//! are being started.

mod document;
mod events;
mod policy;
mod waiting;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, HttpBody as _},
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

use super::board::{Board, Shown};

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

    /// Gives a request on while no service is between two programs. Returns the response, and the state that it belongs to.
    ///
    /// A program may end between this look and the moment at which the gateway needs it. A safe request (RFC 9110 section 9.2.1)
    /// without a body is then given to the next program; another one gets the response, with the state that explains it.
    async fn ask(&self, inner: Router, request: Request) -> (Response, Shown) {
        let mut shown = self.board.settled(PATIENCE).await;
        // Whether the application answered, or the gateway without it, can't be seen: so what changes something is not repeated.
        let can_be_repeated = request.method().is_safe() && request.body().is_end_stream();
        let (parts, body) = request.into_parts();
        let again = can_be_repeated.then(|| Request::from_parts(parts.clone(), Body::empty()));
        let mut response = pass_on(&inner, Request::from_parts(parts, body)).await;
        if waiting::is_away(&response) && self.board.has_moved_since(&shown) {
            shown = self.board.settled(PATIENCE).await;
            if let Some(again) = again {
                response = pass_on(&inner, again).await;
            }
        }
        (response, shown)
    }
}

async fn pass_on(inner: &Router, request: Request) -> Response {
    inner.clone().oneshot(request).await.into_response()
}

async fn answer(State(Worker { front, inner }): State<Worker>, request: Request) -> Response {
    match request.uri().path() {
        SCRIPT_PATH => script(),
        EVENTS_PATH if is_own_page(&request) => events::events(&front.board, &front.listeners),
        EVENTS_PATH => (
            StatusCode::FORBIDDEN,
            "Only pages of this site get these events.\n",
        )
            .into_response(),
        // What services and operators ask never waits.
        path if is_reserved(path) => inner.oneshot(request).await.into_response(),
        _ => match document::Document::of(&request) {
            Some(document) => {
                let (response, shown) = front.ask(inner, document::plain(request)).await;
                document.with_script(response, &shown)
            }
            None => {
                let (response, shown) = front.ask(inner, request).await;
                waiting::or(response, &shown)
            }
        },
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
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;

    /// What answers a request whose program ends while it is asked for the first time, and how often it was asked.
    async fn answer_of_a_restart(request: Request) -> (StatusCode, usize) {
        let board = Board::new(["shop"]);
        board.renewed("shop");
        let asked = Arc::new(AtomicUsize::new(0));
        let inner = Router::new().fallback({
            let (board, asked) = (board.clone(), asked.clone());
            async move || match asked.fetch_add(1, SeqCst) {
                0 => {
                    board.starting("shop");
                    let board = board.clone();
                    tokio::spawn(async move { board.renewed("shop") });
                    StatusCode::BAD_GATEWAY
                }
                _ => StatusCode::OK,
            }
        });
        let front = Front::new(board).around(inner);
        let response = front.oneshot(request).await.into_response();
        (response.status(), asked.load(SeqCst))
    }

    #[tokio::test]
    async fn a_request_that_meets_the_end_of_a_program_is_given_to_the_next_one() {
        let request = |method, body: &'static str| {
            let request = Request::builder().method(method).uri("/");
            request.body(Body::from(body)).expect("a request")
        };
        for (method, body, expected) in [
            ("GET", "", (StatusCode::OK, 2)),
            ("HEAD", "", (StatusCode::OK, 2)),
            // It may have been done.
            ("DELETE", "", (StatusCode::BAD_GATEWAY, 1)),
            ("POST", "", (StatusCode::BAD_GATEWAY, 1)),
            ("PUT", "text", (StatusCode::BAD_GATEWAY, 1)),
        ] {
            let answer = answer_of_a_restart(request(method, body)).await;
            assert_eq!(answer, expected, "{method} {body:?}");
        }
    }

    #[tokio::test]
    async fn a_response_without_a_restart_counts_at_once() {
        for status in [StatusCode::NOT_FOUND, StatusCode::BAD_GATEWAY] {
            let board = Board::new(["shop"]);
            board.renewed("shop");
            let front = Front::new(board).around(Router::new().fallback(async move || status));
            let response = front.oneshot(Request::new(Body::empty())).await.into_response();
            assert_eq!(response.status(), status);
        }
    }

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
