//! A visitor stays with the instance that knows the visitor.

mod choosing;
mod cookie;
mod deploys;
mod failures;
mod keys;
mod raw;
mod seen;
mod staying;
mod waiting;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::{Router, body::Body, extract::State, response::IntoResponse, routing::any};
use http::{
    HeaderName, HeaderValue, Request, StatusCode,
    header::{CACHE_CONTROL, CONNECTION, COOKIE, SET_COOKIE, UPGRADE},
};
use hydra_runtime_gateway::{Gateway, GatewayConfig, Secret, SteeringRequest};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

use crate::support::{self, Answer, Running, get, post_text, register, said, send, service, until};

fn config(redis: Option<&str>) -> GatewayConfig {
    GatewayConfig {
        public_key: "K".into(),
        private_key: Some(Secret::new("the private key of the tests".into())),
        allow_unsigned: true,
        redis: redis.map(|url| Secret::new(url.to_owned())),
        ..GatewayConfig::default()
    }
}

/// A gateway, and its port, to which `shop` sends heartbeats.
async fn start(config: GatewayConfig) -> (Gateway, Running) {
    let (gateway, running) = support::start(config).await;
    support::send_heartbeats(running.address, &["shop"]);
    (gateway, running)
}

/// What the tests do with an instance.
#[derive(Default)]
struct Switches {
    /// It answers 503.
    is_ill: AtomicBool,
    /// Lets one request for `/wait` go on.
    go_on: Notify,
    /// A request for `/wait` has come.
    waits: Notify,
}

/// One instance, which answers its name everywhere.
struct Instance {
    running: Running,
    said: Value,
    switches: Arc<Switches>,
}

