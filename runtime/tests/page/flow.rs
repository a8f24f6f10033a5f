//! When what leaves, and what is rendered meanwhile.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use hydra_contract::Insertion;
use hydra_runtime::page::{Engine, Options};
use serde_json::json;
use tera::{Context, Kwargs, State};
use tokio::time::Instant;

use crate::{
    plans::{SiteExt, hole, plan, slot},
    support::{engine, piece, request, source, text},
};

#[tokio::test]
async fn each_part_leaves_as_soon_as_nothing_before_it_is_open() {
    let engine = engine(
        &[(
            "page.html",
            "<head>{{ 0 | __hydra }}<p>{{ 1 | __hydra }}</p>{{ 2 | __hydra }}.",
        )],
        [slot("s/a"), slot("s/b"), slot("s/c")],
    );
    let (source, mut batches) = source();
    let mut body = engine
        .page(request(Context::new(), Some(source)))
        .await
        .into_body();
    assert_eq!(piece(&mut body).await.as_deref(), Some("<head>"));
    let batch = batches.recv().await.unwrap();
    batch.give("a", "A", json!({}));
    assert_eq!(piece(&mut body).await.as_deref(), Some("A<p>"));
    batch.give("c", "C", json!({}));
    batch.give("b", "B", json!({}));
    assert_eq!(piece(&mut body).await.as_deref(), Some("B</p>C."));
    assert_eq!(piece(&mut body).await, None);
}

#[tokio::test(start_paused = true)]
async fn what_stands_before_the_first_open_slot_leaves_within_two_milliseconds() {
    let engine = engine(
        &[("page.html", "<head>{{ 0 | __hydra }}</p>")],
        [slot("s/never").timeout(60_000)],
    );
    let (source, batches) = source();
    let start = Instant::now();
    let response = engine.page(request(Context::new(), Some(source))).await;
    let mut body = response.into_body();
    assert_eq!(piece(&mut body).await.as_deref(), Some("<head>"));
    assert!(
        start.elapsed() <= Duration::from_millis(2),
        "{:?}",
        start.elapsed()
    );
    drop(batches);
}

/// How often each `count(of=…)` was called in a render.
#[derive(Clone, Default)]
struct Counts(Arc<Mutex<BTreeMap<String, usize>>>);

impl Counts {
    fn engine(&self, templates: &[(&str, &str)], sites: impl IntoIterator<Item = Insertion>) -> Engine {
        let counts = self.0.clone();
        let count = move |arguments: Kwargs, _: &State| -> tera::TeraResult<String> {
            let of = arguments.must_get::<String>("of")?;
            *counts.lock().unwrap().entry(of.clone()).or_default() += 1;
            Ok(of)
        };
        let setup = |tera: &mut tera::Tera| tera.register_function("count", count);
        Engine::new(plan(templates, sites), Options::new("storefront"), setup).unwrap()
    }

    fn of(&self, what: &str) -> usize {
        self.0.lock().unwrap().get(what).copied().unwrap_or_default()
    }
}

#[tokio::test]
async fn what_depends_only_on_the_page_is_rendered_while_fragments_are_open() {
    let counts = Counts::default();
    let engine = counts.engine(
        &[("page.html", "<head>{{ 0 | __hydra }}{{ count(of='behind') }}")],
        [slot("s/f")],
    );
    let (source, mut batches) = source();
    let mut body = engine
        .page(request(Context::new(), Some(source)))
        .await
        .into_body();
    assert_eq!(piece(&mut body).await.as_deref(), Some("<head>"));
    assert_eq!(counts.of("behind"), 1, "the fragment is still open");
    batches.recv().await.unwrap().give("f", "F", json!({}));
    assert_eq!(piece(&mut body).await.as_deref(), Some("Fbehind"));
    assert_eq!(counts.of("behind"), 1);
}

#[tokio::test]
async fn tera_renders_a_page_once_and_each_region_once() {
    let counts = Counts::default();
    let engine = counts.engine(
        &[
            (
                "page.html",
                "{{ count(of='page') }}{{ 0 | __hydra }}{{ 1 | __hydra }}{{ 2 | __hydra }}",
            ),
            ("#1/page.html", "{{ count(of='hole') }}{{ x }}{{ 3 | __hydra }}"),
            ("#2/page.html", "{{ count(of='fallback') }}"),
            ("#3/page.html", "{{ count(of='inner') }}{{ y }}"),
        ],
        [
            slot("s/a").exports("x"),
            hole("#1/page.html", "x", ""),
            slot("s/b").exports("y").fallback("#2/page.html", ""),
            hole("#3/page.html", "x, y", ""),
        ],
    );
    let (source, mut batches) = source();
    let page = async { text(engine.page(request(Context::new(), Some(source))).await).await };
    let answers = async {
        let batch = batches.recv().await.unwrap();
        batch.give("a", "A", json!({"x": 1}));
        tokio::task::yield_now().await;
    };
    let (shown, ()) = tokio::join!(page, answers);
    assert_eq!(shown, "pageAhole1innerfallback");
    for what in ["page", "hole", "fallback", "inner"] {
        assert_eq!(counts.of(what), 1, "{what}");
    }
}
