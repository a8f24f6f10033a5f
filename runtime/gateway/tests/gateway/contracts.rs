//! A contract that breaks live pages: both sides hear of it.

use axum::Router;
use http::StatusCode;
use hydra_runtime_gateway::GatewayConfig;
use serde_json::{Value, json};

use crate::support::{Running, gateway, gateway_with, get, post, register, said, service};

const LOGIN_KEY: &str = include_str!("login_key.b64");

fn shop() -> Value {
    json!({"service":"shop","asks":[{"service":"orders","ref":"checkout","imports":{"dob":"date"},
        "exports":{"line":"string"},"pages":["checkout.html"]}]})
}

fn orders(fragments: &Value) -> Value {
    json!({"service":"orders","fragments":fragments})
}

async fn join(gateway: &Running, name: &str, service: &Running, contract: Value) -> Value {
    let more = json!({"protocol":2,"instance":name,"contract":contract});
    register(gateway, &said(name, service, more)).await
}

/// The overview as the client of `name` asks for it.
async fn overview(gateway: &Running, name: &str, hash: &str) -> Value {
    let path = format!("/h/discovery/K/overview?service={name}&hash={hash}");
    get(&gateway.url(&path)).await.json()
}

fn attributes(problems: &Value) -> Vec<&str> {
    let all = problems.as_array().into_iter().flatten();
    all.map(|one| one["attribute"].as_str().unwrap_or("-")).collect()
}

#[tokio::test]
async fn a_contract_that_breaks_live_pages_is_told_to_both_sides() {
    let gateway = gateway().await;
    let (one, other) = (service(Router::new()).await, service(Router::new()).await);
    let good = json!({"checkout":{"imports":{"dob":{"type":"date"}},"exports":{"line":"string"}}});
    assert_eq!(
        join(&gateway, "orders", &other, orders(&good)).await["contractProblems"],
        json!([])
    );
    let answer = join(&gateway, "shop", &one, shop()).await;
    assert_eq!(answer["contractProblems"], json!([]));
    let hash = answer["hash"].as_str().expect("a hash").to_owned();

    let changed = json!({"checkout":{"imports":{"dob":{"type":"string"},"user":{"type":"string"}}}});
    let answer = join(&gateway, "orders", &other, orders(&changed)).await;
    let problems = &answer["contractProblems"];
    assert_eq!(attributes(problems), ["dob", "line", "user"]);
    for problem in problems.as_array().expect("a list") {
        assert_eq!(
            (&problem["asker"], &problem["pages"]),
            (&json!("shop"), &json!(["checkout.html"]))
        );
        assert_eq!(
            (&problem["service"], &problem["ref"]),
            (&json!("orders"), &json!("checkout"))
        );
        assert!(problem["reason"].is_string() && problem["mend"].is_string());
    }
    // The route hash is another one, so the other side asks, and hears the same.
    let told = overview(&gateway, "shop", &hash).await;
    assert_eq!(&told["contractProblems"], problems);
    let again = overview(&gateway, "shop", told["hash"].as_str().expect("a hash")).await;
    assert_eq!(
        again["contractProblems"],
        Value::Null,
        "said once for each change"
    );
    let services = get(&gateway.url("/_h/services")).await.json();
    for name in ["orders", "shop"] {
        assert_eq!(&services[name][0]["contractProblems"], problems, "{name}");
    }
    // No other service is told.
    assert_eq!(
        overview(&gateway, "other", "").await["contractProblems"],
        Value::Null
    );

    assert_eq!(
        join(&gateway, "orders", &other, orders(&good)).await["contractProblems"],
        json!([])
    );
    assert_eq!(
        overview(&gateway, "shop", &hash).await["contractProblems"],
        Value::Null
    );
}

#[tokio::test]
async fn a_page_that_asks_for_what_a_live_service_does_not_offer_is_told_at_once() {
    let gateway = gateway().await;
    let (one, other) = (service(Router::new()).await, service(Router::new()).await);
    assert_eq!(
        join(&gateway, "shop", &one, shop()).await["contractProblems"],
        json!([]),
        "who is away breaks nothing"
    );
    join(&gateway, "orders", &other, orders(&json!({"basket":{}}))).await;
    let answer = join(&gateway, "shop", &one, shop()).await;
    assert_eq!(attributes(&answer["contractProblems"]), ["-"]);
    assert!(
        answer["contractProblems"][0]["reason"]
            .to_string()
            .contains("no fragment `checkout`")
    );
}

#[tokio::test]
async fn a_contract_without_end_is_refused_with_the_reason() {
    let gateway = gateway().await;
    let target = service(Router::new()).await;
    let asks: Vec<_> = (0..10_001)
        .map(|n| json!({"service":"o","ref":format!("{n}")}))
        .collect();
    for (contract, reason) in [
        (json!({"service":"shop","asks":asks}), "`contract` has more than"),
        (
            json!({"service":"shop","fragments":{"x":{"imports":{"a":{"type":"colour"}}}}}),
            "`colour` is not a type",
        ),
        (json!("none"), "JSON"),
    ] {
        let body = said("shop", &target, json!({"protocol":2,"contract":contract}));
        let answer = post(&gateway.url("/h/discovery/K/registration"), &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(
            answer.json()["error"].to_string().contains(reason),
            "{}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn protocol_2_gets_the_login_keys_as_a_key_set_and_protocol_1_does_not() {
    let config = |login_public_key: &str| GatewayConfig {
        public_key: "K".into(),
        login_public_key: login_public_key.into(),
        ..GatewayConfig::default()
    };
    let target = service(Router::new()).await;
    let gateway = gateway_with(config(LOGIN_KEY.trim())).await;
    let answer = join(&gateway, "a", &target, Value::Null).await;
    let key = &answer["keys"]["keys"][0];
    assert_eq!(
        (&key["kty"], &key["alg"], &key["e"]),
        (&json!("RSA"), &json!("RS256"), &json!("AQAB"))
    );
    assert!(key["n"].is_string() && key["kid"].is_string());
    let old = register(&gateway, &said("old", &target, json!({}))).await;
    assert_eq!(
        (&old["keys"], &old["contractProblems"]),
        (&Value::Null, &Value::Null)
    );
    let gateway = gateway_with(config("")).await;
    assert_eq!(
        join(&gateway, "a", &target, Value::Null).await["keys"],
        json!({"keys":[]})
    );
}

#[tokio::test]
async fn a_registration_is_told_the_same_as_the_overview_tells() {
    let gateway = gateway().await;
    let (one, old, new) = (
        service(Router::new()).await,
        service(Router::new()).await,
        service(Router::new()).await,
    );
    join(&gateway, "shop", &one, shop()).await;
    let good = json!({"checkout":{"imports":{"dob":{"type":"date"}},"exports":{"line":"string"}}});
    let register_as = async |instance: &str, service: &Running, fragments: &Value| {
        let more = json!({"protocol":2,"instance":instance,"contract":orders(fragments)});
        register(&gateway, &said("orders", service, more)).await
    };
    register_as("new", &new, &json!({})).await;
    let answer = register_as("old", &old, &good).await;
    assert_eq!(attributes(&answer["contractProblems"]), ["-"]);
    let told = overview(&gateway, "orders", "").await;
    assert_eq!(told["contractProblems"], answer["contractProblems"]);
}
