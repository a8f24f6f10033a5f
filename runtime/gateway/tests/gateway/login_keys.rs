//! The keys that sign login tokens: who gets them, and what happens when they change.

use std::{fs, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::StatusCode;
use hydra_runtime_gateway::{ConfigError, Gateway, GatewayConfig, LoginKeyStore, Secret};
use serde_json::{Value, json};

use crate::support::{Running, gateway_with, get, post, post_text, register, said, service, until};

fn config(folder: &Path) -> GatewayConfig {
    GatewayConfig {
        public_key: "K".into(),
        login_keys: Some(folder.join("keys").display().to_string()),
        ..GatewayConfig::default()
    }
}

async fn set(gateway: &Running) -> Vec<Value> {
    let answer = get(&gateway.url("/.well-known/jwks.json")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["cache-control"], "public, max-age=30");
    answer.json()["keys"].as_array().expect("a list").clone()
}

/// The modulus of a key in a set is part of the DER that clients of protocol 1 get.
fn is_same_key(der: &Value, jwk: &Value) -> bool {
    let der = BASE64_STANDARD
        .decode(der.as_str().expect("a text"))
        .expect("base64");
    let modulus = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(jwk["n"].as_str().expect("a modulus"));
    let modulus = modulus.expect("base64");
    der.windows(modulus.len()).any(|part| part == modulus)
}

#[tokio::test]
async fn services_of_both_protocols_get_the_keys_and_keep_them_over_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = service(axum::Router::new()).await;
    let mut before = None;
    for _ in 0..2 {
        let gateway = gateway_with(config(folder.path())).await;
        let keys = set(&gateway).await;
        assert_eq!(keys.len(), 1);
        assert_eq!(keys[0]["alg"], "RS256");
        assert_eq!(*before.get_or_insert(keys.clone()), keys, "the key survives");
        let old = register(&gateway, &said("old", &service, json!({}))).await;
        assert!(is_same_key(&old["publicKey"], &keys[0]), "{old}");
        let new = said(
            "new",
            &service,
            json!({"protocol": 2, "instance": "7b2c3f3e-6a52-4b3e-9d5a-0c1a5f2a9a11"}),
        );
        let new = register(&gateway, &new).await;
        assert_eq!(new["keys"], json!({ "keys": keys }));
        assert!(is_same_key(&new["publicKey"], &keys[0]), "{new}");
        for shown in [old.to_string(), new.to_string(), json!(keys).to_string()] {
            assert!(!shown.contains("\"d\"") && !shown.contains("PRIVATE"), "{shown}");
        }
    }
}

