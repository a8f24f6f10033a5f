//! What moves a visitor when instances fail, and what does not.

use futures_util::future::join_all;

use super::{
    raw::{RawInstance, raw_instance},
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

async fn impatient() -> (Running, RawInstance, Instance, String) {
    let config = GatewayConfig {
        response_timeout: Duration::from_millis(1_500),
        ..config(None)
    };
    let (_gateway, running) = start(config).await;
    let raw = raw_instance(&running, "raw").await;
    let other = instance(&running, "other", json!({})).await;
    let cookie = visitor_of(&running, "raw").await;
    (running, raw, other, cookie)
}

#[tokio::test]
async fn point_4_late_answers_move_nobody_while_the_instance_takes_connections() {
    let (running, raw, _other, cookie) = impatient().await;
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
    let (running, raw, _other, cookie) = impatient().await;
    // As many open connections as there will be requests.
    join_all((0..6).map(|_| visit(&running, "/", &cookie))).await;
    still_alive(&running).await;
    raw.state.is_silent.store(true, SeqCst);
    // The listener ends, and its connections stay open.
    raw.running.stop().await;
    let log = crate::support::Log::default();
    let _logging = log.here();
    let late = join_all((0..3).map(|_| visit(&running, "/", &cookie))).await;
    assert!(
        late.iter()
            .all(|late| pin(late).is_none() || late.text() == "other"),
        "{late:?}"
    );
    until("the visitor has moved", async || {
        still_alive(&running).await;
        visit(&running, "/", &cookie).await.text() == "other"
    })
    .await;
    assert!(
        log.text().contains("a visitor moves to another instance"),
        "{}",
        log.text()
    );
}
