//! Operators share visitors among versions, and drain instances, while gateways run.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Router, body::Body, routing::get as on_get};
use futures_util::{StreamExt as _, stream};
use http::{
    Request, StatusCode,
    header::{AUTHORIZATION, COOKIE, SET_COOKIE},
};
use http_body_util::BodyExt as _;
use hydra_runtime_gateway::{BadChange, Gateway, GatewayConfig, Secret, ServiceState, SteeringRequest};
use hydra_runtime_net::redis_link::servers::Server;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tower::ServiceExt as _;

use crate::support::{Running, get, post_text, register, said, service, start, until};

const TOKEN: &str = "the-token-of-the-operators";

fn config(redis: Option<&str>) -> GatewayConfig {
    GatewayConfig {
        public_key: "K".into(),
        private_key: Some(Secret::new("the private key of the tests".into())),
        allow_unsigned: true,
        redis: redis.map(|url| Secret::new(url.to_owned())),
        admin_token: Some(Secret::new(TOKEN.to_owned())),
        ..GatewayConfig::default()
    }
}

/// An instance of `shop` that answers its version at `/v`.
async fn version(gateway: &Running, name: &'static str, more: Value) -> Running {
    let service = service(Router::new().route("/v", on_get(async move || name))).await;
    let mut body = said(
        "shop",
        &service,
        json!({"protocol":2,"instance":format!("uuid-{name}"),"versionName":name,"endpoints":["/v"]}),
    );
    for (member, value) in more.as_object().expect("an object") {
        body[member] = value.clone();
    }
    register(gateway, &body).await;
    service
}

