//! What one fragment, and one page, is promised: its own time, its place beside the others, its own error page.

use std::{sync::Arc, time::Duration};

use axum::response::IntoResponse;
use http::StatusCode;
use hydra_runtime::{
    fragment_source::Caller,
    page::{FragmentCall, PageFailure},
    wire::{Outcome, ResolvedFragment},
};
use serde_json::json;
use tera::Context;
use tokio::{sync::Notify, time::Instant};

use crate::{
    plans::{SiteExt, plan, slot},
    support::{Locals, echo, engine, engine_with, request, source, text},
};

#[tokio::test(start_paused = true)]
async fn each_fragment_has_the_timeout_of_its_tag() {
    let engine = engine(
        &[
            ("page.html", "{{ 0 | __hydra }}{{ 1 | __hydra }}{{ 2 | __hydra }}"),
            ("own.html", ""),
            ("#3/page.html", "-"),
        ],
        [
            slot("s/short").timeout(300).fallback("#3/page.html", ""),
            slot("s/long").timeout(2_000),
            slot("own").timeout(700).fallback("#3/page.html", ""),
        ],
    );
    let (source, mut batches) = source();
    let start = Instant::now();
    let mut request = request(Context::new(), Some(source));
    let locals = Locals::default().with("own", |_| std::future::pending());
    request.visitor.local = locals.arc();
    let page = tokio::spawn(async move { text(engine.page(request).await).await });
    let batch = batches.recv().await.unwrap();
    let deadline = |reference: &str| {
        let item = batch.items().into_iter().find(|item| item.reference == reference);
        item.and_then(|item| item.deadline).unwrap()
    };
    assert!((1..=300).contains(&deadline("short")), "{}", deadline("short"));
    assert!(
        (1_001..=2_000).contains(&deadline("long")),
        "{}",
        deadline("long")
    );
    let own = locals.calls.lock().unwrap()[0].caller.budget;
    assert!(
        own <= Duration::from_millis(700) && own > Duration::from_millis(300),
        "{own:?}"
    );
    // Beyond the others' times, and beyond the default.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    batch.give("short", "S", json!({}));
    batch.give("long", "L", json!({}));
    assert_eq!(page.await.unwrap(), "-L-");
    assert!(start.elapsed() < Duration::from_millis(2_000));
}

#[tokio::test]
async fn local_and_remote_fragments_are_at_work_side_by_side() {
    for remote_first in [true, false] {
        let engine = engine(
            &[
                ("page.html", "{{ 0 | __hydra }}{{ 1 | __hydra }}"),
                ("own.html", "O"),
            ],
            [slot("own").timeout(60_000), slot("s/f").timeout(60_000)],
        );
        let (called, open) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (source, mut batches) = source();
        let mut request = request(Context::new(), Some(source));
        let (calls, opens) = (called.clone(), open.clone());
        let locals = Locals::default().with("own", move |call| {
            let (called, open) = (calls.clone(), opens.clone());
            async move {
                called.notify_one();
                open.notified().await;
                echo(call).await
            }
        });
        request.visitor.local = locals.arc();
        let page = tokio::spawn(async move { text(engine.page(request).await).await });
        // Both are asked before either is answered.
        let batch = batches.recv().await.unwrap();
        called.notified().await;
        if remote_first {
            batch.give("f", "F", json!({}));
            tokio::task::yield_now().await;
            open.notify_one();
        } else {
            open.notify_one();
            tokio::task::yield_now().await;
            batch.give("f", "F", json!({}));
        }
        assert_eq!(page.await.unwrap(), "OF");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fragment_in_a_fragment_gets_the_time_that_is_left() {
    let engine = engine(
        &[("own.html", "{{ 0 | __hydra }}")],
        [slot("s/f").timeout(60_000)],
    );
    let (source, mut batches) = source();
    let slow = |call| async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        echo(call).await
    };
    let call = FragmentCall {
        reference: "own".to_owned(),
        local: Locals::default().with("own", slow).arc(),
        source: Some(Arc::new(source)),
        caller: Caller {
            budget: Duration::from_millis(500),
            ..Caller::default()
        },
        ..FragmentCall::default()
    };
    let answer = tokio::spawn(async move { engine.fragment(call).await });
    let batch = batches.recv().await.unwrap();
    let deadline = batch.items()[0].deadline.unwrap();
    assert!((250..=300).contains(&deadline), "{deadline}");
    batch.give("f", "F", json!({}));
    assert_eq!(answer.await.unwrap().fragment.html.as_deref(), Some("F"));
}

#[tokio::test]
async fn the_error_page_of_a_required_fragment_can_be_replaced() {
    for ours in [false, true] {
        let plan = plan(&[("page.html", "a{{ 0 | __hydra }}")], [slot("s/f").required()]);
        let engine = engine_with(plan, |options| {
            options.error_page = ours.then(|| {
                Arc::new(|failure: &PageFailure| {
                    let shown = match failure {
                        PageFailure::Required(required) => format!("ours: {:?}", required.outcome),
                        PageFailure::Render(_) => "another".to_owned(),
                    };
                    (failure.status(), shown).into_response()
                }) as hydra_runtime::page::ErrorPage
            });
        });
        let (source, mut batches) = source();
        let page = engine.page(request(Context::new(), Some(source)));
        let answer = async {
            let batch = batches.recv().await.unwrap();
            batch.send(ResolvedFragment {
                id: batch.id("f"),
                outcome: Outcome::Late,
                reason: Some("a secret of the owner".to_owned()),
                ..ResolvedFragment::default()
            });
        };
        let (response, ()) = tokio::join!(page, answer);
        assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
        let shown = text(response).await;
        match ours {
            true => assert_eq!(shown, "ours: Late"),
            false => assert!(
                shown.contains("<h1>Gateway Timeout</h1>") && !shown.contains("secret"),
                "{shown}"
            ),
        }
    }
}
