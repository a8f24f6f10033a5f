//! Owners that are away, late or wrong: the visitor learns whether the form may have arrived.

use std::time::Duration;

use axum::{body::Body, response::Response};
use http::StatusCode;
use hydra_runtime_gateway::GatewayConfig;
use hydra_runtime_wire::forms::seal_of;
use serde_json::json;
use tokio::{io::AsyncReadExt as _, net::TcpListener};

use super::{Site, TYPED, config, protocol_2, target};
use crate::support::{Running, register, said};

pub(super) const NOT_SENT: &str = "your form was not sent";
pub(super) const UNCLEAR: &str = "it is not known what became of it";

#[tokio::test]
async fn each_status_of_the_owner_has_its_words() {
    for (status, expected, words) in [
        (400, 400, "can't be read"),
        (401, 403, "needs a login"),
        (403, 403, "You may not send"),
        (404, 409, "has changed"),
        (413, 413, "larger than is allowed"),
        (415, 415, "not taken here"),
        (500, 502, UNCLEAR),
        (502, 502, UNCLEAR),
        (302, 502, UNCLEAR),
        (503, 503, NOT_SENT),
    ] {
        let site = Site::new(status, json!({"reason": "<secret>"})).await;
        let answered = site.post(&target(), &[]).await;
        assert_eq!(answered.status.as_u16(), expected, "{status}");
        assert!(answered.text().contains(words), "{status}: {}", answered.text());
        assert!(!answered.text().contains("secret"), "{status}");
        assert_eq!(
            answered.headers.contains_key("retry-after"),
            expected == 503,
            "{status}"
        );
        assert_eq!(answered.headers["cache-control"], "no-store");
        assert!(site.seen_by_page().is_empty(), "{status}");
    }
}

#[tokio::test]
async fn the_status_with_which_an_action_refuses_a_form_is_that_of_the_page() {
    for (status, expected, words) in [
        (400, 400, "was not accepted"),
        (401, 403, "needs a login"),
        (403, 403, "You may not send"),
        (404, 404, "was not accepted"),
        (409, 409, "was not accepted"),
        (429, 429, "was not accepted"),
        (503, 502, UNCLEAR),
    ] {
        let site = Site::new(status, json!({"reason": "<secret>", "refused": true})).await;
        let answered = site.post(&target(), &[]).await;
        assert_eq!(answered.status.as_u16(), expected, "{status}");
        assert!(answered.text().contains(words), "{status}: {}", answered.text());
        assert!(!answered.text().contains("secret"), "{status}");
    }
}

#[tokio::test]
async fn an_answer_that_can_not_be_used_leaves_it_unclear() {
    let refused = [
        "",
        "{",
        "[]",
        r#"{"outcome":"other"}"#,
        r#"{"outcome":"done","to":"//evil.example/"}"#,
        r#"{"outcome":"done","to":"https://evil.example/"}"#,
        r#"{"outcome":"done","to":"/logout"}"#,
        r#"{"outcome":"done","to":"javascript:alert(1)"}"#,
        r#"{"outcome":"done","to":"/x\r\nset-cookie: a=b"}"#,
        r#"{"outcome":"invalid"}"#,
    ];
    for answer in refused {
        let site = Site::with(config(), move || Response::new(Body::from(answer))).await;
        let answered = site.post(&target(), &[]).await;
        if answered.status == StatusCode::SEE_OTHER {
            // Line ends are removed, as browsers do.
            assert_eq!(answered.headers["location"], "/xset-cookie:%20a=b", "{answer}");
            continue;
        }
        assert_eq!(answered.status, StatusCode::BAD_GATEWAY, "{answer}");
        assert!(answered.text().contains(UNCLEAR), "{answer}: {}", answered.text());
        assert!(site.seen_by_page().is_empty(), "{answer}");
    }
    let long = || Response::new(Body::from(" ".repeat(5 << 20)));
    let site = Site::with(config(), long).await;
    assert_eq!(site.post(&target(), &[]).await.status, StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn an_owner_that_does_not_answer_in_time_may_have_the_form() {
    let never = || {
        Response::new(Body::from_stream(futures_util::stream::pending::<
            Result<String, std::io::Error>,
        >()))
    };
    let slow = GatewayConfig {
        response_timeout: Duration::from_millis(200),
        ..config()
    };
    let site = Site::with(slow, never).await;
    // The head comes, and the rest does not.
    let answered = site.post(&target(), &[]).await;
    assert_eq!(answered.status, StatusCode::BAD_GATEWAY);
    assert!(answered.text().contains(UNCLEAR));
}

#[tokio::test]
async fn a_form_for_an_owner_that_is_not_there_is_not_sent() {
    let site = Site::new(200, json!({"outcome": "done"})).await;
    let unknown = format!("/pay?hydra-form={}", seal_of("unknown", b"sealed"));
    let gone = crate::support::service(axum::Router::new()).await;
    register(&site.gateway, &said("gone", &gone, protocol_2(json!([])))).await;
    gone.stop().await;
    let gone = format!("/pay?hydra-form={}", seal_of("gone", b"sealed"));
    for target in [unknown, gone] {
        let answered = site.post(&target, &[]).await;
        assert_eq!(answered.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answered.headers["retry-after"], "2");
        assert!(answered.text().contains(NOT_SENT), "{}", answered.text());
    }
    assert!(site.seen_by_page().is_empty() && site.seen_by_owner().is_empty());
}

/// An owner that reads the form, and ends the connection.
#[tokio::test]
async fn a_form_that_may_have_arrived_is_not_sent_again() {
    let site = Site::new(200, json!({"outcome": "done"})).await;
    let (counted, mut count) = tokio::sync::mpsc::unbounded_channel();
    let mut instances = Vec::new();
    for _ in 0..3 {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let counted = counted.clone();
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut text = Vec::new();
                while !String::from_utf8_lossy(&text).contains(TYPED) {
                    if stream.read_buf(&mut text).await.expect("readable") == 0 {
                        break;
                    }
                }
                counted.send(()).expect("open");
            }
        });
        let instance = Running::new(address, task);
        register(&site.gateway, &said("fickle", &instance, protocol_2(json!([])))).await;
        instances.push(instance);
    }
    let answered = site
        .post(&format!("/pay?hydra-form={}", seal_of("fickle", b"x")), &[])
        .await;
    assert_eq!(answered.status, StatusCode::BAD_GATEWAY);
    assert!(answered.text().contains(UNCLEAR), "{}", answered.text());
    assert!(!answered.headers.contains_key("retry-after"));
    count.recv().await.expect("one has it");
    assert!(count.try_recv().is_err(), "no other one has it");
}
