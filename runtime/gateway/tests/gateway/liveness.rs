//! Silence, and what visitors see of it.

use std::time::{Duration, Instant};

use axum::{Router, body::Body, routing::any};
use http::{Request, StatusCode};
use serde_json::json;

use crate::support::{gateway, get, post_text, register, said, send, service, until};

#[tokio::test]
async fn a_silent_service_answers_503_until_it_speaks_again() {
    let gateway = gateway().await;
    let service = service(Router::new().route("/x", any(async || "here"))).await;
    register(&gateway, &said("a", &service, json!({"endpoints":["/x"]}))).await;
    let started = Instant::now();
    assert_eq!(get(&gateway.url("/x")).await.text(), "here");
    until("the service is inactive", async || {
        get(&gateway.url("/x")).await.status == StatusCode::SERVICE_UNAVAILABLE
    })
    .await;
    assert!(
        started.elapsed() > Duration::from_millis(4_900),
        "not before 5 s of silence"
    );
    let answer = get(&gateway.url("/x")).await;
    assert!(answer.headers.contains_key("retry-after"));
    assert!(answer.json()["error"].is_string());
    let request = Request::get(gateway.url("/x"))
        .header("accept", "text/html")
        .body(Body::empty());
    let page = send(request.expect("a request")).await;
    assert!(page.text().starts_with("<!doctype html>") && page.text().contains("Back soon"));
    assert_eq!(get(&gateway.url("/_h/services")).await.json(), json!({}));

    let alive = post_text(&gateway.url("/h/discovery/K/alive"), "text/plain", "a").await;
    assert_eq!(alive.status, StatusCode::OK);
    assert_eq!(get(&gateway.url("/x")).await.text(), "here");
}

#[tokio::test]
async fn a_service_that_cannot_be_reached_gives_502() {
    let gateway = gateway().await;
    let service = service(Router::new()).await;
    register(&gateway, &said("a", &service, json!({"endpoints":["/x"]}))).await;
    service.stop().await;
    assert_eq!(get(&gateway.url("/x")).await.status, StatusCode::BAD_GATEWAY);
}
