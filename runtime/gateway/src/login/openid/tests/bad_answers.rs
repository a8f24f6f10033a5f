//! A provider that is slow, away, or says what it must not say. No visitor gets a login, and each gets a page in words.

use super::*;

/// What the visitor and the operator read.
async fn check(fault: Fault, status: StatusCode, text: &str) {
    let double = Double::start().await;
    let site = Site::new(&double);
    let (to, cookie) = site.begin("/login?next=/orders").await;
    double.set(fault);
    let answer = site.get(&double.agree(&to), &cookie).await;
    assert_eq!(answer.status, status, "{fault:?}: {}", answer.text);
    assert!(answer.login().is_none(), "{fault:?}");
    assert!(answer.text.contains(text), "{fault:?}: {}", answer.text);
    assert!(
        answer.text.contains("role=\"alert\"") && answer.text.contains("Log in with Shop ID"),
        "the visitor can try again: {}",
        answer.text
    );
    // Nothing of it stays.
    double.set(Fault::None);
    assert!(
        site.come_back(&double, "/login").await.login().is_some(),
        "{fault:?}"
    );
}

const UNUSABLE: &str = "Shop ID gave an answer that can";
const AWAY: &str = "Shop ID does not answer at the moment";

#[tokio::test]
async fn a_slow_provider() {
    check(Fault::Slow, StatusCode::SERVICE_UNAVAILABLE, AWAY).await;
}

#[tokio::test]
async fn a_provider_that_can_not_answer_now() {
    check(Fault::Busy, StatusCode::SERVICE_UNAVAILABLE, AWAY).await;
}

#[tokio::test]
async fn another_state() {
    let text = "The login took too long, or was begun in another browser";
    check(Fault::OtherState, StatusCode::BAD_REQUEST, text).await;
}

#[tokio::test]
async fn another_nonce() {
    check(Fault::OtherNonce, StatusCode::BAD_GATEWAY, UNUSABLE).await;
}

#[tokio::test]
async fn an_unsigned_token() {
    check(Fault::Unsigned, StatusCode::BAD_GATEWAY, UNUSABLE).await;
}

#[tokio::test]
async fn other_keys_than_announced() {
    check(Fault::OtherKey, StatusCode::BAD_GATEWAY, UNUSABLE).await;
}

#[tokio::test]
async fn huge_answers() {
    check(Fault::Huge, StatusCode::BAD_GATEWAY, UNUSABLE).await;
}

#[tokio::test]
async fn other_wrong_answers() {
    for fault in [
        Fault::NoToken,
        Fault::OtherAudience,
        Fault::OtherIssuer,
        Fault::Expired,
        Fault::Html,
        Fault::WrongClient,
    ] {
        check(fault, StatusCode::BAD_GATEWAY, UNUSABLE).await;
    }
}

#[tokio::test]
async fn a_provider_that_is_away_from_the_start() {
    let double = Double::start().await;
    let issuer = double.issuer.clone();
    let site = Site::new(&double);
    drop(double);
    let double = Double::start().await;
    let page = site.get("/login?next=/orders", "").await;
    let is_told = page.status == StatusCode::SERVICE_UNAVAILABLE && page.text.contains(AWAY);
    assert!(is_told && issuer != double.issuer, "{}", page.text);
    assert!(
        page.text
            .contains("href=\"/login?with=provider&amp;next=%2Forders\""),
        "{}",
        page.text
    );
}

#[tokio::test]
async fn keys_that_were_replaced_are_read_again() {
    let double = Double::start().await;
    let site = Site::new(&double);
    assert!(site.come_back(&double, "/login").await.login().is_some());
    let openid = site
        .logins()
        .desk
        .as_ref()
        .and_then(|desk| desk.openid.as_ref())
        .expect("a provider");
    openid.provider.forget_age().await;
    double.set(Fault::NewKeys);
    assert!(site.come_back(&double, "/login").await.login().is_some());
}

#[tokio::test]
async fn what_a_provider_says_elsewhere_must_be_about_the_same_user() {
    let double = Double::start().await;
    let site = Site::new(&double);
    let (to, cookie) = site.begin("/login").await;
    double.set(Fault::SaysElsewhere);
    let answer = site.get(&double.agree(&to), &cookie).await;
    let login = answer.login().expect("a login");
    let page = site.get("/logout", &login).await;
    assert!(page.text.contains("logged in as ann"), "{}", page.text);
    double.tell_of("8");
    let answer = site.come_back(&double, "/login").await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{}", answer.text);
}

#[tokio::test]
async fn the_user_or_the_provider_refuses() {
    let double = Double::start().await;
    let site = Site::new(&double);
    for (error, status, text) in [
        (
            "access_denied",
            StatusCode::FORBIDDEN,
            "Shop ID did not let you in.",
        ),
        ("temporarily_unavailable", StatusCode::SERVICE_UNAVAILABLE, AWAY),
        (
            "<script>alert(1)</script>",
            StatusCode::FORBIDDEN,
            "did not let you in",
        ),
    ] {
        let (to, cookie) = site.begin("/login").await;
        let state = parameter(&to, "state");
        let error: String = url::form_urlencoded::byte_serialize(error.as_bytes()).collect();
        let path = format!("/_h/login?error={error}&error_description=%3Cb%3E&state={state}");
        let answer = site.get(&path, &cookie).await;
        assert_eq!(answer.status, status);
        assert!(
            answer.text.contains(text) && !answer.text.contains("<script>alert"),
            "{}",
            answer.text
        );
    }
}

#[tokio::test]
async fn an_answer_that_was_not_asked_for() {
    let double = Double::start().await;
    let site = Site::new(&double);
    let (to, cookie) = site.begin("/login").await;
    let (_, stranger) = site.begin("/login").await;
    let back = double.agree(&to);
    let before = double.calls();
    for (case, path, cookie) in [
        ("another browser", &*back, &*stranger),
        ("no cookie", &back, ""),
        ("a cookie of another form", &back, "HYDRA-OPENID=x"),
        ("nothing", "/_h/login", &cookie),
        ("a code alone", "/_h/login?code=x", &cookie),
    ] {
        let answer = site.get(path, cookie).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{case}: {}", answer.text);
        assert!(answer.login().is_none(), "{case}");
    }
    assert_eq!(double.calls(), before, "the provider hears of none of them");
    let (without, _) = back.rsplit_once("&iss=").expect("an issuer");
    for (case, path) in [
        (
            "another issuer",
            format!("{without}&iss=https%3A%2F%2Fevil.example"),
        ),
        ("no issuer", without.to_owned()),
        (
            "a long code",
            back.replace("code=", &format!("code={}", "x".repeat(9_000))),
        ),
    ] {
        let answer = site.get(&path, &cookie).await;
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{case}: {}", answer.text);
    }
    assert_eq!(double.calls(), before);
    assert!(site.get(&back, &cookie).await.login().is_some());
    let again = site.get(&back, &cookie).await;
    assert_eq!(
        again.status,
        StatusCode::FORBIDDEN,
        "a code counts once: {}",
        again.text
    );
    let post = site
        .request(Request::post(&*back).header(COOKIE, &*cookie), "")
        .await;
    assert_eq!(post.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_gateway_without_a_provider_has_no_such_path() {
    let site = Site::with(&Double::start().await, |config| config.openid = None);
    assert_eq!(
        site.get("/_h/login?code=x&state=y", "").await.status,
        StatusCode::NOT_FOUND
    );
}
