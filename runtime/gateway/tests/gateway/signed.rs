//! Signed calls, both ways.

use std::{sync::Arc, time::SystemTime};

use axum::{Router, body::Body, routing::post as on_post};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header::AUTHORIZATION};
use hydra_runtime_gateway::{GatewayConfig, Secret};
use hydra_runtime_net::redis_link::servers::Server;
use hydra_runtime_wire::signing::{Call, GATEWAY, Signer};
use serde_json::{Value, json};

use crate::support::{Answer, Running, gateway_with, said, send, service, until};

const KEY: &str = "the private key of the tests";

fn config() -> GatewayConfig {
    GatewayConfig {
        public_key: "K".into(),
        private_key: Some(Secret::new(KEY.into())),
        ..GatewayConfig::default()
    }
}

async fn gateway(allow_unsigned: bool) -> Running {
    gateway_with(GatewayConfig {
        allow_unsigned,
        ..config()
    })
    .await
}

async fn call(gateway: &Running, call: &str, body: &str, signatures: HeaderMap) -> Answer {
    let mut request =
        Request::post(gateway.url(&format!("/h/discovery/K/{call}"))).body(Body::from(body.to_owned()));
    let headers = request.as_mut().expect("a request").headers_mut();
    headers.extend(signatures);
    send(request.expect("a request")).await
}

/// The signature of a call of the gateway's API.
fn signed_with(signer: &Signer, issuer: &str, name: &str, body: &str) -> HeaderMap {
    let call = Call {
        to: GATEWAY,
        method: &Method::POST,
        path: &format!("/h/discovery/K/{name}"),
        body: body.as_bytes(),
    };
    let signatures = signer.sign(issuer, call, SystemTime::now());
    HeaderMap::from_iter(signatures.expect("signed"))
}

/// The same by `orders` with the private key.
fn signed(name: &str, body: &str) -> HeaderMap {
    signed_with(&Signer::new(KEY, "K"), "orders", name, body)
}

fn bearer(value: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(AUTHORIZATION, http::HeaderValue::from_static(value))])
}

#[tokio::test]
async fn nothing_is_done_for_a_call_that_is_not_signed_well() {
    let gateway = gateway(false).await;
    let target = service(Router::new()).await;
    let body = said("orders", &target, json!({})).to_string();
    let other = Signer::new("another private key!", "K");
    for name in ["registration", "alive", "requestFragment"] {
        for signatures in [
            HeaderMap::new(),
            signed_with(&other, "orders", name, &body),
            signed(name, "another body"),
            signed("overview", &body),
            bearer("Bearer x"),
        ] {
            let answer = call(&gateway, name, &body, signatures).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{name}");
        }
    }
    for name in ["overview", "contracts"] {
        let answer = crate::support::get(&gateway.url(&format!("/h/discovery/K/{name}"))).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{name}");
    }
    assert_eq!(
        crate::support::get(&gateway.url("/_h/services")).await.json(),
        json!({})
    );
}