/// Sends heartbeats for all instances of `shop`, for as long as the handle is not aborted.
fn beating(gateway: &Running) -> JoinHandle<()> {
    let url = gateway.url("/h/discovery/K/alive");
    tokio::spawn(async move {
        loop {
            post_text(&url, "text/plain", "shop").await;
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
    })
}

fn weights(list: &[(&str, u32)]) -> SteeringRequest {
    SteeringRequest::Weights {
        service: "shop".to_owned(),
        weights: list
            .iter()
            .map(|(name, weight)| ((*name).to_owned(), *weight))
            .collect(),
    }
}

/// Name and percentage of each version.
fn shares(gateway: &Gateway) -> Vec<(String, u32)> {
    let states = gateway.steering_state();
    let shop = states.iter().find(|state| state.service == "shop");
    let versions = shop.map(|shop| &shop.versions[..]).unwrap_or_default();
    let percent = |share: f64| format!("{:.0}", share * 100.0).parse().expect("a number");
    versions
        .iter()
        .map(|one| (one.version.clone(), percent(one.share)))
        .collect()
}

fn are(list: &[(&str, u32)]) -> Vec<(String, u32)> {
    list.iter()
        .map(|(name, share)| ((*name).to_owned(), *share))
        .collect()
}

/// Visitors with open connections.
#[derive(Clone)]
struct Visitors(Arc<Client<HttpConnector, Body>>);

impl Visitors {
    fn new() -> Self {
        Self(Arc::new(Client::builder(TokioExecutor::new()).build_http()))
    }

    /// The version that one visitor gets, and the cookie that the visitor has then.
    async fn visit(&self, url: String, cookie: Option<String>) -> (String, String) {
        let mut request = Request::get(url);
        if let Some(cookie) = &cookie {
            request = request.header(COOKIE, cookie);
        }
        let answer = self
            .0
            .request(request.body(Body::empty()).expect("a request"))
            .await;
        let (parts, body) = answer.expect("an answer").into_parts();
        assert_eq!(parts.status, StatusCode::OK);
        let set = parts
            .headers
            .get(SET_COOKIE)
            .and_then(|set| set.to_str().ok()?.split(';').next());
        let cookie = set.map(str::to_owned).or(cookie).expect("a cookie");
        let body = body.collect().await.expect("a body").to_bytes();
        (String::from_utf8(body.to_vec()).expect("text"), cookie)
    }

    /// One visit of each of these visitors, at one of the gateways, in any order.
    async fn visits(
        &self,
        visitors: Vec<(usize, Option<String>)>,
        gateways: &[&Running],
        turn: usize,
    ) -> BTreeMap<usize, (String, String)> {
        let visits = visitors.into_iter().map(|(visitor, cookie)| {
            let url = gateways[(visitor + turn) % gateways.len()].url("/v");
            let visitors = self.clone();
            async move { (visitor, visitors.visit(url, cookie).await) }
        });
        stream::iter(visits).buffer_unordered(32).collect().await
    }
}

/// The same visitors with their cookies.
fn again(known: &BTreeMap<usize, (String, String)>) -> Vec<(usize, Option<String>)> {
    known
        .iter()
        .map(|(visitor, (_, cookie))| (*visitor, Some(cookie.clone())))
        .collect()
}

fn count(known: &BTreeMap<usize, (String, String)>, version: &str) -> usize {
    known.values().filter(|(got, _)| got == version).count()
}

/// Whether a count is as near to this part of all visitors as chance allows: within four standard deviations of a
/// binomial distribution.
fn is_within(count: usize, part: f64, all: u32) -> bool {
    let (count, all) = (f64::from(u32::try_from(count).expect("few")), f64::from(all));
    (count - all * part).abs() <= 4.0 * (all * part * (1.0 - part)).sqrt()
}

#[tokio::test]
async fn ten_percent_of_ten_thousand_visitors_get_the_new_version_on_three_gateways_of_which_one_restarts() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::at(folder.path());
    let config = || config(Some(&server.url));
    let (one, first) = start(config()).await;
    let (two, second) = start(config()).await;
    let (three, third) = start(config()).await;
    until("all found Redis", async || {
        for gateway in [&first, &second, &third] {
            if get(&gateway.url("/_h/services")).await.headers["hydra-registry"] != "ok" {
                return false;
            }
        }
        true
    })
    .await;
    let _old = version(&first, "2.4.0", json!({"version":1})).await;
    let _new = version(&second, "2.4.1", json!({"version":2})).await;
    let beating = beating(&first);
    until("both are known", async || {
        [&one, &two, &three]
            .iter()
            .all(|gateway| shares(gateway).len() == 2)
    })
    .await;
    // The machine may be busy: the least of several times counts.
    let mut times = Vec::new();
    for new in [30, 20, 10] {
        let since = std::time::Instant::now();
        one.steer(weights(&[("2.4.1", new), ("v2.4.0", 100 - new)]))
            .await
            .expect("changed");
        let expected = are(&[("2.4.0", 100 - new), ("2.4.1", new)]);
        assert_eq!(shares(&one), expected, "at once where it was changed");
        until("it holds everywhere", async || {
            shares(&two) == expected && shares(&three) == expected
        })
        .await;
        times.push(since.elapsed());
    }
    assert!(
        times.iter().min() < Some(&std::time::Duration::from_secs(1)),
        "{times:?}"
    );
    let expected = are(&[("2.4.0", 90), ("2.4.1", 10)]);

    let visitors = Visitors::new();
    let strangers = (0..10_000).map(|visitor| (visitor, None)).collect();
    let gateways = [&first, &second, &third];
    let known = visitors.visits(strangers, &gateways, 0).await;
    assert!(
        is_within(count(&known, "2.4.1"), 0.1, 10_000),
        "{}",
        count(&known, "2.4.1")
    );

    third.stop().await;
    drop(three);
    let (three, third) = start(config()).await;
    until("it knows everything again", async || shares(&three) == expected).await;
    let gateways = [&first, &second, &third];
    let after = visitors.visits(again(&known), &gateways, 1).await;
    assert_eq!(after, known, "each at another gateway, and after a restart");

    // From 10 to 20 percent: only visitors of the old version move.
    two.steer(weights(&[("2.4.1", 20), ("2.4.0", 80)]))
        .await
        .expect("changed");
    let expected = are(&[("2.4.0", 80), ("2.4.1", 20)]);
    until("it holds everywhere", async || {
        shares(&one) == expected && shares(&three) == expected
    })
    .await;
    let some = again(&known).into_iter().take(2_000).collect();
    let after = visitors.visits(some, &gateways, 2).await;
    assert!(
        is_within(count(&after, "2.4.1"), 0.2, 2_000),
        "{}",
        count(&after, "2.4.1")
    );
    for (visitor, (version, _)) in &after {
        assert!(*version == known[visitor].0 || version == "2.4.1");
    }
    beating.abort();
}

