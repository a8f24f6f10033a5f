//! Only whole tokens of this installation count, each for its own time.

use http::header::COOKIE;

use super::*;

const KEY: &str = "the private key of the tests";
const NOW: u64 = 1_796_000_000;

fn key() -> PreviewKey {
    PreviewKey::new(KEY)
}

fn token(service: &str, version: &str) -> String {
    key().token(service, version, NOW + 60)
}

fn read(text: &str, now: u64) -> Previews {
    key().read([text.as_bytes()], now)
}

#[test]
fn a_token_counts_for_its_version_until_its_end() {
    for (service, version) in [
        ("orders", "2.5.0-rc1"),
        ("my app é", "7"),
        ("a@b,c;d~e", "0f3a+x"),
        (&*"s".repeat(100), &*"9".repeat(64)),
    ] {
        let token = token(service, version);
        assert!(token.len() <= MAX_PREVIEW_TOKEN_BYTES);
        let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        assert!(token.bytes().all(is_safe), "{token}");
        for (now, expected) in [
            (0, Some(version)),
            (NOW + 59, Some(version)),
            (NOW + 60, None),
            (u64::MAX, None),
        ] {
            assert_eq!(read(&token, now).version_of(service), expected, "{now}");
        }
        assert_eq!(read(&token, NOW).version_of("other"), None);
    }
}

#[test]
fn a_token_that_was_cut_changed_or_made_elsewhere_counts_for_nothing() {
    let good = token("orders", "2");
    let (payload, mark) = good.split_once('.').expect("two parts");
    let other = PreviewKey::new("another private key");
    let longer = URL_SAFE_NO_PAD.encode(format!("{}\norders\n2", NOW + 600));
    let signed = |payload: &str| {
        let mark = super::mark(&key().first, payload);
        format!("{}.{mark}", URL_SAFE_NO_PAD.encode(payload))
    };
    for wrong in [
        String::new(),
        ".".to_owned(),
        payload.to_owned(),
        format!("{payload}."),
        format!(".{mark}"),
        good[..good.len() - 1].to_owned(),
        good[1..].to_owned(),
        format!("{good}0"),
        format!("{payload}.{}", mark.to_uppercase().replace('0', "1")),
        format!("{longer}.{mark}"),
        format!("{payload}=.{mark}"),
        other.token("orders", "2", NOW + 60),
        "orders@2".to_owned(),
        "é".to_owned(),
        "x".repeat(10_000),
        // Signed, but not by these rules.
        signed(&format!("{}\norders", NOW + 60)),
        signed(&format!("{}\norders\n2\n", NOW + 60)),
        signed(&format!("{}\norders\n<b>", NOW + 60)),
        signed("soon\norders\n2"),
    ] {
        assert!(read(&wrong, NOW).is_empty(), "{wrong}");
        // It does not spoil a good one beside it.
        let both = read(&format!("{wrong}~{good}"), NOW);
        assert_eq!(both.version_of("orders"), Some("2"), "{wrong}");
    }
}

#[test]
fn previews_of_several_services_add_up_and_the_newest_of_one_service_counts() {
    let open = |known: &Previews, token: &str| known.with(&read(token, NOW)).expect("not too many");
    let one = open(&Previews::default(), &token("orders", "2"));
    let two = open(&one, &token("news", "5"));
    let three = open(&two, &token("orders", "3"));
    for previews in [&three, &read(&three.tokens(), NOW)] {
        assert_eq!(previews.version_of("orders"), Some("3"));
        assert_eq!(previews.version_of("news"), Some("5"));
        assert_eq!(previews.all().len(), 2);
    }
    let stated = format!("{}, {}", token("orders", "8"), token("shop", "9"));
    let headers = HeaderMap::from_iter([
        (HYDRA_PREVIEW, HeaderValue::try_from(stated).expect("ASCII")),
        (
            COOKIE,
            HeaderValue::try_from(format!("a=b; HYDRA-PREVIEW={}", three.tokens())).expect("ASCII"),
        ),
    ]);
    let joined = key().read(texts(&headers), NOW);
    let version = |service| joined.version_of(service);
    assert_eq!(
        (version("orders"), version("shop"), version("news")),
        (Some("8"), Some("9"), Some("5"))
    );
}

#[test]
fn a_hundred_services_are_too_many() {
    let tokens: Vec<String> = (0..100).map(|n| token(&format!("s{n}"), "1")).collect();
    let all = read(&tokens.join("~"), NOW);
    assert_eq!(all.all().len(), MAX_PREVIEWS, "the first ones count");
    let opened = |service: &str| all.with(&read(&token(service, "2"), NOW));
    assert_eq!(opened("one more"), None);
    let replaced = opened("s3").expect("no more than before");
    assert_eq!(replaced.all().len(), MAX_PREVIEWS);
    assert!(replaced.tokens().len() < 3_000);
    let wrong = format!("{}{}", "x~".repeat(MAX_PREVIEWS), tokens[0]);
    assert!(read(&wrong, NOW).is_empty(), "no request checks more signatures");
}

#[test]
fn the_state_says_what_runs_and_cannot_be_mistaken() {
    assert_eq!(Previews::default().state(|_, _| true), None);
    let tokens = ["orders", "a,b;gone@1 é"].map(|service| token(service, "2"));
    let previews = read(&tokens.join("~"), NOW);
    let state = previews.state(|service, version| (service, version) == ("orders", "2"));
    assert_eq!(
        state,
        Some(HeaderValue::from_static(
            "orders@2, a%2Cb%3Bgone%401%20%C3%A9@2;gone"
        ))
    );
    assert!(
        !format!("{previews:?}").contains(&tokens[0]),
        "tokens are secrets"
    );
}

#[test]
fn the_cookie_of_a_request_holds_exactly_what_counts() {
    let good = token("orders", "2");
    let text = format!("a=b; HYDRA-PREVIEW=x~{good}; HYDRA-PREVIEW=y");
    let mut headers = HeaderMap::from_iter([(COOKIE, HeaderValue::try_from(text).expect("ASCII"))]);
    assert!(has_some(&headers));
    key().read(texts(&headers), NOW).write_cookie(&mut headers);
    assert_eq!(headers[COOKIE], format!("a=b; HYDRA-PREVIEW={good}"));
    Previews::default().write_cookie(&mut headers);
    assert_eq!(headers[COOKIE], "a=b");
    assert!(!has_some(&headers));
}
