use std::sync::OnceLock;

use jsonwebtoken::{EncodingKey, Header as JwtHeader};

use super::*;
use crate::{limits::LOGIN_ISSUED_EARLIER_SECS, login::LoginKeyPair};

const NOW: u64 = 1_800_000_000;

fn key() -> &'static LoginKeyPair {
    static KEY: OnceLock<LoginKeyPair> = OnceLock::new();
    KEY.get_or_init(|| LoginKeyPair::generate().expect("a key"))
}

fn keys() -> LoginKeys {
    LoginKeys::of_set(&json!({"keys": [key().jwk()]}), "K")
}

fn ann() -> Login {
    Login {
        sid: "s-1".into(),
        username: "ann".into(),
        user_id: Some(7),
        roles: vec!["USER".into(), "ADMIN".into()],
        metadata: [("email".to_owned(), "ann@shop.example".to_owned())].into(),
        since: NOW - 60,
        expires: NOW + 600,
        revision: "1f".into(),
    }
}

fn token(login: &Login) -> String {
    login.token(key(), "K", "j-1", NOW).expect("a token").0
}

fn claims() -> Value {
    json!({"iss": "hydra", "aud": "K", "iat": NOW - 30, "exp": NOW + 600, "jti": "j", "sid": "s-1", "auth_time": NOW,
        "username": "ann", "userId": null, "roles": ["USER"]})
}

/// These claims, with another value for one of them, or without it if the value is `null`.
fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    match value {
        Value::Null => {
            claims.as_object_mut().expect("an object").remove(name);
        }
        value => claims[name] = value,
    }
    claims
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", encode(header), encode(claims))
}

#[test]
fn a_token_says_who_the_visitor_is() {
    assert_eq!(keys().verify(&token(&ann()), NOW, 0), Ok(ann()));
    let payload = token(&ann());
    let payload = payload.split('.').nth(1).expect("claims");
    let payload: Value =
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).expect("base64")).expect("JSON");
    assert_eq!(
        payload,
        json!({"iss": "hydra", "aud": "K", "iat": NOW - LOGIN_ISSUED_EARLIER_SECS, "exp": NOW + 600, "jti": "j-1",
            "sid": "s-1", "auth_time": NOW - 60, "rev": "1f", "username": "ann", "userId": 7,
            "roles": ["USER", "ADMIN"], "email": "ann@shop.example"})
    );
}

