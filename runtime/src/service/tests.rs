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
use futures_util::StreamExt as _;
use hydra_runtime_net::source::{Caller, FragmentSource as _};
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
use crate::settings::Partial;

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
    let answer = json!({"publicKey": "", "services": [], "roleMappings": {}, "leftOut": [{"path": "/h/x", "reason": "reserved"}]});
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

async fn free() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

fn service(gateway: SocketAddr) -> Registration {
    service_with(gateway, PublishedOverview::new("shop", Vec::new(), []))
}

fn service_with(gateway: SocketAddr, overview: PublishedOverview) -> Registration {
    let partial = Partial::default().gateway(format!("http://{gateway}"));
    let settings = Settings::load("shop", &partial, None).unwrap();
    let mut offer = Offer::default();
    for path in ["/", "/detail/{id}", "/files/{*path}", "/"] {
        offer.endpoint(path);
    }
    let client = Arc::new(Client::new(settings.gateways.clone()).unwrap());
    let mut service = Registration::new(client, offer, &settings, overview);
    service.intervals = Intervals {
        retry: Duration::from_millis(20),
        alive: Duration::from_millis(30),
        overview: Duration::from_millis(10),
        cut_off: Duration::from_millis(100),
    };
    service
}

fn start(service: Registration) -> (watch::Sender<bool>, tokio::task::JoinHandle<()>) {
    let (stop, stopped) = watch::channel(false);
    (
        stop,
        tokio::spawn(service.run(SocketAddr::from(([127, 0, 0, 1], 9000)), stopped)),
    )
}

#[tokio::test]
async fn it_registers_says_that_it_is_alive_and_registers_again_when_forgotten() {
    let mut test = gateway(free().await).await;
    let (stop, task) = start(service(test.address));
    let (call, body) = test.calls.recv().await.unwrap();
    assert_eq!(call, "registration");
    assert_eq!(body["name"], "shop");
    assert_eq!(body["webProtocol"], "http");
    assert_eq!(
        (&body["host"], &body["port"]),
        (&json!("127.0.0.1"), &json!(9000))
    );
    assert_eq!(body["protocol"], 2);
    assert_eq!(body["endpoints"], json!(["/", "/detail/{id}", "/files/**"]));
    for _ in 0..2 {
        let (call, alive) = test.calls.recv().await.unwrap();
        assert_eq!(call, "alive");
        assert_eq!(alive, json!({"name": "shop", "instance": body["instance"]}));
    }
    test.gateway.forget.store(true, Ordering::SeqCst);
    assert_eq!(test.calls.recv().await.unwrap().0, "alive");
    assert_eq!(test.calls.recv().await.unwrap().0, "registration");
    stop.send(true).unwrap();
    task.await.unwrap();
}

#[tokio::test]
async fn it_tries_until_the_gateway_is_there() {
    let listener = free().await;
    let (_stop, _task) = start(service(listener.local_addr().unwrap()));
    for _ in 0..3 {
        // It hangs up without an answer: this gateway is not well.
        drop(listener.accept().await.unwrap());
    }
    let mut test = gateway(listener).await;
    assert_eq!(test.calls.recv().await.unwrap().0, "registration");
}

#[tokio::test]
async fn it_tries_every_second_and_says_every_three_that_it_is_alive() {
    let listener = free().await;
    let mut service = service(listener.local_addr().unwrap());
    service.intervals = INTERVALS;
    let (_stop, _task) = start(service);
    let mut tries = Vec::new();
    for _ in 0..2 {
        drop(listener.accept().await.unwrap());
        tries.push(Instant::now());
    }
    let between = tries[1] - tries[0];
    assert!(
        (Duration::from_millis(900)..Duration::from_secs(2)).contains(&between),
        "{between:?}"
    );
    let mut test = gateway(listener).await;
    assert_eq!(test.calls.recv().await.unwrap().0, "registration");
    let registered = Instant::now();
    for times in 1..=2 {
        assert_eq!(test.calls.recv().await.unwrap().0, "alive");
        let since = registered.elapsed();
        let due = Duration::from_secs(3) * times;
        assert!(since + Duration::from_millis(100) > due, "{since:?}");
        // A gateway waits for 5 s.
        assert!(since < due + Duration::from_millis(1_900), "{since:?}");
    }
}

fn batch() -> FragmentsRequest {
    let request = FragmentRequest {
        id: "a1".to_owned(),
        service: "orders".to_owned(),
        reference: "checkout".to_owned(),
        ..FragmentRequest::default()
    };
    FragmentsRequest {
        requests: OrderedMap(vec![("orders".to_owned(), vec![request])]),
        ..FragmentsRequest::default()
    }
}

