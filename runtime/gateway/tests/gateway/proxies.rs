//! Proxies in front: what they say of a visitor is believed from trusted ones alone.

use axum::{Json, Router, body::Body, routing::get as on_get};
use http::{HeaderMap, Request, StatusCode, header::SET_COOKIE};
use hydra_runtime_gateway::GatewayConfig;
use serde_json::{Value, json};

use crate::support::{Answer, Running, gateway_with, get, register, said, send, service};

const XFF: &str = "x-forwarded-for";
const XFP: &str = "x-forwarded-proto";
const XFH: &str = "x-forwarded-host";

async fn trusting(networks: &str) -> Running {
    let config = GatewayConfig::from_toml(&format!("public_key = 'K'\ntrusted_proxies = {networks}"));
    gateway_with(config.expect("a good configuration")).await
}

/// What a service gets of the visitor.
async fn told(headers: HeaderMap) -> Json<Value> {
    let get = |name: &str| {
        let values: Vec<_> = headers.get_all(name).iter().collect();
        assert!(values.len() < 2, "{name}: {values:?}");
        values
            .first()
            .map(|value| value.to_str().expect("text").to_owned())
    };
    Json(json!([
        get(XFF),
        get(XFP),
        get(XFH),
        get("host"),
        get("forwarded")
    ]))
}

async fn ask(gateway: &Running, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get(gateway.url("/x")).header("host", "own.test");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(request.body(Body::empty()).expect("a request")).await
}

/// Two versions of one service, so that each visitor gets the gateway's cookie.
async fn split(gateway: &Running) -> [Running; 2] {
    let router = Router::new().route("/x", on_get(told));
    let services = [service(router.clone()).await, service(router).await];
    for (version, service) in services.iter().enumerate() {
        let more = json!({"protocol":2,"version":version + 1,"weight":50,"endpoints":["/x"]});
        register(gateway, &said("a", service, more)).await;
    }
    services
}

#[tokio::test]
async fn address_scheme_and_host_are_those_that_trusted_proxies_say() {
    let all = [(XFF, "6.6.6.6, 1.2.3.4"), (XFP, "https"), (XFH, "a.test")];
    let new = [(
        "forwarded",
        "for=6.6.6.6;proto=http, for=1.2.3.4;proto=https;host=a.test",
    )];
    let [xff, xfp, xfh] = all;
    let trusted = trusting("['10.0.0.0/8', '127.0.0.0/8']").await;
    let others = trusting("['10.0.0.0/8', '::1']").await;
    let _services = (split(&trusted).await, split(&others).await);
    let itself = ("127.0.0.1", "http", "own.test");
    for (headers, expected) in [
        (&all[..], ("1.2.3.4", "https", "a.test")),
        (&new, ("1.2.3.4", "https", "a.test")),
        (&[xff], ("1.2.3.4", "http", "own.test")),
        (&[xfp], ("127.0.0.1", "https", "own.test")),
        (
            &[(XFF, "1.2.3.4, 10.0.0.1"), xfp],
            ("1.2.3.4", "https", "own.test"),
        ),
        (&[(XFF, "2001:db8::1")], ("2001:db8::1", "http", "own.test")),
        (&[xff, (XFH, "a/b")], ("1.2.3.4", "http", "own.test")),
        (&[xff, xfp, xfh, ("forwarded", "for=6.6.6.6")], itself),
        (
            &[xff, xfp, ("forwarded", "for=1.2.3.4;proto=https;host=evil.test")],
            ("1.2.3.4", "https", "own.test"),
        ),
        (
            &[
                ("x-real-ip", "1.2.3.4"),
                ("x_forwarded_proto", "https"),
                ("x-forwarded-ssl", "on"),
            ],
            itself,
        ),
        (&[], itself),
    ] {
        for (gateway, (address, scheme, host)) in [(&trusted, expected), (&others, itself)] {
            let answer = ask(gateway, headers).await;
            let node = match address.contains(':') {
                true => format!("\"[{address}]\""),
                false => address.to_owned(),
            };
            let forwarded = format!("for={node};host=\"{host}\";proto={scheme}");
            assert_eq!(
                answer.json(),
                json!([address, scheme, host, host, forwarded]),
                "{headers:?}"
            );
            let cookie = answer.headers[SET_COOKIE].to_str().expect("text");
            let is_secure = cookie.ends_with("; Secure");
            assert_eq!(is_secure, scheme == "https", "{headers:?}: {cookie}");
        }
    }
}

#[tokio::test]
async fn registrations_through_a_local_proxy_are_not_taken_for_local() {
    let here = Some(true);
    let elsewhere = Some(false);
    let refused = None;
    let target = service(Router::new().fallback(async || "it is on this machine")).await;
    let trusted = trusting("['127.0.0.1']\nconnect_timeout = '100ms'").await;
    let others = trusting("[]").await;
    let contradicting = [(XFF, "203.0.113.9"), ("forwarded", "for=127.0.0.1")];
    for (number, (gateway, headers, expected)) in [
        (&trusted, &[][..], here),
        (&trusted, &[(XFF, "203.0.113.9")], elsewhere),
        (&trusted, &[(XFF, "127.0.0.1, 203.0.113.9")], elsewhere),
        (&trusted, &[("forwarded", "for=203.0.113.9")], elsewhere),
        (&trusted, &contradicting, refused),
        (&trusted, &[("forwarded", "for=unknown")], refused),
        (&trusted, &[(XFF, "127.0.0.1")], refused),
        (&trusted, &[(XFP, "https")], refused),
        (&others, &[], here),
        (&others, &[(XFF, "203.0.113.9")], refused),
        (&others, &[("via", "1.1 proxy")], refused),
    ]
    .into_iter()
    .enumerate()
    {
        // Each is a service of its own, which says that it is at 127.0.0.1.
        let path = format!("/{number}");
        let body = said(&format!("a{number}"), &target, json!({"endpoints":[path]}));
        let mut request = Request::post(gateway.url("/h/discovery/K/registration"))
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = send(request.body(Body::from(body.to_string())).expect("a request")).await;
        match expected {
            Some(is_here) => {
                assert_eq!(answer.status, StatusCode::OK, "{headers:?}: {}", answer.text());
                let page = get(&gateway.url(&path)).await;
                assert_eq!(
                    page.status == StatusCode::OK,
                    is_here,
                    "{headers:?}: {}",
                    page.text()
                );
            }
            None => {
                assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{headers:?}");
                assert!(answer.text().contains("trusted_proxies"), "{}", answer.text());
            }
        }
    }
}
