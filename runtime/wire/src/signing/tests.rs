use super::*;

const KEY: &str = "a private key for tests";
const PATH: &str = "/h/discovery/K/registration?x=1";

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn call(body: &[u8]) -> Call<'_> {
    Call {
        to: GATEWAY,
        method: &Method::POST,
        path: PATH,
        body,
    }
}

/// The headers of a call that `orders` signs at second 1,000.
fn signed_with(signer: &Signer, call: Call<'_>) -> HeaderMap {
    HeaderMap::from_iter(signer.sign("orders", call, at(1_000)).expect("signed"))
}

fn signed(call: Call<'_>) -> HeaderMap {
    signed_with(&Signer::new(KEY, "K"), call)
}

fn issuer(checked: Result<SignedCall, BadSignature>) -> Result<String, BadSignature> {
    checked.map(|call| call.issuer)
}

#[test]
fn a_signature_lets_one_call_in() {
    let (signer, headers) = (Signer::new(KEY, "K"), signed(call(b"body")));
    let check = |now| issuer(signer.check(&headers, call(b"body"), at(now)));
    assert_eq!(check(1_001).as_deref(), Ok("orders"));
    assert_eq!(check(1_002), Err(BadSignature::Again));
}

#[test]
fn a_signature_is_for_one_call() {
    let good = call(b"body");
    let headers = signed(good);
    for (what, asked, expected) in [
        ("the same", good, Ok("orders")),
        (
            "another body",
            Call {
                body: b"Body",
                ..good
            },
            Err(BadSignature::Body),
        ),
        ("no body", Call { body: b"", ..good }, Err(BadSignature::Body)),
        (
            "another service",
            Call { to: "shop", ..good },
            Err(BadSignature::Recipient),
        ),
        (
            "another case",
            Call { to: "Hydra", ..good },
            Err(BadSignature::Recipient),
        ),
        (
            "another method",
            Call {
                method: &Method::PUT,
                ..good
            },
            Err(BadSignature::Request),
        ),
        (
            "another path",
            Call {
                path: "/h/discovery/K/alive",
                ..good
            },
            Err(BadSignature::Request),
        ),
        (
            "another query",
            Call {
                path: "/h/discovery/K/registration?x=2",
                ..good
            },
            Err(BadSignature::Request),
        ),
        (
            "no query",
            Call {
                path: "/h/discovery/K/registration",
                ..good
            },
            Err(BadSignature::Request),
        ),
    ] {
        let checked = issuer(Signer::new(KEY, "K").check(&headers, asked, at(1_000)));
        assert_eq!(checked.as_deref(), expected.as_ref().map(|name| *name), "{what}");
    }
    let elsewhere = Signer::new(KEY, "L").check(&headers, good, at(1_000));
    assert_eq!(elsewhere, Err(BadSignature::Audience));
    let other = Signer::new("another private key", "K").check(&headers, good, at(1_000));
    assert_eq!(other, Err(BadSignature::Wrong));
}

#[test]
fn a_streamed_call_is_signed_as_such() {
    let (signer, good) = (Signer::new(KEY, "K"), call(b""));
    let streamed = || HeaderMap::from_iter(signer.sign_streamed("orders", good, at(1_000)).expect("signed"));
    let headers = streamed();
    let check = |call| issuer(signer.check_streamed(&headers, call, at(1_000)));
    assert_eq!(check(Call { path: "/h/x", ..good }), Err(BadSignature::Request));
    assert_eq!(check(good).as_deref(), Ok("orders"));
    assert_eq!(check(good), Err(BadSignature::Again));

    let whole = signer.check(&streamed(), good, at(1_000));
    assert_eq!(whole, Err(BadSignature::Body), "not for a whole body");
    let other = signer.check_streamed(&signed(good), good, at(1_000));
    assert_eq!(other, Err(BadSignature::Body), "a whole body, streamed");
}

#[test]
fn clocks_may_differ_by_thirty_seconds() {
    let headers = signed(call(b""));
    for (now, expected) in [
        (969, false),
        (970, true),
        (1_000, true),
        (1_030, true),
        (1_060, true),
        (1_061, false),
        (0, false),
        (u64::from(u32::MAX), false),
    ] {
        let checked = Signer::new(KEY, "K").check(&headers, call(b""), at(now));
        assert_eq!(checked.is_ok(), expected, "{now}");
        assert!(expected || checked == Err(BadSignature::Time), "{now}");
    }
}