/// Switches to a connection that says the name, and ends.
fn socket(name: &'static str, request: Request<Body>) -> axum::response::Response {
    let upgrade = hyper::upgrade::on(request);
    tokio::spawn(async move {
        let stream = upgrade.await.expect("the gateway switches");
        let mut stream = TokioIo::new(stream);
        stream.write_all(name.as_bytes()).await.expect("sent");
        stream.shutdown().await.expect("ended");
    });
    let headers = [(CONNECTION, "upgrade"), (UPGRADE, "websocket")];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

async fn answer(
    name: &'static str,
    switches: Arc<Switches>,
    request: Request<Body>,
) -> axum::response::Response {
    let cookies = request.headers().get(COOKIE).cloned();
    let cookies = cookies.unwrap_or(HeaderValue::from_static(""));
    let path = request.uri().path().to_owned();
    if request.headers().contains_key(UPGRADE) {
        return socket(name, request);
    }
    if path == "/wait" {
        switches.waits.notify_one();
        switches.go_on.notified().await;
    }
    match (switches.is_ill.load(SeqCst), &*path) {
        (true, _) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        (_, "/cookies") => cookies.to_str().unwrap_or_default().to_owned().into_response(),
        (_, "/public") => ([(CACHE_CONTROL, "public, max-age=60")], name).into_response(),
        (_, "/edge") => (
            [(CACHE_CONTROL, "no-store"), (CDN_CACHE_CONTROL, "max-age=60")],
            name,
        )
            .into_response(),
        (_, "/go") => (StatusCode::SEE_OTHER, [("location", "/")], name).into_response(),
        (_, "/closed") => (StatusCode::UNAUTHORIZED, name).into_response(),
        (_, "/same") => StatusCode::NOT_MODIFIED.into_response(),
        _ => name.into_response(),
    }
}

const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");
const ENDPOINTS: [&str; 9] = [
    "/", "/cookies", "/public", "/edge", "/go", "/closed", "/same", "/wait", "/once",
];

/// What an instance of `shop` says of itself.
fn words(running: &Running, more: &Value) -> Value {
    let mut body = said(
        "shop",
        running,
        json!({"protocol":2,"affinity":"visitor","versionName":"1","endpoints":ENDPOINTS,"staticResources":["app.css"]}),
    );
    for (member, value) in more.as_object().expect("an object") {
        body[member] = value.clone();
    }
    body
}

async fn instance(gateway: &Running, name: &'static str, more: Value) -> Instance {
    let switches = Arc::new(Switches::default());
    let of_request = async move |State(switches): State<Arc<Switches>>, request: Request<Body>| {
        answer(name, switches, request).await
    };
    let router = Router::new()
        .fallback(any(of_request))
        .with_state(Arc::clone(&switches));
    let running = service(router).await;
    let said = words(&running, &more);
    register(gateway, &said).await;
    Instance {
        running,
        said,
        switches,
    }
}

async fn still_alive(gateway: &Running) {
    post_text(&gateway.url("/h/discovery/K/alive"), "text/plain", "shop").await;
}

/// How many active instances a gateway knows.
fn known(gateway: &Gateway) -> usize {
    let states = gateway.steering_state();
    let versions = states.iter().flat_map(|state| &state.versions);
    versions.map(|version| version.instances.len()).sum()
}

/// Waits until each gateway knows so many instances.
async fn until_known(gateways: &[(&Gateway, &Running)], count: usize) {
    until("all gateways know all instances", async || {
        still_alive(gateways[0].1).await;
        gateways.iter().all(|(gateway, _)| known(gateway) == count)
    })
    .await;
}

async fn visit(gateway: &Running, path: &str, cookie: &str) -> Answer {
    visit_url(gateway.url(path), cookie.to_owned()).await
}

/// The same for a task of its own.
async fn visit_url(url: String, cookie: String) -> Answer {
    let mut request = Request::get(url);
    if !cookie.is_empty() {
        request = request.header(COOKIE, cookie);
    }
    send(request.body(Body::empty()).expect("a request")).await
}

/// Opens a WebSocket without a library, and returns the head of the answer and what the instance says.
async fn open_socket(gateway: &Running, path: &str, cookie: &str) -> (String, String) {
    let mut stream = TcpStream::connect(gateway.address).await.expect("a connection");
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: upgrade\r\nupgrade: websocket\r\ncookie: {cookie}\r\n\r\n",
        gateway.address
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("an answer");
    let (head, name) = text.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    (head.to_owned(), name.to_owned())
}

/// The cookie that an answer sets, `name=value`.
fn pin(answer: &Answer) -> Option<String> {
    let mut all = answer
        .headers
        .get_all(SET_COOKIE)
        .iter()
        .filter_map(|set| set.to_str().ok());
    let set = all.find(|set| set.starts_with("HYDRA-AT-"))?;
    set.split(';').next().map(str::to_owned)
}

/// A visitor: a cookie, and the name of the instance.
type Known = (String, String);

/// So many visitors after their first two visits: only those count that come back.
async fn visitors(gateway: &Running, count: usize) -> Vec<Known> {
    let mut known = Vec::new();
    for _ in 0..count {
        let first = get(&gateway.url("/")).await;
        let cookie = pin(&first).expect("a pin");
        let again = visit(gateway, "/", &cookie).await;
        assert_eq!((again.text(), pin(&again)), (first.text(), None));
        known.push((cookie, first.text().to_owned()));
    }
    known
}

/// How many requests of these visitors are answered by another instance than before, by turns at these gateways, of as many
/// requests as there are visitors and paths. Meanwhile, others load the instances.
async fn moved(gateways: &[&Running], known: &[Known], paths: &[&str]) -> usize {
    let mut moved = 0;
    for (turn, (cookie, name)) in known.iter().enumerate() {
        let gateway = gateways[turn % gateways.len()];
        let own = async {
            let mut elsewhere = 0;
            for path in paths {
                let found = match *path {
                    "/shop/socket" => open_socket(gateway, path, cookie).await.1,
                    path => visit(gateway, path, cookie).await.text().to_owned(),
                };
                elsewhere += usize::from(found != *name);
            }
            elsewhere
        };
        let others = async {
            for _ in 0..2 {
                get(&gateway.url("/")).await;
            }
        };
        moved += tokio::join!(own, others).0;
    }
    still_alive(gateways[0]).await;
    moved
}

/// Drains an instance, or ends that.
async fn drain(gateway: &Gateway, target: &str, after_seconds: Option<u64>) {
    let request = SteeringRequest::Drain {
        target: target.to_owned(),
        after_seconds,
    };
    gateway.steer(request).await.expect("drained");
}

async fn weights(gateway: &Gateway, list: &[(&str, u32)]) {
    let weights = list
        .iter()
        .map(|(name, weight)| ((*name).to_owned(), *weight))
        .collect();
    let service = "shop".to_owned();
    let request = SteeringRequest::Weights { service, weights };
    gateway.steer(request).await.expect("changed");
}
