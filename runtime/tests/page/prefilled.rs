//! A fragment whose answer is known, because a visitor sent its form (protocol section 9).

use hydra_contract::Mode;
use hydra_runtime::{
    page::{Answer, Engine, PrefilledSlot},
    wire::{
        Asset, AssetKind, Attributes,
        forms::{AnsweredFragment, imports_hash, marker_comment},
    },
};
use serde_json::{Value, json};
use tera::{Context, context};

use crate::{
    browser::after_page,
    plans::{SiteExt, hole, plan, slot},
    support::{engine, engine_with, request, source, text},
};

const MARKER: &str = "0123456789abcdef0123456789abcdef";

fn attributes(value: Value) -> Attributes {
    value.as_object().cloned().unwrap()
}

/// What the gateway says of the fragment `f` of `s` with these imports; `None`: it does not know them.
fn answered(imports: Option<Value>, exports: Value) -> Box<PrefilledSlot> {
    let answered = AnsweredFragment {
        service: "s".to_owned(),
        reference: "f".to_owned(),
        imports: imports.map_or_else(String::new, |imports| imports_hash(&attributes(imports))),
        marker: MARKER.to_owned(),
        exports: attributes(exports),
        assets: Vec::new(),
    };
    Box::new(answered.into())
}

/// The page with the marker as `M`, whether it says that it has a place for it, and how often it asked for fragments. The
/// source gives each fragment as its imports.
async fn shown(engine: &Engine, context: Context, prefilled: Box<PrefilledSlot>) -> (String, bool, usize) {
    let (source, mut batches) = source();
    let mut request = request(context, Some(source));
    request.prefilled = Some(prefilled);
    let answering = tokio::spawn(async move {
        let mut asked = 0;
        while let Some(batch) = batches.recv().await {
            for item in batch.items() {
                asked += 1;
                let imports = item
                    .attributes
                    .iter()
                    .flatten()
                    .map(|(_, value)| value.to_string());
                batch.send(hydra_runtime::wire::ResolvedFragment {
                    id: item.id.clone(),
                    html: Some(format!("({})", imports.collect::<String>())),
                    exports: attributes(json!({"e": "asked"})),
                    ..Default::default()
                });
            }
        }
        asked
    });
    let response = engine.page(request).await;
    let is_placed = response
        .headers()
        .get("hydra-form")
        .is_some_and(|value| value == "placed");
    let page = text(response).await.replace(&marker_comment(MARKER), "M");
    (page, is_placed, answering.await.unwrap())
}

/// A page with a fragment for each of `names`.
fn list(names: &[&str]) -> (Engine, Context) {
    let page = "{% for name in names %}{{ 0 | __hydra }},{% endfor %}";
    let engine = engine(&[("page.html", page)], [slot("s/f").imports("name as who")]);
    (engine, context! { names => names })
}

#[tokio::test]
async fn the_slot_with_its_imports_shows_the_marker_and_asks_for_nothing() {
    for (names, imports, expected, asked) in [
        (&["a", "b"][..], Some(json!({"who": "b"})), "(\"a\"),M,", 1),
        (
            &["a", "b", "b"],
            Some(json!({"who": "b"})),
            "(\"a\"),M,(\"b\"),",
            2,
        ),
        (&["a"], Some(json!({"who": "a"})), "M,", 0),
        // The only one is meant, also if its imports have changed since.
        (&["a"], Some(json!({"who": "b"})), "M,", 0),
        // Which one is meant is not known.
        (&["a", "b"], Some(json!({"who": "c"})), "(\"a\"),(\"b\"),", 2),
        (&["a", "b"], None, "M,(\"b\"),", 1),
        (&[], None, "", 0),
    ] {
        let (engine, context) = list(names);
        let shown = shown(&engine, context, answered(imports.clone(), json!({}))).await;
        let is_placed = expected.contains('M');
        assert_eq!(
            shown,
            (expected.to_owned(), is_placed, asked),
            "{names:?} {imports:?}"
        );
    }
}

#[tokio::test]
async fn a_page_without_the_fragment_says_nothing() {
    for (what, slot) in [
        ("another ref", slot("s/g")),
        ("another service", slot("t/f")),
        ("this service", slot("/f")),
    ] {
        let engine = engine(&[("page.html", "{{ 0 | __hydra }}")], [slot]);
        let (page, is_placed, _) = shown(&engine, Context::new(), answered(None, json!({}))).await;
        assert!(!is_placed && !page.contains('M'), "{what}: {page}");
    }
}

