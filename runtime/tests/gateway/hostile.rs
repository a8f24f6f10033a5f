//! Registrations that must not do harm.

use std::sync::{Arc, Mutex};

use axum::{Router, routing::any};
use http::StatusCode;
use hydra_runtime::gateway::{Gateway, GatewayConfig};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::{gateway, get, post, post_text, register, said, service};

#[tokio::test]
async fn bad_registrations_are_refused_with_the_reason() {
    let gateway = gateway().await;
    let url = gateway.url("/h/discovery/K/registration");
    let good = json!({"webProtocol":"http","host":"10.0.0.1","port":80,"name":"a"});
    let with = |member: &str, value: Value| {
        let mut body = good.clone();
        body[member] = value;
        body
    };
    for (body, expected) in [
        (with("name", json!(null)), "name"),
        (with("name", json!("")), "name"),
        (with("name", json!("a/b")), "name"),
        (with("name", json!("x".repeat(1 << 20))), "longer"),
        (with("name", json!("оrders")), "'о'"),
        (with("name", json!(7)), "expected a string"),
        (with("host", json!("169.254.169.254")), "metadata"),
        (with("host", json!("http://x")), "host"),
        (with("port", json!(0)), "port"),
        (with("port", json!(70_000)), "70000"),
        (with("endpoints", json!(vec!["/x"; 100_000])), "endpoints"),
        (with("endpoints", json!([["/x"]])), "JSON"),
        (json!([]), "name"),
        (json!("x"), "JSON"),
    ] {
        let answer = post(&url, &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{expected}");
        let reason = answer.json()["error"].to_string();
        assert!(reason.contains(expected) && reason.len() < 500, "{reason}");
    }
    let answer = post_text(&url, "application/json", "{not json").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let answer = post_text(&url, "application/json", " ".repeat(3 << 20)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(get(&gateway.url("/_h/services")).await.json(), json!({}));
}

#[tokio::test]
async fn nobody_registers_the_gateway_itself() {
    let gateway = gateway().await;
    let body = json!({"webProtocol":"http","host":"127.0.0.1","port":gateway.address.port(),"name":"a"});
    let answer = post(&gateway.url("/h/discovery/K/registration"), &body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn nobody_registers_another_address_of_the_machine_with_the_gateways_port() {
    // This machine's address towards others. Connecting a datagram socket sends nothing.
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").expect("a socket");
    let towards = socket.connect("192.0.2.1:9").and_then(|()| socket.local_addr());
    let own = towards.map_or("127.0.1.1".to_owned(), |address| address.ip().to_string());
    let gateway = Gateway::new(GatewayConfig {
        public_key: "K".into(),
        ..GatewayConfig::default()
    });
    let gateway = gateway.expect("a good configuration");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    // As if it listened on all interfaces.
    gateway.listens_on(([0, 0, 0, 0], address.port()).into());
    tokio::spawn(async move { gateway.serve(listener, std::future::pending()).await });
    let url = format!("http://{address}/h/discovery/K/registration");
    for (host, port, expected) in [
        (own.as_str(), address.port(), StatusCode::BAD_REQUEST),
        ("127.0.1.1", address.port(), StatusCode::BAD_REQUEST),
        ("192.0.2.77", address.port(), StatusCode::OK),
        (&own, 1, StatusCode::OK),
    ] {
        let body = json!({"webProtocol":"http","host":host,"port":port,"name":"a"});
        let answer = post(&url, &body).await;
        assert_eq!(answer.status, expected, "{host}:{port} {}", answer.text());
    }
}

/// What is logged while it lives, on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("not poisoned").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_service_that_is_the_gateway_under_another_name_ends_in_508_and_a_log() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let gateway = gateway().await;
    // The resolver reads it as 127.0.0.1.
    let body = json!({"webProtocol":"http","host":"127.1","port":gateway.address.port(),"name":"circle",
                      "endpoints":["/x"]});
    register(&gateway, &body).await;
    let answer = get(&gateway.url("/x")).await;
    assert_eq!(answer.status, StatusCode::LOOP_DETECTED, "{}", answer.text());
    let log = String::from_utf8(log.0.lock().expect("not poisoned").clone()).expect("UTF-8");
    assert!(
        log.contains("a request came back") && log.contains("circle"),
        "{log}"
    );
    // Fragments of it come to nothing, too, and at once.
    let batch = json!({"requests":{"circle":[{"id":"1","ref":"x"}]}});
    let answer = post(&gateway.url("/h/discovery/K/requestFragment"), &batch).await;
    assert_eq!(answer.json(), json!([{"id":"1","renderedHTML":null}]));
}

#[tokio::test]
async fn a_wide_pattern_does_not_open_the_gateways_paths() {
    let gateway = gateway().await;
    let service = service(Router::new().fallback(any(async || "the service"))).await;
    register(
        &gateway,
        &said("a", &service, json!({"endpoints":["/**","/h/x","/login"]})),
    )
    .await;
    assert_eq!(get(&gateway.url("/anything")).await.text(), "the service");
    for path in [
        "/h/x",
        "/%68/fragment/K/requestFragment",
        "/login",
        "/_h/x",
        "//h/x",
        "/x/%2e%2e/h/x",
    ] {
        let answer = get(&gateway.url(path)).await;
        assert!(
            answer.status.is_client_error() && answer.text() != "the service",
            "{path}"
        );
    }
    assert_eq!(get(&gateway.url("/health")).await.json(), json!({"status":"ok"}));
}
