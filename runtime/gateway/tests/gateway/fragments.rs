//! Fragments: each service's failure is its own, and the answer comes within 2 s.

use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{Json, Router, body::Body, response::IntoResponse, routing::post};
use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, HeaderValue, header::COOKIE};
use hydra_runtime_gateway::{Gateway, GatewayConfig};
use hydra_runtime_net::fragment_source::Caller;
use hydra_runtime_wire::{FragmentsRequest, Outcome};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    support::{Running, gateway, post as send, post_text, register, said, service},
    transport::{TRANSPORTS, Transport},
};

const CALL: &str = "/h/fragment/K/requestFragment";

async fn answering(gateway: &Running, name: &str, answer: impl Into<Bytes>) -> Running {
    let answer = answer.into();
    let router = Router::new().route(CALL, post(async move || answer.clone().into_response()));
    let service = service(router).await;
    register(gateway, &said(name, &service, json!({}))).await;
    service
}

fn one(service: &str, id: &str) -> Value {
    json!([{"id":id,"service":service,"ref":"x","fallback":""}])
}

#[tokio::test]
async fn a_bad_service_costs_nobody_else_anything_and_all_is_done_within_2_s() {
    let gateway = gateway().await;
    let good = r#"[{"id":"good","renderedHTML":"<b>"}]"#;
    let long = format!(r#"[{{"id":"long","renderedHTML":"{}"}}]"#, "x".repeat(10 << 20));
    let _services = [
        answering(&gateway, "good", good).await,
        answering(&gateway, "nonsense", "<html>oops").await,
        answering(&gateway, "stranger", r#"[{"id":"who","renderedHTML":"?"}]"#).await,
        answering(&gateway, "lacking", "[]").await,
        answering(&gateway, "long", long).await,
        answering(
            &gateway,
            "binary",
            &b"[{\"id\":\"binary\",\"renderedHTML\":\"\xff\xfe\"}]"[..],
        )
        .await,
        answering(&gateway, "thief", r#"[{"id":"good","renderedHTML":"stolen"}]"#).await,
    ];
    let slow = service(Router::new().route(CALL, post(async || pending::<()>().await))).await;
    register(&gateway, &said("slow", &slow, json!({}))).await;
    let half = service(Router::new().route(CALL, post(half_an_answer))).await;
    register(&gateway, &said("half", &half, json!({}))).await;
    let names = [
        "slow", "nonsense", "stranger", "good", "lacking", "long", "binary", "thief", "half", "away",
    ];
    // As text: a JSON object in memory would sort the services.
    let requests: Vec<_> = names
        .iter()
        .map(|name| format!("\"{name}\":{}", one(name, name)))
        .collect();
    let body = format!("{{\"requests\":{{{}}}}}", requests.join(","));
    let started = Instant::now();
    let answer = post_text(
        &gateway.url("/h/discovery/K/requestFragment"),
        "application/json",
        body,
    )
    .await;
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
    let expected: Vec<_> = names
        .iter()
        .map(|name| json!({"id":name,"renderedHTML":(*name == "good").then_some("<b>")}))
        .collect();
    assert_eq!(answer.json(), json!(expected));
}

async fn half_an_answer() -> impl IntoResponse {
    let chunks = [Ok("[{\"id\":"), Err(std::io::Error::other("gone"))];
    Body::from_stream(futures_util::stream::iter(chunks))
}

type Seen = Arc<Mutex<Vec<(HeaderMap, Value)>>>;

/// A service of protocol 2 that notes what it gets.
async fn noting(gateway: &Running, transport: Transport, name: &str, answer: Value) -> (Running, Seen) {
    let seen = Seen::default();
    let note = Arc::clone(&seen);
    let router = Router::new().route(
        CALL,
        post(async move |headers: HeaderMap, Json(body): Json<Value>| {
            note.lock().expect("not poisoned").push((headers, body));
            Json(answer.clone())
        }),
    );
    let service = service(router).await;
    transport
        .register(gateway, &said(name, &service, json!({"protocol":2})))
        .await;
    (service, seen)
}

#[tokio::test]
async fn protocol_2_keeps_exports_and_sessions_where_they_belong() {
    for owners in TRANSPORTS {
        for pages in TRANSPORTS {
            exports_and_sessions_stay_where_they_belong(owners, pages).await;
        }
    }
}

async fn exports_and_sessions_stay_where_they_belong(owners: Transport, pages: Transport) {
    let gateway = gateway().await;
    let answer = json!({
        "fragments":[{"id":"1","renderedHTML":"<p>","exports":{"line2":"x","secret":1},"outcome":"rendered","maxAge":0}],
        "sessions":{"orders":{"step":2},"basket":{"stolen":1}}});
    let (_service, seen) = noting(&gateway, owners, "orders", answer).await;
    let item = json!({"id":"1","service":"orders","ref":"f","attributes":{"country":"BE"},
                      "imports":["countryOrigin as country"],"exports":["line2 as address"],"deadline":700});
    let batch = json!({"protocol":2,"requests":{"orders":[item]},
                       "sessions":{"orders":{"step":1},"basket":{"items":3}}});
    let cookies = HeaderValue::from_static("theme=dark; HYDRA-SSO=token; HYDRA-SESSION=s");
    let headers = HeaderMap::from_iter([(COOKIE, cookies)]);
    let answer = pages.ask(&gateway, headers, &batch).await;
    assert_eq!(
        answer,
        json!({"fragments":[{"id":"1","renderedHTML":"<p>","exports":{"line2":"x"},"outcome":"rendered","maxAge":0}],
               "sessions":{"orders":{"step":2}}})
    );
    let seen = seen.lock().expect("not poisoned");
    let (headers, body) = &seen[0];
    assert_eq!(headers["cookie"], "HYDRA-SSO=token");
    assert_eq!(body["protocol"], 2);
    assert_eq!(body["sessions"], json!({"orders":{"step":1}}));
    assert_eq!(
        body["requests"]["orders"][0]["attributes"],
        json!({"country":"BE"})
    );
    assert_eq!(body["requests"]["orders"][0]["deadline"], 700);
}

#[tokio::test]
async fn an_instance_that_refuses_is_replaced_by_another() {
    let gateway = gateway().await;
    let dead = answering(&gateway, "a", "[]").await;
    let _alive = answering(&gateway, "a", r#"[{"id":"1","renderedHTML":"ok"}]"#).await;
    dead.stop().await;
    for _ in 0..10 {
        let body = json!({"requests":{"a":one("a", "1")}});
        let answer = send(&gateway.url("/h/discovery/K/requestFragment"), &body).await;
        assert_eq!(answer.json(), json!([{"id":"1","renderedHTML":"ok"}]));
    }
}

#[tokio::test]
async fn in_the_same_process_each_services_part_comes_when_it_is_ready() {
    let gateway = Gateway::new(GatewayConfig {
        public_key: "K".into(),
        ..GatewayConfig::default()
    })
    .expect("good");
    let source = gateway.source();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { gateway.serve(listener, pending()).await });
    let registry = RunningAt(address);
    let quick = service(Router::new().route(CALL, post(async || r#"[{"id":"1","renderedHTML":"q"}]"#))).await;
    let slow = service(Router::new().route(CALL, post(async || pending::<()>().await))).await;
    registry.register(&said("quick", &quick, json!({}))).await;
    registry.register(&said("slow", &slow, json!({}))).await;
    let batch: FragmentsRequest = serde_json::from_value(json!({"protocol":2,"requests":{
        "slow":[{"id":"2","ref":"x"}], "quick":[{"id":"1","ref":"x"}], "away":[{"id":"3","ref":"x"}]}}))
    .expect("a batch");
    let caller = Caller {
        budget: Duration::from_millis(300),
        ..Caller::default()
    };
    let parts: Vec<_> = source.resolve(batch, caller).collect().await;
    let came: Vec<_> = parts
        .iter()
        .map(|part| {
            part.fragments
                .iter()
                .map(|one| (one.id.as_str(), one.outcome))
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(
        came,
        [
            vec![("3", Outcome::Inactive)],
            vec![("1", Outcome::Rendered)],
            vec![("2", Outcome::Late)]
        ]
    );
}

#[tokio::test]
async fn a_service_that_hangs_holds_back_nobody_elses_fragments() {
    hung_service(Transport::Post, json!({})).await;
    for transport in TRANSPORTS {
        hung_service(transport, json!({"protocol":2})).await;
    }
}

async fn hung_service(transport: Transport, protocol: Value) {
    let gateway = gateway().await;
    let quick = service(Router::new().route(CALL, post(async || r#"[{"id":"q","renderedHTML":"q"}]"#))).await;
    let hung = service(Router::new().route(CALL, post(async || pending::<()>().await))).await;
    for (name, service) in [("quick", &quick), ("hung", &hung)] {
        transport
            .register(&gateway, &said(name, service, protocol.clone()))
            .await;
    }
    // Each has attributes of its own, and is a call of its own.
    let many: Vec<_> = (0..70)
        .map(|n| json!({"id":format!("{n}"),"ref":"x","attributes":{"n":n}}))
        .collect();
    let body = json!({"protocol":2,"requests":{"hung":many, "quick":[{"id":"q","ref":"x"}]}});
    let answer = send(&gateway.url("/h/discovery/K/requestFragment"), &body)
        .await
        .json();
    let fragments = answer["fragments"].as_array().expect("a list");
    let outcome = |id: &str| {
        let one = fragments.iter().find(|one| one["id"] == id);
        one.map(|one| one["outcome"].clone())
    };
    assert_eq!(outcome("q"), Some(json!("rendered")));
    assert_eq!(outcome("0"), Some(json!("late")));
    assert_eq!(outcome("69"), Some(json!("late")));
}

struct RunningAt(std::net::SocketAddr);

impl RunningAt {
    async fn register(&self, said: &Value) {
        let answer = send(&format!("http://{}/h/discovery/K/registration", self.0), said).await;
        assert!(answer.status.is_success());
    }
}

#[tokio::test]
async fn two_hundred_fragments_with_different_attributes_all_come() {
    let gateway = gateway().await;
    let echo = async |Json(body): Json<Value>| {
        let id = &body["requests"][0]["id"];
        Json(json!([{"id":id,"renderedHTML":body["attributes"]["n"].to_string()}]))
    };
    let service = service(Router::new().route(CALL, post(echo))).await;
    register(&gateway, &said("old", &service, json!({}))).await;
    let items: Vec<_> = (0..200)
        .map(|n| json!({"id":format!("{n}"),"ref":"x","attributes":{"n":n}}))
        .collect();
    let body = json!({"protocol":2,"requests":{"old":items}});
    let answer = send(&gateway.url("/h/discovery/K/requestFragment"), &body)
        .await
        .json();
    let came: Vec<_> = answer["fragments"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["renderedHTML"].clone())
        .collect();
    assert_eq!(came, (0..200).map(|n| json!(n.to_string())).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_fragment_sets_no_cookies_or_headers_of_its_page() {
    const HEADERS: [(&str, &str); 4] = [
        ("set-cookie", "HYDRA-SSO=forged; Path=/"),
        ("location", "https://evil.example/"),
        ("x-owner", "orders"),
        ("content-security-policy", "default-src *"),
    ];
    let item = json!({"id":"a","renderedHTML":"<b>","headers":{"set-cookie":"a=1"},"cookies":["a=1"]});
    let of_2 = json!({"fragments":[item],"headers":{"set-cookie":"a=1"}}).to_string();
    let of_1 = json!([item]).to_string();
    let with =
        |body: String| Router::new().route(CALL, post(async move || (HEADERS, body.clone()).into_response()));
    let (old, new) = (service(with(of_1)).await, service(with(of_2)).await);
    let plain =
        service(Router::new().fallback(async || (HEADERS, axum::response::Html("<b>")).into_response()))
            .await;
    let config = format!(
        "public_key = 'K'\n[[service]]\nname = 'plain'\nurl = '{}'\nfragments = {{ x = '/x' }}",
        plain.url("")
    );
    let gateway = crate::support::gateway_with(GatewayConfig::from_toml(&config).expect("good")).await;
    register(&gateway, &said("old", &old, json!({}))).await;
    register(&gateway, &said("new", &new, json!({"protocol":2,"instance":"1"}))).await;
    for (service, protocol) in [("old", 1), ("new", 2), ("new", 1), ("plain", 2)] {
        let body = json!({"protocol":protocol,"requests":{service:one(service, "a")}});
        let answer = send(&gateway.url("/h/discovery/K/requestFragment"), &body).await;
        assert!(answer.text().contains("<b>"), "{service}: {}", answer.text());
        for part in ["set-cookie", "cookies", "forged", "evil", "x-owner"] {
            assert!(!answer.text().contains(part), "{service}: {}", answer.text());
        }
        for (name, _) in HEADERS {
            assert!(!answer.headers.contains_key(name), "{service}: {name}");
        }
    }
}
