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
    fn get(&self, wanted: &WantedFragment<'_>) -> Option<KeptFragment> {
        let WantedFragment {
            service,
            reference,
            imports,
            exports,
            call_chain,
        } = wanted;
        let look = format!("{call_chain:?} {service}/{reference} {imports:?} {exports:?}");
        self.0.looks.lock().unwrap().push(look);
        assert!(!self.0.panics, "a panic of the source");
        (*reference == "kept").then(|| KeptFragment {
            html: "<b>kept</b>".into(),
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
    let looks = std::sync::Arc::default();
    let keeping = Keeping {
        others,
        looks,
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
