//! Requests pass through to the services that hold their paths.

use std::time::Duration;

use axum::{
    Json, Router,
    body::Body,
    extract::{OriginalUri, Request as AxumRequest},
    response::IntoResponse,
    routing::any,
};
use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use serde_json::{Value, json};

use crate::{
    sockets::{chat, talk},
    support::{Running, gateway, get, register, said, send, service},
};

/// Says what it was asked.
async fn echo(method: Method, OriginalUri(uri): OriginalUri, headers: HeaderMap, body: Bytes) -> Json<Value> {
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| json!([name.as_str(), value.to_str().expect("text")]))
        .collect();
    Json(
        json!({"method":method.as_str(),"uri":uri.to_string(),"headers":headers,"body":String::from_utf8_lossy(&body)}),
    )
}

fn header<'a>(echoed: &'a Value, name: &str) -> Vec<&'a str> {
    let headers = echoed["headers"].as_array().expect("a list");
    headers
        .iter()
        .filter(|pair| pair[0] == name)
        .map(|pair| pair[1].as_str().expect("text"))
        .collect()
}

async fn echoing(gateway: &Running, name: &str, more: Value) -> Running {
    let echoing = service(Router::new().fallback(any(echo))).await;
    register(gateway, &said(name, &echoing, more)).await;
    echoing
}

#[tokio::test]
async fn pages_and_static_files_reach_their_service() {
    let gateway = gateway().await;
    let more = json!({"endpoints":["/","/detail/{id}"],"staticResources":["css/app.css","folder/"]});
    let _service = echoing(&gateway, "my shop", more).await;
    for (path, expected) in [
        ("/", "/"),
        ("/detail/7?q=a%20b", "/detail/7?q=a%20b"),
        ("/detail/a%2Fb", "/detail/a%2Fb"),
        ("/my%20shop/css/app.css?v=1", "/static/css/app.css?v=1"),
    ] {
        let answer = get(&gateway.url(path)).await;
        assert_eq!(
            (answer.status, answer.json()["uri"].as_str()),
            (StatusCode::OK, Some(expected)),
            "{path}"
        );
    }
    for path in [
        "/detail",
        "/other",
        "/my%20shop/folder/",
        "/login",
        "/h/x",
        "/_h/x",
    ] {
        assert_eq!(
            get(&gateway.url(path)).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
}

#[tokio::test]
async fn method_body_and_headers_pass_and_hop_by_hop_headers_do_not() {
    let gateway = gateway().await;
    let _service = echoing(&gateway, "a", json!({"endpoints":["/x"]})).await;
    let request = Request::put(gateway.url("/x"))
        .header("host", "shop.example")
        .header("hydra-path", "forged")
        .header("x-forwarded-for", "6.6.6.6")
        .header("connection", "x-private")
        .header("x-private", "1")
        .header("x-public", "2")
        .header("via", "1.0 fred")
        .body(Body::from("the body"))
        .expect("a request");
    let echoed = send(request).await.json();
    assert_eq!(
        (&echoed["method"], &echoed["body"]),
        (&json!("PUT"), &json!("the body"))
    );
    assert_eq!(header(&echoed, "hydra-path"), ["a"]);
    assert_eq!(header(&echoed, "x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(header(&echoed, "x-forwarded-host"), ["shop.example"]);
    assert_eq!(header(&echoed, "host"), ["shop.example"]);
    assert_eq!(header(&echoed, "x-public"), ["2"]);
    assert_eq!(header(&echoed, "via"), ["1.0 fred", "1.1 hydra"]);
    assert!(header(&echoed, "x-private").is_empty());
}

#[tokio::test]
async fn an_answer_streams_and_its_trailers_come_along() {
    let gateway = gateway().await;
    let (sender, receiver) = tokio::sync::mpsc::channel::<http_body::Frame<Bytes>>(1);
    let receiver = std::sync::Arc::new(tokio::sync::Mutex::new(receiver));
    let streaming = any(async move || {
        let frames = futures_util::stream::unfold(receiver, async |receiver| {
            let frame = receiver.lock().await.recv().await?;
            Some((Ok::<_, std::io::Error>(frame), receiver))
        });
        let headers = [("content-type", "text/event-stream"), ("trailer", "x-sum")];
        (headers, Body::new(StreamBody::new(Box::pin(frames)))).into_response()
    });
    let service = service(Router::new().route("/events", streaming)).await;
    register(&gateway, &said("a", &service, json!({"endpoints":["/events"]}))).await;

    let client =
        hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build_http();
    let request = Request::get(gateway.url("/events"))
        .header("te", "trailers")
        .body(Body::empty())
        .expect("a request");
    let answer = client
        .request(request)
        .await
        .expect("the head comes before the body");
    let mut body = answer.into_body();
    for text in ["data: 1\n\n", "data: 2\n\n"] {
        sender
            .send(http_body::Frame::data(Bytes::from(text)))
            .await
            .expect("the service listens");
        let frame = tokio::time::timeout(Duration::from_secs(5), body.frame())
            .await
            .expect("at once");
        assert_eq!(
            frame
                .expect("a frame")
                .expect("no error")
                .into_data()
                .expect("data"),
            text
        );
    }
    let trailers = HeaderMap::from_iter([("x-sum".parse().expect("a name"), "7".parse().expect("a value"))]);
    sender
        .send(http_body::Frame::trailers(trailers))
        .await
        .expect("the service listens");
    drop(sender);
    let last = body.collect().await.expect("the end");
    assert_eq!(
        last.trailers()
            .and_then(|trailers| trailers.get("x-sum"))
            .map(|sum| sum.as_bytes()),
        Some(&b"7"[..])
    );
}

#[tokio::test]
async fn a_request_streams_too() {
    let gateway = gateway().await;
    let counting = any(async |request: AxumRequest| {
        let mut body = request.into_body();
        let first = body
            .frame()
            .await
            .expect("a frame")
            .expect("no error")
            .into_data()
            .expect("data");
        // Answers before the request has ended.
        (StatusCode::OK, Body::from(first)).into_response()
    });
    let service = service(Router::new().route("/up", counting)).await;
    register(&gateway, &said("a", &service, json!({"endpoints":["/up"]}))).await;
    let chunks =
        futures_util::stream::iter([Ok::<_, std::io::Error>("first")]).chain(futures_util::stream::pending());
    let request = Request::post(gateway.url("/up"))
        .body(Body::from_stream(chunks))
        .expect("a request");
    assert_eq!(send(request).await.text(), "first");
}

#[tokio::test]
async fn web_sockets_pass_through() {
    let gateway = gateway().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        chat(stream).await;
    });
    let body = json!({"webProtocol":"http","host":"127.0.0.1","port":port,"name":"chat"});
    register(&gateway, &body).await;
    let heard = talk(&gateway, "/chat/socket?room=1").await;
    assert_eq!(heard, ["/socket?room=1", "message 0", "message 1"]);
}

#[tokio::test]
async fn http_2_visitors_reach_http_1_services() {
    let gateway = gateway().await;
    let _service = echoing(&gateway, "a", json!({"endpoints":["/x"]})).await;
    let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
        .http2_only(true)
        .build_http();
    let request = Request::get(gateway.url("/x"))
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .body(Body::empty())
        .expect("a request");
    let answer = client.request(request).await.expect("an answer");
    assert_eq!(answer.version(), http::Version::HTTP_2);
    let echoed: Value =
        serde_json::from_slice(&answer.into_body().collect().await.expect("a body").to_bytes())
            .expect("JSON");
    assert_eq!(header(&echoed, "cookie"), ["a=1; b=2"]);
    assert_eq!(header(&echoed, "host"), [gateway.address.to_string()]);
}

#[tokio::test]
async fn the_first_service_keeps_a_path_and_the_other_is_told() {
    let gateway = gateway().await;
    let _first = echoing(&gateway, "first", json!({"endpoints":["/x/{id}"]})).await;
    let second = service(Router::new().fallback(any(echo))).await;
    let said = said(
        "second",
        &second,
        json!({"protocol":2,"endpoints":["/x/{other}","/y"]}),
    );
    let answer = register(&gateway, &said).await;
    assert_eq!(
        answer["leftOut"],
        json!([{"path":"/x/{other}","reason":"the service `first` holds the path"}])
    );
    assert_eq!(
        header(&get(&gateway.url("/x/1")).await.json(), "hydra-path"),
        ["first"]
    );
    assert_eq!(
        header(&get(&gateway.url("/y")).await.json(), "hydra-path"),
        ["second"]
    );
    let services = get(&gateway.url("/_h/services")).await.json();
    assert_eq!(services["second"][0]["leftOut"], answer["leftOut"]);
}

#[tokio::test]
async fn instances_share_the_load_and_a_dead_one_costs_nobody_a_page() {
    let gateway = gateway().await;
    let first = service(Router::new().route("/x", any(async || "first"))).await;
    let second = service(Router::new().route("/x", any(async || "second"))).await;
    for service in [&first, &second] {
        register(&gateway, &said("a", service, json!({"endpoints":["/x"]}))).await;
    }
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..4 {
        seen.insert(get(&gateway.url("/x")).await.text().to_owned());
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["first", "second"]);
    second.stop().await;
    for _ in 0..20 {
        let answer = get(&gateway.url("/x")).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, "first"));
    }
}

