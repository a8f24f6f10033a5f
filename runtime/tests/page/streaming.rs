use std::{sync::Arc, time::Duration};

use http::{Method, StatusCode, header::CONTENT_TYPE};
use http_body::Body as _;
use hydra_runtime::wire::{ResolvedFragment, ResolvedFragments};
use serde_json::json;
use tera::{Context, context};

use crate::{
    plans::{SiteExt, hole, plan, slot},
    support::{engine, engine_with, piece, request, source, text},
};

#[tokio::test]
async fn what_stands_before_the_first_open_slot_leaves_before_that_slot_is_ready() {
    let engine = engine(
        &[("page.html", "<head>{{ 0 | __hydra }}<p>{{ 1 | __hydra }}</p>")],
        [slot("s/slow"), slot("s/fast")],
    );
    let (source, mut batches) = source();
    let response = engine.page(request(Context::new(), Some(source))).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
    let mut body = response.into_body();
    assert_eq!(body.size_hint().exact(), None);
    assert_eq!(piece(&mut body).await.as_deref(), Some("<head>"));
    let batch = batches.recv().await.unwrap();
    batch.give("fast", "F", json!({}));
    batch.give("slow", "S", json!({}));
    assert_eq!(piece(&mut body).await.as_deref(), Some("S<p>F</p>"));
    assert_eq!(piece(&mut body).await, None);
}

#[tokio::test]
async fn a_page_without_open_slots_leaves_with_its_length() {
    let engine = engine(&[("page.html", "<p>{{ name }}</p>")], []);
    let response = engine.page(request(context! { name => "Ann" }, None)).await;
    assert_eq!(response.body().size_hint().exact(), Some(10));
    assert_eq!(text(response).await, "<p>Ann</p>");
}

#[tokio::test]
async fn a_page_whose_fragments_are_fast_leaves_with_its_length() {
    let plan = plan(&[("page.html", "<p>{{ 0 | __hydra }}</p>")], [slot("s/f")]);
    let engine = engine_with(plan, |options| options.flush_after = Duration::from_secs(60));
    let (source, mut batches) = source();
    tokio::spawn(async move {
        while let Some(batch) = batches.recv().await {
            batch.give("f", "F", json!({}));
        }
    });
    let response = engine.page(request(Context::new(), Some(source))).await;
    assert_eq!(response.body().size_hint().exact(), Some(8));
    assert_eq!(text(response).await, "<p>F</p>");
}

#[tokio::test]
async fn an_export_used_high_on_the_page_holds_back_only_what_follows_it() {
    let engine = engine(
        &[
            ("page.html", "<h1>{{ 1 | __hydra }}</h1>{{ 0 | __hydra }}"),
            ("#1/page.html", "{{ title }}"),
        ],
        [slot("s/f").exports("title"), hole("#1/page.html", "title", "")],
    );
    let (source, mut batches) = source();
    let mut body = engine
        .page(request(Context::new(), Some(source)))
        .await
        .into_body();
    assert_eq!(piece(&mut body).await.as_deref(), Some("<h1>"));
    batches
        .recv()
        .await
        .unwrap()
        .give("f", "F", json!({"title": "T"}));
    assert_eq!(piece(&mut body).await.as_deref(), Some("T</h1>F"));
}

#[tokio::test]
async fn a_visitor_who_hangs_up_ends_all_work_for_the_page() {
    let engine = engine(&[("page.html", "a{{ 0 | __hydra }}b")], [slot("s/f")]);
    let (source, mut batches) = source();
    let mut body = engine
        .page(request(Context::new(), Some(source)))
        .await
        .into_body();
    assert_eq!(piece(&mut body).await.as_deref(), Some("a"));
    let batch = batches.recv().await.unwrap();
    drop(body);
    batch.dropped().await;
}

#[tokio::test]
async fn head_has_no_body_and_asks_for_nothing() {
    let engine = engine(&[("page.html", "a{{ 0 | __hydra }}b")], [slot("s/f")]);
    let (source, mut batches) = source();
    let mut request = request(Context::new(), Some(source));
    request.method = Method::HEAD;
    let response = engine.page(request).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        response.body().size_hint().exact(),
        None,
        "the length must not be taken for zero"
    );
    assert_eq!(text(response).await, "");
    assert!(batches.recv().await.is_none());
}

#[tokio::test]
async fn a_thousand_fragments_in_a_loop_are_one_batch_and_stay_in_order() {
    let engine = engine(
        &[(
            "page.html",
            "{% for i in range(end=1000) %}{{ 0 | __hydra }},{% endfor %}",
        )],
        [slot("s/f").imports("i")],
    );
    let (source, mut batches) = source();
    let page =
        tokio::spawn(async move { text(engine.page(request(Context::new(), Some(source))).await).await });
    let batch = batches.recv().await.unwrap();
    assert_eq!(batch.items().len(), 1000);
    for item in batch.items().into_iter().rev() {
        let html = item.attributes.as_ref().unwrap()["i"].to_string();
        let fragment = hydra_runtime::wire::ResolvedFragment {
            id: item.id.clone(),
            html: Some(html),
            ..Default::default()
        };
        batch.send(fragment);
    }
    let expected: String = (0..1000).map(|i| format!("{i},")).collect();
    assert_eq!(page.await.unwrap(), expected);
    assert!(batches.recv().await.is_none(), "there was one batch");
}

#[tokio::test]
async fn the_head_waits_for_fragments_that_may_set_cookies_and_for_no_others() {
    let engine = engine(
        &[("page.html", "<head>{{ 0 | __hydra }}<p>{{ 1 | __hydra }}</p>")],
        [slot("plain/form"), slot("s/slow")],
    );
    let (source, mut batches) = source();
    let mut request = request(Context::new(), Some(source));
    request.visitor.cookie_owners = Arc::new(["plain".to_owned()].into());
    let page = tokio::spawn(async move { engine.page(request).await });
    let batch = batches.recv().await.unwrap();
    let long = "x".repeat(20_000);
    batch.part(ResolvedFragments {
        fragments: vec![ResolvedFragment {
            id: batch.id("form"),
            html: Some("F".to_owned()),
            max_age: Some(0),
            ..ResolvedFragment::default()
        }],
        cookies: vec![
            "sealed".to_owned(),
            long,
            "also".to_owned(),
            "not\na header".to_owned(),
        ],
        ..ResolvedFragments::default()
    });
    // The other fragment is still to come.
    let response = page.await.unwrap();
    let set: Vec<_> = response.headers().get_all("hydra-cookies").iter().collect();
    assert_eq!(set, ["sealed", "also"]);
    let mut body = response.into_body();
    assert_eq!(piece(&mut body).await.as_deref(), Some("<head>F<p>"));
    batch.give("slow", "S", json!({}));
    assert_eq!(piece(&mut body).await.as_deref(), Some("S</p>"));
}
