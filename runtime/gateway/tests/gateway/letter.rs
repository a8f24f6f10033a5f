//! Sentences of the wire protocol that stand in no other test.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::OriginalUri,
    response::Html,
    routing::{any, get as on_get, post as on_post},
};
use http::{HeaderMap, Method, Request, StatusCode};
use hydra_runtime_gateway::{GatewayConfig, PlainService};
use serde_json::{Value, json};

use crate::support::{
    Log, Running, gateway, gateway_with, get, post, post_text, register, said, send, service,
};

const CALL: &str = "/h/fragment/K/requestFragment";
/// What protocol 1 clients hold of an answer.
const HELD: usize = 256 << 10;

/// A service that answers calls for fragments so.
async fn answering(answer: &Value) -> Running {
    let answer = answer.to_string();
    service(Router::new().route(CALL, on_post(async move || answer.clone()))).await
}

async fn ask(gateway: &Running, batch: &Value) -> Value {
    let answer = post(&gateway.url("/h/discovery/K/requestFragment"), batch).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn unknown_members_are_ignored_on_both_sides() {
    let gateway = gateway().await;
    let new = json!({"later":1,"fragments":[{"id":"1","renderedHTML":"<p>","later":{"a":1}}],"sessions":{}});
    for (name, protocol, answer) in [
        ("old", 1, json!([{"id":"1","renderedHTML":"<p>","later":[1]}])),
        ("new", 2, new),
    ] {
        let service = answering(&answer).await;
        let more = json!({"protocol":protocol,"instance":"i","later":{"x":[]}});
        register(&gateway, &said(name, &service, more)).await;
        let item = json!({"id":"1","service":name,"ref":"x","later":null});
        let batch = json!({"attributes":{},"requests":{name:[item]},"later":7});
        assert_eq!(
            ask(&gateway, &batch).await,
            json!([{"id":"1","renderedHTML":"<p>"}]),
            "{name}"
        );
        let alive = json!({"name":name,"instance":"i","later":true});
        let answer = post(&gateway.url("/h/discovery/K/alive"), &alive).await;
        assert_eq!(answer.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_protocol_1_client_gets_no_longer_overview_than_it_holds_and_finds_itself_in_it() {
    let gateway = gateway().await;
    let target = service(Router::new()).await;
    // Each takes a third of what a client holds.
    let long: Vec<_> = (0..900)
        .map(|n| format!("/{n}/{}", "x".repeat(HELD / 3 / 910)))
        .collect();
    for n in 0..5_u16 {
        let more = json!({"port":1000 + n,"endpoints":long});
        register(&gateway, &said(&format!("big{n}"), &target, more)).await;
    }
    for (protocol, fits) in [(1, true), (2, false)] {
        let body = said("small", &target, json!({"protocol":protocol,"instance":"i"}));
        let answer = post(&gateway.url("/h/discovery/K/registration"), &body).await;
        assert_eq!(answer.body.len() <= HELD, fits, "protocol {protocol}");
        let answer = answer.json();
        let names = answer["services"].as_array().expect("a list").iter();
        let names: Vec<_> = names.map(|one| one["serviceName"].clone()).collect();
        let last = names.last().expect("itself");
        assert_eq!(last, "small", "{names:?}");
        assert!(names.len() > 2, "{names:?}");
    }
}

#[tokio::test]
async fn services_are_answered_in_the_order_of_requests_whoever_is_faster() {
    let gateway = gateway().await;
    let mut services = Vec::new();
    for (name, pause) in [("slow", 200), ("quick", 0)] {
        let answer = async move || {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let items = [2, 1].map(|n| json!({"id":format!("{name}{n}"),"renderedHTML":"<p>"}));
            Json(items)
        };
        let target = service(Router::new().route(CALL, on_post(answer))).await;
        register(&gateway, &said(name, &target, json!({}))).await;
        services.push(target);
    }
    let items = |name: &str| {
        [1, 2]
            .map(|n| format!(r#"{{"id":"{name}{n}","ref":"x"}}"#))
            .join(",")
    };
    // As text, since the order of members is what this is about.
    let batch = ["slow", "gone", "quick"].map(|name| format!(r#""{name}":[{}]"#, items(name)));
    let batch = format!(r#"{{"attributes":{{}},"requests":{{{}}}}}"#, batch.join(","));
    let url = gateway.url("/h/discovery/K/requestFragment");
    let answer = post_text(&url, "application/json", batch).await.json();
    let ids = answer.as_array().expect("a list").iter();
    let ids: Vec<_> = ids.map(|one| one["id"].clone()).collect();
    assert_eq!(ids, ["slow1", "slow2", "gone1", "gone2", "quick1", "quick2"]);
}

#[tokio::test]
async fn any_method_reaches_an_endpoint_with_the_path_and_query_as_they_were() {
    let gateway = gateway().await;
    let echo = async |method: Method, OriginalUri(uri): OriginalUri| {
        ([("seen", format!("{method} {uri}"))], StatusCode::IM_A_TEAPOT)
    };
    let target = service(Router::new().fallback(any(echo))).await;
    register(&gateway, &said("a", &target, json!({"endpoints":["/x/**"]}))).await;
    for method in [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "PURGE",
    ] {
        for path in ["/x/a%20b/%C3%A9?q=%2F&q", "/x/a+b;c=1/?", "/x/%7Bid%7D"] {
            let request = Request::builder().method(method).uri(gateway.url(path));
            let answer = send(request.body(Body::empty()).expect("a request")).await;
            assert_eq!(answer.status, StatusCode::IM_A_TEAPOT, "{method} {path}");
            assert_eq!(answer.headers["seen"], format!("{method} {path}"));
        }
    }
}

#[tokio::test]
async fn a_name_beyond_ascii_is_one_encoded_segment_and_speaks_as_raw_text() {
    let gateway = gateway().await;
    let echo = async |OriginalUri(uri): OriginalUri, headers: HeaderMap| {
        format!("{uri} {}", headers["hydra-path"].to_str().expect("ASCII"))
    };
    let target = service(Router::new().fallback(any(echo))).await;
    let more = json!({"staticResources":["ü/a b.css"],"endpoints":["/x"]});
    register(&gateway, &said("café au lait", &target, more)).await;
    let name = "caf%C3%A9%20au%20lait";
    for (path, there) in [
        (format!("/{name}/%C3%BC/a%20b.css"), "/static/%C3%BC/a%20b.css"),
        (format!("/{name}/socket"), "/socket"),
        ("/x".to_owned(), "/x"),
    ] {
        let answer = get(&gateway.url(&path)).await;
        assert_eq!(answer.text(), format!("{there} {name}"), "{path}");
    }
    let alive = gateway.url("/h/discovery/K/alive");
    for (said, expected) in [
        ("café au lait", StatusCode::OK),
        (name, StatusCode::NOT_FOUND),
        ("\"café au lait\"", StatusCode::NOT_FOUND),
    ] {
        let answer = post_text(&alive, "text/plain;charset=UTF-8", said).await;
        assert_eq!(answer.status, expected, "{said}");
    }
}

#[tokio::test]
async fn a_path_that_another_service_holds_is_said_in_the_log_too() {
    let log = Log::default();
    let _logging = log.here();
    let gateway = gateway().await;
    let target = service(Router::new()).await;
    for (name, port) in [("first", 1), ("second", 2)] {
        let more = json!({"port":port,"endpoints":["/the-path"]});
        register(&gateway, &said(name, &target, more)).await;
    }
    let log = log.text();
    let line = log.lines().find(|line| line.contains("a path is not routed"));
    let line = line.unwrap_or_else(|| panic!("{log}"));
    for word in ["second", "/the-path", "the service `first` holds the path"] {
        assert!(line.contains(word), "{line}");
    }
}

#[tokio::test]
async fn protocol_2_services_get_imports_and_exports_as_written_and_protocol_1_services_no_login() {
    let gateway = gateway().await;
    let seen: Arc<Mutex<Vec<(HeaderMap, Value)>>> = Arc::default();
    let note = Arc::clone(&seen);
    let answer = async move |headers: HeaderMap, body: Bytes| {
        let body = serde_json::from_slice(&body).expect("JSON");
        note.lock().expect("not poisoned").push((headers, body));
        "[]"
    };
    let target = service(Router::new().route(CALL, on_post(answer))).await;
    for protocol in [2, 1] {
        register(&gateway, &said("a", &target, json!({"protocol":protocol}))).await;
        let item = json!({"id":"1","service":"a","ref":"x","attributes":{"c":1},
            "imports":["product.id as id"," plain "],"exports":["a as b","c"]});
        let batch = json!({"protocol":2,"requests":{"a":[item]},"sessions":{"a":{"step":1}}});
        let request = Request::post(gateway.url("/h/discovery/K/requestFragment"))
            .header("content-type", "application/json")
            .header("cookie", "HYDRA-SSO=token")
            .header("authorization", "Bearer visitor's");
        let request = request.body(Body::from(batch.to_string()));
        assert_eq!(send(request.expect("a request")).await.status, StatusCode::OK);
    }
    let seen = seen.lock().expect("not poisoned");
    let [(new, for_new), (old, for_old)] = &seen[..] else {
        panic!("two calls: {seen:?}");
    };
    let item = &for_new["requests"]["a"][0];
    assert_eq!(item["imports"], json!(["product.id as id", " plain "]));
    assert_eq!(item["exports"], json!(["a as b", "c"]));
    assert_eq!(new["cookie"], "HYDRA-SSO=token");
    assert_eq!(for_old.get("sessions"), None);
    for name in ["cookie", "authorization"] {
        assert!(!old.contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn a_plain_service_is_told_how_much_time_there_is() {
    let told = async |headers: HeaderMap| {
        let told = headers["hydra-deadline-ms"].to_str();
        Html(told.expect("ASCII").to_owned())
    };
    let target = service(Router::new().route("/x", on_get(told))).await;
    let plain = PlainService {
        name: "plain".into(),
        url: target.url(""),
        host: None,
        health: None,
        endpoints: Vec::new(),
        fragments: [("x".to_owned(), "/x".to_owned())].into(),
        login: None,
        ..PlainService::default()
    };
    let gateway = gateway_with(GatewayConfig {
        public_key: "K".into(),
        services: vec![plain],
        ..GatewayConfig::default()
    })
    .await;
    for (deadline, most) in [(Some(700), 700), (Some(60_000), 2_000), (None, 2_000)] {
        let item = json!({"id":"1","ref":"x","deadline":deadline});
        let answer = ask(&gateway, &json!({"protocol":2,"requests":{"plain":[item]}})).await;
        let told = answer["fragments"][0]["renderedHTML"].as_str().expect("HTML");
        let told: u64 = told.parse().expect("a number");
        assert!((1..=most).contains(&told), "{deadline:?}: {told}");
    }
}
