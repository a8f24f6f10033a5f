//! A login that has ended before the form was sent.

use http::StatusCode;
use serde_json::json;

use super::{Site, answer_of, target};
use crate::{login, support::get};

#[tokio::test]
async fn the_visitor_logs_in_and_comes_back_to_the_page() {
    let users = login::Site::new();
    let site = Site::with(users.config(), || answer_of(401, &json!({"reason": "a login"}))).await;
    let referer = format!("{}/pay?y=2", site.origin());
    let answered = site.post(&target(), &[("referer", &referer)]).await;
    assert_eq!(answered.status, StatusCode::SEE_OTHER);
    assert_eq!(answered.headers["location"], "/login?unsent");
    let cookie = answered.headers["set-cookie"].to_str().expect("text").to_owned();
    assert!(
        cookie.starts_with("HYDRA-NEXT=") && cookie.contains("Path=/login"),
        "{cookie}"
    );

    let page = get(&site.gateway.url("/login?unsent")).await;
    assert!(page.text().contains("your form was not sent"), "{}", page.text());
    let pair = cookie.split(';').next().expect("a pair");
    let request = http::Request::get(site.gateway.url("/login?unsent")).header("cookie", pair);
    let page = crate::support::send(request.body(axum::body::Body::empty()).expect("a request")).await;
    assert!(page.text().contains("value=\"/pay?y=2\""), "{}", page.text());
}

#[tokio::test]
async fn an_owner_that_does_not_believe_the_gateway_is_no_matter_of_the_visitors_login() {
    let users = login::Site::new();
    let refused = || {
        let mut answer = answer_of(401, &json!({"reason": "the signature is wrong"}));
        answer
            .headers_mut()
            .insert("www-authenticate", http::HeaderValue::from_static("Bearer"));
        answer
    };
    let site = Site::with(users.config(), refused).await;
    let answered = site.post(&target(), &[]).await;
    assert_eq!(answered.status, StatusCode::SERVICE_UNAVAILABLE);
}
