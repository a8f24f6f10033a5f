//! The log has one line with the reason for each fragment that the gateway decides not to show.

use axum::{
    Json, Router,
    response::IntoResponse,
    routing::{get as on_get, post},
};
use http::StatusCode;
use hydra_runtime_gateway::{GatewayConfig, PlainService};
use serde_json::{Value, json};

use crate::{
    support::{Log, Running, gateway_with, post as send, register, said, service},
    transport::{TRANSPORTS, Transport},
};

/// A service that answers each `ref` in another way, in both protocols.
fn router() -> Router {
    let answer = async |Json(body): Json<Value>| {
        let (items, is_1) = match &body["requests"] {
            Value::Array(items) => (items.clone(), true),
            services => (
                services
                    .as_object()
                    .expect("an object")
                    .values()
                    .next()
                    .expect("one")
                    .as_array()
                    .expect("a list")
                    .clone(),
                false,
            ),
        };
        let reference = items[0]["ref"].as_str().unwrap_or_default().to_owned();
        let whole = |items: Vec<Value>| match is_1 {
            true => Json(json!(items)).into_response(),
            false => Json(json!({"fragments": items})).into_response(),
        };
        let rendered = |html: Option<String>| {
            let items = items.iter();
            items
                .map(|item| json!({"id": item["id"], "renderedHTML": html}))
                .collect()
        };
        match reference.as_str() {
            "throws" => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            "unreadable" => "<html>".into_response(),
            "lacks" => whole(Vec::new()),
            "null" => whole(rendered(None)),
            "silent" => std::future::pending().await,
            "long" => whole(rendered(Some("x".repeat(3 << 20)))),
            _ => whole(rendered(Some("x".repeat(300_000)))),
        }
    };
    Router::new()
        .route("/h/fragment/K/requestFragment", post(answer))
        .route("/json", on_get(async || Json(json!({}))))
}

async fn nowhere() -> Running {
    let service = service(Router::new()).await;
    let address = service.address;
    service.stop().await;
    Running::new(address, tokio::spawn(std::future::pending()))
}

/// A gateway with services of each protocol, whose names say what they are.
async fn world(transport: Transport) -> (Running, Vec<Running>) {
    let target = service(router()).await;
    let plain = PlainService {
        name: "plain".to_owned(),
        url: format!("http://{}", target.address),
        fragments: [("json", "/json"), ("gone", "/gone")]
            .map(|(reference, path)| (reference.to_owned(), path.to_owned()))
            .into(),
        ..toml::from_str("name = ''\nurl = ''").expect("a service")
    };
    let gateway = gateway_with(GatewayConfig {
        public_key: "K".into(),
        services: vec![plain],
        ..GatewayConfig::default()
    })
    .await;
    let mut all = Vec::new();
    for (protocol, name) in [(1, "one"), (2, "two"), (2, "three")] {
        let target = service(router()).await;
        transport
            .register(&gateway, &said(name, &target, json!({"protocol": protocol})))
            .await;
        all.push(target);
    }
    for (protocol, name) in [(1, "away1"), (2, "away2")] {
        let away = nowhere().await;
        register(&gateway, &said(name, &away, json!({"protocol": protocol}))).await;
        all.push(away);
    }
    all.push(target);
    (gateway, all)
}

#[tokio::test]
async fn each_outcome_without_a_fragment_is_one_line_with_its_reason() {
    for transport in TRANSPORTS {
        outcomes_over(transport).await;
    }
}

