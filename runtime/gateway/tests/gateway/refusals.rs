//! What the log says about calls of services that the gateway refuses.

use axum::{Router, body::Body};
use http::{Request, StatusCode};
use hydra_runtime_gateway::{GatewayConfig, Secret};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Log, Running, gateway_with, post, post_text, said, send, service};

async fn gateway() -> Running {
    gateway_with(GatewayConfig {
        public_key: "K".into(),
        private_key: Some(Secret::new("the private key of the tests".into())),
        ..GatewayConfig::default()
    })
    .await
}

fn lines<'a>(text: &'a str, part: &str) -> Vec<&'a str> {
    text.lines().filter(|line| line.contains(part)).collect()
}

#[tokio::test]
async fn a_refused_service_is_named_once_a_minute_with_what_to_do() {
    let (gateway, target) = (gateway().await, service(Router::new()).await);
    let log = Log::default();
    let logging = log.here();
    for _ in 0..5 {
        for name in ["orders", "news"] {
            let url = gateway.url("/h/discovery/K/registration");
            assert_eq!(
                post(&url, &said(name, &target, json!({}))).await.status,
                StatusCode::UNAUTHORIZED
            );
            let url = gateway.url("/h/discovery/K/alive");
            assert_eq!(
                post_text(&url, "text/plain", name).await.status,
                StatusCode::UNAUTHORIZED
            );
        }
        let url = gateway.url("/h/discovery/K/requestFragment");
        assert_eq!(
            post(&url, &json!({"requests": {}})).await.status,
            StatusCode::UNAUTHORIZED
        );
    }
    drop(logging);
    let text = log.text();
    for name in ["\"orders\"", "\"news\"", "\"?\""] {
        let found = lines(&text, name);
        let [line] = &found[..] else {
            panic!("{name}: {text}");
        };
        for part in [
            "WARN",
            "127.0.0.1",
            "allow_unsigned",
            "private_key",
            "the call is not signed",
        ] {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
    assert!(lines(&text, "INFO").is_empty(), "{text}");
}

#[tokio::test]
async fn the_name_of_a_refused_service_is_short_and_escaped() {
    let gateway = gateway().await;
    let log = Log::default();
    let logging = log.here();
    for name in [
        "a\nWARN forged line",
        "\u{1b}[31mred",
        "\u{202e}turned",
        &"x".repeat(5_000),
    ] {
        let body = json!({"host": "h", "name": name});
        post(&gateway.url("/h/discovery/K/registration"), &body).await;
    }
    drop(logging);
    let text = log.text();
    assert_eq!(text.lines().count(), 4, "{text}");
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
    assert!(text.lines().all(|line| line.len() < 800), "{text}");
}

#[tokio::test]
async fn guessed_names_do_not_fill_the_log() {
    let gateway = gateway().await;
    let log = Log::default();
    let logging = log.here();
    for n in 0..400 {
        let body = json!({"name": format!("guess{n}")});
        post(&gateway.url("/h/discovery/K/registration"), &body).await;
    }
    drop(logging);
    assert_eq!(log.text().lines().count(), 257);
}

#[tokio::test]
async fn a_long_unsigned_registration_is_answered_and_named_by_its_beginning() {
    let gateway = gateway().await;
    let log = Log::default();
    let logging = log.here();
    let body = json!({"host": "h", "name": "long", "staticResources": [("x".repeat(1 << 20))]}).to_string();
    let answer = post_text(
        &gateway.url("/h/discovery/K/registration"),
        "application/json",
        body,
    )
    .await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    // A client that stops in the middle of its body gets its answer too.
    let mut stream = tokio::net::TcpStream::connect(gateway.address)
        .await
        .expect("a connection");
    let head = "POST /h/discovery/K/registration HTTP/1.1\r\nhost: x\r\ncontent-length: 999999\r\n\r\n{\"name\":\"half\",";
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 401");
    drop(logging);
    assert_eq!(lines(&log.text(), "\"long\"").len(), 1, "{}", log.text());
    assert_eq!(lines(&log.text(), "\"half\"").len(), 1, "{}", log.text());
}

#[tokio::test]
async fn every_refused_registration_is_named_with_the_reason() {
    let gateway = crate::support::gateway().await;
    let target = service(Router::new()).await;
    let port = target.address.port();
    let good = |name: &str| json!({"webProtocol": "http", "host": "127.0.0.1", "port": port, "name": name});
    let with = |name: &str, member: &str, value: serde_json::Value| {
        let mut body = good(name);
        body[member] = value;
        body.to_string()
    };
    let from_elsewhere = |body: String| {
        let request = Request::post(gateway.url("/h/discovery/K/registration"));
        request
            .header("via", "1.1 proxy")
            .body(Body::from(body))
            .expect("a request")
    };
    let direct = |body: String| {
        let request = Request::post(gateway.url("/h/discovery/K/registration"));
        request.body(Body::from(body)).expect("a request")
    };
    for (request, name, reason) in [
        (
            direct(with("a", "port", json!("x"))),
            "\"a\"",
            "not the JSON that is expected",
        ),
        (
            direct(with("b", "port", json!(0))),
            "\"b\"",
            "`port` is missing or 0",
        ),
        (
            direct(with("c", "host", json!("169.254.169.254"))),
            "\"c\"",
            "metadata",
        ),
        (direct(with("", "version", json!(1))), "\"\"", "name"),
        (from_elsewhere(good("e").to_string()), "\"e\"", "trusted_proxies"),
        (direct("{".to_owned()), "\"?\"", "not the JSON"),
    ] {
        let log = Log::default();
        let logging = log.here();
        assert_eq!(send(request).await.status, StatusCode::BAD_REQUEST, "{name}");
        drop(logging);
        let text = log.text();
        let found = lines(&text, "a registration is refused");
        let [line] = &found[..] else {
            panic!("{name}: {text}");
        };
        for part in ["WARN", name, "127.0.0.1", reason] {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
}