#[tokio::test]
async fn a_gateway_without_keys_says_null_to_protocol_1_and_has_no_key_set() {
    let gateway = gateway_with(GatewayConfig {
        public_key: "K".into(),
        ..GatewayConfig::default()
    })
    .await;
    let service = service(axum::Router::new()).await;
    assert_eq!(
        register(&gateway, &said("old", &service, json!({}))).await["publicKey"],
        Value::Null
    );
    let answer = get(&gateway.url("/.well-known/jwks.json")).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn after_a_rotation_each_service_is_told_once_by_its_heartbeat() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(folder.path());
    let keys = LoginKeyStore::of(&config).expect("a folder");
    let gateway = gateway_with(config).await;
    let (first, second) = (
        service(axum::Router::new()).await,
        service(axum::Router::new()).await,
    );
    let instance = "7b2c3f3e-6a52-4b3e-9d5a-0c1a5f2a9a11";
    let (old, new) = (
        said("old", &first, json!({})),
        said(
            "new",
            &second,
            json!({"protocol": 2, "instance": instance, "socketPort": 1}),
        ),
    );
    register(&gateway, &new).await;
    register(&gateway, &old).await;
    let alive = gateway.url("/h/discovery/K/alive");
    let heart_of_old = async || post_text(&alive, "text/plain;charset=UTF-8", "old").await.status;
    let heart_of_new = async || {
        post(&alive, &json!({"name": "new", "instance": instance}))
            .await
            .status
    };
    assert_eq!(
        (heart_of_old().await, heart_of_new().await),
        (StatusCode::OK, StatusCode::OK)
    );

    let made = keys.rotate().await.expect("a key");
    until("the new key is published", async || {
        set(&gateway).await.len() == 2
    })
    .await;
    // It does not sign yet: only services that know all keys must hear of it.
    assert_eq!(
        (heart_of_old().await, heart_of_new().await),
        (StatusCode::OK, StatusCode::NOT_FOUND)
    );
    assert_eq!(
        register(&gateway, &new).await["keys"]["keys"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    assert_eq!(heart_of_new().await, StatusCode::OK);

    // A minute later it signs. The test does not wait for that minute.
    let file = folder.path().join("keys/2.key");
    let text = fs::read_to_string(&file).expect("the key");
    let from = format!("\"signsFrom\":{}", made.signs_from);
    assert!(text.contains(&from), "{from}");
    fs::write(
        &file,
        text.replace(&from, &format!("\"signsFrom\":{}", made.created)),
    )
    .expect("written");
    until("it signs", async || heart_of_old().await == StatusCode::NOT_FOUND).await;
    let keys = set(&gateway).await;
    assert!(is_same_key(
        &register(&gateway, &old).await["publicKey"],
        &keys[1]
    ));
    assert_eq!(
        (heart_of_old().await, heart_of_new().await),
        (StatusCode::OK, StatusCode::OK)
    );
    // Both stayed active all the time.
    let services = get(&gateway.url("/_h/services")).await.json();
    assert_eq!(
        services.as_object().map(serde_json::Map::len),
        Some(2),
        "{services}"
    );
}

#[test]
fn settings_that_contradict_each_other_stop_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "x").expect("a file");
    let redis = || Some(Secret::new("redis://127.0.0.1:1".to_owned()));
    let key = || Some(Secret::new("a private key for tests".to_owned()));
    let with = |login_keys: &str| GatewayConfig {
        login_keys: Some(login_keys.to_owned()),
        ..GatewayConfig::default()
    };
    for (case, config, expected) in [
        ("nowhere", with(""), "`login_keys`: name a folder"),
        (
            "no Redis",
            with("redis"),
            "`login_keys`: keys in Redis need `redis`",
        ),
        (
            "no private key",
            GatewayConfig {
                redis: redis(),
                ..with("redis")
            },
            "which needs `private_key`",
        ),
        (
            "a folder for many gateways",
            GatewayConfig {
                redis: redis(),
                private_key: key(),
                ..with("keys")
            },
            "write \"redis\"",
        ),
        (
            "two issuers",
            GatewayConfig {
                login_public_key: "MII".into(),
                ..with("keys")
            },
            "either this gateway issues logins",
        ),
        (
            "a short life",
            GatewayConfig {
                login_key_life: std::time::Duration::from_secs(60),
                ..with("keys")
            },
            "`login_key_life`: write a duration from 1h",
        ),
        (
            "no idle time",
            GatewayConfig {
                login_idle: std::time::Duration::ZERO,
                ..with("keys")
            },
            "`login_idle`: write a duration from 60s",
        ),
        (
            "keys that end before logins",
            GatewayConfig {
                login_idle: std::time::Duration::from_secs(7_200),
                login_key_life: std::time::Duration::from_secs(3_600),
                ..with("keys")
            },
            "`login_key_life`: it must not be shorter",
        ),
        ("a file", with(&file.display().to_string()), "`login_keys`: `"),
    ] {
        let error = Gateway::new(config).expect_err(case).to_string();
        assert!(error.contains(expected), "{case}: {error}");
    }
    let absent = LoginKeyStore::of(&GatewayConfig::default()).expect_err("no place");
    assert!(matches!(
        absent,
        ConfigError::Login {
            key: "login_keys",
            ..
        }
    ));
}