#[test]
fn bad_tokens() {
    let good = key().sign(&claims()).expect("a token");
    assert!(keys().verify(&good, NOW, 0).is_ok());
    let signed = |claims: &Value| key().sign(claims).expect("a token");
    let other = LoginKeyPair::generate().expect("a key");
    let kid = json!(key().kid());
    let hmac = |secret: &[u8]| {
        let mut header = JwtHeader::new(Algorithm::HS256);
        header.kid = Some(key().kid().to_owned());
        jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(secret)).expect("a token")
    };
    let der = base64::prelude::BASE64_STANDARD
        .decode(key().public_key())
        .expect("base64");
    let forged = {
        let named = unsigned(&json!({"alg": "RS256", "kid": kid}), &claims());
        let signature = other.sign(&claims()).expect("a token");
        format!("{named}.{}", signature.rsplit('.').next().expect("a signature"))
    };
    let signature = good.rsplit('.').next().expect("a signature");
    let swapped = format!(
        "{}.{signature}",
        unsigned(
            &json!({"alg": "RS256", "kid": kid}),
            &with("roles", json!(["ADMIN"]))
        )
    );
    for (case, token, expected) in [
        ("expired", signed(&with("exp", json!(NOW))), BadLogin::Expired),
        (
            "expired long ago",
            signed(&with("exp", json!(1))),
            BadLogin::Expired,
        ),
        (
            "from the future",
            signed(&with("iat", json!(NOW + 31))),
            BadLogin::Future,
        ),
        (
            "alg none",
            format!("{}.", unsigned(&json!({"alg": "none", "kid": kid}), &claims())),
            BadLogin::Algorithm,
        ),
        (
            "alg None",
            format!("{}.x", unsigned(&json!({"alg": "None", "kid": kid}), &claims())),
            BadLogin::Algorithm,
        ),
        (
            "HS256 signed with the public key",
            hmac(key().public_key().as_bytes()),
            BadLogin::Algorithm,
        ),
        (
            "HS256 signed with the DER of the public key",
            hmac(&der),
            BadLogin::Algorithm,
        ),
        (
            "RS512 named",
            format!("{}.x", unsigned(&json!({"alg": "RS512", "kid": kid}), &claims())),
            BadLogin::Algorithm,
        ),
        (
            "a wrong issuer",
            signed(&with("iss", json!("medusa"))),
            BadLogin::Issuer,
        ),
        (
            "no issuer",
            signed(&with("iss", Value::Null)),
            BadLogin::Malformed,
        ),
        (
            "a wrong audience",
            signed(&with("aud", json!("L"))),
            BadLogin::Audience,
        ),
        (
            "several audiences",
            signed(&with("aud", json!(["K"]))),
            BadLogin::Malformed,
        ),
        (
            "an unknown kid",
            other.sign(&claims()).expect("a token"),
            BadLogin::UnknownKey,
        ),
        (
            "no kid",
            format!("{}.{signature}", unsigned(&json!({"alg": "RS256"}), &claims())),
            BadLogin::UnknownKey,
        ),
        ("another key under our kid", forged, BadLogin::Signature),
        ("other claims under our signature", swapped, BadLogin::Signature),
        (
            "cut by one letter",
            good[..good.len() - 1].to_owned(),
            BadLogin::Signature,
        ),
        (
            "cut in the middle",
            good[..good.len() / 4].to_owned(),
            BadLogin::Malformed,
        ),
        (
            "without its signature",
            format!("{}.", good.rsplit_once('.').expect("parts").0),
            BadLogin::Signature,
        ),
        (
            "100 KB long",
            format!("{good}{}", "A".repeat(100_000)),
            BadLogin::TooLong,
        ),
        (
            "a critical extension",
            format!(
                "{}.x",
                unsigned(&json!({"alg": "RS256", "kid": kid, "crit": ["b64"]}), &claims())
            ),
            BadLogin::Malformed,
        ),
        (
            "roles that are a text",
            signed(&with("roles", json!("ADMIN"))),
            BadLogin::Malformed,
        ),
        (
            "roles that are numbers",
            signed(&with("roles", json!([1]))),
            BadLogin::Malformed,
        ),
        (
            "no roles",
            signed(&with("roles", Value::Null)),
            BadLogin::Malformed,
        ),
        (
            "a userId that is a text",
            signed(&with("userId", json!("7"))),
            BadLogin::Malformed,
        ),
        (
            "a username that is a list",
            signed(&with("username", json!(["ann"]))),
            BadLogin::Malformed,
        ),
        (
            "no username",
            signed(&with("username", Value::Null)),
            BadLogin::Malformed,
        ),
        (
            "an end that is a text",
            signed(&with("exp", json!("later"))),
            BadLogin::Malformed,
        ),
        (
            "a negative end",
            signed(&with("exp", json!(-1))),
            BadLogin::Malformed,
        ),
        (
            "an end with digits after the point",
            signed(&with("exp", json!(1.5))),
            BadLogin::Malformed,
        ),
        ("nothing", String::new(), BadLogin::Malformed),
        ("two dots", "..".to_owned(), BadLogin::Malformed),
        ("four parts", format!("{good}.x"), BadLogin::Malformed),
        ("no base64", "?.?.?".to_owned(), BadLogin::Malformed),
        ("other letters", "é.é.é".to_owned(), BadLogin::Malformed),
    ] {
        assert_eq!(keys().verify(&token, NOW, 0), Err(expected), "{case}");
    }
}

