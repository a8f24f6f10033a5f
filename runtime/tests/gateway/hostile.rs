//! Registrations that must not do harm.

use axum::{Router, routing::any};
use http::StatusCode;
use serde_json::{Value, json};

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
