use std::time::Duration;

use serde_json::json;
use tera::{Context, context};

use crate::{
    plans::{SiteExt, hole, plan, slot},
    support::{Locals, echo, engine, engine_with, request, source, text},
};

#[tokio::test]
async fn fragments_that_need_only_the_page_are_asked_for_in_one_batch_for_all_services() {
    let calls = (0..5)
        .map(|n| format!("{{{{ {n} | __hydra }}}}"))
        .collect::<String>();
    let engine = engine(
        &[("page.html", &calls)],
        ["a/1", "b/2", "a/3", "c/4", "b/5"].map(|what| slot(what).imports("x")),
    );
    let (source, mut batches) = source();
    let page =
        tokio::spawn(
            async move { text(engine.page(request(context! { x => "y" }, Some(source))).await).await },
        );
    let batch = batches.recv().await.unwrap();
    let services: Vec<_> = batch
        .request
        .requests
        .0
        .iter()
        .map(|(name, items)| (name.as_str(), items.len()))
        .collect();
    assert_eq!(services, [("a", 2), ("b", 2), ("c", 1)]);
    assert_eq!(batch.request.protocol, Some(2));
    for item in batch.items() {
        assert_eq!(item.attributes.as_ref().unwrap()["x"], "y");
        assert_eq!(item.call_chain, ["storefront"]);
        assert!(
            item.deadline
                .is_some_and(|deadline| (1..=1000).contains(&deadline))
        );
    }
    assert!(batch.caller.budget <= Duration::from_secs(1) && !batch.caller.budget.is_zero());
    assert_eq!(batch.caller.call_chain, ["storefront"]);
    assert_eq!(batch.caller.page.as_deref(), Some("page.html"));
    for reference in ["5", "4", "3", "2", "1"] {
        batch.give(reference, reference, json!({}));
    }
    assert_eq!(page.await.unwrap(), "12345");
    assert!(batches.recv().await.is_none(), "one batch is all");
}

#[tokio::test]
async fn a_chain_of_three_is_asked_in_three_waves_and_nobody_else_waits_for_it() {
    let engine = engine(
        &[
            (
                "page.html",
                "{{ 0 | __hydra }}{{ 3 | __hydra }}{{ 4 | __hydra }}{{ 5 | __hydra }}",
            ),
            ("#1/page.html", "{{ 1 | __hydra }}"),
            ("#2/page.html", "{{ 2 | __hydra }}"),
        ],
        [
            slot("s/a").exports("x"),
            slot("t/b").imports("x as in").exports("y"),
            slot("u/c").imports("y"),
            hole("#1/page.html", "x", "").gives("y"),
            hole("#2/page.html", "y", ""),
            slot("s/alone"),
        ],
    );
    let (source, mut batches) = source();
    let page =
        tokio::spawn(async move { text(engine.page(request(Context::new(), Some(source))).await).await });
    let first = batches.recv().await.unwrap();
    assert_eq!(first.refs(), ["a", "alone"]);
    first.give("a", "A", json!({"x": 1}));
    let second = batches.recv().await.unwrap();
    assert_eq!(second.refs(), ["b"], "it does not wait for `alone`");
    assert_eq!(
        second.items()[0].imports.as_deref(),
        Some(&["x as in".to_owned()][..])
    );
    assert_eq!(second.items()[0].exports, ["y"]);
    second.give("b", "B", json!({"y": 2}));
    let third = batches.recv().await.unwrap();
    assert_eq!(third.refs(), ["c"]);
    assert_eq!(third.items()[0].attributes, json!({"y": 2}).as_object().cloned());
    third.give("c", "C", json!({}));
    first.give("alone", "!", json!({}));
    assert_eq!(page.await.unwrap(), "ABC!");
    assert!(batches.recv().await.is_none());
}

#[tokio::test]
async fn local_fragments_run_beside_the_remote_ones() {
    let engine = engine(
        &[
            ("page.html", "{{ 0 | __hydra }}{{ 1 | __hydra }}{{ 2 | __hydra }}"),
            ("own.html", "<{{ x }}>"),
        ],
        [
            slot("own").imports("x"),
            slot("s/f"),
            slot("self/own").imports("y as x"),
        ],
    );
    let (source, mut batches) = source();
    let locals = Locals::default().with("own", echo);
    let mut request = request(context! { x => "1", y => "2" }, Some(source));
    request.visitor.local = locals.arc();
    let page = tokio::spawn(async move { text(engine.page(request).await).await });
    let batch = batches.recv().await.unwrap();
    assert_eq!(batch.refs(), ["f"]);
    batch.give("f", "F", json!({}));
    assert_eq!(page.await.unwrap(), "<1>F<2>");
}

#[tokio::test]
async fn a_session_goes_to_its_own_service_only_and_comes_back_changed() {
    let engine = engine(
        &[("page.html", "{{ 0 | __hydra }}"), ("#1/page.html", "")],
        [slot("orders/f")],
    );
    let (source, mut batches) = source();
    let (sink, changed) = tokio::sync::oneshot::channel();
    let mut request = request(Context::new(), Some(source));
    request.visitor.sessions = [
        ("orders".to_owned(), json!(1)),
        ("other".to_owned(), json!("secret")),
    ]
    .into();
    request.visitor.on_sessions = Some(Box::new(move |sessions| sink.send(sessions).unwrap()));
    let page = tokio::spawn(async move { text(engine.page(request).await).await });
    let batch = batches.recv().await.unwrap();
    assert_eq!(batch.request.sessions, [("orders".to_owned(), json!(1))].into());
    batch.part(hydra_runtime::wire::ResolvedFragments {
        sessions: [
            ("orders".to_owned(), json!(2)),
            ("other".to_owned(), json!("stolen")),
        ]
        .into(),
        ..Default::default()
    });
    batch.give("f", "F", json!({}));
    assert_eq!(page.await.unwrap(), "F");
    assert_eq!(changed.await.unwrap(), [("orders".to_owned(), json!(2))].into());
}

#[tokio::test]
async fn one_deadline_holds_for_the_page_and_is_passed_on() {
    let plan = plan(
        &[("page.html", "{{ 0 | __hydra }}.")],
        [slot("s/f").timeout(60_000)],
    );
    let engine = engine_with(plan, |options| options.page_deadline = Duration::from_millis(40));
    let (source, mut batches) = source();
    let page =
        tokio::spawn(async move { text(engine.page(request(Context::new(), Some(source))).await).await });
    let batch = batches.recv().await.unwrap();
    assert!(batch.items()[0].deadline.unwrap() <= 40);
    assert!(batch.caller.budget <= Duration::from_millis(40));
    assert_eq!(page.await.unwrap(), ".");
}
