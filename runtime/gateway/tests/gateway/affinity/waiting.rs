//! Pins wait for their instances after a start of a gateway without Redis.

use futures_util::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};

use super::*;

/// How many requests wait at a time, as `docs/guide/behind.md` says.
const MOST: usize = 1_000;
/// A gateway admits 128 requests at a time over one connection.
const OVER_ONE_CONNECTION: usize = 100;

/// A gateway that lets pins wait until the test is over.
fn patient() -> GatewayConfig {
    waiting_for(Duration::from_secs(3_600))
}

fn waiting_for(time: Duration) -> GatewayConfig {
    GatewayConfig {
        pin_wait: time,
        ..config(None)
    }
}

#[test]
fn point_4_the_wait_is_five_seconds() {
    assert_eq!(GatewayConfig::default().pin_wait, Duration::from_secs(5));
}

#[tokio::test]
async fn point_4_pins_outlive_a_gateway_with_a_private_key_and_wait_for_their_instances() {
    let (_gateway, running) = start(config(None)).await;
    let a = instance(&running, "a", json!({})).await;
    let b = instance(&running, "b", json!({})).await;
    let known = visitors(&running, 10).await;
    running.stop().await;
    let (_again, running) = start(patient()).await;
    // The visitors come before the instances, and some of them while one instance is back.
    let visits = |known: &[Known]| {
        let visits = known
            .iter()
            .map(|(cookie, _)| visit_url(running.url("/"), cookie.clone()));
        visits.map(tokio::spawn).collect::<Vec<_>>()
    };
    let early = visits(&known[..5]);
    assert_eq!(
        get(&running.url("/")).await.status,
        StatusCode::NOT_FOUND,
        "others don't wait"
    );
    register(&running, &a.said).await;
    let late = visits(&known[5..]);
    assert_eq!(get(&running.url("/")).await.text(), "a", "others don't wait");
    register(&running, &b.said).await;
    for (visit, (_, name)) in early.into_iter().chain(late).zip(&known) {
        let answer = visit.await.expect("an answer");
        assert_eq!((answer.text(), pin(&answer)), (&**name, None));
    }
}

#[tokio::test]
async fn point_4_a_visitor_whose_instance_does_not_come_back_moves_after_the_wait() {
    let (_gateway, running) = start(config(None)).await;
    let a = instance(&running, "a", json!({})).await;
    let _b = instance(&running, "b", json!({})).await;
    let known = visitors(&running, 4).await;
    let mut of_b = known.iter().filter(|(_, name)| name == "b");
    let (cookie, _) = of_b.next().expect("a visitor of b");
    running.stop().await;
    let (_again, running) = start(waiting_for(Duration::from_millis(1_500))).await;
    register(&running, &a.said).await;
    let answer = visit(&running, "/", cookie).await;
    assert_eq!(answer.text(), "a");
    assert!(pin(&answer).is_some());
}

#[tokio::test]
async fn point_4_only_so_many_requests_wait_and_the_next_one_is_answered_at_once() {
    let (_gateway, running) = start(config(None)).await;
    let _a = instance(&running, "a", json!({})).await;
    let (cookie, _) = visitors(&running, 1).await.remove(0);
    running.stop().await;
    // Its instance does not come back.
    let (_again, running) = start(patient()).await;
    let client = || {
        Client::builder(TokioExecutor::new())
            .http2_only(true)
            .build_http::<Body>()
    };
    let clients: Vec<_> = (0..=MOST / OVER_ONE_CONNECTION).map(|_| client()).collect();
    let mut visits: FuturesUnordered<_> = (0..=MOST)
        .map(|turn| {
            let request = Request::get(running.url("/")).header(COOKIE, &cookie);
            let request = request.body(Body::empty()).expect("a request");
            clients[turn % clients.len()].request(request)
        })
        .collect();
    let answer = visits.next().await.expect("one of them").expect("an answer");
    assert_eq!(answer.status(), StatusCode::NOT_FOUND, "nobody knows the service");
    // All others wait: if one did not, it would have been answered long before so many other requests are.
    for _ in 0..20 {
        assert_eq!(get(&running.url("/")).await.status, StatusCode::NOT_FOUND);
        assert!(visits.next().now_or_never().is_none());
    }
}