#[tokio::test]
async fn bad_registrations() {
    let gateway = gateway_with(GatewayConfig {
        keys: GatewayConfig::from_toml("[keys]\nshop = 'the key of the shop'")
            .expect("good")
            .keys,
        ..config()
    })
    .await;
    let target = service(Router::new()).await;
    let registration = |name: &str| said(name, &target, json!({})).to_string();
    let (orders, shop) = (registration("orders"), registration("shop"));
    let common = Signer::new(KEY, "K");
    let good = Call {
        to: GATEWAY,
        method: &Method::POST,
        path: "/h/discovery/K/registration",
        body: orders.as_bytes(),
    };
    let by = |signer: &Signer, issuer: &str, call: Call<'_>| {
        HeaderMap::from_iter(signer.sign(issuer, call, SystemTime::now()).expect("signed"))
    };
    let replayed = by(&common, "orders", good);
    let first = call(&gateway, "registration", &orders, replayed.clone()).await;
    assert_eq!(first.status, StatusCode::OK);
    let elsewhere = Signer::new(KEY, "L");
    let own = Signer::new("the key of the shop", "K");
    let of_shop = Call {
        body: shop.as_bytes(),
        ..good
    };
    let late = Signer::new(KEY, "K").sign(
        "orders",
        good,
        SystemTime::now() - std::time::Duration::from_secs(61),
    );
    let early = Signer::new(KEY, "K").sign(
        "orders",
        good,
        SystemTime::now() + std::time::Duration::from_secs(90),
    );
    for (what, signatures, body, expected) in [
        ("unsigned", HeaderMap::new(), &orders, "the call is not signed"),
        (
            "signed for another installation",
            by(&elsewhere, "orders", good),
            &orders,
            "the signature is for another installation",
        ),
        (
            "signed for another path",
            by(
                &common,
                "orders",
                Call {
                    path: "/h/discovery/K/alive",
                    ..good
                },
            ),
            &orders,
            "the signature is for another method or path",
        ),
        (
            "signed for another method",
            by(
                &common,
                "orders",
                Call {
                    method: &Method::GET,
                    ..good
                },
            ),
            &orders,
            "the signature is for another method or path",
        ),
        (
            "signed for another recipient",
            by(
                &common,
                "orders",
                Call {
                    to: "recommendations",
                    ..good
                },
            ),
            &orders,
            "the signature is for another recipient",
        ),
        ("replayed", replayed, &orders, "the signature was used before"),
        (
            "changed after signing",
            by(&common, "orders", of_shop),
            &orders,
            "the signature is for another body",
        ),
        (
            "signed a minute ago",
            HeaderMap::from_iter(late.expect("signed")),
            &orders,
            "the signature has expired, or the clocks differ too much",
        ),
        (
            "signed in the future",
            HeaderMap::from_iter(early.expect("signed")),
            &orders,
            "the signature has expired, or the clocks differ too much",
        ),
        (
            "for a name that another key owns, with the common key",
            by(&common, "shop", of_shop),
            &shop,
            "the signature is wrong",
        ),
        (
            "with its own key in another name",
            by(&own, "orders", good),
            &orders,
            "the signature is wrong",
        ),
        (
            "with its own key for another service",
            by(&own, "shop", good),
            &orders,
            "the call is signed in the name of another service",
        ),
        (
            "in the name of the gateway",
            by(&common, "hydra", good),
            &orders,
            "the call is signed in the name of another service",
        ),
    ] {
        let answer = call(&gateway, "registration", body, signatures).await;
        assert_eq!(
            (answer.status, answer.json()),
            (StatusCode::UNAUTHORIZED, json!({"error": expected})),
            "{what}"
        );
    }
    let answer = call(&gateway, "registration", &shop, by(&own, "shop", of_shop)).await;
    assert_eq!(answer.status, StatusCode::OK, "with its own key");
}

#[tokio::test]
async fn a_replay_is_refused_by_every_gateway_of_one_redis() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::at(folder.path());
    let start = async || {
        gateway_with(GatewayConfig {
            redis: Some(Secret::new(server.url.clone())),
            ..config()
        })
        .await
    };
    let (one, other) = (start().await, start().await);
    let target = service(Router::new()).await;
    let body = said("orders", &target, json!({"protocol":2,"instance":"1"})).to_string();
    for gateway in [&one, &other] {
        until("Redis is found", async || {
            let answer = crate::support::get(&gateway.url("/_h/services")).await;
            answer.headers["hydra-registry"] == "ok"
        })
        .await;
    }
    let alive = json!({"name":"orders","instance":"1"}).to_string();
    for (name, body) in [("registration", &body), ("alive", &alive)] {
        let signatures = signed(name, body);
        let answer = call(&one, name, body, signatures.clone()).await;
        assert_eq!(answer.status, StatusCode::OK, "{name}");
        for gateway in [&other, &one] {
            let answer = call(gateway, name, body, signatures.clone()).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{name}");
            let expected = json!({"error": "the signature was used before"});
            assert_eq!(answer.json(), expected, "{name}");
        }
        let answer = call(&other, name, body, signed(name, body)).await;
        assert_eq!(answer.status, StatusCode::OK, "another call: {name}");
    }
}

#[tokio::test]
async fn a_service_with_its_own_key_is_never_believed_without_it() {
    let own = Signer::new("the key of orders", "K");
    let gateway = gateway_with(GatewayConfig {
        keys: GatewayConfig::from_toml("[keys]\norders = 'the key of orders'")
            .expect("good")
            .keys,
        allow_unsigned: true,
        ..config()
    })
    .await;
    let target = service(Router::new()).await;
    let body = said("orders", &target, json!({"protocol":2,"instance":"1"})).to_string();
    for (what, signatures, expected) in [
        ("unsigned", HeaderMap::new(), StatusCode::UNAUTHORIZED),
        (
            "the common key",
            signed("registration", &body),
            StatusCode::UNAUTHORIZED,
        ),
        (
            "its own",
            signed_with(&own, "orders", "registration", &body),
            StatusCode::OK,
        ),
    ] {
        let answer = call(&gateway, "registration", &body, signatures).await;
        assert_eq!(answer.status, expected, "{what}");
        // The keys of visitors' identities are for services that sign.
        assert_eq!(
            answer.text().contains("visitorKeys"),
            expected == StatusCode::OK,
            "{what}"
        );
    }
    let alive = call(&gateway, "alive", "orders", HeaderMap::new()).await;
    assert_eq!(alive.status, StatusCode::UNAUTHORIZED);
    let others = said("others", &target, json!({})).to_string();
    let answer = call(&gateway, "registration", &others, HeaderMap::new()).await;
    assert_eq!(
        answer.status,
        StatusCode::OK,
        "a service without a key of its own"
    );
    assert!(!answer.text().contains("visitorKeys"));
}

