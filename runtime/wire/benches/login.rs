//! What it costs to check a login token, the first time and again, and to issue one.

use std::hint::black_box;

use divan::Bencher;
use hydra_runtime_wire::login::{Login, LoginKeyPair, LoginKeys, VerifiedLogins};
use serde_json::json;

const NOW: u64 = 2_000_000_000;

/// A login as most are: two roles and two members of metadata.
fn login() -> Login {
    let metadata = [("name", "Ann Peeters"), ("email", "ann@shop.example")];
    Login {
        sid: "0123456789abcdef0123456789abcdef".into(),
        username: "ann".into(),
        user_id: Some(7),
        roles: vec!["USER".into(), "CUSTOMER".into()],
        metadata: metadata.map(|(name, value)| (name.into(), value.into())).into(),
        since: NOW,
        expires: NOW + 1_800,
        revision: "0123456789abcdef".into(),
    }
}

fn keys() -> (LoginKeyPair, LoginKeys, String) {
    let pair = LoginKeyPair::generate().expect("a key");
    let keys = LoginKeys::of_set(&json!({"keys": [pair.jwk()]}), "K");
    let (token, _) = login().token(&pair, "K", "jti", NOW).expect("a token");
    (pair, keys, token)
}

#[divan::bench]
fn check_the_first_time(bencher: Bencher<'_, '_>) {
    let (_, keys, token) = keys();
    bencher.bench_local(|| keys.verify(black_box(&token), NOW, 0).expect("a login"));
}

#[divan::bench]
fn check_again(bencher: Bencher<'_, '_>) {
    let (_, keys, token) = keys();
    let mut verified = VerifiedLogins::default();
    verified.put(&token, keys.verify(&token, NOW, 0).expect("a login").into());
    bencher.bench_local(|| verified.get(black_box(&token), NOW).expect("known"));
}

/// A forged token must not cost more than a good one.
#[divan::bench]
fn check_a_wrong_signature(bencher: Bencher<'_, '_>) {
    let (_, keys, token) = keys();
    let (body, signature) = token.rsplit_once('.').expect("a signature");
    let forged = format!("{body}.{}", signature.chars().rev().collect::<String>());
    bencher.bench_local(|| keys.verify(black_box(&forged), NOW, 0).is_err());
}

#[divan::bench]
fn issue(bencher: Bencher<'_, '_>) {
    let (pair, ..) = keys();
    let login = login();
    bencher.bench_local(|| login.token(black_box(&pair), "K", "jti", NOW).expect("a token"));
}

fn main() {
    divan::main();
}