#[tokio::test]
async fn a_version_that_is_closed_or_drained_gets_no_visitor() {
    let (gateway, running) = start(config(None)).await;
    let old = version(&running, "1.0", json!({"version":1})).await;
    let _new = version(
        &running,
        "1.1-rc1",
        json!({"version":2,"endpoints":["/v","/new"],"weight":0}),
    )
    .await;
    let beating = beating(&running);
    for _ in 0..20 {
        assert_eq!(get(&running.url("/v")).await.text(), "1.0");
    }
    assert_eq!(
        get(&running.url("/new")).await.status,
        404,
        "it exists in a closed version only"
    );
    let state = gateway
        .steer(weights(&[("1.1-rc1", 1)]))
        .await
        .expect("changed")
        .expect("a state");
    assert_eq!((state.versions[1].share, state.versions[1].closed), (1.0, false));
    assert_eq!(get(&running.url("/v")).await.text(), "1.1-rc1");

    for target in [
        "uuid-1.1-rc1",
        &state.versions[1].instances[0].id,
        &state.versions[1].instances[0].address,
    ] {
        let drain = |target: &str| SteeringRequest::Drain {
            target: target.to_owned(),
            after_seconds: None,
        };
        gateway.steer(drain(target)).await.expect("drained");
        assert_eq!(get(&running.url("/v")).await.text(), "1.0", "{target}");
        let end = SteeringRequest::EndDrain {
            target: target.to_owned(),
        };
        gateway.steer(end).await.expect("ended");
        assert_eq!(get(&running.url("/v")).await.text(), "1.1-rc1", "{target}");
    }
    let whole = || "shop".to_owned();
    gateway
        .steer(SteeringRequest::Drain {
            target: whole(),
            after_seconds: None,
        })
        .await
        .expect("drained");
    assert_eq!(get(&running.url("/v")).await.status, 503);
    gateway
        .steer(SteeringRequest::EndDrain { target: whole() })
        .await
        .expect("ended");
    gateway
        .steer(SteeringRequest::ClearWeights { service: whole() })
        .await
        .expect("cleared");
    assert_eq!(get(&running.url("/v")).await.text(), "1.0");
    for wrong in ["nothing", "", "127.0.0.1:1", "1.1-rc1"] {
        let refused = gateway
            .steer(SteeringRequest::Drain {
                target: wrong.to_owned(),
                after_seconds: None,
            })
            .await;
        assert_eq!(refused, Err(BadChange::UnknownTarget(wrong.to_owned())));
    }
    beating.abort();
    drop(old);
}