#[test]
fn malformed_signatures_are_wrong() {
    let check = |value: &str| {
        let value = HeaderValue::from_str(value).expect("a value");
        let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
        Signer::new(KEY, "K").check(&headers, call(b""), at(1_000))
    };
    let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let claims = |exp, jti: &str| Claims {
        iss: "x".into(),
        aud: "K".into(),
        to: GATEWAY.into(),
        method: "POST".into(),
        path: PATH.into(),
        iat: 1_000,
        exp,
        jti: jti.into(),
        digest: digest_of(b""),
    };
    let body = serde_json::to_string(&claims(1_030, "1")).expect("JSON");
    let none = format!(
        "Bearer {}.{}.",
        encode(r#"{"alg":"none","typ":"JWT"}"#),
        encode(&body)
    );
    let by_key = |claims: &Claims| {
        let value = Key::new(KEY).sign(claims).expect("signed");
        value.to_str().expect("ASCII").to_owned()
    };
    let whole = by_key(&claims(1_030, "1"));
    let without_path = encode(&body.replace("\"path\"", "\"pass\""));
    for (what, value) in [
        ("nothing", String::new()),
        ("no token", "Bearer".into()),
        ("a word", "Bearer x".into()),
        ("three words", "Bearer a.b.c".into()),
        ("another scheme", "Basic x".into()),
        ("alg none", none),
        ("cut", whole[..whole.len() - 1].into()),
        (
            "without a path",
            format!("Bearer {}.{without_path}.x", encode(r#"{"alg":"HS256"}"#)),
        ),
        ("a long id", by_key(&claims(1_030, &"1".repeat(1_000)))),
        ("100 KB", format!("Bearer {}", "x".repeat(100_000))),
    ] {
        assert_eq!(check(&value), Err(BadSignature::Wrong), "{what}");
    }
    assert_eq!(
        check(&by_key(&claims(1_031, "1"))),
        Err(BadSignature::Time),
        "a long life"
    );
    assert_eq!(
        check(&by_key(&claims(999, "1"))),
        Err(BadSignature::Time),
        "it ends before it begins"
    );
    assert!(check(&whole).is_ok());
    let missing = Signer::new(KEY, "K").check(&HeaderMap::new(), call(b""), at(1_000));
    assert_eq!(missing, Err(BadSignature::Missing));
}

#[test]
fn two_keys_are_valid_while_a_key_is_changed() {
    let signer = |first: &str, second| Signer::new(first, "K").with_second_key(second);
    let (old, new) = ("the old private key", "the new private key");
    for (what, by, at_peer, expected) in [
        ("before", signer(old, None), signer(old, None), true),
        (
            "the sender first",
            signer(new, Some(old)),
            signer(old, None),
            true,
        ),
        (
            "the recipient first",
            signer(old, None),
            signer(new, Some(old)),
            true,
        ),
        ("both", signer(new, Some(old)), signer(new, Some(old)), true),
        (
            "both, the next one known",
            signer(old, Some(new)),
            signer(new, Some(old)),
            true,
        ),
        (
            "one of them is done",
            signer(new, None),
            signer(new, Some(old)),
            true,
        ),
        (
            "the other one is done",
            signer(new, Some(old)),
            signer(new, None),
            true,
        ),
        ("after", signer(old, None), signer(new, None), false),
        (
            "a third key",
            signer("a third private key", None),
            signer(new, Some(old)),
            false,
        ),
    ] {
        let headers = signed_with(&by, call(b"x"));
        assert_eq!(
            at_peer.check(&headers, call(b"x"), at(1_000)).is_ok(),
            expected,
            "{what}"
        );
        // Neither of its two signatures can be used again.
        if let Some(second) = headers.get(SECOND_SIGNATURE) {
            let again = HeaderMap::from_iter([(AUTHORIZATION, second.clone())]);
            assert!(at_peer.check(&again, call(b"x"), at(1_000)).is_err(), "{what}");
        }
        let again = at_peer.check(&headers, call(b"x"), at(1_000));
        assert_eq!(again == Err(BadSignature::Again), expected, "{what}");
    }
}

#[test]
fn a_service_with_its_own_key_speaks_for_itself_only() {
    const OWN: &str = "the key of orders alone";
    let gateway = || {
        Signer::new(KEY, "K")
            .with_service("orders", OWN, Some("its former key, 16"))
            .with_service("shop", "the key of the shop", None)
    };
    let from = |key: &str, issuer: &str| {
        let signatures = Signer::new(key, "K").sign(issuer, call(b""), at(1_000));
        HeaderMap::from_iter(signatures.expect("signed"))
    };
    for (key, name, expected) in [
        (OWN, "orders", true),
        ("its former key, 16", "orders", true),
        (OWN, "shop", false),
        (OWN, "others", false),
        (OWN, "hydra", false),
        (KEY, "orders", false),
        (KEY, "others", true),
        ("the key of the shop", "orders", false),
        ("the key of the shop", "shop", true),
    ] {
        let checked = gateway().check(&from(key, name), call(b""), at(1_000));
        assert_eq!(checked.is_ok(), expected, "{key}, {name}");
    }
    // The gateway signs for each recipient with the recipient's key.
    for (to, key, expected) in [
        ("orders", OWN, true),
        ("orders", KEY, false),
        ("shop", OWN, false),
        ("others", KEY, true),
    ] {
        let asked = Call { to, ..call(b"") };
        let headers = HeaderMap::from_iter(gateway().sign(GATEWAY, asked, at(1_000)).expect("signed"));
        let checked = Signer::new(key, "K").check(&headers, asked, at(1_000));
        assert_eq!(checked.is_ok(), expected, "{to}, {key}");
    }
}

#[test]
fn no_key_is_ever_shown() {
    assert!(!format!("{:?}", Signer::new(KEY, "K")).contains(KEY));
    let signatures = Signer::new(KEY, "K").with_second_key(Some("another key of tests"));
    let signatures = signatures.sign("a", call(b""), at(0)).expect("signed");
    for (_, value) in signatures {
        assert!(format!("{value:?}").contains("Sensitive"));
    }
}
