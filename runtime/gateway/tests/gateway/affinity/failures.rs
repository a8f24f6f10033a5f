//! What moves a visitor when instances fail, and what does not.

use std::cell::Cell;

use futures_util::future::join_all;

use metrics_exporter_prometheus::PrometheusBuilder;

use super::{
    raw::{GATHERED, raw_instance},
    *,
};

/// A visitor of the instance `name`.
async fn visitor_of(gateway: &Running, name: &str) -> String {
    loop {
        let first = get(&gateway.url("/")).await;
        if first.text() == name {
            return pin(&first).expect("a pin");
        }
        still_alive(gateway).await;
    }
}

#[tokio::test]
async fn point_4_a_second_try_goes_to_the_same_instance_on_a_new_connection() {
    let (_gateway, running) = start(config(None)).await;
    let raw = raw_instance(&running, "raw").await;
    let _other = instance(&running, "other", json!({})).await;
    let cookie = visitor_of(&running, "raw").await;
    let answer = visit(&running, "/once", &cookie).await;
    assert_eq!((answer.text(), pin(&answer)), ("raw", None));
    let counts = [&raw.state.once, &raw.state.once_on_new].map(|count| count.load(SeqCst));
    assert_eq!(counts[0], 2, "it broke, and was repeated there");
    assert!(counts[1] >= 1, "on a new connection");
}

#[tokio::test]
async fn point_4_late_answers_move_nobody_while_the_instance_takes_connections() {
    let config = GatewayConfig {
        response_timeout: Duration::from_millis(1_500),
        ..config(None)
    };
    let (_gateway, running) = start(config).await;
    let raw = raw_instance(&running, "raw").await;
    let _other = instance(&running, "other", json!({})).await;
    let cookie = visitor_of(&running, "raw").await;
    raw.state.is_silent.store(true, SeqCst);
    for _ in 0..4 {
        let late = visit(&running, "/", &cookie).await;
        assert_eq!((late.status, pin(&late)), (StatusCode::GATEWAY_TIMEOUT, None));
        still_alive(&running).await;
    }
    raw.state.is_silent.store(false, SeqCst);
    until("it answers again", async || {
        still_alive(&running).await;
        let answer = visit(&running, "/", &cookie).await;
        assert_eq!(pin(&answer), None);
        answer.text() == "raw"
    })
    .await;
}

#[tokio::test]
async fn point_4_three_late_requests_in_a_row_and_a_failing_probe_move_the_visitors() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let log = crate::support::Log::default();
    let _logging = log.here();
    // Only the path that is to be late has little time.
    let read = GatewayConfig::from_toml("[[route]]\npath = '/closed'\nresponse_timeout = '500ms'");
    let config = GatewayConfig {
        routes: read.expect("good settings").routes,
        ..config(None)
    };
    let (_gateway, running) = start(config).await;
    let raw = raw_instance(&running, "raw").await;
    let _other = instance(&running, "other", json!({})).await;
    let cookie = visitor_of(&running, "raw").await;
    // More connections than there will be late requests, so that none of these finds the closed port.
    until("the gateway keeps connections for all of a group", async || {
        still_alive(&running).await;
        let before = raw.state.connections.load(SeqCst);
        let group = join_all((0..GATHERED).map(|_| visit(&running, "/wait", &cookie))).await;
        assert!(group.iter().all(|answer| answer.text() == "raw"));
        raw.state.connections.load(SeqCst) == before
    })
    .await;
    // A connection must have rested for some milliseconds before it is used again.
    tokio::time::sleep(Duration::from_millis(100)).await;
    raw.state.is_silent.store(true, SeqCst);
    // The listener ends, and its connections stay open.
    raw.running.stop().await;
    let late = join_all((0..3).map(|_| visit(&running, "/closed", &cookie))).await;
    for late in &late {
        assert_eq!((late.status, pin(late)), (StatusCode::GATEWAY_TIMEOUT, None));
    }
    let new = Cell::new(None);
    until("the visitor has moved", async || {
        still_alive(&running).await;
        let answer = visit(&running, "/closed", &cookie).await;
        new.set(pin(&answer));
        answer.text() == "other"
    })
    .await;
    let again = visit(&running, "/", &new.take().expect("a new pin")).await;
    assert_eq!((again.text(), pin(&again)), ("other", None));
    let text = handle.render();
    let outcome = |name: &str| format!("hydra_affinity_total{{service=\"shop\",outcome=\"{name}\"}} 1\n");
    assert!(text.contains(&outcome("moved_timeout")), "{text}");
    assert!(!text.contains(&outcome("moved_refused")), "{text}");
    let log = log.text();
    let moves = log.lines().filter(|line| line.contains("a visitor moves"));
    let moves: Vec<_> = moves.collect();
    assert!(
        moves.len() == 1 && moves[0].contains("why=\"moved_timeout\""),
        "{log}"
    );
}
