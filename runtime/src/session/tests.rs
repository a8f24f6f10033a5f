#![allow(clippy::disallowed_methods, reason = "tests have clocks and tasks")]

mod advance;
mod app;
mod compressed;
mod redis;

use std::time::{Duration, UNIX_EPOCH};

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use http::{HeaderValue, header};
use serde_json::json;

use super::{cookie::COOKIE, memory::AllSessions, seal::Sealer, *};

const KEY: &str = "a private key for tests";

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn sealer(service: &str) -> Sealer {
    Sealer::new(KEY.as_bytes(), service, "K")
}

#[test]
fn only_the_service_that_sealed_a_session_opens_it_and_not_for_ever() {
    let state = json!({"step": 2, "text": "é\"\\", "number": 1.0});
    let sealed = sealer("orders").seal(state.clone(), at(100_000)).unwrap();
    let open = |sealer: Sealer, now| sealer.open(&sealed, at(now));
    for (sealer, now, is_open) in [
        (sealer("orders"), 100_000, true),
        (sealer("orders"), 100_000 + 24 * 3600, true),
        (sealer("orders"), 100_001 + 24 * 3600, false),
        (sealer("orders"), 100_000 - 60, true),
        (sealer("orders"), 100_000 - 61, false),
        (sealer("other"), 100_000, false),
        (Sealer::new(b"another key", "orders", "K"), 100_000, false),
        (Sealer::new(KEY.as_bytes(), "orders", "L"), 100_000, false),
    ] {
        let expected = is_open.then(|| state.clone());
        assert_eq!(open(sealer, now), expected, "{now}");
    }
}

#[test]
fn a_session_survives_a_change_of_the_private_key() {
    let state = json!({"step": 2});
    let sealed = sealer("orders").seal(state.clone(), at(1)).unwrap();
    assert!(
        !sealed.to_string().contains("step"),
        "no other service can read it"
    );
    for (second, expected) in [
        (Some(KEY), Some(state)),
        (Some("a third key"), None),
        (None, None),
    ] {
        let changed = Sealer::new(b"the next private key", "orders", "K").with_second(second);
        assert_eq!(changed.open(&sealed, at(2)), expected, "{second:?}");
    }
}

#[test]
fn what_is_no_seal_or_was_altered_is_not_opened() {
    let now = at(100_000);
    let sealed = sealer("orders").seal(json!({"step": 2}), now).unwrap();
    let text = sealed["sealed"].as_str().unwrap();
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
    let open = |bytes: &[u8]| {
        let text = BASE64_URL_SAFE_NO_PAD.encode(bytes);
        sealer("orders").open(&json!({"sealed": text}), now)
    };
    assert_eq!(open(&bytes), Some(json!({"step": 2})));
    for at in 0..bytes.len() {
        let mut other = bytes.clone();
        other[at] ^= 1;
        assert_eq!(open(&other), None, "byte {at}");
        assert_eq!(open(&bytes[..at]), None, "{at} bytes");
    }
    let other = sealer("orders").seal(json!({"step": 2}), now).unwrap();
    assert_ne!(other, sealed, "each envelope has a key of its own");
    let other = BASE64_URL_SAFE_NO_PAD
        .decode(other["sealed"].as_str().unwrap())
        .unwrap();
    assert_eq!(open(&[&bytes[..16], &other[16..]].concat()), None);
    let token = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdGF0ZSI6MX0.";
    for text in [token, "é", &"x".repeat(1 << 20), ""] {
        assert_eq!(sealer("orders").open(&json!({"sealed": text}), now), None);
    }
    for nonsense in [json!(null), json!({"step": 9}), json!({"sealed": 1}), json!(text)] {
        assert_eq!(sealer("orders").open(&nonsense, now), None);
    }
}

fn with_cookie(value: &HeaderValue) -> http::HeaderMap {
    let pair = value.to_str().unwrap().split(';').next().unwrap();
    let pair = format!("theme=dark; {pair}");
    [(header::COOKIE, HeaderValue::try_from(pair).unwrap())]
        .into_iter()
        .collect()
}

