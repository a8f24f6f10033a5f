//! Instances that are gone, whatever is said of their names: requests go to those that are there.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use axum::{
    Router,
    body::Body,
    routing::{any, get as on_get, post as on_post},
};
use http::{Method, Request, StatusCode};
use hydra_runtime_gateway::{GatewayConfig, PlainService};
use serde_json::{Value, json};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpSocket},
};

use crate::support::{
    Running, gateway, gateway_with, get, post, post_text, register, said, send, service, until,
};

/// An address where nothing listens.
async fn nowhere() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    listener.local_addr().expect("an address")
}

/// Registers an instance that is not there.
async fn register_dead(gateway: &Running, name: &str) -> SocketAddr {
    let address = nowhere().await;
    let dead = Running::new(address, tokio::spawn(async {}));
    register(gateway, &said(name, &dead, json!({"endpoints":["/x"]}))).await;
    address
}

async fn say_alive(gateway: &Running, name: &str) {
    let alive = post_text(
        &gateway.url("/h/discovery/K/alive"),
        "text/plain",
        name.to_owned(),
    )
    .await;
    assert_eq!(alive.status, StatusCode::OK);
}

async fn fragment(gateway: &Running, name: &str) -> Value {
    let batch = json!({"protocol":2,"requests":{name:[{"id":"a","ref":"f","deadline":1900}]}});
    let answer = post(&gateway.url("/h/discovery/K/requestFragment"), &batch).await;
    answer.json()["fragments"][0].clone()
}

#[tokio::test]
async fn dead_registrations_of_a_name_cost_no_request() {
    for dead in [1, 6, 20, 70] {
        let gateway = gateway().await;
        let fragments = async || r#"[{"id":"a","renderedHTML":"<p>"}]"#;
        let router = Router::new()
            .route("/x", any(async || "here"))
            .route("/h/fragment/K/requestFragment", on_post(fragments));
        let live = service(router).await;
        for nth in 0..dead {
            register_dead(&gateway, "a").await;
            if nth == dead / 2 {
                register(&gateway, &said("a", &live, json!({"endpoints":["/x"]}))).await;
            }
        }
        for nth in 0..100 {
            say_alive(&gateway, "a").await;
            let request = Request::builder()
                .method(if nth % 2 == 0 { Method::GET } else { Method::POST })
                .uri(gateway.url("/x"))
                .body(Body::from(if nth % 2 == 0 { "" } else { "body" }));
            let answer = send(request.expect("a request")).await;
            assert_eq!(answer.status, StatusCode::OK, "{dead} dead, request {nth}");
            if nth % 10 == 0 {
                assert_eq!(
                    fragment(&gateway, "a").await["renderedHTML"],
                    "<p>",
                    "{dead} dead"
                );
            }
        }
    }
}

#[tokio::test]
async fn an_instance_comes_back_by_answering_a_probe_and_not_by_a_heartbeat() {
    let gateway = gateway().await;
    let address = register_dead(&gateway, "a").await;
    for _ in 0..10 {
        say_alive(&gateway, "a").await;
        let status = get(&gateway.url("/x")).await.status;
        assert!(status.is_server_error(), "{status}");
    }
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("a socket");
    socket.bind(address).expect("the same port");
    let listener = socket.listen(64).expect("a listener");
    let router = Router::new().route("/x", any(async || "back"));
    let back = tokio::spawn(async move {
        let _ = axum::serve(listener, router).await;
    });
    let _back = Running::new(address, back);
    until("it is found", async || {
        say_alive(&gateway, "a").await;
        get(&gateway.url("/x")).await.status == StatusCode::OK
    })
    .await;
}

#[tokio::test]
async fn an_instance_comes_back_by_registering() {
    let gateway = gateway().await;
    let address = register_dead(&gateway, "a").await;
    for _ in 0..10 {
        assert!(get(&gateway.url("/x")).await.status.is_server_error());
    }
    let listener = TcpListener::bind(address).await.expect("the same port");
    let router = Router::new().route("/x", any(async || "back"));
    let task = tokio::spawn(async move {
        let _ = axum::serve(listener, router).await;
    });
    let back = Running::new(address, task);
    register(&gateway, &said("a", &back, json!({"endpoints":["/x"]}))).await;
    assert_eq!(get(&gateway.url("/x")).await.status, StatusCode::OK);
}

/// An instance that reads each request and then closes its connection without a word. And how many it read.
async fn dying() -> (Running, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let read = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&read);
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 4_096];
            if stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                counted.fetch_add(1, SeqCst);
            }
        }
    });
    (Running::new(address, task), read)
}

#[tokio::test]
async fn a_harmless_request_whose_instance_ends_before_it_answers_goes_to_another_one() {
    let gateway = gateway().await;
    let (dying, read) = dying().await;
    let living = service(Router::new().route("/x", any(async || "here"))).await;
    for instance in [&dying, &living] {
        register(&gateway, &said("a", instance, json!({"endpoints":["/x"]}))).await;
    }
    for (method, body, expected) in [
        (Method::GET, "", true),
        (Method::HEAD, "", true),
        (Method::OPTIONS, "", true),
        (Method::POST, "", false),
        (Method::PUT, "", false),
        (Method::DELETE, "", false),
        (Method::GET, "a body", false),
    ] {
        let (before, mut failed) = (read.load(SeqCst), 0);
        let mut asked = 0;
        while read.load(SeqCst) < before + 3 {
            asked += 1;
            assert!(asked < 100, "{method}: both instances are asked");
            let request = Request::builder().method(&method).uri(gateway.url("/x"));
            let answer = send(request.body(Body::from(body)).expect("a request")).await;
            failed += usize::from(answer.status != StatusCode::OK);
        }
        let expected = if expected { 0 } else { 3 };
        assert_eq!(failed, expected, "{method} with {body:?}");
        assert_eq!(read.load(SeqCst), before + 3, "{method}");
    }
}

#[tokio::test]
async fn a_harmless_request_is_tried_on_one_more_instance_only() {
    let gateway = gateway().await;
    let all = [dying().await, dying().await, dying().await];
    for (instance, _) in &all {
        register(&gateway, &said("a", instance, json!({"endpoints":["/x"]}))).await;
    }
    assert_eq!(get(&gateway.url("/x")).await.status, StatusCode::BAD_GATEWAY);
    let read: usize = all.iter().map(|(_, read)| read.load(SeqCst)).sum();
    assert_eq!(read, 2);
}

#[tokio::test]
async fn a_fragment_of_a_plain_service_whose_instance_ends_comes_from_another_one() {
    let (dying, read) = dying().await;
    let living = service(Router::new().route("/f", on_get(async || axum::response::Html("<p>")))).await;
    let plain = |url: String| PlainService {
        name: "a".into(),
        url,
        host: None,
        health: None,
        endpoints: Vec::new(),
        fragments: [("f".to_owned(), "/f".to_owned())].into(),
        login: None,
        ..PlainService::default()
    };
    let gateway = gateway_with(GatewayConfig {
        public_key: "K".into(),
        services: vec![plain(dying.url("")), plain(living.url(""))],
        ..GatewayConfig::default()
    })
    .await;
    for _ in 0..10 {
        assert_eq!(fragment(&gateway, "a").await["renderedHTML"], "<p>");
    }
    assert!(read.load(SeqCst) > 0, "both instances are asked");
}
