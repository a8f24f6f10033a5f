//! Fragment answers of every wrong shape, from every protocol, late and twice: each costs its own service only.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    response::{Html, IntoResponse, Response},
    routing::{get as on_get, post as on_post},
};
use http::{StatusCode, header::CONTENT_LENGTH};
use hydra_runtime_gateway::{GatewayConfig, PlainService};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::{
    support::{Running, gateway, gateway_with, post, register, said, service},
    transport::TRANSPORTS,
};

/// What would be right with the status 200.
const RIGHT: &str = r#"[{"id":"bad","renderedHTML":"x"}]"#;
const CALL: &str = "/h/fragment/K/requestFragment";

/// Asks for one fragment of each of these services.
async fn ask(gateway: &Running, services: &[&str]) -> Vec<Value> {
    let item = |name: &&str| {
        (
            name.to_string(),
            json!([{"id":name,"ref":"x","exports":["line"],"deadline":1500}]),
        )
    };
    let requests: serde_json::Map<_, _> = services.iter().map(item).collect();
    let batch = json!({"protocol":2,"requests":requests});
    let answer = post(&gateway.url("/h/discovery/K/requestFragment"), &batch).await;
    assert_eq!(answer.status, StatusCode::OK);
    answer.json()["fragments"].as_array().expect("a list").clone()
}

/// Asks the bad services and a good one: only the good one's fragment comes.
async fn check(gateway: &Running, what: &str, bad: &[&str]) {
    let names: Vec<&str> = bad.iter().copied().chain(["good"]).collect();
    let came = ask(gateway, &names).await;
    assert_eq!(came.len(), names.len(), "{what}: {came:?}");
    for one in &came {
        let is_good = one["id"] == "good";
        assert_eq!(one["renderedHTML"].is_string(), is_good, "{what}: {one}");
        let outcome = one["outcome"].as_str().expect("an outcome");
        assert_eq!(outcome == "rendered", is_good, "{what}: {one}");
    }
}

async fn good(gateway: &Running) -> Running {
    let answer = async || r#"{"fragments":[{"id":"good","renderedHTML":"<p>"}]}"#;
    let good = service(Router::new().route(CALL, on_post(answer))).await;
    register(gateway, &said("good", &good, json!({"protocol":2}))).await;
    good
}

