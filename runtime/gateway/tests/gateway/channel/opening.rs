//! Who may open a channel, and what a registration over it needs.

use std::sync::Arc;

use axum::Router;
use http::{Request, StatusCode};
use hydra_runtime_gateway::GatewayConfig;
use hydra_runtime_net::channel::{ChannelRequest, LinkError};
use serde_json::{Value, json};

use super::without_port;
use crate::{
    support::{gateway, gateway_with, said, send, service},
    transport::{Nobody, open, register_over},
};

#[tokio::test]
async fn what_opens_no_websocket() {
    let gateway = gateway().await;
    let without = gateway_with(GatewayConfig {
        public_key: "K".into(),
        channel: false,
        ..GatewayConfig::default()
    })
    .await;
    let good = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "WebSocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let without_header = |name: &str| -> Vec<_> { good.into_iter().filter(|(of, _)| *of != name).collect() };
    let with = |name: &'static str, value: &'static str| -> Vec<_> {
        without_header(name).into_iter().chain([(name, value)]).collect()
    };
    let all = good.to_vec();
    for (what, gateway, path, headers, expected) in [
        ("a channel", &gateway, "/h/channel/K", all.clone(), 101),
        ("a wrong key", &gateway, "/h/channel/L", all.clone(), 404),
        (
            "a key that is not text",
            &gateway,
            "/h/channel/%ff",
            all.clone(),
            404,
        ),
        ("no key", &gateway, "/h/channel/", all.clone(), 404),
        ("no channels", &without, "/h/channel/K", all.clone(), 404),
        ("a browser", &gateway, "/h/channel/K", Vec::new(), 426),
        (
            "no upgrade",
            &gateway,
            "/h/channel/K",
            without_header("upgrade"),
            426,
        ),
        ("h2c", &gateway, "/h/channel/K", with("upgrade", "h2c"), 426),
        (
            "no version",
            &gateway,
            "/h/channel/K",
            without_header("sec-websocket-version"),
            400,
        ),
        (
            "a version",
            &gateway,
            "/h/channel/K",
            with("sec-websocket-version", "8"),
            400,
        ),
        (
            "no nonce",
            &gateway,
            "/h/channel/K",
            without_header("sec-websocket-key"),
            400,
        ),
        (
            "a short nonce",
            &gateway,
            "/h/channel/K",
            with("sec-websocket-key", "c2hvcnQ="),
            400,
        ),
        (
            "a foreign page",
            &gateway,
            "/h/channel/K",
            with("origin", "http://evil.test"),
            403,
        ),
        (
            "a page",
            &gateway,
            "/h/channel/K",
            with("sec-fetch-site", "cross-site"),
            403,
        ),
    ] {
        let mut request = Request::get(gateway.url(path));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = send(request.body(axum::body::Body::empty()).expect("a request")).await;
        assert_eq!(answer.status.as_u16(), expected, "{what}: {}", answer.text());
        if expected == 101 {
            // The example of RFC 6455 section 1.3.
            assert_eq!(
                answer.headers["sec-websocket-accept"],
                "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
            );
        }
        if expected == 404 {
            assert_eq!(answer.text(), "", "{what}: a stranger learns nothing");
        }
    }
}

#[tokio::test]
async fn a_channel_registers_its_own_instance_only() {
    let gateway = gateway().await;
    let target = service(Router::new()).await;
    let link = open(&gateway, "orders", "i-1", &[], Arc::new(Nobody))
        .await
        .expect("open");
    let with = |more: Value| said("orders", &target, more);
    let own = json!({"protocol":2,"instance":"i-1"});
    let mut other_name = with(own.clone());
    other_name["name"] = json!("shop");
    let mut paths = without_port("orders");
    paths["instance"] = json!("i-1");
    paths["endpoints"] = json!(["/orders"]);
    for (what, said, expected) in [
        (
            "another instance",
            with(json!({"protocol":2,"instance":"i-2"})),
            "belongs to another instance",
        ),
        (
            "no instance",
            with(json!({"protocol":2})),
            "belongs to another instance",
        ),
        (
            "protocol 1",
            with(json!({"instance":"i-1"})),
            "protocol 1 has no channel",
        ),
        ("another service", other_name, "belongs to another service"),
        ("paths without a port", paths, "fragments only"),
        ("no object", json!("text"), "invalid"),
    ] {
        let refused = register_over(&*link, &said).await.expect_err(what).to_string();
        assert!(refused.contains(expected), "{what}: {refused}");
    }
    let unknown = link.request(ChannelRequest::new("nothing", "")).await;
    assert!(
        matches!(&unknown, Err(LinkError::Failed(reason)) if reason.contains("no route `nothing`")),
        "{unknown:?}"
    );
    let answer = register_over(&*link, &with(own)).await.expect("registered");
    assert_eq!((&answer["channels"], &answer["protocol"]), (&json!(1), &json!(2)));
    // By POST, a service without a port is refused as ever.
    let url = gateway.url("/h/discovery/K/registration");
    let answer = crate::support::post(&url, &without_port("portless")).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text());
}