async fn resolve(address: SocketAddr) -> ResolvedFragments {
    resolve_at(&client([address])).await
}

fn client<const N: usize>(addresses: [SocketAddr; N]) -> Arc<Client> {
    let urls = addresses.map(|address| format!("http://{address}").parse().unwrap());
    Arc::new(Client::new(urls.into()).unwrap())
}

async fn resolve_at(client: &Arc<Client>) -> ResolvedFragments {
    let caller = Caller {
        budget: Duration::from_secs(20),
        ..Caller::default()
    };
    let mut answers = GatewayFragments::new(client.clone(), "hydra").resolve(batch(), caller);
    answers.next().await.unwrap()
}

#[tokio::test]
async fn a_batch_is_one_call_of_protocol_2() {
    let mut test = gateway(free().await).await;
    *test.gateway.fragments.lock().unwrap() =
        json!({"fragments": [{"id": "a1", "renderedHTML": "<p>", "outcome": "rendered", "maxAge": 0}]})
            .to_string();
    let answer = resolve(test.address).await;
    assert_eq!(answer.fragments[0].html.as_deref(), Some("<p>"));
    let (call, body) = test.calls.recv().await.unwrap();
    assert_eq!((call, &body["protocol"]), ("requestFragment", &json!(2)));
    assert_eq!(body["requests"]["orders"][0]["ref"], "checkout");
}

#[tokio::test]
async fn with_a_private_key_calls_are_signed() {
    let listener = free().await;
    let address = listener.local_addr().unwrap();
    let (sender, mut calls) = mpsc::unbounded_channel();
    let router = Router::new().fallback(move |headers: HeaderMap, body: axum::body::Bytes| {
        let sender = sender.clone();
        async move { sender.send((headers, body)).unwrap() }
    });
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let partial = Partial::default()
        .gateway(format!("http://{address}"))
        .private_key("a private key for tests");
    let app = crate::App::with_plan(
        "shop",
        r#"{"format": 3, "templates": [], "sites": [], "pages": [],
        "contract": {"service": ""}, "offers": {}}"#,
    );
    let service = app.settings(partial).assemble().unwrap().registration.unwrap();
    let (_stop, _task) = start(service);
    let (headers, body) = calls.recv().await.unwrap();
    let signer = hydra_runtime_wire::signing::Signer::new("a private key for tests", "hydra");
    assert_eq!(
        signer.check(&headers, &body, SystemTime::now()).as_deref(),
        Ok("shop")
    );
}

