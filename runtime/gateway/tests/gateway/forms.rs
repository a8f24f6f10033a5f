//! Forms in fragments (protocol section 9): between a page's service and an owner that record what they get.

mod bad_input;
mod done;
mod failures;
mod invalid;
mod login;
mod of_page;
mod plain;
mod sessions;
mod signed;
mod without_port;

use std::sync::{Arc, Mutex};

use axum::{
    Json, Router,
    body::Body,
    extract::Request as Asked,
    response::{IntoResponse, Response},
    routing::any,
};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use hydra_runtime_gateway::GatewayConfig;
use hydra_runtime_wire::forms::{
    AnsweredFragment, imports_hash, marker_comment, seal_of, session::OwnerSession,
};
use serde_json::{Value, json};

use crate::support::{Answer, Running, gateway_with, register, said, send, send_heartbeats, service};

/// What a visitor types. The page's service must never see it.
const TYPED: &str = "canary-4242";

/// The end of the page, with the form of another fragment.
const FOOTER: &str = "<form action=\"?hydra-form=a.b\"></form>";

/// A request that a service got.
#[derive(Clone, Debug)]
struct Seen {
    method: Method,
    uri: String,
    headers: HeaderMap,
    body: String,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }
}

type Record = Arc<Mutex<Vec<Seen>>>;

/// A gateway with the service `shop`, which has the page `/pay`, and the service `orders`, which owns its fragment.
struct Site {
    gateway: Running,
    page: Record,
    owner: Record,
    _services: [Running; 2],
}

impl Site {
    /// The owner answers every form with this status and body.
    async fn new(status: u16, answer: Value) -> Self {
        Self::with(config(), move || answer_of(status, &answer)).await
    }

    async fn with(
        config: GatewayConfig,
        answer: impl Fn() -> Response + Clone + Send + Sync + 'static,
    ) -> Self {
        Self::with_contract(config, answer, json!({})).await
    }

    /// The contract of the owner has these members, too.
    async fn with_contract(
        config: GatewayConfig,
        answer: impl Fn() -> Response + Clone + Send + Sync + 'static,
        more: Value,
    ) -> Self {
        let gateway = gateway_with(config).await;
        let (page, owner) = (Record::default(), Record::default());
        let (of_page, of_owner) = (page.clone(), owner.clone());
        let pages = async move |request: Asked| {
            let seen = record(&of_page, request).await;
            the_page(&seen)
        };
        let owners = async move |request: Asked| {
            record(&of_owner, request).await;
            answer()
        };
        let services = [
            service(Router::new().fallback(any(pages))).await,
            service(Router::new().fallback(any(owners))).await,
        ];
        let [shop, orders] = &services;
        register(
            &gateway,
            &said(
                "shop",
                shop,
                protocol_2(json!(["/pay", "/no-place", "/gone", "/private"])),
            ),
        )
        .await;
        let mut of_owner = protocol_2(json!([]));
        for (name, value) in more.as_object().into_iter().flatten() {
            of_owner["contract"][name] = value.clone();
        }
        register(&gateway, &said("orders", orders, of_owner)).await;
        send_heartbeats(gateway.address, &["shop", "orders"]);
        Self {
            gateway,
            page,
            owner,
            _services: services,
        }
    }

