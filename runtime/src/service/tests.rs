//! The registration and the fragments of an application, against gateways that the tests control.

mod channel;
mod fragments;
mod gateways;
mod overview;
mod protocol_1;
mod registration;

use std::{
    net::SocketAddr,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use axum::{
    Json, Router,
    extract::{Query, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::BoxStream};
use hydra_runtime_net::channel::{ChannelRequest, Refusal, RefusalKind};
use hydra_runtime_net::fragment_source::{Caller, FragmentSource as _};
use hydra_runtime_wire::{
    FragmentRequest, FragmentsRequest, OrderedMap, Outcome, OverviewQuery, ResolvedFragments,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc,
};

use super::*;
use crate::{log_of_tests::Log, settings::Partial};

/// A gateway that tells the test about each call, and forgets whom the test tells it to.
struct FakeGateway {
    calls: mpsc::UnboundedSender<(&'static str, Value)>,
    forget: AtomicBool,
    /// Whether it says that it does not reach the registry.
    is_cut_off: AtomicBool,
    fragments: Mutex<String>,
}

type Shared = State<Arc<FakeGateway>>;

async fn registration(State(gateway): Shared, Json(body): Json<Value>) -> Response {
    gateway.calls.send(("registration", body)).unwrap();
    let answer = json!({"protocol": 2, "publicKey": "", "services": [], "roleMappings": {}, "leftOut": [{"path": "/h/x", "reason": "reserved"}]});
    (gateway.registry(), Json(answer)).into_response()
}

impl FakeGateway {
    fn registry(&self) -> [(&'static str, &'static str); 1] {
        let is_cut_off = self.is_cut_off.load(Ordering::SeqCst);
        [("hydra-registry", if is_cut_off { "away" } else { "ok" })]
    }
}

async fn alive(State(gateway): Shared, Json(body): Json<Value>) -> Response {
    gateway.calls.send(("alive", body)).unwrap();
    if gateway.forget.swap(false, Ordering::SeqCst) {
        return StatusCode::NOT_FOUND.into_response();
    }
    (gateway.registry(), Json(true)).into_response()
}

async fn fragments(State(gateway): Shared, Json(body): Json<Value>) -> String {
    gateway.calls.send(("requestFragment", body)).unwrap();
    gateway.fragments.lock().unwrap().clone()
}

struct Test {
    gateway: Arc<FakeGateway>,
    calls: mpsc::UnboundedReceiver<(&'static str, Value)>,
    address: SocketAddr,
    server: tokio::task::JoinHandle<()>,
}

async fn gateway(listener: TcpListener) -> Test {
    let (sender, calls) = mpsc::unbounded_channel();
    let gateway = Arc::new(FakeGateway {
        calls: sender,
        forget: AtomicBool::new(false),
        is_cut_off: AtomicBool::new(false),
        fragments: Mutex::default(),
    });
    let router = Router::new()
        .route("/h/discovery/hydra/registration", post(registration))
        .route("/h/discovery/hydra/alive", post(alive))
        .route("/h/discovery/hydra/requestFragment", post(fragments))
        .with_state(gateway.clone());
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    Test {
        gateway,
        calls,
        address,
        server,
    }
}

/// Answers no calls.
struct NoCalls;

impl Handler for NoCalls {
    fn answer(&self, _: ChannelRequest) -> BoxFuture<'_, Result<bytes::Bytes, Refusal>> {
        let refusal = Refusal::new(RefusalKind::Invalid, "no route is answered here");
        std::future::ready(Err(refusal)).boxed()
    }

    fn follow(&self, _: ChannelRequest) -> BoxStream<'static, Result<bytes::Bytes, Refusal>> {
        futures_util::stream::empty().boxed()
    }

    fn told(&self, _: ChannelRequest) -> BoxFuture<'_, ()> {
        std::future::ready(()).boxed()
    }
}

async fn free() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

fn service(gateway: SocketAddr) -> Registration {
    service_with(gateway, PublishedOverview::new("shop", Vec::new(), []))
}

fn service_with(gateway: SocketAddr, overview: PublishedOverview) -> Registration {
    let partial = Partial::default()
        .gateway(format!("http://{gateway}"))
        .channel("false");
    let settings = Settings::load("shop", &partial, None).unwrap();
    let mut offer = Offer::default();
    for path in ["/", "/detail/{id}", "/files/{*path}", "/"] {
        offer.endpoint(path);
    }
    let client = Arc::new(Client::new(settings.gateways.clone()).unwrap());
    let mut service = Registration::new(
        client,
        offer,
        &settings,
        overview,
        GivenKeys::default(),
        Arc::new(NoCalls),
    );
    service.intervals = Intervals {
        retry: Duration::from_millis(20),
        alive: Duration::from_millis(30),
        overview: Duration::from_millis(10),
        cut_off: Duration::from_millis(100),
    };
    service
}

fn start(service: Registration) -> (watch::Sender<bool>, tokio::task::JoinHandle<()>) {
    start_at(service, 9_000)
}

/// Runs an application that says that it listens on this port.
fn start_at(service: Registration, port: u16) -> (watch::Sender<bool>, tokio::task::JoinHandle<()>) {
    let (stop, stopped) = watch::channel(false);
    let bound = SocketAddr::from(([127, 0, 0, 1], port));
    (stop, tokio::spawn(service.run(bound, stopped)))
}

/// A gateway that answers every call with `answer`, raw, and closes the connection. It counts the calls.
async fn raw_gateway(answer: &'static str) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = free().await;
    let (address, calls) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let counted = calls.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut read = [0; 4096];
            if stream.read(&mut read).await.unwrap_or_default() > 0 {
                counted.fetch_add(1, Ordering::SeqCst);
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        }
    });
    (address, calls)
}

const OVERLOADED: &str =
    "HTTP/1.1 503 Registration Unavailable\r\nconnection: close\r\ncontent-length: 4\r\n\r\nfull";
const BROKEN: &str = "HTTP/1.1 500 Internal Server Error\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// Waits until a gateway hears that the application is alive.
async fn alive_at(test: &mut Test) {
    while test.calls.recv().await.unwrap().0 != "alive" {}
}

fn client<const N: usize>(addresses: [SocketAddr; N]) -> Arc<Client> {
    let urls = addresses.map(|address| format!("http://{address}").parse().unwrap());
    Arc::new(Client::new(urls.into()).unwrap())
}
