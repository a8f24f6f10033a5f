//! Pages that are kept up to date, and pages without Redis.

use std::time::Duration;

use axum::body::Body;
use futures_util::StreamExt as _;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hydra_runtime_gateway::{GatewayConfig, Secret};
use hydra_runtime_net::redis_link::servers::Server;
use serde_json::json;
use tower::ServiceExt as _;

use super::{Browser, HOST, add, config, start};
use crate::support::until;

/// What a browser gets that watches the first page.
async fn watch(browser: &Browser) -> Response<Body> {
    let request = Request::get("/")
        .header("host", HOST)
        .header("cookie", &browser.cookie)
        .header("accept", "text/event-stream");
    let request = request.body(Body::empty()).expect("a request");
    browser.router.clone().oneshot(request).await.expect("an answer")
}

#[tokio::test]
async fn places_for_watching_browsers_are_bounded_and_become_free() {
    let (gateway, port) = start(config()).await;
    let mut browser = Browser::of(&gateway);
    browser.sign_in().await;
    let watch = async || watch(&browser).await;
    let mut watchers = Vec::new();
    for _ in 0..32 {
        let answer = watch().await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        watchers.push(answer.into_body().into_data_stream());
    }
    let full = watch().await;
    assert_eq!(
        (full.status(), &full.headers()["retry-after"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"30".parse().expect("a value"))
    );
    // The page itself needs no place.
    assert_eq!(browser.get("/").await.status, StatusCode::OK);

    let mut watcher = watchers.pop().expect("a stream");
    let _one = add(&port, "shop", json!({})).await;
    let mut told = String::new();
    while !told.contains(">shop</a>") {
        let part = watcher.next().await.expect("more").expect("no error");
        told.push_str(std::str::from_utf8(&part).expect("UTF-8"));
    }
    assert!(told.starts_with("retry: "), "{told}");
    for event in told
        .split("\n\n")
        .filter(|event| !event.is_empty() && !event.starts_with("retry"))
    {
        assert!(
            event
                .lines()
                .all(|line| line == "event: live" || line.starts_with("data: ")),
            "{event}"
        );
    }
    drop(watcher);
    until("a place is free", async || {
        watch().await.status() == StatusCode::OK
    })
    .await;
}

#[tokio::test]
async fn a_browser_that_does_not_read_loses_its_place() {
    let (gateway, _port) = start(config()).await;
    let mut browser = Browser::of(&gateway);
    browser.sign_in().await;
    let mut stalled = Vec::new();
    for _ in 0..32 {
        stalled.push(watch(&browser).await);
    }
    assert_eq!(watch(&browser).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    // From here on, waiting takes no time.
    tokio::time::pause();
    let free = async {
        while watch(&browser).await.status() != StatusCode::OK {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let free = tokio::time::timeout(Duration::from_secs(60), free).await;
    free.expect("a place is free");
    for answer in stalled {
        let told = answer.into_body().collect().await.expect("an end").to_bytes();
        assert_eq!(told, "retry: 2000\n\n");
    }
}

#[tokio::test]
async fn the_page_goes_on_while_redis_is_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::at(folder.path());
    let config = GatewayConfig {
        private_key: Some(Secret::new("the private key of the tests".into())),
        allow_unsigned: true,
        redis: Some(Secret::new(server.url.clone())),
        ..config()
    };
    let (gateway, port) = start(config).await;
    let mut browser = Browser::of(&gateway);
    browser.sign_in().await;
    until("Redis is read", async || {
        browser.get("/").await.text.contains("shared in Redis")
    })
    .await;
    let _one = add(&port, "shop", json!({"version":1})).await;
    let key = browser.get("/service?name=shop").await.field("key");
    server.kill();
    until("the page tells", async || {
        browser.get("/").await.text.contains("Redis can't be used.")
    })
    .await;
    let page = browser.get("/service?name=shop").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.text.contains("Weights and drains can't be changed"),
        "{}",
        page.text
    );
    let asked = browser.post("/change", &[("key", &key), ("drain", "shop")]).await;
    let seen = asked.field("seen");
    let made = browser
        .post("/confirm", &[("key", &key), ("drain", "shop"), ("seen", &seen)])
        .await;
    assert_eq!(made.status, StatusCode::SERVICE_UNAVAILABLE, "{}", made.text);
    assert!(made.text.contains("The change was not made"), "{}", made.text);
    assert!(!gateway.steering_state()[0].drained);
}
