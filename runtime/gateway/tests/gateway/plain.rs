//! Plain HTTP services: fragments without any library on their side.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
};

use axum::{
    Router,
    extract::OriginalUri,
    response::{Html, IntoResponse},
    routing::get as on_get,
};
use http::{HeaderMap, StatusCode};
use hydra_runtime_gateway::{GatewayConfig, PlainService};
use serde_json::{Value, json};

use crate::support::{Running, gateway_with, get, post, service, until};

async fn gateway_for(service: &Running, health: Option<&str>) -> Running {
    let plain = |name: &str, endpoints: &[&str]| PlainService {
        name: name.into(),
        url: service.url(""),
        host: None,
        health: health.map(str::to_owned),
        endpoints: endpoints.iter().map(|&text| text.into()).collect(),
        fragments: [
            ("price", "/snippets/price?v=1"),
            ("bad", "/bad"),
            ("gone", "/gone"),
            ("kept", "/kept"),
        ]
        .map(|(name, path)| (name.to_owned(), path.to_owned()))
        .into(),
        login: None,
        ..PlainService::default()
    };
    let services = vec![plain("legacy", &["/old/**"]), plain("same", &[])];
    gateway_with(GatewayConfig {
        public_key: "K".into(),
        services,
        ..GatewayConfig::default()
    })
    .await
}

async fn price(OriginalUri(uri): OriginalUri, headers: HeaderMap) -> impl IntoResponse {
    let has_deadline = headers["hydra-deadline-ms"]
        .to_str()
        .is_ok_and(|text| text.parse::<u64>().is_ok());
    (
        [("hydra-exports", r#"{"total":7,"secret":1}"#)],
        Html(format!("{uri} {has_deadline}")),
    )
}

async fn ask(gateway: &Running, service: &str, reference: &str) -> Value {
    let item = json!({"id":"1","ref":reference,"attributes":{"a":"x y","n":[1]},"exports":["total as sum"]});
    let batch = json!({"protocol":2,"requests":{service:[item]}});
    post(&gateway.url("/h/discovery/K/requestFragment"), &batch)
        .await
        .json()["fragments"][0]
        .clone()
}

#[tokio::test]
async fn a_fragment_is_a_get_with_its_imports_and_exports() {
    let counter = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&counter);
    let kept = async move || {
        (
            [("cache-control", "max-age=60")],
            Html(count.fetch_add(1, SeqCst).to_string()),
        )
    };
    let router = Router::new()
        .route("/snippets/price", on_get(price))
        .route("/bad", on_get(async || Html([0xff_u8]).into_response()))
        .route("/kept", on_get(kept))
        .route("/old/page", on_get(async || "an old page"));
    let service = service(router).await;
    let gateway = gateway_for(&service, None).await;
    for name in ["legacy", "same"] {
        let fragment = ask(&gateway, name, "price").await;
        assert_eq!(
            fragment["renderedHTML"],
            "/snippets/price?v=1&a=x%20y&n=%5B1%5D true"
        );
        assert_eq!(fragment["exports"], json!({"total":7}));
        assert_eq!(fragment["outcome"], "rendered");
    }
    for reference in ["bad", "gone", "unknown"] {
        let fragment = ask(&gateway, "legacy", reference).await;
        assert_eq!(
            (&fragment["renderedHTML"], &fragment["outcome"]),
            (&Value::Null, &json!("failed")),
            "{reference}"
        );
    }
    assert_eq!(ask(&gateway, "legacy", "kept").await["outcome"], "rendered");
    assert_eq!(ask(&gateway, "legacy", "kept").await["outcome"], "cached");
    assert_eq!(counter.load(SeqCst), 1);
    assert_eq!(get(&gateway.url("/old/page")).await.text(), "an old page");
}

#[tokio::test]
async fn nobody_registers_under_the_name_of_a_configured_service() {
    let service = service(Router::new()).await;
    let gateway = gateway_for(&service, None).await;
    let body = crate::support::said("legacy", &service, json!({}));
    let answer = post(&gateway.url("/h/discovery/K/registration"), &body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text().contains("configuration"));
}

#[tokio::test]
async fn health_decides_whether_it_is_active() {
    let is_well = Arc::new(AtomicBool::new(true));
    let health = Arc::clone(&is_well);
    let ping = async move || {
        if health.load(SeqCst) {
            StatusCode::OK
        } else {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    let router = Router::new()
        .route("/ping", on_get(ping))
        .route("/old/page", on_get(async || "an old page"));
    let service = service(router).await;
    let gateway = gateway_for(&service, Some("/ping")).await;
    let status = async || get(&gateway.url("/old/page")).await.status;
    assert_eq!(status().await, StatusCode::OK);
    is_well.store(false, SeqCst);
    until("it is inactive", async || {
        status().await == StatusCode::SERVICE_UNAVAILABLE
    })
    .await;
    is_well.store(true, SeqCst);
    until("it is active again", async || status().await == StatusCode::OK).await;
}
