//! Signed calls, both ways.

use std::{sync::Arc, time::SystemTime};

use axum::{Router, body::Body, routing::post as on_post};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use hydra_runtime_gateway::{GatewayConfig, Secret};
use hydra_runtime_wire::signing::Signer;
use serde_json::{Value, json};

use crate::support::{Answer, Running, gateway_with, said, send, service};

const KEY: &str = "the private key of the tests";

async fn gateway(allow_unsigned: bool) -> Running {
    let private_key = Some(Secret::new(KEY.into()));
    gateway_with(GatewayConfig {
        public_key: "K".into(),
        private_key,
        allow_unsigned,
        ..GatewayConfig::default()
    })
    .await
}

async fn call(gateway: &Running, call: &str, body: &str, signature: Option<HeaderValue>) -> Answer {
    let mut request =
        Request::post(gateway.url(&format!("/h/discovery/K/{call}"))).body(Body::from(body.to_owned()));
    let headers = request.as_mut().expect("a request").headers_mut();
    headers.extend(signature.map(|signature| (http::header::AUTHORIZATION, signature)));
    send(request.expect("a request")).await
}

fn signed(body: &str) -> Option<HeaderValue> {
    Signer::new(KEY, "K").sign("orders", body.as_bytes(), SystemTime::now())
}

#[tokio::test]
async fn nothing_is_done_for_a_call_that_is_not_signed_well() {
    let gateway = gateway(false).await;
    let target = service(Router::new()).await;
    let body = said("orders", &target, json!({})).to_string();
    let other = Signer::new("another private key!", "K").sign("orders", body.as_bytes(), SystemTime::now());
    for signature in [
        None,
        other,
        signed("another body"),
        Some(HeaderValue::from_static("Bearer x")),
    ] {
        for name in ["registration", "alive", "requestFragment"] {
            let answer = call(&gateway, name, &body, signature.clone()).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{name}");
        }
    }
    let overview = crate::support::get(&gateway.url("/h/discovery/K/overview")).await;
    assert_eq!(overview.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        crate::support::get(&gateway.url("/_h/services")).await.json(),
        json!({})
    );
    let signature = signed(&body);
    assert_eq!(
        call(&gateway, "registration", &body, signature.clone())
            .await
            .status,
        StatusCode::OK
    );
    assert_eq!(
        call(&gateway, "registration", &body, signature).await.status,
        StatusCode::UNAUTHORIZED,
        "again"
    );
}

#[tokio::test]
async fn unsigned_calls_are_let_in_only_where_the_configuration_says_so_and_wrong_ones_never() {
    let gateway = gateway(true).await;
    let target = service(Router::new()).await;
    let body = said("orders", &target, json!({})).to_string();
    assert_eq!(
        call(&gateway, "registration", &body, None).await.status,
        StatusCode::OK
    );
    assert_eq!(
        call(&gateway, "registration", &body, signed("other"))
            .await
            .status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn the_gateway_signs_its_calls_to_protocol_2_services() {
    let gateway = gateway(false).await;
    let signer = Arc::new(Signer::new(KEY, "K"));
    let checked = async move |headers: HeaderMap, body: Bytes| {
        let issuer = signer
            .check(&headers, &body, SystemTime::now())
            .map_err(|problem| problem.to_string());
        json!([{"id":"1","renderedHTML":issuer.unwrap_or_else(|problem| problem)}]).to_string()
    };
    let service = service(Router::new().route("/h/fragment/K/requestFragment", on_post(checked))).await;
    for (protocol, expected) in [(2, "hydra"), (1, "the call is not signed")] {
        let body = said("orders", &service, json!({"protocol":protocol})).to_string();
        assert_eq!(
            call(&gateway, "registration", &body, signed(&body)).await.status,
            StatusCode::OK
        );
        let batch = json!({"requests":{"orders":[{"id":"1","ref":"x"}]}}).to_string();
        let answer: Value = call(&gateway, "requestFragment", &batch, signed(&batch))
            .await
            .json();
        assert_eq!(answer[0]["renderedHTML"], expected);
    }
}

#[tokio::test]
async fn a_service_speaks_for_itself_only() {
    let gateway = gateway(false).await;
    let target = service(Router::new()).await;
    let registration = |name: &str, more: Value| said(name, &target, more).to_string();
    let own = registration("orders", json!({"protocol":2,"instance":"1"}));
    assert_eq!(
        call(&gateway, "registration", &own, signed(&own)).await.status,
        StatusCode::OK
    );
    let alive = |name: &str| json!({"name":name,"instance":"1"}).to_string();
    // All are signed by `orders`, with the right key.
    for (what, path, body, expected) in [
        (
            "another service",
            "registration",
            registration("shop", json!({})),
            StatusCode::UNAUTHORIZED,
        ),
        (
            "another case",
            "registration",
            registration("Orders", json!({})),
            StatusCode::UNAUTHORIZED,
        ),
        (
            "the gateway",
            "registration",
            registration("hydra", json!({})),
            StatusCode::UNAUTHORIZED,
        ),
        (
            "another instance",
            "registration",
            registration("orders", json!({"instance":"2"})),
            StatusCode::OK,
        ),
        (
            "alive of another",
            "alive",
            alive("shop"),
            StatusCode::UNAUTHORIZED,
        ),
        (
            "alive of another, as text",
            "alive",
            "shop".to_owned(),
            StatusCode::UNAUTHORIZED,
        ),
        (
            "its own alive, as text",
            "alive",
            "orders".to_owned(),
            StatusCode::OK,
        ),
        ("an empty name", "alive", alive(""), StatusCode::UNAUTHORIZED),
    ] {
        let answer = call(&gateway, path, &body, signed(&body)).await;
        assert_eq!(answer.status, expected, "{what}: {}", answer.text());
    }
}

#[tokio::test]
async fn addresses_of_services_are_shown_to_operators_only() {
    let get = async |gateway: &Running, headers: &[(&str, &str)], signature: Option<HeaderValue>| {
        let mut request = Request::get(gateway.url("/_h/services"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::empty()).expect("a request");
        request
            .headers_mut()
            .extend(signature.map(|signature| (http::header::AUTHORIZATION, signature)));
        let answer = send(request).await.json();
        (
            answer["orders"][0]["name"].clone(),
            answer["orders"][0]["port"].clone(),
        )
    };
    let target = service(Router::new()).await;
    let body = said("orders", &target, json!({})).to_string();
    let (all, names) = (json!(target.address.port()), json!(0));
    let other = Signer::new("another private key!", "K").sign("orders", b"", SystemTime::now());

    let with_key = gateway(true).await;
    call(&with_key, "registration", &body, signed(&body)).await;
    let without_key = crate::support::gateway().await;
    call(&without_key, "registration", &body, None).await;
    for (what, gateway, headers, signature, expected) in [
        ("signed", &with_key, &[][..], signed(""), &all),
        ("not signed", &with_key, &[], None, &names),
        ("signed with another key", &with_key, &[], other.clone(), &names),
        ("signed for a body", &with_key, &[], signed("body"), &names),
        ("from this machine", &without_key, &[], None, &all),
        (
            "through a proxy",
            &without_key,
            &[("x-forwarded-for", "203.0.113.1")],
            None,
            &names,
        ),
        (
            "through another proxy",
            &without_key,
            &[("forwarded", "for=203.0.113.1")],
            None,
            &names,
        ),
        (
            "through a cache",
            &without_key,
            &[("via", "1.1 cache")],
            None,
            &names,
        ),
    ] {
        let (name, port) = get(gateway, headers, signature).await;
        assert_eq!((name, &port), (json!("orders"), expected), "{what}");
    }
}