async fn outcomes_over(transport: Transport) {
    let (gateway, _services) = world(transport).await;
    let item = |more: Value| {
        let mut item = json!({"id": "1", "deadline": 20_000});
        item.as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("an object").clone());
        item
    };
    let of = |reference: &str| item(json!({"ref": reference}));
    let late = item(json!({"ref": "silent", "deadline": 50}));
    let deep: Vec<_> = (0..8).map(|n| format!("s/{n}")).collect();
    let circle = item(json!({"ref": "f", "trail": ["shop", "one/f"]}));
    let deep = item(json!({"ref": "f", "trail": deep}));
    for (service, item, outcome, reason) in [
        ("gone", of("f"), "Inactive", "no instance of `gone` is active"),
        ("one", of(""), "Failed", "the item has no `ref`"),
        ("one", of("throws"), "Failed", "the service answered 500"),
        ("two", of("throws"), "Failed", "the service answered 500"),
        ("one", of("unreadable"), "Failed", "the answer cannot be read"),
        ("two", of("unreadable"), "Failed", "the answer cannot be read"),
        ("one", of("lacks"), "Failed", "the answer lacks it"),
        ("two", of("lacks"), "Failed", "the answer lacks it"),
        ("one", of("null"), "Failed", "the service gave no HTML"),
        ("two", of("null"), "Failed", "the service gave no HTML"),
        ("away1", of("f"), "Failed", "refused"),
        ("away2", of("f"), "Failed", "refused"),
        ("plain", of("f"), "Failed", "`plain` has no fragment `f`"),
        ("plain", of("gone"), "Failed", "404"),
        ("plain", of("json"), "Failed", "application/json"),
        ("one", late.clone(), "Late", "no answer within"),
        ("two", late, "Late", "no answer within"),
        ("one", circle, "Refused", "in a circle: shop > one/f > one/f"),
        ("two", deep, "Refused", "nest too deep"),
    ] {
        let reference = item["ref"].as_str().expect("text").to_owned();
        let batch = json!({"protocol": 2, "requests": {service: [item]}});
        let answer = check(&gateway, &batch, (service, &reference), outcome, reason).await;
        let told = &answer["fragments"][0];
        assert_eq!(told["outcome"], outcome.to_lowercase(), "{service} {reference}");
        assert!(
            told["reason"].as_str().is_some_and(|text| text.contains(reason)),
            "{told}"
        );
    }
}

/// Requests a batch, and finds one line of the log about a fragment with this outcome and reason.
async fn check(
    gateway: &Running,
    batch: &Value,
    (service, reference): (&str, &str),
    outcome: &str,
    reason: &str,
) -> Value {
    let log = Log::default();
    let answer = {
        let _logging = log.here();
        send(&gateway.url("/h/discovery/K/requestFragment"), batch)
            .await
            .json()
    };
    let text = log.text();
    let lines: Vec<_> = text
        .lines()
        .filter(|line| line.contains("fragment not rendered"))
        .collect();
    let [line] = &lines[..] else {
        panic!("{service} {reference}: {} lines: {text}", lines.len());
    };
    for part in [
        "WARN",
        &format!("service=\"{service}\""),
        &format!("ref=\"{reference}\""),
        &format!("outcome={outcome}"),
        reason,
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    answer
}

#[tokio::test]
async fn a_fragment_beyond_a_limit_is_one_line_with_its_reason() {
    for transport in TRANSPORTS {
        limits_over(transport).await;
    }
}

async fn limits_over(transport: Transport) {
    let (gateway, _services) = world(transport).await;
    let items = |service: &str, count: usize| -> Vec<Value> {
        let item =
            |n| json!({"id": format!("{service}{n}"), "service": service, "ref": "null", "fallback": ""});
        (0..count).map(item).collect()
    };
    // The 2,001st is refused; the others are null, and the first 20 of them are logged.
    let log = Log::default();
    {
        let _logging = log.here();
        let batch = json!({"protocol": 2, "requests": {"two": items("two", 2_001)}});
        send(&gateway.url("/h/discovery/K/requestFragment"), &batch).await;
    }
    let text = log.text();
    let count = |part: &str| text.lines().filter(|line| line.contains(part)).count();
    assert_eq!(count("a page may ask for 2000 fragments at most"), 1, "{text}");
    assert_eq!(
        (count("the service gave no HTML"), count("more=1980")),
        (20, 1),
        "{text}"
    );

    let long = json!({"long": "x".repeat(3 << 20)});
    let twice = json!([{"id": "1", "service": "one", "ref": "f", "fallback": "", "imports": ["long", "long as too"]}]);
    let batch = json!({"attributes": long, "requests": {"one": twice}});
    check(
        &gateway,
        &batch,
        ("one", "f"),
        "Refused",
        "4194304 bytes of attributes",
    )
    .await;

    let long = |id: &str| json!([{"id": id, "ref": "long"}]);
    let batch = json!({"protocol": 2, "requests": {"two": long("1"), "three": long("2")}});
    let log = Log::default();
    {
        let _logging = log.here();
        send(&gateway.url("/h/discovery/K/requestFragment"), &batch).await;
    }
    assert_eq!(
        log.text().matches("the answer has no room for it").count(),
        1,
        "{}",
        log.text()
    );

    let batch = json!({"attributes": {}, "requests": {"one": [{"id": "1", "service": "one", "ref": "f"}]}});
    check(
        &gateway,
        &batch,
        ("one", "f"),
        "Failed",
        "the client of protocol 1 has no room for it",
    )
    .await;
}