#[tokio::test]
async fn unsigned_calls_are_let_in_only_where_the_configuration_says_so_and_wrong_ones_never() {
    let gateway = gateway(true).await;
    let target = service(Router::new()).await;
    let body = said("orders", &target, json!({})).to_string();
    assert_eq!(
        call(&gateway, "registration", &body, HeaderMap::new())
            .await
            .status,
        StatusCode::OK
    );
    assert_eq!(
        call(&gateway, "registration", &body, signed("registration", "other"))
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
        let call = Call {
            to: "orders",
            method: &Method::POST,
            path: "/h/fragment/K/requestFragment",
            body: &body,
        };
        let signed = signer.check(&headers, call, SystemTime::now());
        let issuer = signed
            .map(|signed| signed.issuer)
            .map_err(|problem| problem.to_string());
        json!([{"id":"1","renderedHTML":issuer.unwrap_or_else(|problem| problem)}]).to_string()
    };
    let service = service(Router::new().route("/h/fragment/K/requestFragment", on_post(checked))).await;
    for (protocol, expected) in [(2, "hydra"), (1, "the call is not signed")] {
        let body = said("orders", &service, json!({"protocol":protocol})).to_string();
        assert_eq!(
            call(&gateway, "registration", &body, signed("registration", &body))
                .await
                .status,
            StatusCode::OK
        );
        let batch = json!({"requests":{"orders":[{"id":"1","ref":"x"}]}}).to_string();
        let answer: Value = call(
            &gateway,
            "requestFragment",
            &batch,
            signed("requestFragment", &batch),
        )
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
        call(&gateway, "registration", &own, signed("registration", &own))
            .await
            .status,
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
        let answer = call(&gateway, path, &body, signed(path, &body)).await;
        assert_eq!(answer.status, expected, "{what}: {}", answer.text());
    }
}

#[tokio::test]
async fn addresses_of_services_are_shown_to_operators_only() {
    let get = async |gateway: &Running, headers: &[(&str, &str)], signatures: HeaderMap| {
        let mut request = Request::get(gateway.url("/_h/services"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::empty()).expect("a request");
        request.headers_mut().extend(signatures);
        let answer = send(request).await.json();
        (
            answer["orders"][0]["name"].clone(),
            answer["orders"][0]["port"].clone(),
        )
    };
    let target = service(Router::new()).await;
    let body = said("orders", &target, json!({})).to_string();
    let (all, names) = (json!(target.address.port()), json!(0));
    let signed_for = |key: &str, body: &str| {
        let call = Call {
            to: GATEWAY,
            method: &Method::GET,
            path: "/_h/services",
            body: body.as_bytes(),
        };
        let signatures = Signer::new(key, "K").sign("orders", call, SystemTime::now());
        HeaderMap::from_iter(signatures.expect("signed"))
    };
    let none = HeaderMap::new;
    let other = signed_for("another private key!", "");

    let with_key = gateway(true).await;
    call(&with_key, "registration", &body, signed("registration", &body)).await;
    let without_key = crate::support::gateway().await;
    call(&without_key, "registration", &body, none()).await;
    for (what, gateway, headers, signature, expected) in [
        ("signed", &with_key, &[][..], signed_for(KEY, ""), &all),
        ("not signed", &with_key, &[], none(), &names),
        ("signed with another key", &with_key, &[], other.clone(), &names),
        (
            "signed for a body",
            &with_key,
            &[],
            signed_for(KEY, "body"),
            &names,
        ),
        (
            "signed for another call",
            &with_key,
            &[],
            signed("overview", ""),
            &names,
        ),
        ("from this machine", &without_key, &[], none(), &all),
        (
            "through a proxy",
            &without_key,
            &[("x-forwarded-for", "203.0.113.1")],
            none(),
            &names,
        ),
        (
            "through another proxy",
            &without_key,
            &[("forwarded", "for=203.0.113.1")],
            none(),
            &names,
        ),
        (
            "through a cache",
            &without_key,
            &[("via", "1.1 cache")],
            none(),
            &names,
        ),
    ] {
        let (name, port) = get(gateway, headers, signature).await;
        assert_eq!((name, &port), (json!("orders"), expected), "{what}");
    }
}
