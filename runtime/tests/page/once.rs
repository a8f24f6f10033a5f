//! "The same fragment with the same imports twice on one page is asked for once", also where the tags differ.

use std::pin::pin;

use hydra_runtime::{
    page::Engine,
    wire::{Outcome, ResolvedFragment},
};
use serde_json::{Value, json};
use tera::Context;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::{
    plans::{SiteExt, hole, slot},
    support::{Batch, Source, engine, request, source, text},
};

const HOUR: u64 = 3_600_000;

/// What a page shows, and the exports that each ask wants. `html` of `None`: the owner fails.
async fn visit(
    engine: &Engine,
    (source, batches): &mut (Source, UnboundedReceiver<Batch>),
    html: Option<&str>,
    exports: Value,
) -> (String, Vec<Vec<String>>) {
    let mut asked = Vec::new();
    let page = engine.page(request(Context::new(), Some(source.clone())));
    let mut page = pin!(async { text(page.await).await });
    loop {
        let batch = tokio::select! {
            text = &mut page => return (text, asked),
            Some(batch) = batches.recv() => batch,
        };
        for item in batch.items() {
            asked.push(item.exports.clone());
            batch.send(ResolvedFragment {
                id: item.id.clone(),
                html: html.map(str::to_owned),
                exports: exports.as_object().cloned().unwrap_or_default(),
                outcome: html.map_or(Outcome::Failed, |_| Outcome::Rendered),
                ..ResolvedFragment::default()
            });
        }
    }
}

const TWO: [(&str, &str); 2] = [
    ("page.html", "{{ 0 | __hydra }}{{ 1 | __hydra }}"),
    ("#1/page.html", "-"),
];

#[tokio::test]
async fn two_tags_of_one_page_that_differ_in_cache_are_asked_for_once() {
    let engine = engine(&TWO, [slot("s/f").cache(HOUR), slot("s/f")]);
    let mut desk = source();
    for html in ["1", "2"] {
        let (shown, asked) = visit(&engine, &mut desk, Some(html), json!({})).await;
        assert_eq!(
            (shown, asked.len()),
            (html.repeat(2), 1),
            "one of them takes no answer in place of a new one"
        );
    }
}

#[tokio::test]
async fn an_old_copy_is_shown_only_at_the_tag_that_takes_one() {
    for (first, second) in [(0, 1), (1, 0)] {
        let tags = [slot("s/f").stale(HOUR), slot("s/f")].map(|tag| tag.fallback("#1/page.html", ""));
        let page = format!("{{{{ {first} | __hydra }}}}{{{{ {second} | __hydra }}}}");
        let engine = engine(&[("page.html", &page), TWO[1]], tags);
        let mut desk = source();
        let (shown, asked) = visit(&engine, &mut desk, Some("F"), json!({})).await;
        assert_eq!((shown.as_str(), asked.len()), ("FF", 1));
        let (shown, asked) = visit(&engine, &mut desk, None, json!({})).await;
        let expected = if first == 0 { "F-" } else { "-F" };
        assert_eq!((shown.as_str(), asked.len()), (expected, 1));
    }
}

/// A page with the tag `first`, and behind its export `x` the tag `later`.
fn found_later(first: hydra_contract::Insertion, later: hydra_contract::Insertion) -> Engine {
    engine(
        &[
            ("page.html", "{{ 0 | __hydra }}{{ 1 | __hydra }}"),
            ("#1/page.html", "({{ x }}{{ 2 | __hydra }}{{ 3 | __hydra }})"),
            ("#3/page.html", "{{ y }}"),
        ],
        [
            first.exports("a as x"),
            hole("#1/page.html", "x", "").gives("y"),
            later,
            hole("#3/page.html", "y", ""),
        ],
    )
}

#[tokio::test]
async fn one_found_later_shares_the_answer_that_is_there() {
    let engine = found_later(slot("s/f"), slot("s/f").exports("a as y"));
    let (shown, asked) = visit(&engine, &mut source(), Some("F"), json!({"a": 1, "b": 2})).await;
    assert_eq!((shown.as_str(), asked), ("F(1F1)", vec![vec!["a".to_owned()]]));
}

/// The first ask named what may come back, and the rest of its answer was dropped: it can't be asked for less than twice.
#[tokio::test]
async fn one_found_later_that_wants_another_export_is_asked_for_again() {
    let engine = found_later(slot("s/f"), slot("s/f").exports("b as y"));
    let (shown, asked) = visit(&engine, &mut source(), Some("F"), json!({"a": 1, "b": 2})).await;
    assert_eq!(shown, "F(1F2)");
    assert_eq!(asked, [["a"], ["b"]]);
}

#[tokio::test]
async fn one_found_later_that_takes_no_earlier_answer_shares_only_a_new_one() {
    let engine = found_later(slot("s/f").cache(HOUR), slot("s/f").exports("a as y"));
    let mut desk = source();
    let (shown, asked) = visit(&engine, &mut desk, Some("F"), json!({"a": 1})).await;
    assert_eq!((shown.as_str(), asked.len()), ("F(1F1)", 1), "it is new");
    let (shown, asked) = visit(&engine, &mut desk, Some("G"), json!({"a": 2})).await;
    assert_eq!((shown.as_str(), asked.len()), ("F(1G2)", 1), "the other is not");
}
