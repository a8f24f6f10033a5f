//! The life of an open channel: calls, cancellations, overviews, and the end of its service.

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use axum::Router;
use futures_util::StreamExt as _;
use hydra_runtime_net::channel::{CONTRACTS, ChannelRequest, LEAVING, OVERVIEW};
use serde_json::{Value, json};

use super::{Owner, batch, fragment, is_active, until_inactive, without_port};
use crate::{
    support::{gateway, post, register, said, service, until},
    transport::{Nobody, attach, open, register_over},
};

#[tokio::test]
async fn a_service_without_a_port_gives_its_fragments_until_its_channel_ends() {
    let gateway = gateway().await;
    let (link, answer) = attach(&gateway, &without_port("orders"), Owner::new("orders")).await;
    assert_eq!(answer["leftOut"], json!([]));
    assert_eq!(fragment(&gateway, "orders").await["renderedHTML"], "orders");
    // Not by silence, which would take 5 s, but at once.
    link.abort("killed");
    until_inactive(&gateway, "orders").await;
    assert_eq!(fragment(&gateway, "orders").await["outcome"], "inactive");
    let (_link, _) = attach(&gateway, &without_port("orders"), Owner::new("orders")).await;
    assert_eq!(fragment(&gateway, "orders").await["outcome"], "rendered");
}