#[tokio::test]
async fn a_drain_outlives_registrations_of_its_process_and_ends_with_another_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = Some(folder.path().join("steering.json"));
    let config = || GatewayConfig {
        steering_file: file.clone(),
        ..config(None)
    };
    let (gateway, running) = start(config()).await;
    let old = version(&running, "1.0", json!({"version":1,"activeSince":100})).await;
    let target = format!("127.0.0.1:{}", old.address.port());
    let drain = SteeringRequest::Drain {
        target,
        after_seconds: None,
    };
    gateway.steer(drain).await.expect("drained");
    let again = |gateway: &Running, since: i64| {
        let body = said(
            "shop",
            &old,
            json!({"protocol":2,"versionName":"1.0","endpoints":["/v"],"activeSince":since}),
        );
        let url = gateway.url("/h/discovery/K/registration");
        async move { post_text(&url, "application/json", body.to_string()).await.status }
    };
    let status = async |gateway: &Running| get(&gateway.url("/v")).await.status.as_u16();
    assert_eq!(again(&running, 100).await, StatusCode::OK);
    assert_eq!(status(&running).await, 503, "the same process registered again");
    running.stop().await;
    drop(gateway);
    let (gateway, running) = start(config()).await;
    assert_eq!(again(&running, 100).await, StatusCode::OK);
    assert_eq!(status(&running).await, 503, "the gateway was restarted");
    assert_eq!(again(&running, 101).await, StatusCode::OK);
    assert_eq!(status(&running).await, 200, "another process");
    assert!(!gateway.steering_state()[0].versions[0].instances[0].drained);
    let kept = std::fs::read_to_string(folder.path().join("steering.json")).expect("a file");
    assert!(!kept.contains("http://"), "nothing is left of the drain: {kept}");
}

#[tokio::test]
async fn requests_under_way_end_when_their_instance_is_drained() {
    let (gateway, running) = start(config(None)).await;
    let (begin, begun) = tokio::sync::oneshot::channel::<()>();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let once = Arc::new(std::sync::Mutex::new(Some((begin, ended))));
    let slow = async move || {
        let (begin, ended) = once.lock().expect("not poisoned").take().expect("one request");
        begin.send(()).expect("the test waits");
        ended.await.expect("the test ends it");
        "whole"
    };
    let target = service(Router::new().route("/slow", on_get(slow))).await;
    register(
        &running,
        &said("slow", &target, json!({"protocol":2,"endpoints":["/slow"]})),
    )
    .await;
    let url = running.url("/slow");
    let request = tokio::spawn(async move { get(&url).await.text().to_owned() });
    begun.await.expect("it runs");
    let drain = SteeringRequest::Drain {
        target: target.address.to_string(),
        after_seconds: None,
    };
    gateway.steer(drain).await.expect("drained");
    assert_eq!(
        get(&running.url("/slow")).await.status,
        503,
        "nobody else gets it"
    );
    end.send(()).expect("it still runs");
    assert_eq!(request.await.expect("an answer"), "whole");
}

#[tokio::test]
async fn weights_of_the_configuration_count_until_an_operator_states_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("steering.json");
    let configured = || {
        let text = "[weights]\nshop = { \"2.4.1\" = 25, v1 = 75 }\n";
        GatewayConfig {
            weights: GatewayConfig::from_toml(text).expect("good").weights,
            steering_file: Some(file.clone()),
            ..config(None)
        }
    };
    let (gateway, running) = start(configured()).await;
    let versions = async |running: &Running| {
        [
            version(running, "2.4.1", json!({"version":2,"weight":1})).await,
            version(running, "1", json!({"version":1,"weight":1,"versionName":null})).await,
        ]
    };
    let _services = versions(&running).await;
    assert_eq!(shares(&gateway), are(&[("1", 75), ("2.4.1", 25)]));
    gateway.steer(weights(&[("2.4.1", 100)])).await.expect("changed");
    assert_eq!(shares(&gateway), are(&[("1", 0), ("2.4.1", 100)]));
    running.stop().await;
    drop(gateway);
    let (gateway, running) = start(configured()).await;
    let _services = versions(&running).await;
    assert_eq!(
        shares(&gateway),
        are(&[("1", 0), ("2.4.1", 100)]),
        "after a restart"
    );
    gateway
        .steer(SteeringRequest::ClearWeights {
            service: "shop".into(),
        })
        .await
        .expect("cleared");
    assert_eq!(shares(&gateway), are(&[("1", 75), ("2.4.1", 25)]));
}

