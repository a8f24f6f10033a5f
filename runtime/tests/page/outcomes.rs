use std::sync::Arc;

use axum::response::IntoResponse;
use futures_util::{StreamExt, stream, stream::BoxStream};
use http::{Method, StatusCode};
use hydra_runtime::{
    fragment_source::{Caller, FragmentSource},
    page::PageFailure,
    wire::{FragmentsRequest, Outcome, ResolvedFragment, ResolvedFragments},
};
use serde_json::json;
use tera::Context;

use crate::{
    plans::{SiteExt, plan, slot},
    support::{Log, engine, engine_with, request, source, text},
};

fn fallback_page() -> hydra_runtime::page::Engine {
    engine(
        &[
            ("page.html", "a{{ 0 | __hydra }}b{{ 1 | __hydra }}c"),
            ("#1/page.html", "-"),
        ],
        [
            slot("s/f").fallback("#1/page.html", "").timeout(200),
            slot("s/g").fallback("#1/page.html", ""),
        ],
    )
}

#[tokio::test]
async fn without_a_gateway_the_page_shows_its_fallbacks() {
    assert_eq!(
        text(fallback_page().page(request(Context::new(), None)).await).await,
        "a-b-c"
    );
}

#[tokio::test]
async fn an_answer_for_another_id_costs_only_its_own_slot() {
    let engine = fallback_page();
    let (source, mut batches) = source();
    let page =
        tokio::spawn(async move { text(engine.page(request(Context::new(), Some(source))).await).await });
    let batch = batches.recv().await.unwrap();
    for id in ["7", "-1", "", "00", "x"] {
        let html = Some("wrong".to_owned());
        batch.send(ResolvedFragment {
            id: id.to_owned(),
            html,
            ..ResolvedFragment::default()
        });
    }
    batch.give("g", "G", json!({}));
    batch.give("g", "twice", json!({}));
    drop(batch);
    assert_eq!(page.await.unwrap(), "a-bGc");
}

#[tokio::test]
async fn a_fragment_that_never_comes_is_late_and_its_neighbours_are_not() {
    let engine = fallback_page();
    let (source, mut batches) = source();
    let page =
        tokio::spawn(async move { text(engine.page(request(Context::new(), Some(source))).await).await });
    let batch = batches.recv().await.unwrap();
    batch.give("g", "G", json!({}));
    assert_eq!(page.await.unwrap(), "a-bGc");
}

#[tokio::test]
async fn a_fragment_that_is_too_large_shows_its_fallback() {
    let plan = plan(
        &[("page.html", "{{ 0 | __hydra }}{{ 1 | __hydra }}")],
        [slot("s/f"), slot("s/g")],
    );
    let engine = engine_with(plan, |options| options.max_fragment_bytes = 10);
    let (source, mut batches) = source();
    let page =
        tokio::spawn(async move { text(engine.page(request(Context::new(), Some(source))).await).await });
    let batch = batches.recv().await.unwrap();
    batch.give("f", &"x".repeat(11), json!({}));
    batch.give("g", &"x".repeat(10), json!({}));
    assert_eq!(page.await.unwrap(), "x".repeat(10));
}

#[tokio::test]
async fn imports_that_can_not_be_sent_cost_only_their_slot() {
    let mut deep = tera::Value::from(1u64);
    for _ in 0..1000 {
        deep = tera::Value::from(vec![deep]);
    }
    let engine = engine(
        &[
            ("page.html", "a{{ 0 | __hydra }}b{{ 1 | __hydra }}"),
            ("#1/page.html", "-"),
        ],
        [
            slot("s/f").imports("deep").fallback("#1/page.html", ""),
            slot("s/g"),
        ],
    );
    let (source, mut batches) = source();
    let mut context = Context::new();
    context.insert_value("deep", deep);
    let page = tokio::spawn(async move { text(engine.page(request(context, Some(source))).await).await });
    let batch = batches.recv().await.unwrap();
    assert_eq!(batch.refs(), ["g"]);
    batch.give("g", "G", json!({}));
    assert_eq!(page.await.unwrap(), "a-bG");
}

#[tokio::test]
async fn a_fragment_in_a_fallback_is_asked_for_only_when_the_outer_one_failed() {
    let templates = [
        ("page.html", "{{ 0 | __hydra }}"),
        ("#0/page.html", "({{ 1 | __hydra }})"),
    ];
    for (fails, asked, expected) in [(false, vec!["f"], "F"), (true, vec!["f", "g"], "(G)")] {
        let sites = [slot("s/f").fallback("#0/page.html", ""), slot("s/g")];
        let engine = engine(&templates, sites);
        let (source, mut batches) = source();
        let page =
            tokio::spawn(async move { text(engine.page(request(Context::new(), Some(source))).await).await });
        let mut seen = Vec::new();
        while let Some(batch) = batches.recv().await {
            seen.extend(batch.refs());
            match seen.last().map(String::as_str) {
                Some("f") if fails => drop(batch),
                Some(last) => batch.give(last, &last.to_uppercase(), json!({})),
                None => {}
            }
        }
        assert_eq!(
            (seen, page.await.unwrap().as_str()),
            (asked.iter().map(ToString::to_string).collect(), expected)
        );
    }
}