#[tokio::test]
async fn an_answer_counts_as_load_until_its_last_byte() {
    let gateway = gateway().await;
    let endless = |name: &'static str| {
        let body = move || {
            let first = futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"first"))]);
            Body::from_stream(first.chain(futures_util::stream::pending()))
        };
        Router::new()
            .route("/name", any(async move || name))
            .route("/endless", any(async move || ([("x-name", name)], body())))
    };
    let instances = [service(endless("a")).await, service(endless("b")).await];
    for instance in &instances {
        let paths = json!({"endpoints":["/name","/endless"]});
        register(&gateway, &said("shop", instance, paths)).await;
    }
    let client =
        hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build_http();
    let request = Request::get(gateway.url("/endless")).body(Body::empty());
    let answer = client.request(request.expect("a request")).await.expect("a head");
    let busy = answer.headers()["x-name"].to_str().expect("text").to_owned();
    for _ in 0..10 {
        let name = get(&gateway.url("/name")).await;
        assert_ne!(name.text(), busy, "its answer has not ended");
    }
    drop(answer);
    crate::support::until("the visitor who left counts no more", async || {
        get(&gateway.url("/name")).await.text() == busy
    })
    .await;
}

#[tokio::test]
async fn a_circle_of_gateways_ends() {
    let (first, second) = (gateway().await, gateway().await);
    register(&first, &said("a", &second, json!({"endpoints":["/x"]}))).await;
    register(&second, &said("b", &first, json!({"endpoints":["/x"]}))).await;
    assert_eq!(get(&first.url("/x")).await.status, StatusCode::LOOP_DETECTED);
}
