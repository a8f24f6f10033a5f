//! A gateway that starts while Redis is away does not know yet which paths there are.

use std::{process::Stdio, time::Instant};

use axum::{Router, routing::any};
use http::StatusCode;
use serde_json::json;

use super::{gateways::Gateway, redis::Redis};
use crate::support::{get, post, said, service, until};

async fn register(gateway: &Gateway, said: &serde_json::Value) {
    let answer = post(&format!("{}/h/discovery/K/registration", gateway.url), said).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
}

#[tokio::test]
async fn until_the_first_load_paths_that_nobody_holds_are_not_missing_but_not_there_yet() {
    let redis = Redis::start();
    let before = Gateway::start(&redis).await;
    let (elsewhere, here) = (
        service(Router::new().fallback(any(async || "elsewhere"))).await,
        service(Router::new().fallback(any(async || "here"))).await,
    );
    register(
        &before,
        &said("elsewhere", &elsewhere, json!({"endpoints":["/elsewhere"]})),
    )
    .await;
    redis.signal("-STOP");

    let gateway = Gateway::with(&redis.url(), Stdio::null(), &[]);
    register(&gateway, &said("here", &here, json!({"endpoints":["/here"]}))).await;
    for (path, expected) in [
        ("/here", StatusCode::OK),
        ("/here/socket", StatusCode::OK),
        ("/health", StatusCode::OK),
        ("/elsewhere", StatusCode::SERVICE_UNAVAILABLE),
        ("/elsewhere/x.css", StatusCode::SERVICE_UNAVAILABLE),
        ("/elsewhere/socket", StatusCode::SERVICE_UNAVAILABLE),
        ("/nowhere", StatusCode::SERVICE_UNAVAILABLE),
        ("/", StatusCode::SERVICE_UNAVAILABLE),
        ("/login", StatusCode::NOT_FOUND),
        ("/h/nothing", StatusCode::NOT_FOUND),
    ] {
        let answer = get(&format!("{}{path}", gateway.url)).await;
        assert_eq!(answer.status, expected, "{path}");
        let says_when = answer.headers.contains_key("retry-after");
        assert_eq!(says_when, expected == StatusCode::SERVICE_UNAVAILABLE, "{path}");
    }

    redis.signal("-CONT");
    let since = Instant::now();
    until("it has read the registry", async || {
        let answer = get(&format!("{}/elsewhere", gateway.url)).await;
        answer.status == StatusCode::OK && answer.text() == "elsewhere"
    })
    .await;
    eprintln!("all is known after {:?}", since.elapsed());
    until("what is missing is missing", async || {
        get(&format!("{}/nowhere", gateway.url)).await.status == StatusCode::NOT_FOUND
    })
    .await;
}