/// Sends a call to the operators' side.
async fn call(gateway: &Gateway, method: &str, path: &str, token: Option<&str>, body: &str) -> (u16, Value) {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, token);
    }
    let request = request.body(Body::from(body.to_owned())).expect("a request");
    let answer = gateway
        .steering_routes()
        .oneshot(request)
        .await
        .expect("an answer");
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    (
        parts.status.as_u16(),
        serde_json::from_slice(&body).unwrap_or(Value::Null),
    )
}

#[tokio::test]
async fn the_operators_side_answers_who_has_the_token() {
    let (gateway, running) = start(config(None)).await;
    let _services = [
        version(&running, "2", json!({"version":2})).await,
        version(&running, "1", json!({"version":1})).await,
    ];
    let good = format!("Bearer {TOKEN}");
    let body = r#"{"service":"shop","weights":{"v2":10,"1":90,"7":5}}"#;
    for (token, status) in [
        (None, 401),
        (Some("Bearer "), 401),
        (Some("Bearer the-token-of-the-operatorz"), 401),
        (Some(TOKEN), 401),
        (Some(&*good), 200),
    ] {
        assert_eq!(
            call(&gateway, "POST", "/api/weights", token, body).await.0,
            status,
            "{token:?}"
        );
        let drain = r#"{"target":"shop","end":true}"#;
        assert_eq!(
            call(&gateway, "POST", "/api/drain", token, drain).await.0,
            status,
            "{token:?}"
        );
    }
    assert_eq!(call(&gateway, "GET", "/api/weights", None, "").await.0, 401);
    let (status, state) = call(&gateway, "GET", "/api/weights", Some(&good), "").await;
    assert_eq!(status, 200);
    let shop = &state["services"][0];
    assert_eq!(shop["service"], "shop");
    assert_eq!(shop["weights_from"], "operator");
    assert_eq!(shop["versions"][1]["version"], "2");
    assert_eq!(shop["versions"][1]["share"], 0.1);
    assert_eq!(shop["not_running"], json!({"7":5}));
    for (rule, older, newer) in [("newest", 0.0, 1.0), ("equal", 0.5, 0.5)] {
        let body = json!({"service": "shop", "weights": rule}).to_string();
        let (status, state) = call(&gateway, "POST", "/api/weights", Some(&good), &body).await;
        let shop = &state["service"];
        assert_eq!((status, &shop["rule"]), (200, &json!(rule)));
        assert_eq!(shop["versions"][0]["share"], older);
        assert_eq!(shop["versions"][1]["share"], newer);
    }
    for (path, body, status) in [
        ("/api/weights", r#"{"service":"other","weights":{"1":1}}"#, 404),
        ("/api/weights", r#"{"service":"shop","weights":{}}"#, 400),
        ("/api/weights", r#"{"service":"shop","weights":{"a b":1}}"#, 400),
        ("/api/weights", r#"{"service":"shop","weights":{"1":-1}}"#, 400),
        ("/api/weights", r#"{"service":"shop","weihgts":{"1":1}}"#, 400),
        ("/api/weights", r#"{"service":"shop","weights":"oldest"}"#, 400),
        ("/api/weights", "", 400),
        ("/api/drain", r#"{"target":"other"}"#, 404),
        ("/api/drain", r#"{"target":"shop"}"#, 200),
        ("/api/weights", r#"{"service":"shop"}"#, 200),
    ] {
        assert_eq!(
            call(&gateway, "POST", path, Some(&good), body).await.0,
            status,
            "{body}"
        );
    }
    let long = "x".repeat(1 << 20);
    assert_eq!(
        call(&gateway, "POST", "/api/weights", Some(&good), &long).await.0,
        413
    );
    let states = gateway.steering_state();
    assert!(states.iter().all(|ServiceState { drained, .. }| *drained));
    let without = Gateway::new(GatewayConfig {
        admin_token: None,
        ..config(None)
    })
    .expect("good");
    assert_eq!(call(&without, "GET", "/api/weights", None, "").await.0, 200);
    assert_eq!(
        call(&without, "POST", "/api/drain", Some("Bearer "), "{}")
            .await
            .0,
        403
    );
}