#[tokio::test]
async fn an_answer_that_is_nonsense_or_too_large_costs_only_its_batch() {
    let test = gateway(free().await).await;
    for nonsense in ["", "<html>", "[1]", &" ".repeat(2 << 20)] {
        nonsense.clone_into(&mut test.gateway.fragments.lock().unwrap());
        let answer = resolve(test.address).await;
        assert_eq!(answer.fragments[0].outcome, Outcome::Failed);
        assert_eq!(
            (answer.fragments[0].id.as_str(), &answer.fragments[0].html),
            ("a1", &None)
        );
    }
    test.server.abort();
    assert!(test.server.await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn a_gateway_that_is_away_says_so_at_once() {
    let listener = free().await;
    let address = listener.local_addr().unwrap();
    drop(listener);
    let answer = resolve(address).await;
    assert_eq!(answer.fragments[0].outcome, Outcome::Inactive);
    assert!(
        answer.fragments[0]
            .reason
            .as_ref()
            .unwrap()
            .contains("can't be reached")
    );
}

#[tokio::test]
async fn when_a_gateway_is_away_its_fragments_come_from_the_next() {
    let (first, second) = (gateway(free().await).await, gateway(free().await).await);
    let answer = |html: &str| {
        json!({"fragments": [{"id": "a1", "renderedHTML": html, "outcome": "rendered", "maxAge": 0}]})
            .to_string()
    };
    *first.gateway.fragments.lock().unwrap() = answer("first");
    *second.gateway.fragments.lock().unwrap() = answer("second");
    let client = client([first.address, second.address]);
    let html = async || resolve_at(&client).await.fragments[0].html.clone();
    assert_eq!(html().await.as_deref(), Some("first"));
    first.server.abort();
    assert!(first.server.await.unwrap_err().is_cancelled());
    for _ in 0..20 {
        assert_eq!(html().await.as_deref(), Some("second"), "none is lost");
    }
    second.server.abort();
    assert!(second.server.await.unwrap_err().is_cancelled());
    assert_eq!(resolve_at(&client).await.fragments[0].outcome, Outcome::Inactive);
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

#[tokio::test]
async fn a_batch_that_a_gateway_may_have_is_not_sent_again_and_the_next_one_goes_elsewhere() {
    for answer in ["", BROKEN] {
        let (first, calls) = raw_gateway(answer).await;
        let second = gateway(free().await).await;
        *second.gateway.fragments.lock().unwrap() =
            json!({"fragments": [{"id": "a1", "renderedHTML": "x", "outcome": "rendered", "maxAge": 0}]})
                .to_string();
        let client = client([first, second.address]);
        assert_ne!(resolve_at(&client).await.fragments[0].outcome, Outcome::Rendered);
        assert_eq!(resolve_at(&client).await.fragments[0].outcome, Outcome::Rendered);
        assert_eq!(calls.load(Ordering::SeqCst), 1, "{answer}");
    }
}

#[tokio::test]
async fn a_batch_that_an_overloaded_gateway_turns_away_comes_from_the_next() {
    let (first, calls) = raw_gateway(OVERLOADED).await;
    let second = gateway(free().await).await;
    *second.gateway.fragments.lock().unwrap() =
        json!({"fragments": [{"id": "a1", "renderedHTML": "x", "outcome": "rendered", "maxAge": 0}]})
            .to_string();
    let client = client([first, second.address]);
    for _ in 0..3 {
        assert_eq!(resolve_at(&client).await.fragments[0].outcome, Outcome::Rendered);
    }
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    // Where all turn it away, each is asked once.
    let ((first, one), (second, other)) = (raw_gateway(OVERLOADED).await, raw_gateway(OVERLOADED).await);
    let client = self::client([first, second]);
    assert_eq!(resolve_at(&client).await.fragments[0].outcome, Outcome::Failed);
    assert_eq!((one.load(Ordering::SeqCst), other.load(Ordering::SeqCst)), (1, 1));
}

#[tokio::test]
async fn it_leaves_a_gateway_that_answers_with_an_error_of_its_own() {
    for answer in [OVERLOADED, BROKEN] {
        let (first, _) = raw_gateway(answer).await;
        let mut test = gateway(free().await).await;
        let mut service = service(test.address);
        service.client = client([first, test.address]);
        service.intervals.retry = Duration::from_secs(3_600);
        let (_stop, _task) = start(service);
        let call = tokio::time::timeout(Duration::from_secs(10), test.calls.recv()).await;
        assert_eq!(call.unwrap().unwrap().0, "registration");
    }
}

#[tokio::test]
async fn it_registers_at_the_next_gateway_at_once_and_tries_all_for_ever() {
    let (first, second) = (free().await, free().await);
    let addresses = [first.local_addr().unwrap(), second.local_addr().unwrap()];
    drop(first);
    let mut test = gateway(second).await;
    let mut service = service(test.address);
    service.client = client(addresses);
    // The next one is not one that had to wait.
    service.intervals.retry = Duration::from_secs(3_600);
    let (_stop, _task) = start(service);
    assert_eq!(test.calls.recv().await.unwrap().0, "registration");

    // Both are away, and the first comes back.
    let mut service = service_with(addresses[0], PublishedOverview::new("shop", Vec::new(), []));
    let nobody = free().await.local_addr().unwrap();
    service.client = client([nobody, addresses[0]]);
    let (_stop, _task) = start(service);
    let listener = TcpListener::bind(addresses[0]).await.unwrap();
    let mut test = gateway(listener).await;
    assert_eq!(test.calls.recv().await.unwrap().0, "registration");
    assert_eq!(test.calls.recv().await.unwrap().0, "alive");
}

#[tokio::test]
async fn the_host_is_the_address_that_it_listens_on_or_the_one_towards_the_gateway() {
    for (ip, gateway, expected) in [
        ("10.1.2.3", "http://127.0.0.1:8081", "10.1.2.3"),
        ("0.0.0.0", "http://127.0.0.1:8081", "127.0.0.1"),
        ("::", "http://127.0.0.1:8081", "127.0.0.1"),
        ("::", "http://[::1]:8081", "::1"),
        ("0.0.0.0", "http://nobody.invalid", "127.0.0.1"),
    ] {
        if gateway.contains('[') && UdpSocket::bind("[::1]:0").is_err() {
            // A machine without IPv6.
            continue;
        }
        let uri = gateway.parse().unwrap();
        assert_eq!(
            reachable_host(ip.parse().unwrap(), &uri).await,
            expected,
            "{ip} {gateway}"
        );
    }
}

async fn gateway_with_overview(
    services: Arc<Mutex<Option<(String, Value)>>>,
) -> (SocketAddr, mpsc::UnboundedReceiver<Option<String>>) {
    let (sender, calls) = mpsc::unbounded_channel();
    let overview = move |Query(query): Query<OverviewQuery>| {
        let known = query.hash.clone();
        sender.send(query.hash).unwrap();
        let said = services.lock().unwrap().clone();
        async move {
            match said {
                // It asks for the contract problems of this application, too.
                _ if query.service.as_deref() != Some("shop") => StatusCode::BAD_REQUEST.into_response(),
                None => StatusCode::NOT_FOUND.into_response(),
                Some((hash, _)) if known.as_ref() == Some(&hash) => {
                    Json(json!({"hash": hash})).into_response()
                }
                Some((hash, services)) => Json(json!({"hash": hash, "services": services})).into_response(),
            }
        }
    };
    let registered = json!({"publicKey": "", "roleMappings": {}, "hash": "h0",
        "services": [{"serviceName": "first", "activeServices": [{}]}]});
    let router = Router::new()
        .route("/h/discovery/hydra/registration", post(async || Json(registered)))
        .route("/h/discovery/hydra/alive", post(async || Json(true)))
        .route("/h/discovery/hydra/overview", get(overview));
    let listener = free().await;
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, calls)
}

#[tokio::test]
async fn it_keeps_the_newest_overview() {
    let said = Arc::new(Mutex::new(Some(("h0".to_owned(), json!([])))));
    let (address, mut calls) = gateway_with_overview(said.clone()).await;
    let overview = PublishedOverview::new("shop", Vec::new(), []);
    let (_stop, _task) = start(service_with(address, overview.clone()));
    // It asks with the hash of the registration's answer, which told of the first.
    assert_eq!(calls.recv().await.unwrap().as_deref(), Some("h0"));
    assert!(overview.now().is_active("first"));
    let second = json!([{"serviceName": "second", "activeServices": [{}]}]);
    *said.lock().unwrap() = Some(("h1".to_owned(), second));
    while calls.recv().await.unwrap().as_deref() != Some("h1") {}
    let overview = overview.now();
    assert!(overview.is_active("second") && !overview.is_active("first") && overview.is_active("shop"));
}

#[tokio::test]
async fn a_gateway_without_overviews_is_asked_once_for_each_registration() {
    let (address, mut calls) = gateway_with_overview(Arc::default()).await;
    let overview = PublishedOverview::new("shop", Vec::new(), []);
    let mut service = service_with(address, overview.clone());
    assert_eq!(service.register().await, StepResult::Registered);
    let asked = tokio::time::timeout(Duration::from_millis(100), service.follow()).await;
    assert!(asked.is_err());
    assert!(calls.recv().await.is_some());
    assert!(calls.try_recv().is_err());
    assert!(overview.now().is_active("first"));
}

/// Waits until a gateway hears that the application is alive.
async fn alive_at(test: &mut Test) {
    while test.calls.recv().await.unwrap().0 != "alive" {}
}

#[tokio::test]
async fn it_leaves_a_gateway_that_is_cut_off_from_the_registry_and_stays_where_all_are() {
    let (mut first, mut second) = (gateway(free().await).await, gateway(free().await).await);
    let mut service = service(first.address);
    service.client = client([first.address, second.address]);
    let (_stop, _task) = start(service);
    alive_at(&mut first).await;
    first.gateway.is_cut_off.store(true, Ordering::SeqCst);
    assert_eq!(second.calls.recv().await.unwrap().0, "registration");
    alive_at(&mut second).await;
    // Now the other one: it goes back.
    while first.calls.try_recv().is_ok() {}
    first.gateway.is_cut_off.store(false, Ordering::SeqCst);
    second.gateway.is_cut_off.store(true, Ordering::SeqCst);
    assert_eq!(first.calls.recv().await.unwrap().0, "registration");
    alive_at(&mut first).await;
    // Both: it stays at one of them, says that it is alive there, and looks again after a while.
    first.gateway.is_cut_off.store(true, Ordering::SeqCst);
    assert_eq!(
        second.calls.recv().await.unwrap().0,
        "alive",
        "what it said before it left"
    );
    while second.calls.recv().await.unwrap().0 != "registration" {}
    let (mut alive, mut registrations) = (0, 0);
    while alive < 6 {
        let (call, _) = tokio::select! {
            call = first.calls.recv() => call.unwrap(),
            call = second.calls.recv() => call.unwrap(),
        };
        match call {
            "alive" => alive += 1,
            _ => registrations += 1,
        }
    }
    assert!(
        registrations <= 2 * alive,
        "{registrations} registrations, {alive} times alive"
    );
    second.gateway.is_cut_off.store(false, Ordering::SeqCst);
    while second.calls.try_recv().is_ok() {}
    alive_at(&mut second).await;
}
