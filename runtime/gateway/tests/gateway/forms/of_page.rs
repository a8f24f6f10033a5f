//! The own forms of pages, which are passed on to the service of the page.

use axum::{Router, routing::any};
use http::StatusCode;
use hydra_runtime_gateway::GatewayConfig;
use hydra_runtime_wire::forms::seal_of;
use serde_json::json;

use super::{Site, TYPED, answer_of, config, protocol_2};
use crate::{
    login,
    support::{get, register, said, send_heartbeats, service, until},
};

const TARGET: &str = "/pay?y=2&hydra-form=page:send";

async fn site(config: GatewayConfig) -> Site {
    Site::with(config, || answer_of(500, &json!({}))).await
}

#[tokio::test]
async fn the_service_of_the_page_gets_its_form_as_it_was_sent() {
    let site = site(config()).await;
    let cookies = "HYDRA-SESSION=v; own=1";
    let answered = site.post(TARGET, &[("cookie", cookies)]).await;
    assert_eq!(answered.status, StatusCode::OK);
    let seen = site.seen_by_page();
    let [form] = &seen[..] else {
        panic!("one request: {seen:?}")
    };
    assert_eq!((form.method.as_str(), form.uri.as_str()), ("POST", TARGET));
    assert_eq!(form.body, format!("card={TYPED}"));
    assert_eq!(form.header("cookie"), Some(cookies));
    assert!(site.seen_by_owner().is_empty());
}

#[tokio::test]
async fn no_path_takes_forms_of_pages_from_another_site() {
    let open = GatewayConfig::from_toml("public_key = 'K'\ncross_site = ['/**']").expect("good");
    let site = site(open).await;
    for header in [
        ("sec-fetch-site", "cross-site"),
        ("origin", "http://evil.example"),
        ("origin", "null"),
    ] {
        let answered = site.post(TARGET, &[header]).await;
        assert_eq!(answered.status, StatusCode::FORBIDDEN, "{header:?}");
    }
    assert!(site.seen_by_page().is_empty());
}

/// What is cut off a seal, or written before it, makes no form of a page of it.
#[tokio::test]
async fn a_form_of_a_fragment_is_never_passed_on_as_one_of_a_page() {
    let site = site(config()).await;
    let seal = seal_of("orders", b"sealed");
    let (name, _) = seal.split_once('.').expect("two parts");
    for value in [name, "", "send", "page:", "page:a.b", &format!("page:{seal}")] {
        let answered = site.post(&format!("/pay?hydra-form={value}"), &[]).await;
        assert_eq!(answered.status, StatusCode::BAD_REQUEST, "{value}");
    }
    assert!(site.seen_by_page().is_empty());
}

#[tokio::test]
async fn a_service_without_pages_of_hydra_gets_no_form_of_a_page() {
    let site = site(config()).await;
    let plain = service(Router::new().fallback(any(|| async { "never" }))).await;
    register(
        &site.gateway,
        &said("plain", &plain, json!({"endpoints": ["/plain"]})),
    )
    .await;
    send_heartbeats(site.gateway.address, &["shop", "orders", "plain"]);
    let answered = site.post("/plain?hydra-form=page:send", &[]).await;
    assert_eq!(answered.status, StatusCode::BAD_REQUEST);
    let answered = site.post("/nothing?hydra-form=page:send", &[]).await;
    assert_eq!(answered.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_form_of_a_page_whose_service_is_away_is_not_sent() {
    let site = site(config()).await;
    let silent = service(Router::new().fallback(any(|| async { "never" }))).await;
    register(
        &site.gateway,
        &said("silent", &silent, protocol_2(json!(["/silent"]))),
    )
    .await;
    until("the service is inactive", async || {
        get(&site.gateway.url("/silent")).await.status == StatusCode::SERVICE_UNAVAILABLE
    })
    .await;
    let answered = site.post("/silent?hydra-form=page:send", &[]).await;
    assert_eq!(answered.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answered.headers.contains_key("retry-after"));
    assert!(answered.text().contains("was not sent"), "{}", answered.text());
}

#[tokio::test]
async fn a_visitor_whose_login_has_ended_logs_in_and_comes_back_to_the_page() {
    let users = login::Site::new();
    let site = site(users.config()).await;
    let target = TARGET.replace("/pay", "/private");
    let answered = site.post(&target, &[]).await;
    assert_eq!(answered.status, StatusCode::SEE_OTHER);
    assert_eq!(answered.headers["location"], "/login?unsent");
    let cookie = answered.headers["set-cookie"].to_str().expect("text");
    assert!(
        cookie.starts_with("HYDRA-NEXT=") && cookie.contains("Path=/login"),
        "{cookie}"
    );
    let cookies = answered.headers.get_all("set-cookie").iter();
    let has_own = |mut cookies: http::header::ValueIter<'_, _>| cookies.any(|cookie| cookie == "own=1");
    assert!(has_own(cookies), "what the service sets is kept");
    let with_challenge = site.post(&target, &[("x-challenge", "Basic")]).await;
    assert_eq!(with_challenge.status, StatusCode::UNAUTHORIZED);
    assert!(with_challenge.headers.contains_key("www-authenticate"));
    let without_login = self::site(config()).await.post(&target, &[]).await;
    assert_eq!(without_login.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_address_of_a_form_leads_to_its_page() {
    let site = site(config()).await;
    let answered = get(&site.gateway.url(TARGET)).await;
    assert_eq!(answered.status, StatusCode::SEE_OTHER);
    assert_eq!(answered.headers["location"], "/pay?y=2");
    assert!(site.seen_by_page().is_empty());
}
