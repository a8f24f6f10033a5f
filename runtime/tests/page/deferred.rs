//! `mode="deferred"`: after the rest of the page, in the same response.

mod grace;
mod random;
mod script;

use std::time::Duration;

use hydra_contract::{Insertion, Mode};
use hydra_runtime::{
    page::{Engine, FragmentCall, ScriptNonce},
    wire::{Outcome, ResolvedFragment},
};
use serde_json::json;
use tera::Context;

use crate::{
    browser::{after_page, put_in_place, unnamed, without_script},
    plans::{SiteExt, hole, plan, slot},
    support::{Batch, Locals, echo, engine_with, piece, request, source, text},
};

fn deferred(what: &str) -> Insertion {
    slot(what).mode(Mode::Deferred)
}

fn engine(templates: &[(&str, &str)], sites: impl IntoIterator<Item = Insertion>) -> Engine {
    engine_with(plan(templates, sites), after_page)
}

const TWO: &[(&str, &str)] = &[
    (
        "page.html",
        "<body><p>{{ 0 | __hydra }}</p><p>{{ 1 | __hydra }}</p>\n</body></html>\n",
    ),
    ("#1/page.html", "wait, {{ name }}"),
];

fn two() -> Engine {
    engine(
        TWO,
        [deferred("s/a").fallback("#1/page.html", "name"), deferred("s/b")],
    )
}

fn context() -> Context {
    tera::context! { name => "Ann" }
}

fn fail(batch: &Batch, reference: &str) {
    batch.send(ResolvedFragment {
        id: batch.id(reference),
        outcome: Outcome::Failed,
        ..ResolvedFragment::default()
    });
}

#[tokio::test]
async fn the_page_leaves_with_its_fallbacks_and_the_fragments_follow_as_they_arrive() {
    let engine = two();
    let (source, mut batches) = source();
    let mut body = engine.page(request(context(), Some(source))).await.into_body();
    let page = unnamed(&piece(&mut body).await.unwrap());
    assert!(
        page.starts_with("<script async src=\"/storefront/_hydra/later.js?v="),
        "{page}"
    );
    assert_eq!(
        without_script(&page),
        "<body><p><?start name=\"hydra-0\">wait, Ann<?end name=\"hydra-0\"></p>\
         <p><?start name=\"hydra-1\"><?end name=\"hydra-1\"></p>"
    );
    let batch = batches.recv().await.unwrap();
    batch.give("b", "<i>B</i></template><!--", json!({}));
    assert_eq!(
        piece(&mut body).await.map(|text| unnamed(&text)).as_deref(),
        Some("<template data-hydra-for=\"hydra-1\">&lt;i>B&lt;/i>&lt;/template>&lt;!--</template>\n")
    );
    batch.give("a", "<b>A</b>", json!({}));
    assert_eq!(
        piece(&mut body).await.map(|text| unnamed(&text)).as_deref(),
        Some("<template for=\"hydra-0\"><b>A</b></template>\n\n</body></html>\n")
    );
    assert_eq!(piece(&mut body).await, None);
}

#[tokio::test]
async fn of_a_fragment_that_fails_nothing_is_sent_and_the_fallback_stays() {
    let engine = two();
    let (source, mut batches) = source();
    let page = tokio::spawn(async move { text(engine.page(request(context(), Some(source))).await).await });
    let batch = batches.recv().await.unwrap();
    fail(&batch, "a");
    fail(&batch, "b");
    let page = page.await.unwrap();
    assert!(
        page.contains("wait, Ann") && !page.contains("<template"),
        "{page}"
    );
    assert!(page.ends_with("</p>\n</body></html>\n"), "{page}");
}

#[tokio::test]
async fn the_response_ends_with_the_deadline_of_the_page() {
    let engine = engine_with(
        plan(
            TWO,
            [deferred("s/a").fallback("#1/page.html", "name"), deferred("s/b")],
        ),
        |options| {
            after_page(options);
            options.page_deadline = Duration::from_millis(20);
        },
    );
    let (source, _batches) = source();
    let page = text(engine.page(request(context(), Some(source))).await).await;
    assert!(
        page.ends_with("</body></html>\n") && !page.contains("<template"),
        "{page}"
    );
}

#[tokio::test]
async fn a_visitor_who_hangs_up_ends_the_work_for_them() {
    let engine = two();
    let (source, mut batches) = source();
    let mut body = engine.page(request(context(), Some(source))).await.into_body();
    assert!(piece(&mut body).await.is_some());
    let batch = batches.recv().await.unwrap();
    drop(body);
    batch.dropped().await;
}

