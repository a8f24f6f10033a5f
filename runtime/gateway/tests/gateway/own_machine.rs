//! The gateway's own machine is reached only for services of the configuration and for registrations from it.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use axum::{Extension, Router, body::Body, routing::any};
use http::{Request, StatusCode};
use hydra_runtime_gateway::{Gateway, GatewayConfig};
use hydra_runtime_net::server::Peer;
use serde_json::json;
use tower::ServiceExt;

use crate::support::{Running, service};

const ELSEWHERE: Option<&str> = Some("192.0.2.7");
const HERE: Option<&str> = Some("127.0.0.1");

/// A service that counts its requests.
async fn counting() -> (Running, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let answer = async move || {
        counted.fetch_add(1, SeqCst);
        "reached"
    };
    (service(Router::new().fallback(any(answer))).await, count)
}

fn gateway(more: &str) -> Gateway {
    let text = format!("public_key = 'K'\nconnect_timeout = '200ms'\n{more}");
    Gateway::new(GatewayConfig::from_toml(&text).expect("good")).expect("a gateway")
}

/// A request from this address. `None`: the server that holds the gateway does not say.
async fn ask(gateway: &Gateway, from: Option<&str>, request: Request<Body>) -> StatusCode {
    let mut router = gateway.router();
    if let Some(from) = from {
        let from: IpAddr = from.parse().expect("an address");
        router = router.layer(Extension(Peer(from)));
    }
    router.oneshot(request).await.expect("an answer").status()
}

async fn register(gateway: &Gateway, from: Option<&str>, host: &str, port: u16, name: &str) -> StatusCode {
    let said =
        json!({"webProtocol":"http","host":host,"port":port,"name":name,"endpoints":[format!("/{name}")]});
    let request = Request::post("/h/discovery/K/registration")
        .header("host", "site.example")
        .body(Body::from(said.to_string()));
    ask(gateway, from, request.expect("a request")).await
}

async fn page(gateway: &Gateway, path: &str) -> StatusCode {
    let request = Request::get(path)
        .header("host", "site.example")
        .body(Body::empty());
    ask(gateway, ELSEWHERE, request.expect("a request")).await
}

#[tokio::test]
async fn no_spelling_of_a_loopback_address_leads_to_this_machine_from_elsewhere() {
    let (service, count) = counting().await;
    let port = service.address.port();
    let gateway = gateway("");
    for (number, (host, from, is_reached)) in [
        ("127.0.0.1", HERE, true),
        ("localhost", HERE, true),
        ("127.1", HERE, true),
        ("2130706433", HERE, true),
        ("127.0.0.1", Some("::1"), true),
        ("127.0.0.1", Some("::ffff:127.0.0.1"), true),
        ("127.1", ELSEWHERE, false),
        ("127.0.1", ELSEWHERE, false),
        ("2130706433", ELSEWHERE, false),
        ("017700000001", ELSEWHERE, false),
        ("0x7f000001", ELSEWHERE, false),
        ("0x7f.0.0.1", ELSEWHERE, false),
        ("0177.0.0.1", ELSEWHERE, false),
        ("127.0.0.1.", ELSEWHERE, false),
        ("localhost.", ELSEWHERE, false),
        ("LOCALHOST", ELSEWHERE, false),
        ("::ffff:127.0.0.1", ELSEWHERE, false),
        ("[::1]", ELSEWHERE, false),
        ("0", ELSEWHERE, false),
        ("0", HERE, false),
        ("127.0.0.1", None, false),
        ("localhost", None, false),
    ]
    .into_iter()
    .enumerate()
    {
        let before = count.load(SeqCst);
        let name = format!("s{number}");
        let status = register(&gateway, from, host, port, &name).await;
        let reached = status == StatusCode::OK && page(&gateway, &format!("/{name}")).await == StatusCode::OK;
        let hits = count.load(SeqCst) - before;
        assert_eq!(
            (reached, hits),
            (is_reached, usize::from(is_reached)),
            "{host} from {from:?}"
        );
    }
}

#[tokio::test]
async fn a_connection_of_a_configured_service_is_not_lent_to_a_registration_from_elsewhere() {
    let (service, count) = counting().await;
    let port = service.address.port();
    let own = format!("[[service]]\nname = 'own'\nurl = 'http://127.1:{port}'\nendpoints = ['/own']\n");
    let gateway = gateway(&own);
    for _ in 0..3 {
        assert_eq!(page(&gateway, "/own").await, StatusCode::OK);
    }
    assert_eq!(
        register(&gateway, ELSEWHERE, "127.1", port, "foreign").await,
        StatusCode::OK
    );
    for _ in 0..3 {
        assert_ne!(page(&gateway, "/foreign").await, StatusCode::OK);
    }
    assert_eq!(page(&gateway, "/own").await, StatusCode::OK);
    assert_eq!(count.load(SeqCst), 4);
}

#[tokio::test]
async fn the_operator_may_allow_a_host() {
    let (service, count) = counting().await;
    let gateway = gateway("allow_hosts = ['127.1']\n");
    assert_eq!(
        register(&gateway, ELSEWHERE, "127.1", service.address.port(), "near").await,
        StatusCode::OK
    );
    assert_eq!(page(&gateway, "/near").await, StatusCode::OK);
    assert_eq!(count.load(SeqCst), 1);
}