#[tokio::test]
async fn every_outcome_that_is_not_rendered_is_logged_with_service_ref_and_reason() {
    for (outcome, shown) in [
        (Outcome::Failed, "outcome=Failed"),
        (Outcome::Refused, "outcome=Refused"),
        (Outcome::Inactive, "outcome=Inactive"),
        (Outcome::Late, "outcome=Late"),
        (Outcome::Stale, "outcome=Stale"),
        (Outcome::Rendered, ""),
    ] {
        let log = Log::start();
        let engine = engine(&[("page.html", "a{{ 0 | __hydra }}")], [slot("s/f")]);
        let (source, mut batches) = source();
        let page = async { text(engine.page(request(Context::new(), Some(source))).await).await };
        let answers = async {
            let batch = batches.recv().await.unwrap();
            batch.send(ResolvedFragment {
                id: batch.id("f"),
                outcome,
                html: matches!(outcome, Outcome::Rendered | Outcome::Stale).then(|| "F".to_owned()),
                reason: Some("it rains".to_owned()),
                ..ResolvedFragment::default()
            });
        };
        tokio::join!(page, answers);
        let logged = log.text();
        if outcome == Outcome::Rendered {
            assert_eq!(logged, "");
            continue;
        }
        for part in [shown, "service=\"s\"", "ref=\"f\"", "it rains", "page.html:7:3"] {
            assert!(logged.contains(part), "{part}: {logged}");
        }
    }
}

#[tokio::test]
async fn a_page_hands_over_only_what_the_imports_name() {
    let engine = engine(
        &[("page.html", "{{ secret }}{{ 0 | __hydra }}{{ 1 | __hydra }}")],
        [slot("s/f").imports("x as y"), slot("s/g")],
    );
    let (source, mut batches) = source();
    let mut context = Context::new();
    context.insert("x", &1);
    context.insert("secret", &2);
    let page = async { text(engine.page(request(context, Some(source))).await).await };
    let batch = async {
        let batch = batches.recv().await.unwrap();
        let handed: Vec<_> = batch
            .items()
            .into_iter()
            .map(|item| item.attributes.clone())
            .collect();
        assert_eq!(
            handed,
            [json!({"y": 1}), json!({})].map(|all| all.as_object().cloned())
        );
    };
    tokio::join!(page, batch);
}

/// A source that misbehaves in the way its test wants.
struct Bad(fn() -> BoxStream<'static, ResolvedFragments>);

impl FragmentSource for Bad {
    fn resolve(&self, _: FragmentsRequest, _: Caller) -> BoxStream<'static, ResolvedFragments> {
        self.0()
    }
}

#[tokio::test]
async fn a_source_that_panics_or_talks_nonsense_for_ever_costs_only_the_slots() {
    let bad: [fn() -> BoxStream<'static, ResolvedFragments>; 4] = [
        || panic!("resolve"),
        || stream::poll_fn(|_| panic!("source")).boxed(),
        || stream::repeat_with(ResolvedFragments::default).boxed(),
        || stream::empty().boxed(),
    ];
    for source in bad {
        let mut request = request(Context::new(), None);
        request.visitor.source = Some(Arc::new(Bad(source)));
        assert_eq!(text(fallback_page().page(request).await).await, "a-b-c");
    }
}

#[tokio::test]
async fn a_required_fragment_that_fails_gives_the_page_its_status() {
    for (outcome, status) in [
        (Outcome::Failed, StatusCode::BAD_GATEWAY),
        (Outcome::Refused, StatusCode::BAD_GATEWAY),
        (Outcome::Inactive, StatusCode::SERVICE_UNAVAILABLE),
        (Outcome::Late, StatusCode::GATEWAY_TIMEOUT),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let engine = engine(&[("page.html", "a{{ 0 | __hydra }}")], [slot("s/f").required()]);
            let (source, mut batches) = source();
            let mut request = request(Context::new(), Some(source));
            request.method = method;
            let page = tokio::spawn(async move { engine.page(request).await });
            let batch = batches.recv().await.unwrap();
            batch.send(ResolvedFragment {
                id: batch.id("f"),
                outcome,
                ..ResolvedFragment::default()
            });
            assert_eq!(page.await.unwrap().status(), status);
        }
    }
}

#[tokio::test]
async fn nothing_leaves_before_the_required_fragments_are_decided() {
    let plan = plan(
        &[("page.html", "a{{ 0 | __hydra }}{{ 1 | __hydra }}")],
        [slot("s/f").required(), slot("s/g")],
    );
    let engine = engine_with(plan, |options| options.flush_after = std::time::Duration::ZERO);
    let (source, mut batches) = source();
    let mut page = Box::pin(engine.page(request(Context::new(), Some(source))));
    let batch = tokio::select! {
        _ = &mut page => panic!("the head left"),
        batch = batches.recv() => batch.unwrap(),
    };
    batch.give("f", "F", json!({}));
    let response = page.await;
    assert_eq!(response.status(), StatusCode::OK);
    batch.give("g", "G", json!({}));
    assert_eq!(text(response).await, "aFG");
}

#[tokio::test]
async fn the_error_page_can_be_replaced() {
    let plan = plan(&[("page.html", "{{ secret.name }}")], []);
    let engine = engine_with(plan, |options| {
        options.error_page = Some(Arc::new(|failure: &PageFailure| {
            (failure.status(), "ours").into_response()
        }));
    });
    let response = engine.page(request(Context::new(), None)).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(text(response).await, "ours");
}

#[tokio::test]
async fn a_template_that_fails_gives_a_real_error_status_and_shows_nothing_of_itself() {
    let engine = engine(
        &[("page.html", "a{{ 0 | __hydra }}{{ secret.name }}")],
        [slot("s/f")],
    );
    let response = engine.page(request(Context::new(), None)).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let shown = text(response).await;
    assert!(
        !shown.contains("secret") && !shown.contains("page.html"),
        "{shown}"
    );
}