#[tokio::test]
async fn the_same_fragment_twice_is_asked_for_and_sent_once() {
    let engine = engine(
        &[(
            "page.html",
            "{% for i in [1, 2, 3] %}{{ 0 | __hydra }},{% endfor %}",
        )],
        [deferred("s/f")],
    );
    let (source, mut batches) = source();
    let page = tokio::spawn(async move { text(engine.page(request(context(), Some(source))).await).await });
    let batch = batches.recv().await.unwrap();
    assert_eq!(batch.refs(), ["f"]);
    batch.give("f", "F", json!({}));
    let page = page.await.unwrap();
    assert_eq!(page.matches("<template for").count(), 3, "{page}");
    assert_eq!(put_in_place(&page), "F,F,F,");
}

#[tokio::test]
async fn an_export_is_not_waited_for_longer_since_something_is_deferred() {
    // The hole of `x` and its giver wait for each other: that is decided without the deferred fragment.
    let engine = engine(
        &[
            ("page.html", "{{ 1 | __hydra }}{{ 0 | __hydra }}"),
            ("#1/page.html", "[{{ x }}{{ 2 | __hydra }}]"),
        ],
        [
            deferred("s/slow"),
            hole("#1/page.html", "x", "").gives("x"),
            slot("s/giver").exports("x"),
        ],
    );
    let (source, mut batches) = source();
    let mut body = engine.page(request(context(), Some(source))).await.into_body();
    let first = piece(&mut body).await.map(|text| without_script(&text));
    assert_eq!(first.as_deref(), Some("["));
    assert_eq!(batches.recv().await.unwrap().refs(), ["giver", "slow"]);
}

#[tokio::test]
async fn what_asks_the_same_again_in_a_fallback_holds_nothing_open() {
    let engine = engine(
        &[
            ("page.html", "{{ 0 | __hydra }}{{ 1 | __hydra }}{{ 2 | __hydra }}"),
            ("#1/page.html", "{{ x }}{{ 3 | __hydra }}"),
            ("#2/page.html", "({{ 4 | __hydra }}{{ 5 | __hydra }})"),
            ("#3/page.html", "[{{ y }}]"),
        ],
        [
            deferred("s/f"),
            slot("s/giver").exports("x"),
            hole("#1/page.html", "x", "").gives("y"),
            deferred("s/f").fallback("#2/page.html", "").gives("y"),
            slot("s/f"),
            hole("#3/page.html", "y", "").gives("y"),
        ],
    );
    let (source, mut batches) = source();
    let page = tokio::spawn(async move { text(engine.page(request(context(), Some(source))).await).await });
    let batch = batches.recv().await.unwrap();
    fail(&batch, "f");
    tokio::task::yield_now().await;
    batch.give("giver", "G", json!({"x": "X"}));
    let page = tokio::time::timeout(Duration::from_secs(20), page).await;
    assert_eq!(put_in_place(&page.expect("it ends").unwrap()), "GX([])");
}

#[tokio::test]
async fn a_thousand_are_one_batch_and_what_is_beyond_the_bound_shows_its_fallback() {
    let engine = engine(
        &[
            (
                "page.html",
                "{% for i in range(end=1003) %}{{ 0 | __hydra }},{% endfor %}",
            ),
            ("#1/page.html", "-"),
        ],
        [deferred("s/f").imports("i").fallback("#1/page.html", "")],
    );
    let (source, mut batches) = source();
    let page =
        tokio::spawn(async move { text(engine.page(request(Context::new(), Some(source))).await).await });
    let batch = batches.recv().await.unwrap();
    assert_eq!(batch.items().len(), 1000);
    for item in batch.items().into_iter().rev() {
        let html = Some(item.attributes.as_ref().unwrap()["i"].to_string());
        let id = item.id.clone();
        batch.send(ResolvedFragment {
            id,
            html,
            ..ResolvedFragment::default()
        });
    }
    let expected: String = (0..1000).map(|i| format!("{i},")).collect();
    assert_eq!(put_in_place(&page.await.unwrap()), format!("{expected}-,-,-,"));
    assert!(batches.recv().await.is_none(), "there was one batch");
}

#[tokio::test]
async fn a_fragment_in_a_fragment_comes_in_its_place() {
    let engine = engine(
        &[
            ("page.html", "<b>{{ 0 | __hydra }}</b>"),
            ("inner.html", "inner"),
            ("#1/page.html", "-"),
        ],
        [deferred("/inner").fallback("#1/page.html", "")],
    );
    let local = Locals::default().with("page", echo).with("inner", echo).arc();
    let call = FragmentCall {
        reference: "page".to_owned(),
        local,
        ..FragmentCall::default()
    };
    let answer = engine.fragment(call).await;
    assert_eq!(answer.fragment.html.as_deref(), Some("<b>inner</b>"));
}
