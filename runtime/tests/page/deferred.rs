//! `mode="deferred"`: after the rest of the page, in the same response.

use std::time::Duration;

use hydra_contract::{Mode, Site};
use hydra_runtime::{
    page::{Engine, FragmentCall, ScriptNonce},
    wire::{Outcome, ResolvedFragment},
};
use proptest::prelude::*;
use serde_json::json;
use tera::Context;

use crate::{
    browser::{after_page, put_in_place, unnamed, without_script},
    plans::{SiteExt, hole, plan, slot},
    support::{Batch, Locals, echo, engine_with, piece, request, source, text},
};

fn deferred(what: &str) -> Site {
    slot(what).mode(Mode::Deferred)
}

fn engine(templates: &[(&str, &str)], sites: impl IntoIterator<Item = Site>) -> Engine {
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

#[tokio::test]
async fn the_script_bears_the_nonce_of_the_page() {
    let engine = two();
    let (source, _batches) = source();
    let mut request = request(context(), Some(source));
    request.script_nonce = ScriptNonce::try_new("r4nd0m").ok();
    let mut body = engine.page(request).await.into_body();
    let page = piece(&mut body).await.unwrap();
    assert!(page.contains("\" nonce=\"r4nd0m\"></script>"), "{page}");
}

/// With a grace: on a clock that moves on when nothing else can.
fn with_grace(templates: &[(&str, &str)], sites: impl IntoIterator<Item = Site>) -> Engine {
    engine_with(plan(templates, sites), |options| {
        after_page(options);
        options.deferred_grace = Duration::from_millis(10);
    })
}

#[tokio::test(start_paused = true)]
async fn what_comes_within_the_grace_stands_in_its_place_and_what_comes_later_follows() {
    for (first, second, expected) in [
        (
            Some("<b>A</b>"),
            Some("B"),
            "<body><p><b>A</b></p><p>B</p>\n</body></html>\n",
        ),
        // A fallback that stays needs no marks.
        (
            None,
            Some("B"),
            "<body><p>wait, Ann</p><p>B</p>\n</body></html>\n",
        ),
        // What does not close what it opens follows in any case.
        (
            Some("<b>A"),
            None,
            "<body><p><?start name=\"hydra-0\">wait, Ann<?end name=\"hydra-0\"></p><p></p>\
             <template for=\"hydra-0\"><b>A</template>\n\n</body></html>\n",
        ),
    ] {
        let engine = with_grace(
            TWO,
            [deferred("s/a").fallback("#1/page.html", "name"), deferred("s/b")],
        );
        let (source, mut batches) = source();
        let page =
            tokio::spawn(async move { text(engine.page(request(context(), Some(source))).await).await });
        let batch = batches.recv().await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
        for (reference, html) in [("a", first), ("b", second)] {
            match html {
                Some(html) => batch.give(reference, html, json!({})),
                None => fail(&batch, reference),
            }
        }
        assert_eq!(unnamed(&without_script(&page.await.unwrap())), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn the_head_does_not_wait_for_the_grace() {
    let engine = with_grace(
        TWO,
        [deferred("s/a").fallback("#1/page.html", "name"), deferred("s/b")],
    );
    let (source, mut batches) = source();
    let start = tokio::time::Instant::now();
    let mut body = engine.page(request(context(), Some(source))).await.into_body();
    let head = piece(&mut body).await.map(|text| without_script(&text));
    assert_eq!(head.as_deref(), Some("<body><p>"));
    assert!(start.elapsed() < Duration::from_millis(5));
    let batch = batches.recv().await.unwrap();
    // The second is there in time, and waits behind the first.
    batch.give("b", "B", json!({}));
    let rest = unnamed(&piece(&mut body).await.unwrap());
    assert_eq!(
        rest,
        "<?start name=\"hydra-0\">wait, Ann<?end name=\"hydra-0\"></p><p>B</p>"
    );
    assert!(start.elapsed() >= Duration::from_millis(10));
    batch.give("a", "A", json!({}));
    let end = piece(&mut body).await.map(|text| unnamed(&text));
    assert_eq!(
        end.as_deref(),
        Some("<template for=\"hydra-0\">A</template>\n\n</body></html>\n")
    );
}

#[tokio::test]
async fn the_script_stands_before_all_that_could_put_it_elsewhere() {
    let deferred = || deferred("s/f");
    let script = "<script>\n";
    for (page, sites, expected) in [
        (
            "<!doctype html><html><head><base href='/x/'></head>{{ 0 | __hydra }}",
            vec![deferred()],
            format!("<!doctype html><html><head>{script}<base href='/x/'></head>"),
        ),
        (
            "<!doctype html><title>t</title>{{ 1 | __hydra }}{{ 0 | __hydra }}",
            vec![deferred(), slot("s/inline")],
            format!("<!doctype html>{script}<title>t</title>"),
        ),
        // The fragment may hold anything.
        (
            "<!doctype html>{{ 1 | __hydra }}<head>{{ 0 | __hydra }}",
            vec![deferred(), slot("s/inline")],
            format!("<!doctype html>{script}"),
        ),
        // Whether it is needed is known only when the export is there.
        (
            "<head></head>{{ 1 | __hydra }}{{ 2 | __hydra }}",
            vec![
                deferred(),
                slot("s/inline").exports("x"),
                hole("#2/page.html", "x", ""),
            ],
            format!("<head>{script}</head>"),
        ),
        (
            "<head></head>{{ 0 | __hydra }}",
            vec![slot("s/inline")],
            "<head></head>".to_owned(),
        ),
    ] {
        let templates = [("page.html", page), ("#2/page.html", "{{ x }}{{ 0 | __hydra }}")];
        let (source, mut batches) = source();
        let engine = engine(&templates, sites);
        let mut body = engine.page(request(context(), Some(source))).await.into_body();
        let batch = batches.recv().await.unwrap();
        let piece = piece(&mut body).await.unwrap();
        let shown = match piece.split_once("<script async") {
            None => piece,
            Some((before, after)) => {
                let (_, after) = after.split_once("</script>\n").unwrap();
                format!("{before}{script}{after}")
            }
        };
        assert!(shown.starts_with(&expected), "{page}\n{shown}");
        drop(batch);
    }
}

#[tokio::test]
async fn html_in_a_fallback_that_may_hide_the_place_leaves_it_to_the_script() {
    for (inner, attribute) in [
        ("<i>plain</i>", "for"),
        ("<?end>", "data-hydra-for"),
        ("x<?start name=\"y\">", "data-hydra-for"),
    ] {
        let templates = [
            ("page.html", "<p>{{ 0 | __hydra }}</p>"),
            ("#1/page.html", "({{ 1 | __hydra }})"),
        ];
        let engine = engine(
            &templates,
            [deferred("s/f").fallback("#1/page.html", ""), slot("s/g")],
        );
        let (source, mut batches) = source();
        let page =
            tokio::spawn(async move { text(engine.page(request(context(), Some(source))).await).await });
        let batch = batches.recv().await.unwrap();
        batch.give("g", inner, json!({}));
        tokio::task::yield_now().await;
        batch.give("f", "F", json!({}));
        let page = unnamed(&page.await.unwrap());
        assert!(
            page.contains(&format!("<template {attribute}=\"hydra-0\">F<")),
            "{page}"
        );
    }
}

/// What a fragment does: its HTML, or nothing.
type Given = Option<String>;

/// A page of four fragments: one in a condition that waits for an export, one in the fallback of another, two in a loop.
fn page_of_all(modes: [Mode; 4]) -> Engine {
    let [a, b, c, d] = modes;
    engine(
        &[
            (
                "page.html",
                "<body>{{ 0 | __hydra }}|{{ 4 | __hydra }}|{{ 5 | __hydra }}|{% for i in [1, 2] %}\
                 {{ 3 | __hydra }}{% endfor %}</body>",
            ),
            ("#1/page.html", "(no a{{ 1 | __hydra }})"),
            ("#2/page.html", "{% if x %}{{ x }}{{ 2 | __hydra }}{% endif %}"),
            ("#3/page.html", "(no d {{ i }})"),
        ],
        [
            slot("s/a").fallback("#1/page.html", "").mode(a),
            slot("s/b").mode(b),
            slot("s/c").imports("x").mode(c),
            slot("s/d").imports("i").fallback("#3/page.html", "i").mode(d),
            slot("s/x").exports("x"),
            hole("#2/page.html", "x", ""),
        ],
    )
}

fn shown(modes: [Mode; 4], given: &[Given; 5], picks: &[prop::sample::Index]) -> String {
    let engine = page_of_all(modes);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (source, mut batches) = source();
        let page =
            tokio::spawn(async move { text(engine.page(request(context(), Some(source))).await).await });
        let mut picks = picks.iter().cycle();
        while let Some(batch) = batches.recv().await {
            let mut open = batch.items();
            while !open.is_empty() {
                let item = open.swap_remove(picks.next().unwrap().index(open.len()));
                let attributes = item.attributes.clone().unwrap_or_default();
                let html = match item.reference.as_str() {
                    "a" => &given[0],
                    "b" => &given[1],
                    "c" => &given[2],
                    "d" if attributes["i"] == 1 => &given[3],
                    "d" => &given[4],
                    _ => &Some("x".to_owned()),
                };
                batch.send(ResolvedFragment {
                    id: item.id.clone(),
                    outcome: if html.is_some() {
                        Outcome::Rendered
                    } else {
                        Outcome::Failed
                    },
                    html: html.clone(),
                    exports: json!({"x": "<x>"}).as_object().cloned().unwrap(),
                    ..ResolvedFragment::default()
                });
                tokio::task::yield_now().await;
            }
        }
        page.await.unwrap()
    })
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(Mode::Inline), Just(Mode::Deferred)]
}

fn given() -> impl Strategy<Value = Given> {
    proptest::option::of("<[a-z]{1,3}>(&amp;)?(</template>|<!-- )?")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_the_browser_puts_in_place_is_the_page_that_has_all_in_place_at_once(
        modes in [mode(), mode(), mode(), mode()],
        given in [given(), given(), given(), given(), given()],
        picks in prop::collection::vec(any::<prop::sample::Index>(), 10),
    ) {
        let at_once = shown([Mode::Inline; 4], &given, &picks);
        prop_assert!(!at_once.contains("hydra"), "{}", at_once);
        prop_assert_eq!(put_in_place(&shown(modes, &given, &picks)), at_once);
    }
}
