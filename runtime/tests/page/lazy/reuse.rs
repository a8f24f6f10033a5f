//! `cache` and `stale` with `mode="lazy"`.

use std::pin::pin;

use axum::response::Response;
use futures_util::{
    FutureExt,
    future::{BoxFuture, join_all},
    poll,
};
use http::{StatusCode, Uri};
use hydra_contract::Insertion;
use hydra_runtime::{
    page::{Engine, LazyRequest},
    wire::{Outcome, ResolvedFragment, ResolvedFragments},
};
use serde_json::json;
use tera::Context;

use super::{asks, engine, headers, lazy, page};
use crate::{
    browser::after_page,
    plans::{SiteExt, plan, slot},
    support::{Batch, engine_with, request, source, text},
};

/// An engine whose lazy fragment is kept, and the address that its page gives.
async fn kept(site: Insertion) -> (Engine, Uri) {
    let engine = engine(site);
    let (_, addresses) = page(&engine, Context::new(), None).await;
    (engine, addresses[0].clone())
}

/// The status and the text that a browser gets for `request`, where the owner does what `answer` says if it is asked.
async fn got(
    engine: &Engine,
    mut request: LazyRequest,
    mut answer: impl FnMut(Batch),
) -> (StatusCode, String) {
    let (source, mut batches) = source();
    request.visitor.source = Some(std::sync::Arc::new(source));
    let mut response = pin!(engine.lazy(request));
    let response = loop {
        tokio::select! {
            response = &mut response => break response,
            Some(batch) = batches.recv() => answer(batch),
        }
    };
    (response.status(), text(response).await)
}

fn giving(html: &str) -> impl FnMut(Batch) {
    move |batch| batch.give("f", html, json!({}))
}

#[tokio::test]
async fn a_kept_answer_is_used_again_for_the_next_visitor_and_for_pages() {
    let hour = 3_600_000;
    let templates = [
        ("page.html", "{{ 0 | __hydra }}"),
        ("inline.html", "[{{ 2 | __hydra }}]"),
        ("#1/page.html", "-"),
    ];
    let sites = [lazy("s/f").cache(hour), slot("s/x"), slot("s/f").cache(hour)];
    let engine = engine_with(plan(&templates, sites), after_page);
    let (_, addresses) = page(&engine, Context::new(), None).await;
    for html in ["F", "new"] {
        let (status, text) = got(&engine, asks(&addresses[0], None), giving(html)).await;
        assert_eq!((status, text.as_str()), (StatusCode::OK, "F"));
    }
    let mut inline = request(Context::new(), None);
    inline.template = "inline.html".to_owned();
    assert_eq!(text(engine.page(inline).await).await, "[F]");
}

#[tokio::test]
async fn an_old_copy_is_shown_when_the_owner_of_a_lazy_fragment_fails_or_is_late_or_away() {
    let (engine, uri) = kept(lazy("s/f").stale(3_600_000).timeout(300)).await;
    got(&engine, asks(&uri, None), giving("F")).await;
    let mut open = Vec::new();
    for mut owner in [
        Box::new(drop) as Box<dyn FnMut(Batch)>,
        Box::new(|batch| open.push(batch)),
    ] {
        let (status, text) = got(&engine, asks(&uri, None), &mut owner).await;
        assert_eq!((status, text.as_str()), (StatusCode::OK, "F"));
    }
    let away = engine.lazy(asks(&uri, None)).await;
    assert_eq!((away.status(), text(away).await.as_str()), (StatusCode::OK, "F"));
}

#[tokio::test]
async fn a_lazy_fragment_for_one_visitor_is_never_shown_to_another() {
    let (engine, uri) = kept(lazy("s/f").cache(3_600_000)).await;
    let mut known = asks(&uri, None);
    known.visitor.sessions = [("s".to_owned(), json!(1))].into();
    assert_eq!(got(&engine, known, giving("for Ann")).await.1, "for Ann");
    let begins = |batch: Batch| {
        batch.part(ResolvedFragments {
            fragments: vec![ResolvedFragment {
                id: batch.id("f"),
                html: Some("for Bob".to_owned()),
                ..ResolvedFragment::default()
            }],
            sessions: [("s".to_owned(), json!(1))].into(),
            ..ResolvedFragments::default()
        });
    };
    assert_eq!(got(&engine, asks(&uri, None), begins).await.1, "for Bob");
    assert_eq!(got(&engine, asks(&uri, None), giving("F")).await.1, "F");
    let (_, addresses) = page(&engine, Context::new(), Some("HYDRA-SSO=ann")).await;
    let mut logged_in = asks(&addresses[0], None);
    logged_in.visitor.caller.headers = headers(Some("HYDRA-SSO=ann"));
    assert_eq!(got(&engine, logged_in, giving("for Ann")).await.1, "for Ann");
    assert_eq!(got(&engine, asks(&uri, None), giving("new")).await.1, "F");
}

