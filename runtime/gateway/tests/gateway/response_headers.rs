//! The headers that all responses for visitors have.

use axum::{
    Router,
    body::{Body, Bytes},
    response::IntoResponse as _,
    routing::get,
};
use futures_util::stream;
use http::{HeaderMap, Request};
use hydra_runtime_gateway::{GatewayConfig, TrustedProxies, UserFile, UserRecord};
use serde_json::json;

use crate::support::{Running, gateway_with, register, said, send, service};

/// The headers of the response to a visitor who came over https.
async fn headers(gateway: &Running, path: &str) -> HeaderMap {
    let request = Request::get(gateway.url(path))
        .header("host", "shop.example")
        .header("x-forwarded-for", "192.0.2.7")
        .header("x-forwarded-proto", "https");
    send(request.body(Body::empty()).expect("a request"))
        .await
        .headers
}

/// A service with a page, a stream, a page with headers of its own, and a failure.
async fn shop(gateway: &Running) -> Running {
    let html = |text: &'static str| ([("content-type", "text/html")], text);
    let parts = || stream::iter(["a", "b"].map(|part| Ok::<_, std::io::Error>(Bytes::from(part))));
    let own = [
        ("content-type", "text/html"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("strict-transport-security", "max-age=1"),
        ("x-content-type-options", "nosniff"),
    ];
    let router = Router::new()
        .route("/page", get(async move || html("a page")))
        .route(
            "/stream",
            get(async move || ([("content-type", "text/html")], Body::from_stream(parts()))),
        )
        .route("/own", get(async move || (own, "own headers")))
        .route(
            "/broken",
            get(async move || (http::StatusCode::INTERNAL_SERVER_ERROR, html("broken")).into_response()),
        );
    let shop = service(router).await;
    let paths = json!({"endpoints": ["/page", "/stream", "/own", "/broken"]});
    register(gateway, &said("shop", &shop, paths)).await;
    shop
}

fn config(folder: &std::path::Path) -> GatewayConfig {
    let users = UserFile::new(folder.join("users.toml"));
    let added = users.change(|users| {
        users.insert(
            "ann".into(),
            UserRecord::with_password("correct horse").expect("good"),
        );
        Ok(())
    });
    added.expect("written");
    GatewayConfig {
        public_key: "K".into(),
        trusted_proxies: TrustedProxies::parse(["127.0.0.1"]).expect("an address"),
        login_keys: Some(folder.join("keys").display().to_string()),
        login_users: Some(folder.join("users.toml")),
        ..GatewayConfig::default()
    }
}

/// The values of the four headers, in the order of the guide.
fn four(headers: &HeaderMap) -> [&str; 4] {
    let names = [
        "x-content-type-options",
        "x-frame-options",
        "referrer-policy",
        "strict-transport-security",
    ];
    names.map(|name| {
        let all: Vec<_> = headers.get_all(name).iter().collect();
        assert!(all.len() <= 1, "{name} stands there once: {headers:?}");
        all.first().map_or("", |value| value.to_str().expect("ASCII"))
    })
}

#[tokio::test]
async fn every_response_for_a_visitor_has_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let gateway = gateway_with(config(folder.path())).await;
    let _shop = shop(&gateway).await;
    let all = [
        "nosniff",
        "SAMEORIGIN",
        "strict-origin-when-cross-origin",
        "max-age=15552000",
    ];
    let own_pages = ["nosniff", "DENY", "same-origin", "max-age=15552000"];
    for (path, expected) in [
        ("/page", all),
        ("/stream", all),
        ("/broken", all),
        ("/own", ["nosniff", "DENY", "no-referrer", "max-age=1"]),
        ("/unknown", all),
        ("/%zz", all),
        ("/.well-known/jwks.json", all),
        ("/login", own_pages),
        ("/logout", own_pages),
    ] {
        assert_eq!(four(&headers(&gateway, path).await), expected, "{path}");
    }
    for path in ["/_h/unknown", "/h/unknown"] {
        let mut expected = all;
        expected[0] = "";
        assert_eq!(
            four(&headers(&gateway, path).await),
            expected,
            "{path}: without content"
        );
    }
}

#[tokio::test]
async fn settings_replace_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let pairs = [
        ("X-Frame-Options", ""),
        ("Referrer-Policy", "same-origin"),
        ("X-Robots-Tag", "none"),
    ];
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let gateway = gateway_with(GatewayConfig {
        response_headers: pairs.into(),
        ..config(folder.path())
    })
    .await;
    let _shop = shop(&gateway).await;
    let got = headers(&gateway, "/page").await;
    assert_eq!(four(&got), ["nosniff", "", "same-origin", "max-age=15552000"]);
    assert_eq!(got["x-robots-tag"], "none");
    // The pages of the login keep what protects them.
    assert_eq!(
        four(&headers(&gateway, "/login").await)[1..3],
        ["DENY", "same-origin"]
    );
    let refused = GatewayConfig {
        response_headers: [("Referrer-Policy".to_owned(), "no-referrer".to_owned())].into(),
        ..GatewayConfig::default()
    };
    let error = hydra_runtime_gateway::Gateway::new(refused).expect_err("forms would fail");
    assert!(error.to_string().contains("write `same-origin`"), "{error}");
}
