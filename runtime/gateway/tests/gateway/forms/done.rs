//! An action that is done leads the visitor on.

use http::StatusCode;
use hydra_runtime_gateway::GatewayConfig;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::json;

use super::{Site, TYPED, answer_of, config, invalid, target};

#[tokio::test]
async fn the_visitor_goes_where_the_owner_says_or_back_to_the_page() {
    let done = json!({"outcome": "done"});
    let to = |to: &str| json!({"outcome": "done", "to": to});
    let at = json!({"outcome": "done", "anchor": "pay-form"});
    for (answer, referer, expected) in [
        (done.clone(), None, "/pay"),
        (done.clone(), Some("/pay?y=2"), "/pay?y=2"),
        (done, Some("/other?y=2"), "/pay"),
        (at.clone(), Some("/pay?y=2"), "/pay?y=2#pay-form"),
        (to("/thanks?order=7#top"), Some("/pay?y=2"), "/thanks?order=7#top"),
        (to("https://pay.example/7"), None, "https://pay.example/7"),
    ] {
        let config = GatewayConfig {
            redirect_hosts: vec!["pay.example".to_owned()],
            ..config()
        };
        let what = answer.clone();
        let site = Site::with(config, move || answer_of(200, &answer)).await;
        let referer = referer.map(|path| format!("{}{path}", site.origin()));
        let headers: Vec<_> = referer
            .iter()
            .map(|referer| ("referer", referer.as_str()))
            .collect();
        let answered = site.post(&target(), &headers).await;
        assert_eq!(answered.status, StatusCode::SEE_OTHER, "{what}");
        assert_eq!(answered.headers["location"], expected, "{what}");
        assert_eq!(answered.headers["cache-control"], "no-store", "{what}");
        assert!(site.seen_by_page().is_empty(), "{what}");
    }
}

#[tokio::test]
async fn the_owner_gets_the_form_and_of_the_visitor_only_what_it_would_get_for_its_fragment() {
    let site = Site::new(200, json!({"outcome": "done"})).await;
    let headers = [
        (
            "cookie",
            "HYDRA-SSO=token; own=1; HYDRA-SESSION=no; HYDRA-AT-12345678=no",
        ),
        ("cookie", "HYDRA-OPERATOR=no"),
        ("content-type", "multipart/form-data; boundary=x"),
        ("authorization", "Basic no"),
        ("hydra-path", "no"),
        ("hydra-form", "no"),
        ("x-forwarded-for", "1.2.3.4"),
        ("accept-language", "de"),
    ];
    assert_eq!(site.post(&target(), &headers).await.status, StatusCode::SEE_OTHER);
    let seen = site.seen_by_owner();
    let [seen] = seen.as_slice() else {
        panic!("{seen:?}")
    };
    assert_eq!(seen.method, "POST");
    assert_eq!(
        seen.uri,
        target().replace("/pay?hydra-form=", "/h/action/K?form=")
    );
    assert_eq!(seen.body, format!("card={TYPED}"));
    assert_eq!(
        seen.header("content-type"),
        Some("multipart/form-data; boundary=x")
    );
    assert_eq!(seen.header("cookie"), Some("HYDRA-SSO=token"));
    let mut names: Vec<_> = seen.headers.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    let expected = [
        "accept",
        "content-length",
        "content-type",
        "cookie",
        "host",
        "traceparent",
        "x-request-id",
    ];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn a_form_without_a_length_streams_to_the_owner() {
    let site = Site::new(200, json!({"outcome": "done"})).await;
    let pieces = ["card=", TYPED].map(|piece| Ok::<_, std::io::Error>(piece.to_owned()));
    let body = axum::body::Body::from_stream(futures_util::stream::iter(pieces));
    let answered = site.post_body(&target(), &[], body).await;
    assert_eq!(answered.status, StatusCode::SEE_OTHER);
    assert_eq!(site.seen_by_owner()[0].body, format!("card={TYPED}"));
}

#[tokio::test]
async fn a_form_over_http_2_is_a_form() {
    let site = Site::new(200, json!({"outcome": "done"})).await;
    let mut builder = Client::builder(TokioExecutor::new());
    let client = builder.http2_only(true).build_http::<axum::body::Body>();
    let request = http::Request::post(site.gateway.url(&target())).body(TYPED.into());
    let answered = client
        .request(request.expect("a request"))
        .await
        .expect("an answer");
    assert_eq!(answered.status(), StatusCode::SEE_OTHER);
    assert_eq!(site.seen_by_owner()[0].body, TYPED);

    let site = Site::new(200, invalid()).await;
    let request = http::Request::post(site.gateway.url(&target())).body(TYPED.into());
    let answered = client
        .request(request.expect("a request"))
        .await
        .expect("an answer");
    assert_eq!(answered.status(), StatusCode::UNPROCESSABLE_ENTITY);
    // The page is asked for at the host that the visitor asked.
    let host = site.gateway.address.to_string();
    assert_eq!(site.seen_by_page()[0].header("host"), Some(host.as_str()));
}

#[tokio::test]
async fn a_visitor_who_returns_to_the_address_of_a_form_gets_the_page() {
    let site = Site::new(200, json!({"outcome": "done"})).await;
    for (target, expected) in [(target(), "/pay"), (format!("{}&y=2", target()), "/pay?y=2")] {
        let answered = crate::support::get(&site.gateway.url(&target)).await;
        assert_eq!(answered.status, StatusCode::SEE_OTHER);
        assert_eq!(answered.headers["location"], expected);
    }
    // What does not look like a seal may be the page's own affair.
    let answered = crate::support::get(&site.gateway.url("/pay?hydra-form=x")).await;
    assert_eq!(answered.status, StatusCode::OK);
    assert!(site.seen_by_owner().is_empty());
}
