//! Each kind of token that is not accepted.

use hydra_runtime_wire::login::LoginKeyPair;
use jsonwebtoken::{EncodingKey, Header as JwtHeader};
use serde_json::json;

use super::*;

const NOW: u64 = 1_800_000_000;
const EXPECTED: Expected<'static> = Expected {
    issuer: "https://login.example",
    client_id: "hydra",
    nonce: Some("the nonce"),
    now: NOW,
};

fn claims() -> Value {
    json!({
        "iss": "https://login.example", "aud": "hydra", "sub": "7", "nonce": "the nonce",
        "iat": NOW - 5, "exp": NOW + 300, "groups": ["admins"],
    })
}

fn keys(pairs: &[&LoginKeyPair]) -> ProviderKeys {
    let keys: Vec<_> = pairs.iter().map(|pair| pair.jwk()).collect();
    ProviderKeys::read(json!({ "keys": keys }).to_string().as_bytes()).expect("keys")
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.", part(header), part(claims))
}

#[test]
fn a_token_says_who_the_user_is() {
    let pair = LoginKeyPair::generate().expect("a key");
    let keys = keys(&[&pair]);
    let token = pair.sign(&claims()).expect("signed");
    let found = keys.verify(&token, EXPECTED).expect("good");
    assert_eq!(
        (&found["sub"], &found["groups"]),
        (&json!("7"), &json!(["admins"]))
    );
    let with = |change: &dyn Fn(&mut Value)| {
        let mut claims = claims();
        change(&mut claims);
        keys.verify(&pair.sign(&claims).expect("signed"), EXPECTED)
            .is_ok()
    };
    assert!(with(&|claims| claims["aud"] = json!(["hydra"])));
    assert!(with(&|claims| {
        claims["aud"] = json!(["hydra", "other"]);
        claims["azp"] = json!("hydra");
    }));
    assert!(with(&|claims| claims["exp"] = json!(1.8e9 + 300.0)));
    assert!(with(&|claims| claims["exp"] = json!(NOW - 30)), "clocks differ");
    let refreshed = Expected {
        nonce: None,
        ..EXPECTED
    };
    assert!(keys.verify(&token, refreshed).is_ok());
}

#[test]
fn claims_that_are_not_accepted() {
    let pair = LoginKeyPair::generate().expect("a key");
    let keys = keys(&[&pair]);
    for (name, value, expected) in [
        ("iss", json!("https://evil.example"), BadIdToken::Issuer),
        ("iss", json!("https://login.example/"), BadIdToken::Issuer),
        ("iss", Value::Null, BadIdToken::Issuer),
        ("aud", json!("other"), BadIdToken::Audience),
        ("aud", json!(["other"]), BadIdToken::Audience),
        ("aud", json!(["hydra", "other"]), BadIdToken::Audience),
        ("aud", Value::Null, BadIdToken::Audience),
        ("azp", json!("other"), BadIdToken::Audience),
        ("azp", json!(7), BadIdToken::Audience),
        ("exp", json!(NOW - 60), BadIdToken::Expired),
        ("exp", json!("2030-01-01"), BadIdToken::Malformed),
        ("exp", json!(-1), BadIdToken::Malformed),
        ("exp", json!(1e300), BadIdToken::Malformed),
        ("iat", json!(NOW + 61), BadIdToken::Future),
        ("iat", Value::Null, BadIdToken::Malformed),
        ("nonce", json!("another nonce"), BadIdToken::Nonce),
        ("nonce", Value::Null, BadIdToken::Nonce),
        ("nonce", json!(["the nonce"]), BadIdToken::Nonce),
        ("sub", json!(""), BadIdToken::Malformed),
        ("sub", json!("x".repeat(256)), BadIdToken::Malformed),
        ("sub", json!(7), BadIdToken::Malformed),
    ] {
        let mut claims = claims();
        claims[name] = value.clone();
        let token = pair.sign(&claims).expect("signed");
        assert_eq!(keys.verify(&token, EXPECTED), Err(expected), "{name}: {value}");
    }
}

