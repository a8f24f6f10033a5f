//! What the SETUP of a channel and a call through another gateway must prove by signature: as much as a call by POST.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::{Router, body::Body};
use futures_util::StreamExt as _;
use http::{HeaderMap, Method, Request, StatusCode};
use hydra_runtime_gateway::{GatewayConfig, Secret};
use hydra_runtime_net::{
    channel::{ChannelRequest, OVERVIEW},
    redis_link::servers::Server,
};
use hydra_runtime_wire::signing::{Call, GATEWAY, Signatures, Signer, headers_of};
use serde_json::{Value, json};

use super::{Owner, batch, without_port};
use crate::{
    support::{Running, gateway_with, get, said, send, service, until},
    transport::{Nobody, open, register_over, setup},
};

pub(crate) const KEY: &str = "the private key of the tests";
const OTHER_KEY: &str = "another private key!";
const KEY_OF_SHOP: &str = "the key of the shop";
const PATH: &str = "/h/channel/K";

fn config() -> GatewayConfig {
    GatewayConfig {
        public_key: "K".into(),
        private_key: Some(Secret::new(KEY.into())),
        ..GatewayConfig::default()
    }
}

fn with_key_of_shop(config: GatewayConfig) -> GatewayConfig {
    let keys = GatewayConfig::from_toml("[keys]\nshop = 'the key of the shop'");
    GatewayConfig {
        keys: keys.expect("good").keys,
        ..config
    }
}

/// What a service signs to open a channel.
fn signed_part(data: &[u8]) -> Call<'_> {
    Call {
        to: GATEWAY,
        method: &Method::GET,
        path: PATH,
        body: data,
    }
}

/// The tokens with which `issuer` signs a call, `ago` before now.
fn sign(signer: &Signer, issuer: &str, call: Call<'_>, ago: Duration) -> Vec<String> {
    let signatures = signer.sign(issuer, call, SystemTime::now() - ago);
    let signatures = signatures.expect("signed");
    signatures.tokens().map(str::to_owned).collect()
}

/// The tokens for the SETUP of `service` under `key`.
pub(crate) fn tokens(key: &str, service: &str) -> Vec<String> {
    let data = setup(service, "i-1").to_string();
    sign(
        &Signer::new(key, "K"),
        service,
        signed_part(data.as_bytes()),
        Duration::ZERO,
    )
}

/// Why a channel was refused. `None`: it is open.
async fn refusal(gateway: &Running, service: &str, tokens: &[String]) -> Option<String> {
    let link = open(gateway, service, "i-1", tokens, Arc::new(Nobody))
        .await
        .expect("a WebSocket");
    // The gateway answers a SETUP that it takes with silence.
    let mut overviews = link.follow(ChannelRequest::new(OVERVIEW, "{}"));
    match overviews.next().await.expect("an answer") {
        Ok(_) => None,
        Err(error) => Some(error.to_string()),
    }
}

#[tokio::test]
async fn bad_setups() {
    let gateway = gateway_with(with_key_of_shop(config())).await;
    let data = setup("orders", "i-1").to_string();
    let good = signed_part(data.as_bytes());
    let common = Signer::new(KEY, "K");
    let now = |signer: &Signer, issuer: &str, call| sign(signer, issuer, call, Duration::ZERO);
    let replayed = tokens(KEY, "orders");
    assert_eq!(refusal(&gateway, "orders", &replayed).await, None);
    let cut = vec![
        tokens(KEY, "orders")[0]
            .rsplit_once('.')
            .expect("a JWT")
            .0
            .to_owned(),
    ];
    let of_other = setup("orders", "i-2").to_string();
    let long = Duration::from_secs(61);
    for (what, service, tokens, expected) in [
        ("not signed", "orders", Vec::new(), "the call is not signed"),
        (
            "an empty token",
            "orders",
            vec![String::new()],
            "the signature is wrong",
        ),
        ("without its signature", "orders", cut, "the signature is wrong"),
        (
            "another key",
            "orders",
            tokens(OTHER_KEY, "orders"),
            "the signature is wrong",
        ),
        ("replayed", "orders", replayed, "was used before"),
        (
            "a minute old",
            "orders",
            sign(&common, "orders", good, long),
            "expired",
        ),
        (
            "another installation",
            "orders",
            now(&Signer::new(KEY, "L"), "orders", good),
            "for another installation",
        ),
        (
            "another path",
            "orders",
            now(
                &common,
                "orders",
                Call {
                    path: "/h/discovery/K/registration",
                    ..good
                },
            ),
            "for another method or path",
        ),
        (
            "another method",
            "orders",
            now(
                &common,
                "orders",
                Call {
                    method: &Method::POST,
                    ..good
                },
            ),
            "for another method or path",
        ),
        (
            "another recipient",
            "orders",
            now(&common, "orders", Call { to: "shop", ..good }),
            "for another recipient",
        ),
        (
            "another instance",
            "orders",
            now(&common, "orders", signed_part(of_other.as_bytes())),
            "for another body",
        ),
        (
            "in the name of another service",
            "orders",
            now(&common, "news", good),
            "in the name of another service",
        ),
        (
            "in the name of the gateway",
            "orders",
            now(&common, GATEWAY, good),
            "in the name of another service",
        ),
        (
            "the common key where there is an own one",
            "shop",
            tokens(KEY, "shop"),
            "the signature is wrong",
        ),
        (
            "an own key in another name",
            "orders",
            tokens(KEY_OF_SHOP, "orders"),
            "the signature is wrong",
        ),
        (
            "an own key for another service",
            "orders",
            now(&Signer::new(KEY_OF_SHOP, "K"), "shop", good),
            "in the name of another service",
        ),
    ] {
        let found = refusal(&gateway, service, &tokens).await;
        let found = found.unwrap_or_else(|| panic!("{what}: it is open"));
        assert!(
            found.contains("REJECTED_SETUP") && found.contains(expected),
            "{what}: {found}"
        );
    }
    assert_eq!(
        refusal(&gateway, "shop", &tokens(KEY_OF_SHOP, "shop")).await,
        None
    );
}