#[test]
fn a_cookie_names_one_visitor_and_with_a_key_only_one_that_the_installation_made() {
    let id = VisitorId::random().unwrap();
    assert_ne!(Some(id), VisitorId::random());
    let cookies = |key| VisitorCookie::new(VisitorKeys::new([key, None]));
    for key in [Some(KEY), None] {
        let visitors = cookies(key);
        let cookie = visitors.cookie(id, false).unwrap();
        assert_eq!(visitors.read(&with_cookie(&cookie)), Some(id));
        let text = cookie.to_str().unwrap();
        assert!(
            text.ends_with("; Path=/; HttpOnly; SameSite=Lax") && cookie.is_sensitive(),
            "{text}"
        );
        let secure = visitors.cookie(id, true).unwrap();
        assert!(secure.to_str().unwrap().ends_with("; Secure"));
    }
    let visitors = cookies(Some(KEY));
    let other = cookies(Some("another key")).cookie(id, false).unwrap();
    assert_eq!(visitors.read(&with_cookie(&other)), None);
    let hex = id.to_hex();
    for bad in [
        hex.clone(),
        format!("{hex}."),
        format!("{}.{}", "0".repeat(32), "0".repeat(32)),
    ] {
        let bad = HeaderValue::try_from(format!("{COOKIE}={bad}")).unwrap();
        assert_eq!(visitors.read(&with_cookie(&bad)), None);
    }
    for bad in ["", "x", "+0000000000000000000000000000001", &format!("{hex}0")] {
        let bad = HeaderValue::try_from(format!("{COOKIE}={bad}")).unwrap();
        assert_eq!(cookies(None).read(&with_cookie(&bad)), None);
    }
    assert!(!format!("{id:?}").contains(&hex));
}

#[test]
fn services_with_their_own_keys_know_the_same_visitors() {
    let id = VisitorId::random().unwrap();
    let given = |keys: &[&str]| {
        let encode = |key: &&str| BASE64_STANDARD.encode(hydra_runtime_wire::signing::visitor_key(key));
        Some(keys.iter().map(encode).collect::<Vec<_>>())
    };
    let (own, common) = (
        VisitorKeys::new([Some("a key of its own"), None]),
        VisitorKeys::new([Some(KEY), None]),
    );
    let is_known = |by: &VisitorKeys, at: &VisitorKeys| {
        let cookie = VisitorCookie::new(by.clone()).cookie(id, false).unwrap();
        VisitorCookie::new(at.clone()).read(&with_cookie(&cookie)) == Some(id)
    };
    assert!(!is_known(&own, &common) && !is_known(&common, &own));
    own.update(None);
    own.update(Some(vec!["not base64!".to_owned()]));
    assert!(!is_known(&own, &common), "an answer without keys changes nothing");
    own.update(given(&[KEY]));
    assert!(is_known(&own, &common) && is_known(&common, &own));
    // The key of the installation is changed: one service has heard of it, and the other has not.
    own.update(given(&["the next private key", KEY]));
    assert!(is_known(&common, &own));
    common.update(given(&["the next private key", KEY]));
    assert!(is_known(&own, &common));
}

fn sessions(of: &[(&str, Value)]) -> Sessions {
    of.iter()
        .map(|(service, session)| ((*service).to_owned(), session.clone()))
        .collect()
}

#[test]
fn the_memory_keeps_what_did_not_change_and_forgets_who_is_away() {
    let (mut all, ann, bob) = (
        AllSessions::new(1 << 20),
        VisitorId::numbered(1),
        VisitorId::numbered(2),
    );
    let idle = SESSION_IDLE_TIMEOUT.as_secs();
    all.save(ann, sessions(&[("a", json!(1)), ("b", json!(1))]), at(0));
    all.save(ann, sessions(&[("a", json!(2))]), at(1));
    assert_eq!(all.load(bob, at(1)), Sessions::new());
    let both = sessions(&[("a", json!(2)), ("b", json!(1))]);
    // Looking counts as use.
    assert_eq!(all.load(ann, at(idle)), both);
    assert_eq!(all.load(ann, at(2 * idle - 1)), both);
    assert_eq!(all.load(ann, at(5)), both);
    assert_eq!(all.load(ann, at(5 + idle)), Sessions::new());
}

