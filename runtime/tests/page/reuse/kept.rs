//! What a source may give again is shown without a request.

use std::{sync::Mutex, time::Duration};

use futures_util::stream::BoxStream;
use hydra_runtime::{
    fragment_source::{Caller, FragmentSource, KeptFragment, KeptFragments, WantedFragment},
    wire::{Attributes, FragmentsRequest},
};

use super::*;
use crate::plans::hole;

/// A source that keeps the fragment `kept`, with the exports `total` and `secret`.
#[derive(Clone)]
struct Keeping {
    others: Source,
    /// What was looked for.
    looks: std::sync::Arc<Mutex<Vec<String>>>,
    /// How many fragments were looked for at once.
    counts: std::sync::Arc<Mutex<Vec<usize>>>,
    panics: bool,
}

struct Kept(Keeping);

impl FragmentSource for Keeping {
    fn resolve(&self, batch: FragmentsRequest, caller: Caller) -> BoxStream<'static, ResolvedFragments> {
        self.others.resolve(batch, caller)
    }

    fn kept(&self, _caller: &Caller) -> Option<Box<dyn KeptFragments>> {
        Some(Box::new(Kept(self.clone())))
    }
}

impl KeptFragments for Kept {
    fn get(&self, wanted: &[WantedFragment<'_>], _: usize) -> Option<Vec<KeptFragment>> {
        self.0.counts.lock().unwrap().push(wanted.len());
        wanted.iter().map(|one| self.0.find(one)).collect()
    }
}

impl Keeping {
    fn find(&self, wanted: &WantedFragment<'_>) -> Option<KeptFragment> {
        let WantedFragment {
            service,
            reference,
            imports,
            exports,
            call_chain,
        } = wanted;
        let look = format!("{call_chain:?} {service}/{reference} {imports:?} {exports:?}");
        self.looks.lock().unwrap().push(look);
        assert!(!self.panics, "a panic of the source");
        reference.starts_with("kept").then(|| KeptFragment {
            html: format!("<b>{reference}</b>").into(),
            exports: json!({"total": 7})
                .as_object()
                .cloned()
                .unwrap_or_else(Attributes::new),
            max_age: Duration::from_secs(9),
        })
    }
}

/// A page with the fragments `kept`, whose export it prints, and `other`, and its source.
async fn page(panics: bool) -> (String, Vec<String>, Vec<String>) {
    let templates = [
        (
            "page.html",
            "[{{ 0 | __hydra }}{{ 2 | __hydra }}|{{ 1 | __hydra }}]",
        ),
        ("#1/page.html", "fallback"),
        ("#2/page.html", "{{ total }}"),
    ];
    let sites = [
        slot("s/kept")
            .imports("x")
            .exports("total")
            .fallback("#1/page.html", ""),
        slot("s/other").fallback("#1/page.html", ""),
        hole("#2/page.html", "total", ""),
    ];
    let engine = engine(&templates, sites);
    let (others, mut batches) = source();
    let keeping = Keeping {
        others,
        looks: Default::default(),
        counts: Default::default(),
        panics,
    };
    let looks = keeping.looks.clone();
    let mut request = request(context! { x => &1 }, None);
    request.visitor.source = Some(std::sync::Arc::new(keeping));
    let answering = async {
        let batch = batches.recv().await.unwrap();
        let asked = batch.refs();
        for reference in &asked {
            batch.give(reference, &format!("<i>{reference}</i>"), json!({"total": 8}));
        }
        asked
    };
    let (response, asked) = futures_util::join!(engine.page(request), answering);
    let looks = looks.lock().unwrap().clone();
    (text(response).await, asked, looks)
}

#[tokio::test]
async fn what_a_source_keeps_is_on_the_page_and_the_rest_is_requested() {
    let (text, asked, looks) = page(false).await;
    assert_eq!(text, "[<b>kept</b>7|<i>other</i>]");
    assert_eq!(asked, ["other"]);
    assert_eq!(
        looks,
        [
            r#"["storefront"] s/kept {"x": Number(1)} ["total"]"#,
            r#"["storefront"] s/other {} []"#
        ]
    );
}

#[tokio::test]
async fn a_source_that_panics_keeps_nothing() {
    let (text, asked, _) = page(true).await;
    assert_eq!(text, "[<i>kept</i>8|<i>other</i>]");
    assert_eq!(asked, ["kept", "other"]);
}

/// A page of constant text with these fragments of `s`, shown to three visitors one after the other; what was requested; and how
/// many fragments were looked for at once.
async fn thrice(
    references: [&str; 2],
    change: impl Fn(&mut PageRequest),
) -> (Vec<String>, Vec<String>, Vec<usize>) {
    let templates = [
        ("page.html", "<p>{{ 0 | __hydra }}|{{ 1 | __hydra }}</p>"),
        ("#1/page.html", "fallback"),
    ];
    let sites = references.map(|reference| slot(&format!("s/{reference}")).fallback("#1/page.html", ""));
    let engine = engine(&templates, sites);
    let (others, mut batches) = source();
    let source = std::sync::Arc::new(Keeping {
        others,
        looks: Default::default(),
        counts: Default::default(),
        panics: false,
    });
    let (mut texts, mut requested) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let mut request = request(Context::new(), None);
        request.visitor.source = Some(source.clone());
        change(&mut request);
        let page = std::pin::pin!(engine.page(request));
        let batch = std::pin::pin!(batches.recv());
        let response = match futures_util::future::select(page, batch).await {
            futures_util::future::Either::Left((response, _)) => response,
            futures_util::future::Either::Right((batch, page)) => {
                let batch = batch.unwrap();
                for reference in batch.refs() {
                    batch.give(&reference, &format!("<i>{reference}</i>"), json!({}));
                    requested.push(reference);
                }
                page.await
            }
        };
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
        texts.push(text(response).await);
    }
    let counts = source.counts.lock().unwrap().clone();
    (texts, requested, counts)
}