#[tokio::test]
async fn unsigned_channels_are_let_in_only_where_the_configuration_says_so_and_wrong_ones_never() {
    let gateway = gateway_with(with_key_of_shop(GatewayConfig {
        allow_unsigned: true,
        ..config()
    }))
    .await;
    assert_eq!(refusal(&gateway, "orders", &[]).await, None);
    for (what, service, tokens, expected) in [
        ("another key", "orders", tokens(OTHER_KEY, "orders"), "is wrong"),
        ("a service with its own key", "shop", Vec::new(), "is not signed"),
    ] {
        let found = refusal(&gateway, service, &tokens).await.expect(what);
        assert!(found.contains(expected), "{what}: {found}");
    }
}

#[tokio::test]
async fn keys_of_visitors_are_for_channels_that_are_signed() {
    let gateway = gateway_with(GatewayConfig {
        allow_unsigned: true,
        ..config()
    })
    .await;
    for (service, tokens) in [("orders", tokens(KEY, "orders")), ("news", Vec::new())] {
        let link = open(&gateway, service, "i-1", &tokens, Arc::new(Nobody))
            .await
            .expect("open");
        let mut said = without_port(service);
        said["instance"] = json!("i-1");
        let answer = register_over(&*link, &said).await.expect("registered");
        assert_eq!(answer["visitorKeys"].is_array(), !tokens.is_empty(), "{service}");
        assert_eq!(answer["proof"].is_string(), !tokens.is_empty(), "{service}");
    }
}

#[tokio::test]
async fn one_of_two_keys_is_enough_and_the_gateway_proves_itself_with_both() {
    const NEXT: &str = "the next key of the tests";
    let gateway = gateway_with(GatewayConfig {
        private_key: Some(Secret::new(NEXT.into())),
        second_private_key: Some(Secret::new(KEY.into())),
        ..config()
    })
    .await;
    let only = |key: &str| Signer::new(key, "K");
    for (what, signer) in [
        ("the former key", only(KEY)),
        ("the next key", only(NEXT)),
        ("both", only(KEY).with_second_key(Some(NEXT))),
        ("a further one", only(OTHER_KEY).with_second_key(Some(KEY))),
    ] {
        let data = setup("orders", "i-1").to_string();
        let signatures = signer.sign("orders", signed_part(data.as_bytes()), SystemTime::now());
        let signatures = signatures.expect("signed");
        let tokens: Vec<_> = signatures.tokens().map(str::to_owned).collect();
        let link = open(&gateway, "orders", "i-1", &tokens, Arc::new(Nobody))
            .await
            .expect("open");
        let target = service(Router::new()).await;
        let said = said("orders", &target, json!({"protocol":2,"instance":"i-1"}));
        let answer = register_over(&*link, &said).await.expect(what);
        check_proofs(what, &signer, &signatures, &answer);
    }
    let refused = refusal(&gateway, "orders", &tokens(OTHER_KEY, "orders")).await;
    assert!(refused.is_some_and(|reason| reason.contains("is wrong")));
}

/// Checks that the gateway proved its identity to the service with this signer, and for this SETUP only.
fn check_proofs(what: &str, signer: &Signer, signatures: &Signatures, answer: &Value) {
    let proofs = ["proof", "secondProof"].map(|name| answer[name].as_str().expect(name));
    let headers = headers_of(proofs);
    let proof = |to, id: &str| {
        let call = Call {
            to,
            method: &Method::GET,
            path: PATH,
            body: id.as_bytes(),
        };
        let signed = signer.check(&headers, call, SystemTime::now());
        signed
            .map(|signed| signed.issuer)
            .map_err(|problem| problem.to_string())
    };
    assert!(proof("orders", "another id").is_err(), "{what}");
    assert!(proof("shop", signatures.id()).is_err(), "{what}");
    assert_eq!(proof("orders", signatures.id()).as_deref(), Ok("hydra"), "{what}");
}

