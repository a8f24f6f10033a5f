//! Several gateways: pages keep their fragments while one of them is there.

use std::net::SocketAddr;

use axum::{Json, routing::post};
use hydra_runtime_gateway::{Gateway, GatewayConfig};
use tokio::{net::TcpListener, task::JoinHandle};

use super::*;

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn gateway() -> (SocketAddr, JoinHandle<()>) {
    let (listener, address) = listen().await;
    let gateway = Gateway::new(GatewayConfig::default()).unwrap();
    let serving = async move { gateway.serve(listener, std::future::pending()).await };
    (address, tokio::spawn(serving))
}

/// The owner of the fragment `news`.
async fn news() -> SocketAddr {
    let fragment = async |Json(body): Json<Value>| {
        let id = &body["requests"]["elsewhere"][0]["id"];
        Json(json!({"fragments": [{"id": id, "renderedHTML": "the news", "outcome": "rendered"}]}))
    };
    let router = Router::new().route("/h/fragment/hydra/requestFragment", post(fragment));
    let (listener, address) = listen().await;
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

async fn register(news: SocketAddr, gateway: SocketAddr) {
    let said = json!({"webProtocol": "http", "host": "127.0.0.1", "port": news.port(), "name": "elsewhere", "protocol": 2});
    let request = Request::post(format!("http://{gateway}/h/discovery/hydra/registration"))
        .body(Body::from(said.to_string()))
        .unwrap();
    let executor = hyper_util::rt::TokioExecutor::new();
    let client = hyper_util::client::legacy::Client::builder(executor).build_http::<Body>();
    assert_eq!(client.request(request).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_page_keeps_its_fragments_when_the_first_gateway_is_killed() {
    let ((first, serving), (second, _)) = (gateway().await, gateway().await);
    let news = news().await;
    register(news, first).await;
    register(news, second).await;
    let gateways = format!("http://{first},http://{second}");
    let settings = Partial::default().gateway(gateways).listen("127.0.0.1:0");
    let router = app().settings(settings).into_router().unwrap();
    let shown = async || {
        let answer = router.clone().oneshot(visit("/home/ann")).await.unwrap();
        let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    };
    assert!(shown().await.contains("the news"));
    serving.abort();
    assert!(serving.await.unwrap_err().is_cancelled());
    // It may have taken a while to get here, and the owner says nothing else.
    register(news, second).await;
    for visit in 0..20 {
        let page = shown().await;
        assert!(page.contains("the news"), "{visit}: {page}");
    }
}
