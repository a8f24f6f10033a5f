//! What shows where visitors go, and why.

use futures_util::future::join_all;
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::sync::watch;
use tower::ServiceExt as _;

use super::*;
use crate::support::Log;

/// What `hydra trace` is told.
async fn traced(gateway: &Gateway, cookie: &str) -> Value {
    let (_stopping, stopped) = watch::channel(false);
    let cookie = cookie.replace('=', "%3D").replace("; ", "%3B%20");
    let request = Request::get(format!("http://127.0.0.1/api/trace?url=/&cookie={cookie}"));
    let router = gateway.admin(None, stopped).router();
    let answer = router
        .oneshot(request.body(Body::empty()).expect("a request"))
        .await;
    let body = http_body_util::BodyExt::collect(answer.expect("an answer").into_body()).await;
    serde_json::from_slice(&body.expect("a body").to_bytes()).expect("JSON")
}

#[tokio::test]
async fn point_8_counters_log_lines_headers_and_traces_say_why() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let log = Log::default();
    let _logging = log.here();
    let config = GatewayConfig {
        debug_headers: true,
        ..config(None)
    };
    let (gateway, running) = start(config).await;
    let a = instance(&running, "a", json!({})).await;
    let served_by = |answer: &Answer| {
        answer.headers["hydra-served-by"]
            .to_str()
            .expect("text")
            .to_owned()
    };
    let first = get(&running.url("/")).await;
    let cookie = pin(&first).expect("a pin");
    assert!(
        served_by(&first).ends_with("; why=\"new\""),
        "{}",
        served_by(&first)
    );
    let again = visit(&running, "/", &cookie).await;
    assert!(
        served_by(&again).ends_with("; why=\"kept\""),
        "{}",
        served_by(&again)
    );
    let rule = |traced: &Value| traced["rule"].as_str().expect("a rule").to_owned();
    assert!(rule(&traced(&gateway, "").await).contains("has no pin"));
    assert!(rule(&traced(&gateway, &cookie).await).contains("pinned to it"));
    let b = instance(&running, "b", json!({})).await;
    drain(&gateway, &a.running.address.to_string(), Some(0)).await;
    let found = traced(&gateway, &cookie).await;
    assert!(rule(&found).contains("is drained"), "{found}");
    assert!(
        found["instance"]["id"]
            .as_str()
            .is_some_and(|id| id.contains(&b.running.address.to_string()))
    );
    let moved = visit(&running, "/", &cookie).await;
    assert!(
        served_by(&moved).ends_with("; why=\"moved_drain\""),
        "{}",
        served_by(&moved)
    );
    let line = log.text();
    let line = line
        .lines()
        .find(|line| line.contains("a visitor moves"))
        .expect("a line");
    for part in [
        "service=\"shop\"".to_owned(),
        format!("from=\"http://{}#0 shop\"", a.running.address),
        format!("to=http://{}#0 shop", b.running.address),
        "why=\"moved_drain\"".to_owned(),
    ] {
        assert!(line.contains(&part), "{part}: {line}");
    }
    let text = handle.render();
    for (outcome, count) in [("new", 1), ("kept", 1), ("moved_drain", 1)] {
        let line = format!("hydra_affinity_total{{service=\"shop\",outcome=\"{outcome}\"}} {count}\n");
        assert!(text.contains(&line), "{outcome}: {text}");
    }
}

#[tokio::test]
async fn point_8_each_move_is_counted_by_its_reason() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let (gateway, running) = start(config(None)).await;
    let a = instance(&running, "a", json!({"versionName":"1"})).await;
    let known = visitors(&running, 3).await;
    let _b = instance(&running, "b", json!({"versionName":"2"})).await;
    weights(&gateway, &[("1", 0), ("2", 1)]).await;
    assert_eq!(visit(&running, "/", &known[0].0).await.text(), "b");
    weights(&gateway, &[("1", 1), ("2", 1)]).await;
    a.running.stop().await;
    assert_eq!(visit(&running, "/", &known[1].0).await.text(), "b");
    // Another service takes the address, so that the instance is gone.
    let mut other = a.said.clone();
    other["name"] = json!("other");
    other["endpoints"] = json!(["/other"]);
    register(&running, &other).await;
    assert_eq!(visit(&running, "/", &known[2].0).await.text(), "b");
    let text = handle.render();
    for outcome in ["moved_weight", "moved_refused", "moved_inactive"] {
        let line = format!("hydra_affinity_total{{service=\"shop\",outcome=\"{outcome}\"}} 1\n");
        assert!(text.contains(&line), "{outcome}: {text}");
    }
}

#[tokio::test]
async fn point_8_a_move_counts_once_and_where_the_visitor_gets_another_pin() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let log = Log::default();
    let _logging = log.here();
    let (gateway, running) = start(config(None)).await;
    let a = instance(&running, "a", json!({})).await;
    let (cookie, _) = visitors(&running, 1).await.remove(0);
    let b = instance(&running, "b", json!({})).await;
    let seen = |moves: usize| {
        let text = handle.render();
        let line = format!("hydra_affinity_total{{service=\"shop\",outcome=\"moved_drain\"}} {moves}\n");
        let lines = log
            .text()
            .lines()
            .filter(|line| line.contains("a visitor moves"))
            .count();
        (text.contains(&line) || (moves == 0 && !text.contains("moved_drain\"} "))) && lines == moves
    };
    let target = |instance: &Instance| instance.running.address.to_string();
    drain(&gateway, &target(&a), Some(0)).await;
    for path in ["/shop/app.css", "/public", "/edge", "/same", "/nothing"] {
        let answer = visit(&running, path, &cookie).await;
        assert!(pin(&answer).is_none() && seen(0), "{path}: {}", log.text());
    }
    let of_another_site = Request::post(running.url("/"))
        .header(COOKIE, &cookie)
        .header("sec-fetch-site", "cross-site");
    let answer = send(of_another_site.body(Body::empty()).expect("a request")).await;
    assert!(answer.text() == "b" && seen(0), "{}", log.text());
    // Requests in parallel all move the visitor, who moves once.
    let moved = join_all((0..8).map(|_| visit(&running, "/", &cookie))).await;
    assert!(
        moved
            .iter()
            .all(|answer| pin(answer).is_some() && answer.text() == "b")
    );
    assert!(seen(1), "{}", log.text());
    let new = pin(&moved[0]).expect("a pin");
    // The way back is another move.
    let ended = SteeringRequest::EndDrain { target: target(&a) };
    gateway.steer(ended).await.expect("ended");
    drain(&gateway, &target(&b), Some(0)).await;
    let back = visit(&running, "/", &new).await;
    assert!(
        back.text() == "a" && pin(&back).is_some() && seen(2),
        "{}",
        log.text()
    );
}