/// Two gateways of one Redis.
pub(crate) async fn cluster(server: &Server) -> (Running, Running) {
    let start = async || {
        let gateway = gateway_with(GatewayConfig {
            redis: Some(Secret::new(server.url.clone())),
            ..config()
        })
        .await;
        until("Redis is found", async || {
            let answer = get(&gateway.url("/_h/services")).await;
            answer.headers["hydra-registry"] == "ok"
        })
        .await;
        gateway
    };
    (start().await, start().await)
}

#[tokio::test]
async fn a_setup_opens_one_channel_at_one_gateway_of_a_redis() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::at(folder.path());
    let (one, other) = cluster(&server).await;
    let used = tokens(KEY, "orders");
    assert_eq!(refusal(&one, "orders", &used).await, None);
    for gateway in [&other, &one] {
        let refused = refusal(gateway, "orders", &used).await;
        assert!(refused.is_some_and(|reason| reason.contains("was used before")));
    }
    assert_eq!(refusal(&other, "orders", &tokens(KEY, "orders")).await, None);
}

/// The path of a call for the channel with this id.
fn relay_path(id: &str) -> String {
    format!("/h/channel/K/requestFragment?channel={id}")
}

async fn relay(gateway: &Running, path: &str, body: &str, signatures: HeaderMap) -> (StatusCode, String) {
    let mut request = Request::post(gateway.url(path))
        .body(Body::from(body.to_owned()))
        .expect("a request");
    request.headers_mut().extend(signatures);
    let answer = send(request).await;
    (answer.status, answer.text().to_owned())
}

#[tokio::test]
async fn bad_calls_through_another_gateway() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::at(folder.path());
    let (holder, other) = cluster(&server).await;
    let owner = tokens(KEY, "orders");
    let link = open(&holder, "orders", "i-1", &owner, Owner::new("orders"))
        .await
        .expect("open");
    let mut said = without_port("orders");
    said["instance"] = json!("i-1");
    register_over(&*link, &said).await.expect("registered");
    // Only a gateway of the installation learns the id of a channel. A test can't, so that it takes an unknown one: a call
    // that is signed well gets 404, and every other 401 before that.
    let body = batch("orders", "x").to_string();
    let path = relay_path("none");
    let common = Signer::new(KEY, "K");
    let good = Call {
        to: GATEWAY,
        method: &Method::POST,
        path: &path,
        body: body.as_bytes(),
    };
    let by = |signer: &Signer, issuer: &str, call: Call<'_>| -> HeaderMap {
        signer
            .sign(issuer, call, SystemTime::now())
            .expect("signed")
            .into_iter()
            .collect()
    };
    let elsewhere = relay_path("elsewhere");
    let signed = by(&common, GATEWAY, good);
    let found = relay(&holder, &path, &body, signed.clone()).await;
    assert_eq!(found.0, StatusCode::NOT_FOUND, "{}", found.1);
    for (what, signatures, expected) in [
        ("not signed", HeaderMap::new(), "is not signed"),
        ("replayed", signed, "was used before"),
        (
            "another key",
            by(&Signer::new(OTHER_KEY, "K"), GATEWAY, good),
            "is wrong",
        ),
        (
            "a service",
            by(&common, "orders", good),
            "in the name of another service",
        ),
        (
            "another channel",
            by(
                &common,
                GATEWAY,
                Call {
                    path: &elsewhere,
                    ..good
                },
            ),
            "another method or path",
        ),
        (
            "no channel",
            by(
                &common,
                GATEWAY,
                Call {
                    path: "/h/channel/K/requestFragment",
                    ..good
                },
            ),
            "another method or path",
        ),
        (
            "a service's endpoint",
            by(&common, GATEWAY, Call { to: "orders", ..good }),
            "for another recipient",
        ),
        (
            "another body",
            by(&common, GATEWAY, Call { body: b"{}", ..good }),
            "for another body",
        ),
    ] {
        let (status, text) = relay(&holder, &path, &body, signatures).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{what}: {text}");
        assert!(text.contains(expected), "{what}: {text}");
    }
    // What gateways send each other passes.
    until("the fragment at the other gateway", async || {
        let body = batch("orders", "x").to_string();
        let call = Call {
            to: GATEWAY,
            method: &Method::POST,
            path: "/h/discovery/K/requestFragment",
            body: body.as_bytes(),
        };
        let answer = relay(&other, call.path, &body, by(&common, "page", call)).await.1;
        answer.contains("\"rendered\"")
    })
    .await;
}