#[test]
fn the_memory_is_bounded_and_forgets_first_who_was_away_longest() {
    let mut all = AllSessions::new(100_000);
    let large = || sessions(&[("a", json!("x".repeat(10_000)))]);
    for number in 0..50 {
        all.save(VisitorId::numbered(number), large(), at(100 + number as u64));
        all.load(VisitorId::numbered(0), at(100 + number as u64));
    }
    let kept: Vec<u128> = (0..50)
        .filter(|number| !all.load(VisitorId::numbered(*number), at(200)).is_empty())
        .collect();
    assert_eq!(kept, [0].into_iter().chain(42..50).collect::<Vec<_>>());
}

fn manager(service: &str) -> Arc<SessionManager> {
    Arc::new(SessionManager::new(
        service,
        "K",
        [Some(KEY), None],
        VisitorKeys::new([Some(KEY), None]),
        Arc::new(MemoryStore::default()),
    ))
}

async fn session<T: Serialize + DeserializeOwned + Default>(visit: &Arc<RequestSessions>) -> Session<T> {
    let mut request = http::Request::new(());
    request.extensions_mut().insert(visit.clone());
    let mut parts = request.into_parts().0;
    Session::from_request_parts(&mut parts, &()).await.unwrap()
}

#[tokio::test]
async fn a_session_is_what_was_set_and_too_large_ones_are_refused() {
    let visit = manager("orders").request_of_page(None, false, at(0));
    let mut text = session::<String>(&visit).await;
    assert_eq!(text.get(), "");
    assert_eq!(visit.take_own_change(), None);
    text.update(|text| text.push('a')).unwrap();
    assert_eq!(session::<String>(&visit).await.get(), "a");
    let error = text.set("x".repeat(MAX_SESSION_BYTES)).unwrap_err();
    assert_eq!(error, SessionError::TooLarge(MAX_SESSION_BYTES + 2));
    assert_eq!(text.get(), "a");
    // What was kept under another type is the default.
    let kept = visit.take_own_change();
    let visit = manager("orders").request_of_page(kept, false, at(1));
    assert_eq!(session::<String>(&visit).await.get(), "a");
    assert_eq!(session::<u32>(&visit).await.get(), &0);
}

#[tokio::test]
async fn no_handler_sees_the_session_of_another_service() {
    let sealed = sealer("orders").seal(json!(7), at(0)).unwrap();
    for (service, seen) in [("orders", 7), ("thief", 0)] {
        let visit = manager(service).request_of_page(Some(sealed.clone()), false, at(1));
        assert_eq!(session::<u32>(&visit).await.get(), &seen, "{service}");
    }
    let unsealed = manager("orders").request_of_page(Some(json!(7)), false, at(1));
    assert_eq!(session::<u32>(&unsealed).await.get(), &0);
}

#[tokio::test]
async fn a_peer_can_not_fill_the_store() {
    let manager = manager("orders");
    let visit = manager.request_of_browser(&http::HeaderMap::new(), at(0));
    let many = (0..100).map(|number| (format!("s{number}"), json!(1)));
    visit.keep(
        many.chain([("a".to_owned(), json!("x".repeat(1 << 20)))])
            .collect(),
    );
    let mut headers = http::HeaderMap::new();
    visit.set_cookie(&mut headers, false, false);
    let again = manager.request_of_browser(&with_cookie(&headers[header::SET_COOKIE]), at(1));
    assert_eq!(again.sessions().await.len(), 32);
    assert!(!again.sessions().await.contains_key("a"));
    again.keep(sessions(&[("s100", json!(1)), ("s0", json!(2))]));
    let again = manager.request_of_browser(&with_cookie(&headers[header::SET_COOKIE]), at(2));
    assert_eq!(again.sessions().await["s0"], json!(2));
    assert_eq!(again.sessions().await.len(), 32);
}