#[test]
fn unsigned_tokens_and_other_keys() {
    let (pair, stranger) = (
        LoginKeyPair::generate().expect("a key"),
        LoginKeyPair::generate().expect("a key"),
    );
    let keys = keys(&[&pair]);
    let good = pair.sign(&claims()).expect("signed");
    let public = EncodingKey::from_secret(pair.public_key().as_bytes());
    let mut header = JwtHeader::new(Algorithm::HS256);
    header.kid = Some(pair.kid().to_owned());
    let confused = jsonwebtoken::encode(&header, &claims(), &public).expect("signed");
    let (signed, _) = good.rsplit_once('.').expect("three parts");
    let named = |alg: &str| unsigned(&json!({"alg": alg, "kid": pair.kid()}), &claims());
    let critical = json!({"alg": "RS256", "kid": pair.kid(), "crit": ["b64"]});
    for (case, token, expected) in [
        ("alg none", named("none"), BadIdToken::Algorithm),
        ("alg None", named("None"), BadIdToken::Algorithm),
        ("no signature", format!("{signed}."), BadIdToken::Signature),
        ("HS256 with the public key", confused, BadIdToken::Algorithm),
        (
            "another key",
            stranger.sign(&claims()).expect("signed"),
            BadIdToken::UnknownKey,
        ),
        ("another kind of key", named("ES256"), BadIdToken::UnknownKey),
        (
            "must be understood",
            unsigned(&critical, &claims()),
            BadIdToken::Malformed,
        ),
        ("cut", good[..good.len() - 9].to_owned(), BadIdToken::Signature),
        ("nothing", String::new(), BadIdToken::Malformed),
        ("encrypted", "a.b.c.d.e".to_owned(), BadIdToken::Malformed),
        (
            "long",
            format!("{good}{}", "A".repeat(100_000)),
            BadIdToken::TooLong,
        ),
    ] {
        assert_eq!(keys.verify(&token, EXPECTED), Err(expected), "{case}");
    }
}

#[test]
fn a_token_that_names_no_key_is_clear_with_one_key_only() {
    let (pair, other) = (
        LoginKeyPair::generate().expect("a key"),
        LoginKeyPair::generate().expect("a key"),
    );
    let nameless = |pair: &LoginKeyPair| {
        let key = EncodingKey::from_rsa_der(&pkcs1(&pair.pkcs8().expect("a document")));
        jsonwebtoken::encode(&JwtHeader::new(Algorithm::RS256), &claims(), &key).expect("signed")
    };
    let token = nameless(&pair);
    assert!(keys(&[&pair]).verify(&token, EXPECTED).is_ok());
    assert_eq!(
        keys(&[&pair, &other]).verify(&token, EXPECTED),
        Err(BadIdToken::UnknownKey)
    );
}

/// The PKCS#1 document inside of a PKCS#8 document, which ends with it.
fn pkcs1(document: &[u8]) -> Vec<u8> {
    let inner = document
        .windows(4)
        .skip(4)
        .position(|bytes| bytes[..2] == [0x30, 0x82])
        .expect("an inner document");
    document[inner + 4..].to_vec()
}

#[test]
fn keys_of_a_set_that_verify() {
    let pair = LoginKeyPair::generate().expect("a key");
    let read = |keys: Value| ProviderKeys::read(json!({ "keys": keys }).to_string().as_bytes());
    let with = |name: &str, value: Value| {
        let mut key = pair.jwk().clone();
        key[name] = value;
        key
    };
    for (case, keys) in [
        ("for encryption", json!([with("use", json!("enc"))])),
        (
            "symmetric",
            json!([{"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"}]),
        ),
        ("an unknown kind", json!([{"kty": "PQC"}])),
        (
            "an unknown curve",
            json!([{"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"}]),
        ),
        ("none", json!([])),
        ("no list", json!(7)),
    ] {
        assert!(read(keys).is_err(), "{case}");
    }
    for text in ["", "null", "[]", "<html>"] {
        assert!(ProviderKeys::read(text.as_bytes()).is_err(), "{text}");
    }
    let only = ProviderKeys::read(
        json!({"keys": [{"kty": "PQC"}, with("alg", json!("RS512"))]})
            .to_string()
            .as_bytes(),
    );
    let token = pair.sign(&claims()).expect("signed");
    assert_eq!(
        only.expect("a key").verify(&token, EXPECTED),
        Err(BadIdToken::UnknownKey),
        "the key is for another algorithm"
    );
}