#[tokio::test]
async fn exports_cross_that_the_tag_names_and_no_others() {
    let engine = engine(
        &[
            ("page.html", "{{ 0 | __hydra }}{{ 1 | __hydra }}"),
            ("#1/page.html", "{{ x }}"),
        ],
        [slot("s/f").exports("e as x"), hole("#1/page.html", "x", "")],
    );
    let prefilled = answered(None, json!({"e": "<typed>", "other": "no"}));
    let shown = shown(&engine, Context::new(), prefilled).await;
    assert_eq!(shown, ("M&lt;typed&gt;".to_owned(), true, 0));
}

#[tokio::test]
async fn a_fragment_that_would_come_later_comes_in_its_place() {
    for mode in [Mode::Deferred, Mode::Lazy] {
        let plan = plan(
            &[
                ("page.html", "<body>{{ 0 | __hydra }}</body>"),
                ("#1/page.html", "wait"),
            ],
            [slot("s/f").mode(mode).fallback("#1/page.html", "")],
        );
        let engine = engine_with(plan, after_page);
        let (page, is_placed, asked) = shown(&engine, Context::new(), answered(None, json!({}))).await;
        assert_eq!((is_placed, asked), (true, 0), "{mode:?}");
        assert!(page.contains("<body>M</body>"), "{mode:?}: {page}");
    }
}

/// The slot is found only once another fragment has exported something: the head of the page waits for that.
#[tokio::test]
async fn a_slot_that_waits_for_an_export_is_found_too() {
    for (text, expected) in [("{% if x %}{{ 2 | __hydra }}{% endif %}", true), ("-", false)] {
        let engine = engine(
            &[
                ("page.html", "{{ 0 | __hydra }}{{ 1 | __hydra }}"),
                ("#1/page.html", text),
            ],
            [
                slot("s/g").exports("e as x"),
                hole("#1/page.html", "x", ""),
                slot("s/f"),
            ],
        );
        let (page, is_placed, asked) = shown(&engine, Context::new(), answered(None, json!({}))).await;
        assert_eq!((is_placed, asked), (expected, 1), "{page}");
        assert_eq!(page, if expected { "()M" } else { "()-" });
    }
}

#[tokio::test]
async fn a_required_fragment_is_there() {
    let engine = engine(&[("page.html", "{{ 0 | __hydra }}")], [slot("s/f").required()]);
    let shown = shown(&engine, Context::new(), answered(None, json!({}))).await;
    assert_eq!(shown, ("M".to_owned(), true, 0));
}

#[tokio::test]
async fn its_style_sheets_are_linked() {
    let engine = engine(
        &[(
            "page.html",
            "<html><head><title>t</title></head><body>{{ 0 | __hydra }}</body></html>",
        )],
        [slot("s/f")],
    );
    let mut prefilled = answered(None, json!({}));
    prefilled.answer.assets = Box::new([Asset {
        kind: AssetKind::Style,
        href: "/s/css/f.css".to_owned(),
    }]);
    let (page, ..) = shown(&engine, Context::new(), prefilled).await;
    assert!(
        page.contains("href=\"/s/css/f.css\"") && page.contains("<body>M</body>"),
        "{page}"
    );
}

/// An application without a gateway in front knows the HTML.
#[tokio::test]
async fn a_slot_shows_the_html_of_its_answer_or_its_fallback() {
    let engine = || {
        engine(
            &[("page.html", "{{ 0 | __hydra }}"), ("#1/page.html", "fallback")],
            [slot("/f").fallback("#1/page.html", "")],
        )
    };
    for (html, expected) in [
        (Some("<form>".to_owned()), "<form>"),
        (Some("x".repeat(9 << 20)), "fallback"),
        (None, "fallback"),
    ] {
        let prefilled = PrefilledSlot {
            service: "storefront".to_owned(),
            reference: "f".to_owned(),
            imports: String::new(),
            answer: Answer {
                html: html.map(Into::into),
                ..Answer::default()
            },
        };
        let (page, is_placed, _) = shown(&engine(), Context::new(), Box::new(prefilled)).await;
        assert_eq!((page.as_str(), is_placed), (expected, true));
    }
}
