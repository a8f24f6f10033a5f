//! One wrong fragment of a protocol 1 service costs only itself, and how many calls that takes.

use std::sync::{Arc, Mutex};

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::post,
};
use futures_util::{StreamExt, stream};
use http::StatusCode;
use serde_json::{Value, json};

use crate::support::{Running, gateway, post as send, register, said, service};

/// The `ref`s of each call.
type Calls = Arc<Mutex<Vec<Vec<String>>>>;

/// What a service does with a call that contains this `ref`.
fn spoiled(reference: &str) -> Option<Response> {
    let raw = |status, body: &'static str| Some((status, body).into_response());
    match reference {
        "unknown" | "throws" => raw(StatusCode::INTERNAL_SERVER_ERROR, "a stack trace"),
        _ if reference.starts_with("unknown") => raw(StatusCode::INTERNAL_SERVER_ERROR, ""),
        "html" => raw(StatusCode::OK, "<html>"),
        "half" => raw(StatusCode::OK, r#"[{"id":"half","renderedHTML":"x"#),
        "empty" => raw(StatusCode::OK, ""),
        "breaks" => {
            // The head must have left before the body breaks off.
            let broken = async {
                tokio::time::sleep(std::time::Duration::from_millis(30)).await;
                Err(std::io::Error::other("broken off"))
            };
            let pieces = stream::iter([Ok("[{")]).chain(stream::once(broken));
            let body = axum::body::Body::from_stream(pieces);
            Some(body.into_response())
        }
        "busy" => raw(StatusCode::SERVICE_UNAVAILABLE, ""),
        "wrong" => raw(StatusCode::BAD_REQUEST, ""),
        _ => None,
    }
}

/// A service of protocol 1, with the calls that it got.
async fn old(gateway: &Running, name: &str) -> (Running, Calls) {
    let calls = Calls::default();
    let answer = async |State(calls): State<Calls>, Json(body): Json<Value>| {
        let items = body["requests"].as_array().expect("a list").clone();
        let refs: Vec<_> = items
            .iter()
            .map(|item| item["ref"].as_str().expect("text").to_owned())
            .collect();
        calls.lock().expect("not poisoned").push(refs.clone());
        if let Some(spoiled) = refs.iter().find_map(|reference| spoiled(reference)) {
            return spoiled;
        }
        let answers = items.iter().filter(|item| item["ref"] != "left-out");
        let answers: Vec<_> = answers
            .map(|item| match item["ref"].as_str() {
                Some("null") => json!({"id": item["id"], "renderedHTML": null}),
                _ => json!({"id": item["id"], "renderedHTML": "<p>"}),
            })
            .collect();
        Json(answers).into_response()
    };
    let router = Router::new()
        .route("/h/fragment/K/requestFragment", post(answer))
        .with_state(Arc::clone(&calls));
    let service = service(router).await;
    register(gateway, &said(name, &service, json!({}))).await;
    (service, calls)
}

/// Requests these fragments of `old`, each with its `ref` as id. Returns those with HTML.
async fn request(gateway: &Running, refs: &[String]) -> Vec<String> {
    let items: Vec<_> = refs
        .iter()
        .map(|reference| json!({"id": reference, "service": "old", "ref": reference, "fallback": ""}))
        .collect();
    let url = gateway.url("/h/discovery/K/requestFragment");
    let answer = send(&url, &json!({"attributes": {"a": 1}, "requests": {"old": items}}))
        .await
        .json();
    let answer = answer.as_array().expect("a list").clone();
    assert_eq!(answer.len(), refs.len(), "one item for each id");
    answer
        .iter()
        .filter(|item| !item["renderedHTML"].is_null())
        .map(|item| item["id"].as_str().expect("text").to_owned())
        .collect()
}

fn refs(list: &[&str]) -> Vec<String> {
    list.iter().map(|&text| text.to_owned()).collect()
}

fn made(calls: &Calls) -> Vec<Vec<String>> {
    let mut made = std::mem::take(&mut *calls.lock().expect("not poisoned"));
    made.sort();
    made
}

#[tokio::test]
async fn one_wrong_fragment_costs_only_itself() {
    // What is requested, what has HTML, and the calls of the first and the second request.
    for (list, shown, first, second) in [
        (&["a", "b"][..], &["a", "b"][..], 1, 1),
        (&["a", "unknown"], &["a"], 3, 2),
        (&["throws", "a", "b", "c"], &["a", "b", "c"], 5, 2),
        (&["a", "html", "b"], &["a", "b"], 4, 2),
        (&["a", "half"], &["a"], 3, 2),
        (&["a", "empty"], &["a"], 3, 2),
        (&["a", "breaks"], &["a"], 3, 2),
        (&["a", "left-out", "b"], &["a", "b"], 2, 2),
        (&["unknown", "html", "left-out"], &[], 4, 3),
        // Null is an answer.
        (&["a", "null"], &["a"], 1, 1),
        // The items are not the cause of these.
        (&["a", "busy"], &[], 1, 1),
        (&["a", "wrong"], &[], 1, 1),
        // It was alone already.
        (&["unknown"], &[], 1, 1),
    ] {
        let gateway = gateway().await;
        let (_service, calls) = old(&gateway, "old").await;
        let list = refs(list);
        assert_eq!(request(&gateway, &list).await, shown, "{list:?}");
        let made_first = made(&calls);
        assert_eq!(made_first.len(), first, "{list:?}: {made_first:?}");
        assert_eq!(request(&gateway, &list).await, shown, "again: {list:?}");
        let made_then = made(&calls);
        assert_eq!(made_then.len(), second, "{list:?}: {made_then:?}");
    }
}

#[tokio::test]
async fn two_thousand_unknown_fragments_cost_seventeen_calls_and_then_eighteen() {
    let gateway = gateway().await;
    let (_service, calls) = old(&gateway, "old").await;
    let list: Vec<String> = (0..2_000).map(|n| format!("unknown{n}")).collect();
    let mut counts = Vec::new();
    for _ in 0..10 {
        assert_eq!(request(&gateway, &list).await, [""; 0]);
        counts.push(made(&calls).len());
    }
    println!("calls of ten requests: {counts:?}");
    assert!(counts[0] <= 17, "{counts:?}");
    assert!(counts[1..].iter().all(|count| *count <= 18), "{counts:?}");
}

#[tokio::test]
async fn few_requests_cost_sixteen_single_calls_in_ten_seconds() {
    let gateway = gateway().await;
    let (_service, calls) = old(&gateway, "old").await;
    let began = std::time::Instant::now();
    for n in 0..10 {
        let list = ["a".to_owned(), "b".to_owned(), format!("unknown{n}")];
        request(&gateway, &list).await;
    }
    let calls = made(&calls);
    let single = calls.iter().filter(|call| call.len() == 1).count();
    assert!(single >= 16, "{calls:?}");
    // After ten seconds there may be more.
    if began.elapsed() < std::time::Duration::from_secs(9) {
        assert!(single <= 17, "one may be the tenth of more fragments: {calls:?}");
    }
    assert_eq!(calls.len() - single, 10);
}

#[tokio::test]
async fn a_wrong_fragment_among_many_is_found_although_one_request_tries_sixteen() {
    let gateway = gateway().await;
    let (_service, calls) = old(&gateway, "old").await;
    let mut list: Vec<String> = (0..30).map(|n| format!("f{n:02}")).collect();
    list.push("unknown".to_owned());
    // Other pages of the service: a tenth of their fragments may be requested alone.
    let good: Vec<String> = (0..1_000).map(|n| format!("g{n}")).collect();
    request(&gateway, &good).await;
    let shown = [
        request(&gateway, &list).await.len(),
        request(&gateway, &list).await.len(),
        request(&gateway, &list).await.len(),
    ];
    // The second request goes on where the first one stopped, and begins again after the last fragment.
    assert_eq!(shown, [16, 15, 30]);
    let calls = made(&calls);
    assert!(calls.contains(&refs(&["unknown"])), "{calls:?}");
}

#[tokio::test]
async fn a_fragment_that_works_again_is_requested_with_the_others_again() {
    let gateway = gateway().await;
    let works = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let calls = Calls::default();
    let state = (Arc::clone(&works), Arc::clone(&calls));
    let answer = async |State((works, calls)): State<(Arc<std::sync::atomic::AtomicBool>, Calls)>,
                        Json(body): Json<Value>| {
        let items = body["requests"].as_array().expect("a list").clone();
        let refs: Vec<_> = items
            .iter()
            .map(|item| item["ref"].as_str().expect("text").to_owned())
            .collect();
        calls.lock().expect("not poisoned").push(refs.clone());
        if refs.contains(&"moody".to_owned()) && !works.load(std::sync::atomic::Ordering::SeqCst) {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        let answers: Vec<_> = items
            .iter()
            .map(|item| json!({"id": item["id"], "renderedHTML": "<p>"}))
            .collect();
        Json(answers).into_response()
    };
    let router = Router::new()
        .route("/h/fragment/K/requestFragment", post(answer))
        .with_state(state);
    let service = service(router).await;
    register(&gateway, &said("old", &service, json!({}))).await;
    let list = refs(&["a", "b", "moody"]);
    assert_eq!(request(&gateway, &list).await, ["a", "b"]);
    works.store(true, std::sync::atomic::Ordering::SeqCst);
    made(&calls);
    assert_eq!(request(&gateway, &list).await, list);
    assert_eq!(made(&calls), [refs(&["a", "b"]), refs(&["moody"])]);
    assert_eq!(request(&gateway, &list).await, list);
    assert_eq!(made(&calls), [list]);
}

#[tokio::test]
async fn fragments_are_requested_again_of_the_same_instance_only() {
    let gateway = gateway().await;
    let (_first, first) = old(&gateway, "old").await;
    let (_second, second) = old(&gateway, "old").await;
    request(&gateway, &refs(&["a", "b", "unknown"])).await;
    let mut counts = [made(&first).len(), made(&second).len()];
    counts.sort_unstable();
    assert_eq!(counts, [0, 4]);
}

#[tokio::test]
async fn a_service_of_protocol_2_is_never_asked_twice() {
    let gateway = gateway().await;
    let calls = Calls::default();
    let answer = async |State(calls): State<Calls>| {
        calls.lock().expect("not poisoned").push(Vec::new());
        StatusCode::INTERNAL_SERVER_ERROR
    };
    let router = Router::new()
        .route("/h/fragment/K/requestFragment", post(answer))
        .with_state(Arc::clone(&calls));
    let service = service(router).await;
    register(&gateway, &said("old", &service, json!({"protocol": 2}))).await;
    for _ in 0..2 {
        assert_eq!(request(&gateway, &refs(&["a", "b"])).await, [""; 0]);
        assert_eq!(made(&calls).len(), 1);
    }
}
