//! Signed calls, both ways.

use std::{sync::Arc, time::SystemTime};

use axum::{Router, body::Body, routing::post as on_post};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use hydra_runtime::{
    gateway::{GatewayConfig, Secret},
    signing::Signer,
};
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