#[test]
fn clocks_may_differ() {
    let ends = with("exp", json!(NOW));
    let token = key().sign(&ends).expect("a token");
    assert!(keys().verify(&token, NOW + 29, 30).is_ok());
    assert_eq!(keys().verify(&token, NOW + 30, 30), Err(BadLogin::Expired));
    let early = key().sign(&with("iat", json!(NOW + 30))).expect("a token");
    assert!(keys().verify(&early, NOW, 0).is_ok());
}

#[test]
fn metadata_named_like_a_claim_overwrites_nothing() {
    let mut login = ann();
    for name in super::super::CLAIMS {
        login.metadata.insert(name.to_owned(), "evil".to_owned());
    }
    let verified = keys().verify(&token(&login), NOW, 0);
    assert_eq!(verified, Ok(ann()));
}

#[test]
fn two_hundred_groups_fit_or_are_left_out() {
    let role = |n: usize| format!("GROUP_{n:03}");
    let login = |count, length: usize| Login {
        roles: (0..count)
            .map(|n| format!("{}{}", role(n), "X".repeat(length)))
            .collect(),
        ..ann()
    };
    for (count, length, is_whole) in [
        (1, 0, true),
        (100, 0, true),
        (200, 0, false),
        (200, 100, false),
        (1, 10_000, false),
    ] {
        let login = login(count, length);
        let (token, left_out) = login.token(key(), "K", "j", NOW).expect("a token");
        assert!(
            token.len() <= MAX_LOGIN_TOKEN_BYTES,
            "{count} roles: {} bytes",
            token.len()
        );
        let verified = keys().verify(&token, NOW, 0).expect("valid");
        let kept = verified.roles.len();
        assert_eq!(verified.roles, login.roles[..kept], "the first roles are kept");
        assert_eq!(left_out == 0, is_whole, "{count} roles of {length}");
        assert_eq!(count + 1, kept + verified.metadata.len() + left_out);
    }
    let nameless = Login {
        username: "x".repeat(5_000),
        ..ann()
    };
    assert_eq!(nameless.token(key(), "K", "j", NOW), None);
}

#[test]
fn only_rsa_keys_of_a_set_verify() {
    let good = key().jwk().clone();
    let with = |name: &str, value: Value| {
        let mut key = good.clone();
        key[name] = value;
        key
    };
    for (case, set, count) in [
        ("ours", json!({"keys": [good]}), 1),
        ("for encryption", json!({"keys": [with("use", json!("enc"))]}), 0),
        (
            "another algorithm",
            json!({"keys": [with("alg", json!("RS512"))]}),
            0,
        ),
        (
            "an unknown kind beside ours",
            json!({"keys": [{"kty": "NEW", "kid": "x"}, good]}),
            1,
        ),
        (
            "a secret",
            json!({"keys": [{"kty": "oct", "kid": "x", "k": "c2VjcmV0"}]}),
            0,
        ),
        ("no id", json!({"keys": [with("kid", Value::Null)]}), 0),
        ("no list", json!({"keys": "x"}), 0),
        ("nothing", Value::Null, 0),
        (
            "very many",
            json!({"keys": vec![good.clone(); 1_000]}),
            MAX_LOGIN_KEYS,
        ),
    ] {
        assert_eq!(LoginKeys::of_set(&set, "K").keys.len(), count, "{case}");
    }
}

#[test]
fn a_key_pair_survives_its_document_and_shows_no_secret() {
    let document = key().pkcs8().expect("a document");
    let again = LoginKeyPair::from_pkcs8(&document).expect("a key");
    assert_eq!(
        (again.kid(), again.public_key(), again.jwk()),
        (key().kid(), key().public_key(), key().jwk())
    );
    assert!(LoginKeyPair::from_pkcs8(&document[1..]).is_none());
    assert_eq!(LoginKeys::set_of(key().public_key())["keys"][0], *key().jwk());
    let shown = format!("{again:?} {}", again.jwk());
    let secret = BASE64_URL_SAFE_NO_PAD.encode(&document[100..130]);
    assert!(!shown.contains(&secret) && !again.jwk().as_object().expect("an object").contains_key("d"));
}