fn wrong_bodies() -> Vec<Vec<u8>> {
    let deep = "[".repeat(200_000);
    let items = (0..20_000).map(|n| format!(r#"{{"id":"{n}","renderedHTML":"x"}}"#));
    let strangers = items.collect::<Vec<_>>().join(",");
    let texts = [
        "",
        " ",
        "null",
        "true",
        "7",
        "\"x\"",
        "{",
        "[",
        "{}",
        "[]",
        "[[]]",
        "[null]",
        "[1]",
        "<html>",
        r#"{"fragments":null}"#,
        r#"{"fragments":{}}"#,
        r#"{"fragments":[1]}"#,
        r#"{"fragments":[{}]}"#,
        r#"{"fragments":[{"id":"bad"}]}"#,
        r#"{"fragments":[{"id":7,"renderedHTML":"x"}]}"#,
        r#"{"fragments":[{"id":"bad","renderedHTML":7}]}"#,
        r#"{"fragments":[{"id":"bad","renderedHTML":["x"]}]}"#,
        r#"{"fragments":[{"id":"good","renderedHTML":"stolen"}]}"#,
        r#"{"fragments":[{"id":"bad","renderedHTML":"x","outcome":"splendid"}]}"#,
        r#"{"fragments":[{"id":"bad","renderedHTML":"x","outcome":"failed"}]}"#,
        r#"{"fragments":[{"id":"bad","renderedHTML":"x","exports":7}]}"#,
        r#"{"fragments":[{"id":"bad","renderedHTML":"x","maxAge":-1}]}"#,
        r#"{"fragments":[{"id":"bad","renderedHTML":null}],"sessions":{"good":{"stolen":1}}}"#,
        r#"{"fragments":[{"id":"bad","renderedHTML":"x"}],"sessions":7}"#,
        r#"{"fragments":[{"id":"bad","renderedHTML":"x"}]} and more"#,
        r#"[{"id":"bad"}]"#,
        r#"[{"renderedHTML":"x"}]"#,
        r#"[{"id":"bad","renderedHTML":{}}]"#,
        deep.as_str(),
    ];
    let mut all: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    all.push(format!("[{strangers}]").into_bytes());
    all.push(b"[{\"id\":\"bad\",\"renderedHTML\":\"\xff\"}]".to_vec());
    all.push(
        [
            r#"[{"id":"bad","renderedHTML":""#.as_bytes(),
            &vec![b'x'; 5 << 20],
            b"\"}]",
        ]
        .concat(),
    );
    all
}

/// A bad service that answers what the test says, and a good one.
struct Site {
    gateway: Running,
    answer: Arc<Mutex<fn() -> Response>>,
    body: Arc<Mutex<Vec<u8>>>,
    services: [Running; 2],
}

impl Site {
    async fn new() -> Self {
        let gateway = gateway().await;
        let answer: Arc<Mutex<fn() -> Response>> = Arc::new(Mutex::new(|| StatusCode::OK.into_response()));
        let body = Arc::new(Mutex::new(Vec::new()));
        let said = (answer.clone(), body.clone());
        let bad = async move || {
            let response = said.0.lock().expect("not poisoned")();
            let body = said.1.lock().expect("not poisoned").clone();
            if body.is_empty() {
                response
            } else {
                (response.status(), body).into_response()
            }
        };
        let bad = service(Router::new().route(CALL, on_post(bad))).await;
        let services = [bad, good(&gateway).await];
        Self {
            gateway,
            answer,
            body,
            services,
        }
    }

    /// For both protocols and all transports. Registering also says that both are alive.
    async fn check(&self, what: &str) {
        let [bad, good] = &self.services;
        register(&self.gateway, &said("good", good, json!({"protocol":2}))).await;
        register(&self.gateway, &said("bad", bad, json!({"protocol":1}))).await;
        check(&self.gateway, what, &["bad"]).await;
        for transport in TRANSPORTS {
            let said = said("bad", bad, json!({"protocol":2}));
            transport.register(&self.gateway, &said).await;
            check(&self.gateway, &format!("{what}, {transport:?}"), &["bad"]).await;
        }
    }
}

#[tokio::test]
async fn a_wrong_shape_of_either_protocol_costs_only_the_service_that_sent_it() {
    let site = Site::new().await;
    site.check("an empty body").await;
    for body in wrong_bodies() {
        let what = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        *site.body.lock().expect("not poisoned") = body;
        site.check(&what).await;
    }
}

#[tokio::test]
async fn a_fragment_that_is_not_utf8_costs_only_its_slot() {
    let site = Site::new().await;
    for (start, end) in [
        (r#"[{"id":"bad","renderedHTML":"<p>"#, r#"</p>"}]"#),
        (r#"{"fragments":[{"id":"bad","renderedHTML":"<p>"#, r#"</p>"}]}"#),
        (
            r#"{"fragments":[{"id":"bad","renderedHTML":"x","exports":{"line":""#,
            r#""}}]}"#,
        ),
    ] {
        let with = |text: &[u8]| [start.as_bytes(), text, end.as_bytes()].concat();
        for wrong in [&b"\xff"[..], b"\xc3", b"\xed\xa0\x80"] {
            *site.body.lock().expect("not poisoned") = with(wrong);
            site.check(&format!("{start}{wrong:?}")).await;
        }
        *site.body.lock().expect("not poisoned") = with("é".as_bytes());
        let right = &ask(&site.gateway, &["bad"]).await[0];
        assert!(
            right["renderedHTML"].is_string(),
            "but for that byte it is right: {right}"
        );
    }
}

#[tokio::test]
async fn a_wrong_status_or_a_broken_body_costs_only_the_service_that_sent_it() {
    let site = Site::new().await;
    let answers: [fn() -> Response; 11] = [
        || (StatusCode::CREATED, RIGHT).into_response(),
        || (StatusCode::ACCEPTED, RIGHT).into_response(),
        || StatusCode::NO_CONTENT.into_response(),
        || (StatusCode::MOVED_PERMANENTLY, [("location", "/good")], RIGHT).into_response(),
        || StatusCode::NOT_MODIFIED.into_response(),
        || (StatusCode::UNAUTHORIZED, RIGHT).into_response(),
        || (StatusCode::NOT_FOUND, "[]").into_response(),
        || (StatusCode::INTERNAL_SERVER_ERROR, RIGHT).into_response(),
        || (StatusCode::SERVICE_UNAVAILABLE, RIGHT).into_response(),
        // It says more than it sends.
        || ([(CONTENT_LENGTH, "500")], "[").into_response(),
        || {
            let chunks = [Ok("[{\"id\""), Err(std::io::Error::other("gone"))];
            Body::from_stream(futures_util::stream::iter(chunks)).into_response()
        },
    ];
    for (number, answer) in answers.into_iter().enumerate() {
        *site.answer.lock().expect("not poisoned") = answer;
        site.check(&format!("answer {number}")).await;
    }
    *site.answer.lock().expect("not poisoned") = || RIGHT.into_response();
    assert_eq!(
        ask(&site.gateway, &["bad"]).await[0]["renderedHTML"],
        "x",
        "the right one is heard"
    );
}

#[tokio::test]
async fn a_plain_service_that_answers_nonsense_costs_only_its_own_fragments() {
    let plain = Router::new()
        .route("/utf8", on_get(async || Html([b'<', 0xff]).into_response()))
        .route("/long", on_get(async || Html("x".repeat(5 << 20))))
        .route("/status", on_get(async || StatusCode::INTERNAL_SERVER_ERROR))
        .route(
            "/moved",
            on_get(async || (StatusCode::FOUND, [("location", "/good")])),
        )
        .route("/half", on_get(async || ([(CONTENT_LENGTH, "500")], Html("<p>"))));
    let plain = service(plain).await;
    let names = ["utf8", "long", "status", "moved", "half"];
    let entry = |name: &str| PlainService {
        name: name.into(),
        url: plain.url(""),
        host: None,
        health: None,
        endpoints: Vec::new(),
        fragments: [("x".to_owned(), format!("/{name}"))].into(),
        login: None,
        ..PlainService::default()
    };
    let gateway = gateway_with(GatewayConfig {
        public_key: "K".into(),
        services: names.iter().map(|name| entry(name)).collect(),
        ..GatewayConfig::default()
    })
    .await;
    let _good = good(&gateway).await;
    check(&gateway, "plain", &names).await;
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_nobodys_answer() {
    let gateway = gateway().await;
    let calls = Arc::new(AtomicUsize::new(0));
    let count = calls.clone();
    let slow_once = async move |Json(body): Json<Value>| {
        let call = count.fetch_add(1, SeqCst);
        if call == 0 {
            // Past every deadline, so no page waits for this answer.
            tokio::time::sleep(Duration::from_millis(2_200)).await;
        }
        let id = &body["requests"]["slow"][0]["id"];
        Json(json!({"fragments":[{"id":id,"renderedHTML":call.to_string()}]}))
    };
    let slow = service(Router::new().route(CALL, on_post(slow_once))).await;
    register(&gateway, &said("slow", &slow, json!({"protocol":2}))).await;
    let _good = good(&gateway).await;
    let came = ask(&gateway, &["slow", "good"]).await;
    assert_eq!(
        (&came[0]["outcome"], &came[0]["renderedHTML"]),
        (&json!("rendered"), &json!("<p>"))
    );
    assert_eq!(
        (&came[1]["outcome"], &came[1]["renderedHTML"]),
        (&json!("late"), &Value::Null)
    );
    for call in 1..4 {
        assert_eq!(
            ask(&gateway, &["slow"]).await[0]["renderedHTML"],
            call.to_string()
        );
    }
}

/// A service that answers each call twice: with the fragment, and with another that was not requested.
async fn answering_twice() -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let response = |html: &str| {
        let body = json!({"fragments":[{"id":"twice","renderedHTML":html}]}).to_string();
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    };
    let both = [response("right"), response("stray")].concat();
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let both = both.clone();
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    if stream.write_all(both.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    Running::new(address, task)
}

#[tokio::test]
async fn an_answer_that_comes_twice_is_not_taken_for_the_answer_to_the_next_call() {
    let gateway = gateway().await;
    let twice = answering_twice().await;
    register(&gateway, &said("twice", &twice, json!({"protocol":2}))).await;
    let mut right = 0;
    for _ in 0..20 {
        let html = &ask(&gateway, &["twice"]).await[0]["renderedHTML"];
        assert_ne!(html, "stray");
        right += usize::from(html == "right");
    }
    assert!(right > 0, "a service that says too much can still be heard");
}

#[tokio::test]
async fn an_id_that_is_asked_twice_is_answered_once() {
    let gateway = gateway().await;
    let _good = good(&gateway).await;
    let item = json!({"id":"good","ref":"x"});
    for batch in [
        json!({"protocol":2,"requests":{"good":[item, item]}}),
        json!({"protocol":2,"requests":{"good":[item],"other":[item]}}),
    ] {
        let answer = post(&gateway.url("/h/discovery/K/requestFragment"), &batch)
            .await
            .json();
        let html: Vec<_> = answer["fragments"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|one| &one["renderedHTML"])
            .collect();
        assert_eq!(html, ["<p>"], "{batch}");
    }
}

#[tokio::test]
async fn fragments_without_end_cost_only_themselves_and_never_more_than_the_page_reads() {
    // What our own services read of an answer.
    const READ: usize = (4 << 20) + 5 * (64 << 10);
    let gateway = gateway().await;
    let _good = good(&gateway).await;
    let (mut bad, long) = (Vec::new(), "x".repeat(3_500_000));
    for (protocol, name) in [(1, "old"), (2, "new"), (2, "exports"), (2, "session")] {
        let answer = match name {
            "old" => json!([{"id":"old","renderedHTML":long}]),
            "exports" => json!({"fragments":[{"id":name,"renderedHTML":"x","exports":{"line":long}}]}),
            "session" => json!({"fragments":[{"id":name,"renderedHTML":"x"}],"sessions":{name:long}}),
            _ => json!({"fragments":[{"id":name,"renderedHTML":long}]}),
        };
        let answer = Bytes::from(answer.to_string());
        let answer = async move || answer.clone();
        let target = service(Router::new().route(CALL, on_post(answer))).await;
        register(&gateway, &said(name, &target, json!({"protocol":protocol}))).await;
        bad.push(target);
    }
    let names = ["old", "new", "exports", "session", "good"];
    let item = |name: &str| json!([{"id":name,"ref":"x","exports":["line"],"deadline":1800}]);
    let requests = names.map(|name| (name.to_owned(), item(name)));
    let requests: serde_json::Map<_, _> = requests.into_iter().collect();
    let batch = json!({"protocol":2,"requests":requests});
    let answer = post(&gateway.url("/h/discovery/K/requestFragment"), &batch).await;
    assert!(answer.body.len() <= READ, "{}", answer.body.len());
    let answer = answer.json();
    let fragments = answer["fragments"].as_array().expect("a list");
    assert_eq!(fragments.len(), names.len());
    // A busy machine may take longer for some of them than the page waits.
    let is_refused = |one: &&Value| {
        let reason = one["reason"].as_str().unwrap_or_default();
        one["outcome"] == "late" || (one["outcome"] == "failed" && reason.contains("no room"))
    };
    assert!(
        fragments.iter().any(|one| is_refused(&one)),
        "not all long ones have room"
    );
    let good = fragments.iter().find(|one| one["id"] == "good");
    assert_eq!(good.expect("the good one")["renderedHTML"], "<p>");
}