#[tokio::test]
async fn instances_without_a_port_are_told_apart() {
    let gateway = gateway().await;
    let second = {
        let mut said = without_port("orders");
        said["instance"] = json!("orders-1");
        said
    };
    let (first, _) = attach(&gateway, &without_port("orders"), Owner::new("orders")).await;
    let (_second, _) = attach(&gateway, &second, Owner::new("orders")).await;
    let count = async || {
        let services = crate::support::get(&gateway.url("/_h/services")).await.json();
        services["orders"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(count().await, 2);
    first.close();
    until("one is left", async || count().await == 1).await;
    assert_eq!(fragment(&gateway, "orders").await["outcome"], "rendered");
}

#[tokio::test]
async fn the_end_of_a_former_channel_does_not_end_the_service() {
    let gateway = gateway().await;
    let (former, _) = attach(&gateway, &without_port("orders"), Owner::new("orders")).await;
    let (newer, _) = attach(&gateway, &without_port("orders"), Owner::new("orders")).await;
    former.abort("gone");
    former.closed().await;
    // Nothing tells that the gateway has noticed. What it would do wrongly, it would do within these answers.
    for _ in 0..20 {
        assert_eq!(fragment(&gateway, "orders").await["outcome"], "rendered");
    }
    // One that registers by POST meanwhile is another process, which lives without a channel.
    let target = service(Router::new()).await;
    let with_port = said("shop", &target, json!({"protocol":2,"instance":"s"}));
    let (of_former, _) = attach(&gateway, &with_port, Arc::new(Nobody)).await;
    register(
        &gateway,
        &said("shop", &target, json!({"protocol":2,"instance":"t"})),
    )
    .await;
    of_former.abort("gone");
    newer.abort("gone");
    until_inactive(&gateway, "orders").await;
    assert!(is_active(&gateway, "shop").await);
}

#[tokio::test]
async fn a_visitor_who_leaves_cancels_the_call() {
    let gateway = gateway().await;
    let owner = Owner::new("orders");
    let (_link, _) = attach(&gateway, &without_port("orders"), owner.clone()).await;
    let page = open(&gateway, "page", "p", &[], Arc::new(Nobody))
        .await
        .expect("open");
    // A page that asks by POST, and one that asks over its channel.
    let url = gateway.url("/h/discovery/K/requestFragment");
    let by_post = tokio::spawn(async move { post(&url, &batch("orders", "hung")).await });
    let over = tokio::spawn(async move {
        let body = batch("orders", "hung").to_string();
        let request = ChannelRequest::new("requestFragment", body);
        page.request(request).await
    });
    let count = || owner.under_way.load(SeqCst);
    until("both calls are there", async || count() == 2).await;
    by_post.abort();
    until("one call is cancelled", async || count() == 1).await;
    over.abort();
    until("both calls are cancelled", async || count() == 0).await;
}

#[tokio::test]
async fn overviews_are_pushed_with_each_change() {
    let gateway = gateway().await;
    let (link, answer) = attach(&gateway, &without_port("orders"), Owner::new("orders")).await;
    let mut overviews = link.follow(ChannelRequest::new(OVERVIEW, "{}"));
    let mut next = async || -> Value {
        let next = tokio::time::timeout(Duration::from_secs(20), overviews.next()).await;
        let item = next.expect("in time").expect("an item").expect("an overview");
        serde_json::from_slice(&item).expect("JSON")
    };
    let names = |overview: &Value| -> Vec<String> {
        let services = overview["services"].as_array().expect("services").iter();
        services
            .map(|service| service["serviceName"].as_str().expect("a name").to_owned())
            .collect()
    };
    let first = next().await;
    assert_eq!(
        (names(&first), &first["hash"]),
        (vec!["orders".to_owned()], &answer["hash"])
    );
    let target = service(Router::new()).await;
    register(&gateway, &said("news", &target, json!({}))).await;
    assert_eq!(names(&next().await), ["news", "orders"]);
    let (other, _) = attach(&gateway, &without_port("shop"), Owner::new("shop")).await;
    assert_eq!(names(&next().await), ["news", "orders", "shop"]);
    other.abort("killed");
    assert_eq!(names(&next().await), ["news", "orders"]);
}

#[tokio::test]
async fn a_service_that_says_so_gets_no_new_requests_and_ends_those_in_flight() {
    let gateway = gateway().await;
    let owner = Owner::new("orders");
    let (link, _) = attach(&gateway, &without_port("orders"), owner.clone()).await;
    let url = gateway.url("/h/discovery/K/requestFragment");
    let asked = tokio::spawn(async move { post(&url, &batch("orders", "hung")).await.json() });
    until("a call is there", async || owner.under_way.load(SeqCst) == 1).await;
    link.tell(ChannelRequest::new(LEAVING, "")).await;
    until_inactive(&gateway, "orders").await;
    assert!(link.is_open());
    link.close();
    // The call ends when its time is over, not with the service's wish.
    let fragment = asked.await.expect("an answer")["fragments"][0].clone();
    assert_eq!(fragment["outcome"], "late");
    assert_eq!(link.closed().await.kind, "closed");
}

#[tokio::test]
async fn contracts_are_told_over_a_channel() {
    let gateway = gateway().await;
    let contract = json!({"service":"orders","fragments":{"x":{"imports":{},"exports":{}}}});
    let mut said = without_port("orders");
    said["contract"] = contract.clone();
    let (link, _) = attach(&gateway, &said, Owner::new("orders")).await;
    let answer = link
        .request(ChannelRequest::new(CONTRACTS, ""))
        .await
        .expect("an answer");
    let answer: Value = serde_json::from_slice(&answer).expect("JSON");
    assert_eq!(answer["orders"]["service"], "orders");
    assert!(answer["orders"]["fragments"]["x"].is_object(), "{answer}");
    let by_http = crate::support::get(&gateway.url("/h/discovery/K/contracts")).await;
    assert_eq!(by_http.json(), answer);
    let elsewhere = crate::support::get(&gateway.url("/h/discovery/L/contracts")).await;
    assert_eq!(elsewhere.status, http::StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_registration_over_the_same_channel_replaces_the_former() {
    let gateway = gateway().await;
    let (link, _) = attach(&gateway, &without_port("orders"), Owner::new("orders")).await;
    let mut newer = without_port("orders");
    newer["versionName"] = json!("2");
    register_over(&*link, &newer).await.expect("registered");
    let services = crate::support::get(&gateway.url("/_h/services")).await.json();
    assert_eq!(services["orders"][0]["versionName"], "2");
    assert_eq!(fragment(&gateway, "orders").await["outcome"], "rendered");
    link.abort("killed");
    until_inactive(&gateway, "orders").await;
}
