//! The recorded exchange of protocol 1, member by member.

use std::sync::{Arc, Mutex};

use axum::{Json, Router, extract::State, routing::post};
use http::StatusCode;
use hydra_runtime::gateway::GatewayConfig;
use serde_json::{Value, json};

use crate::support::{
    Running, gateway, gateway_with, get, post as send, post_text, recorded, recorded_text, register, said,
    service,
};

type Seen = Arc<Mutex<Vec<Value>>>;

async fn fragments(State(seen): State<Seen>, Json(body): Json<Value>) -> Json<Value> {
    seen.lock().expect("not poisoned").push(body);
    Json(recorded("service-request-fragment.response"))
}

/// The recorded body, with the address of the test's service in it.
fn at(name: &str, service: &Running) -> Value {
    let text = recorded(name).to_string();
    let text = text
        .replace("10.1.2.3", "127.0.0.1")
        .replace("8080", &service.address.port().to_string());
    serde_json::from_str(&text).expect("JSON")
}

#[tokio::test]
async fn the_recorded_exchange_holds_member_by_member() {
    let seen = Seen::default();
    let router = Router::new()
        .route("/h/fragment/K/requestFragment", post(fragments))
        .with_state(Arc::clone(&seen));
    let service = service(router).await;
    let gateway = gateway_with(GatewayConfig {
        public_key: "K".into(),
        login_public_key: "MIIBIjANBgkqhkiG9w0BIDAQAB".into(),
        ..GatewayConfig::default()
    })
    .await;

    let answer = register(&gateway, &at("registration.request", &service)).await;
    assert_eq!(answer, at("registration.response", &service));
    let services = get(&gateway.url("/_h/services")).await;
    assert_eq!(services.json(), at("services.response", &service));

    let alive = gateway.url("/h/discovery/K/alive");
    let answer = post_text(&alive, "text/plain;charset=UTF-8", "sample-impl").await;
    assert_eq!((answer.status, answer.text()), (StatusCode::OK, "true"));
    assert_eq!(
        post_text(&alive, "text/plain;charset=UTF-8", "stranger")
            .await
            .status,
        StatusCode::NOT_FOUND
    );

    let answer = post_text(
        &gateway.url("/h/discovery/K/requestFragment"),
        "application/json",
        recorded_text("request-fragment.request"),
    )
    .await;
    assert_eq!(answer.json(), recorded("request-fragment.response"));
    assert_eq!(
        *seen.lock().expect("not poisoned"),
        [recorded("service-request-fragment.request")]
    );

    assert_eq!(
        get(&gateway.url("/health")).await.json(),
        recorded("health.response")
    );
}

#[tokio::test]
async fn a_registration_with_nulls_and_unknown_members_counts() {
    let (gateway, service) = (gateway().await, service(Router::new()).await);
    let answer = register(&gateway, &at("registration-nulls.request", &service)).await;
    assert_eq!(answer["services"][0]["serviceName"], "sparse");
    assert_eq!(answer["roleMappings"], json!({}));
}

#[tokio::test]
async fn an_empty_batch_gives_an_empty_list() {
    let gateway = gateway().await;
    for body in [
        json!({}),
        json!({"attributes":null,"requests":null}),
        json!({"attributes":{},"requests":{"a":[]}}),
    ] {
        let answer = send(&gateway.url("/h/discovery/K/requestFragment"), &body).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!([])));
    }
}

#[tokio::test]
async fn a_wrong_key_gets_404_and_nothing_else() {
    let gateway = gateway().await;
    // The second is no text at all.
    for key in ["X", "%ff"] {
        for call in ["registration", "alive", "requestFragment"] {
            let answer = send(&gateway.url(&format!("/h/discovery/{key}/{call}")), &json!({})).await;
            let said = (answer.status, answer.text());
            assert_eq!(said, (StatusCode::NOT_FOUND, ""), "{key} {call}");
        }
        let answer = get(&gateway.url(&format!("/h/discovery/{key}/overview?hash=1&hash=2"))).await;
        assert_eq!(
            (answer.status, answer.text()),
            (StatusCode::NOT_FOUND, ""),
            "{key}"
        );
    }
}

#[tokio::test]
async fn protocol_2_is_told_more() {
    let (gateway, service) = (gateway().await, service(Router::new()).await);
    let more = json!({"protocol":2,"instance":"9f0c","endpoints":["/x","/h/x","relative"]});
    let answer = register(&gateway, &said("a", &service, more)).await;
    let left_out: Vec<_> = answer["leftOut"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["path"])
        .collect();
    assert_eq!(left_out, ["/h/x", "relative"]);
    let alive = gateway.url("/h/discovery/K/alive");
    assert_eq!(
        send(&alive, &json!({"name":"a","instance":"9f0c"})).await.status,
        StatusCode::OK
    );
    assert_eq!(
        send(&alive, &json!({"name":"a","instance":"other"})).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn the_overview_is_short_for_those_who_know_it() {
    let (gateway, service) = (gateway().await, service(Router::new()).await);
    let before = get(&gateway.url("/h/discovery/K/overview")).await.json();
    assert_eq!(before["services"], json!([]));
    register(&gateway, &said("a", &service, json!({}))).await;
    let known = before["hash"].as_str().expect("a hash");
    let after = get(&gateway.url(&format!("/h/discovery/K/overview?hash={known}")))
        .await
        .json();
    assert_eq!(after["services"][0]["serviceName"], "a");
    let hash = after["hash"].as_str().expect("a hash");
    assert_ne!(hash, known);
    let again = get(&gateway.url(&format!("/h/discovery/K/overview?hash={hash}")))
        .await
        .json();
    assert_eq!(again, json!({"hash":hash}));
}