#[tokio::test]
async fn many_browsers_at_one_moment_ask_for_a_lazy_fragment_once() {
    let (engine, uri) = kept(lazy("s/f").cache(3_600_000)).await;
    let (source, mut batches) = source();
    let browsers = || join_all((0..50).map(|_| engine.lazy(asks(&uri, Some(source.clone())))));
    let mut responses = pin!(browsers());
    assert!(poll!(&mut responses).is_pending());
    batches.recv().await.unwrap().give("f", "F", json!({}));
    for response in responses.await {
        assert_eq!(text(response).await, "F");
    }
    assert!(batches.try_recv().is_err());
}

/// The answer to `batch` with this outcome and this HTML, for this visitor only.
fn alone(batch: &Batch, outcome: Outcome, html: Option<&str>) {
    batch.send(ResolvedFragment {
        id: batch.id("f"),
        outcome,
        html: html.map(str::to_owned),
        max_age: Some(0),
        ..ResolvedFragment::default()
    });
}

/// What becomes of a browser that waits for another's answer, and how often it asks itself. `first`: what the owner and the
/// other browser do, whose response is to be dropped or awaited.
async fn waited(first: impl AsyncFnOnce(Batch, BoxFuture<'static, Response>)) -> (StatusCode, usize) {
    let (engine, uri) = kept(lazy("s/f").cache(3_600_000).timeout(2_000)).await;
    let (source, mut batches) = source();
    let (request, other) = (asks(&uri, Some(source.clone())), engine.clone());
    let mut asking = async move { other.lazy(request).await }.boxed();
    assert!(poll!(&mut asking).is_pending());
    let batch = batches.recv().await.unwrap();
    let mut waiting = pin!(engine.lazy(asks(&uri, Some(source))));
    assert!(poll!(&mut waiting).is_pending());
    assert!(batches.try_recv().is_err(), "it waits");
    first(batch, asking).await;
    let mut asked = 0;
    loop {
        tokio::select! {
            response = &mut waiting => return (response.status(), asked),
            Some(batch) = batches.recv() => {
                asked += 1;
                alone(&batch, Outcome::Rendered, Some("own"));
            }
        }
    }
}

#[tokio::test]
async fn a_browser_that_waits_for_anothers_answer_hears_that_there_is_none() {
    let fails = async |batch: Batch, asking: BoxFuture<'static, Response>| {
        alone(&batch, Outcome::Failed, None);
        asking.await;
    };
    assert_eq!(waited(fails).await, (StatusCode::BAD_GATEWAY, 0));
}

#[tokio::test]
async fn a_browser_that_waits_in_vain_for_anothers_answer_asks_by_itself() {
    let leaves = async |batch: Batch, asking: BoxFuture<'static, Response>| {
        drop(asking);
        batch.dropped().await;
    };
    assert_eq!(waited(leaves).await, (StatusCode::OK, 1));
    let not_for_all = async |batch: Batch, asking: BoxFuture<'static, Response>| {
        alone(&batch, Outcome::Rendered, Some("mine"));
        asking.await;
    };
    assert_eq!(waited(not_for_all).await, (StatusCode::OK, 1));
    let mut open = None;
    let never = async |batch: Batch, asking| open = Some((batch, asking));
    assert_eq!(waited(never).await, (StatusCode::OK, 1));
}

#[tokio::test]
async fn a_browser_that_asks_by_itself_after_a_wait_takes_the_other_answer_if_it_comes_first() {
    let (engine, uri) = kept(lazy("s/f").cache(3_600_000).timeout(2_000)).await;
    let (source, mut batches) = source();
    let mut first = pin!(engine.lazy(asks(&uri, Some(source.clone()))));
    assert!(poll!(&mut first).is_pending());
    let batch = batches.recv().await.unwrap();
    let mut second = pin!(engine.lazy(asks(&uri, Some(source))));
    let _never = tokio::select! {
        _ = &mut second => panic!("the owner did not answer"),
        Some(batch) = batches.recv() => batch,
    };
    batch.give("f", "F", json!({}));
    assert_eq!(text(first.await).await, "F");
    assert_eq!(text(second.await).await, "F");
}