#[tokio::test]
async fn a_page_all_of_whose_fragments_are_kept_is_the_same_for_each_visitor() {
    let unchanged = |_: &mut PageRequest| ();
    let (texts, requested, counts) = thrice(["kept", "kept too"], unchanged).await;
    assert_eq!(texts, ["<p><b>kept</b>|<b>kept too</b></p>"; 3]);
    assert!(requested.is_empty());
    assert_eq!(
        counts,
        [1, 1, 2, 2],
        "after the first render, the page is not put together any more"
    );
    let (texts, requested, counts) = thrice(["kept", "other"], unchanged).await;
    assert_eq!(texts, ["<p><b>kept</b>|<i>other</i></p>"; 3]);
    assert_eq!(requested, ["other"; 3]);
    assert_eq!(
        counts,
        [1, 1, 2, 1, 1, 1, 1],
        "a page is rarely looked up as a whole in vain"
    );
    let (texts, ..) = thrice(["kept", "kept"], unchanged).await;
    assert_eq!(texts, ["<p><b>kept</b>|<b>kept</b></p>"; 3]);
}

#[tokio::test]
async fn what_changes_a_page_changes_one_whose_fragments_are_kept() {
    let head = |request: &mut PageRequest| request.method = http::Method::HEAD;
    let (texts, _, counts) = thrice(["kept", "kept too"], head).await;
    assert_eq!(texts, [""; 3]);
    assert!(counts.is_empty());
    let prefilled = |request: &mut PageRequest| {
        let answer = hydra_runtime::page::Answer {
            html: Some("sent".into()),
            ..Default::default()
        };
        request.prefilled = Some(Box::new(hydra_runtime::page::PrefilledSlot {
            service: "s".to_owned(),
            reference: "kept".to_owned(),
            imports: String::new(),
            answer,
        }));
    };
    let (texts, ..) = thrice(["kept", "kept too"], prefilled).await;
    assert_eq!(texts, ["<p>sent|<b>kept too</b></p>"; 3]);
}