    /// A form that is sent to this path and query, with these headers.
    async fn post(&self, target: &str, headers: &[(&'static str, &str)]) -> Answer {
        self.post_body(target, headers, format!("card={TYPED}")).await
    }

    async fn post_body(
        &self,
        target: &str,
        headers: &[(&'static str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::post(self.gateway.url(target)).header("accept", "text/html");
        if headers.iter().all(|(name, _)| *name != "content-type") {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        send(request.body(body.into()).expect("a request")).await
    }

    fn seen_by_page(&self) -> Vec<Seen> {
        self.page.lock().expect("not poisoned").clone()
    }

    fn seen_by_owner(&self) -> Vec<Seen> {
        self.owner.lock().expect("not poisoned").clone()
    }

    /// The address of the gateway, as pages of this site write it.
    fn origin(&self) -> String {
        format!("http://{}", self.gateway.address)
    }
}

fn config() -> GatewayConfig {
    GatewayConfig {
        public_key: "K".into(),
        ..GatewayConfig::default()
    }
}

fn protocol_2(endpoints: Value) -> Value {
    json!({
        "protocol": 2, "instance": uuid::Uuid::new_v4(), "endpoints": endpoints,
        "contract": {"service": "x", "fragments": {"checkout": {"actions": {"place": {}}}}},
    })
}

fn answer_of(status: u16, answer: &Value) -> Response {
    (
        StatusCode::from_u16(status).expect("a status"),
        Json(answer.clone()),
    )
        .into_response()
}

/// The address of a form on the page `/pay`.
fn target() -> String {
    format!("/pay?hydra-form={}", seal_of("orders", b"sealed"))
}

/// The answer of an owner that can't use what was typed.
fn invalid() -> Value {
    json!({
        "outcome": "invalid", "ref": "checkout", "action": "place", "imports": imports_hash(&Default::default()),
        "renderedHTML": format!("<form action=\"?hydra-form={}\"><b>{TYPED} is wrong</b></form>", seal_of("orders", b"again")),
        "exports": {"zip": "1000"},
    })
}

async fn record(record: &Record, request: Asked) -> Seen {
    let (head, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(|body| body.to_bytes())
        .unwrap_or_default();
    let seen = Seen {
        method: head.method,
        uri: head.uri.to_string(),
        headers: head.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    record.lock().expect("not poisoned").push(seen.clone());
    seen
}

/// The page `/pay`, in two pieces, which has another form in its footer, and others that have no place for the fragment.
fn the_page(seen: &Seen) -> Response {
    let path = seen.uri.split('?').next().unwrap_or_default();
    if path == "/gone" {
        return StatusCode::GONE.into_response();
    }
    if path == "/private" {
        let challenge = seen.header("x-challenge").map(str::to_owned);
        let challenge = challenge.map(|challenge| [("www-authenticate", challenge)]);
        let cookie = [("set-cookie", "own=1")];
        return (StatusCode::UNAUTHORIZED, challenge, cookie).into_response();
    }
    if let Some(asked) = seen
        .headers
        .get("hydra-session")
        .and_then(OwnerSession::from_header)
        && path == "/pay"
    {
        return the_session(&asked);
    }
    let answered = seen
        .headers
        .get("hydra-form")
        .and_then(AnsweredFragment::from_header);
    let answered = answered.filter(|_| path == "/pay");
    let place = answered
        .as_ref()
        .map_or("the form".to_owned(), |answered| marker_comment(&answered.marker));
    let page = format!("<body><h1>Pay</h1>{place}{FOOTER}</body>");
    let (first, rest) = page.split_at(page.len() / 2);
    let pieces = [first, rest].map(|piece| Ok::<_, std::io::Error>(piece.to_owned()));
    let mut response = Response::new(Body::from_stream(futures_util::stream::iter(pieces)));
    let headers = response.headers_mut();
    headers.insert(
        "content-type",
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    let is_secret = seen.uri.contains("secret");
    let caching = if is_secret {
        "private, no-store"
    } else {
        "max-age=60"
    };
    headers.insert("cache-control", HeaderValue::from_static(caching));
    headers.insert("etag", HeaderValue::from_static("\"1\""));
    if !seen.uri.contains("quiet") {
        headers.insert("set-cookie", HeaderValue::from_static("own=1"));
    }
    if answered.is_some() {
        headers.insert("hydra-form", HeaderValue::from_static("placed"));
    }
    response
}

/// The session of a visitor, which is always the same, and the cookie of a visitor who has got one.
fn the_session(asked: &OwnerSession) -> Response {
    let is_asked = asked.session.is_none();
    let answer = OwnerSession {
        service: asked.service.clone(),
        session: is_asked.then(|| json!({"sealed": "kept"})),
    };
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert("hydra-session", answer.to_header().expect("short"));
    if !is_asked {
        headers.insert(
            "set-cookie",
            HeaderValue::from_static("HYDRA-SESSION=begun; Path=/"),
        );
    }
    response
}
