//! Errors in fallbacks (design section 5): a fallback is text of the page.

use http::StatusCode;
use hydra_contract::Mode;
use hydra_runtime::{
    page::{AfterPage, Engine, FragmentCall},
    wire::Outcome,
};
use tera::Context;

use crate::{
    plans::{SiteExt, hole, plan, slot},
    support::{Locals, Log, echo, engine, engine_with, piece, request, source, text},
};

const BROKEN: &str = "{{ missing.name }}";

fn broken_fallback() -> Engine {
    engine(
        &[("page.html", "a{{ 0 | __hydra }}b"), ("#0/page.html", BROKEN)],
        [slot("s/f").fallback("#0/page.html", "missing")],
    )
}

#[tokio::test]
async fn an_error_in_a_fallback_before_the_first_byte_is_an_error_status() {
    let log = Log::start();
    let response = broken_fallback().page(request(Context::new(), None)).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!text(response).await.contains("missing"));
    assert!(log.text().contains("page.html:1:4: "), "{}", log.text());
}

#[tokio::test]
async fn an_error_in_a_fallback_after_the_first_byte_costs_only_its_slot_and_is_logged() {
    let log = Log::start();
    let (source, mut batches) = source();
    let response = broken_fallback()
        .page(request(Context::new(), Some(source)))
        .await;
    assert_eq!(response.status(), StatusCode::OK);
    let mut body = response.into_body();
    assert_eq!(piece(&mut body).await.as_deref(), Some("a"));
    drop(batches.recv().await.unwrap());
    assert_eq!(piece(&mut body).await.as_deref(), Some("b"));
    assert_eq!(piece(&mut body).await, None);
    assert!(log.text().contains("page.html:1:4: "), "{}", log.text());
}

#[tokio::test]
async fn an_error_in_a_fallback_that_hangs_on_an_export_costs_only_its_slot() {
    let engine = engine(
        &[
            (
                "page.html",
                "a{{ 0 | __hydra }}{{ 1 | __hydra }}{{ 2 | __hydra }}b",
            ),
            ("#0/page.html", "{{ address.street }}"),
            ("#2/page.html", "{% set street = address %}{{ 3 | __hydra }}"),
            ("#3/page.html", "{{ street.name }}"),
        ],
        [
            slot("s/f").fallback("#0/page.html", "address"),
            slot("s/g").exports("address"),
            hole("#2/page.html", "address", ""),
            slot("s/h").fallback("#3/page.html", "street"),
        ],
    );
    let response = engine.page(request(Context::new(), None)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(text(response).await, "ab");
}

#[tokio::test]
async fn an_error_in_a_fallback_that_stands_in_is_an_error_status() {
    let templates = [("page.html", "a{{ 0 | __hydra }}b"), ("#0/page.html", BROKEN)];
    for mode in [Mode::Deferred, Mode::Lazy] {
        let slot = slot("s/f").fallback("#0/page.html", "missing").mode(mode);
        let engine = engine_with(plan(&templates, [slot]), |options| {
            options.after_page = AfterPage::new("storefront", "hydra", None);
        });
        let (source, _batches) = source();
        let response = engine.page(request(Context::new(), Some(source))).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}

#[tokio::test]
async fn an_error_in_a_fallback_of_an_offered_fragment_fails_that_fragment() {
    let call = FragmentCall {
        reference: "page".to_owned(),
        local: Locals::default().with("page", echo).arc(),
        ..FragmentCall::default()
    };
    let fragment = broken_fallback().fragment(call).await.fragment;
    assert_eq!((fragment.outcome, fragment.html), (Outcome::Failed, None));
    let reason = fragment.reason.unwrap_or_default();
    assert!(reason.contains("page.html:1:4"), "{reason}");
    assert!(!reason.contains("missing"), "{reason}");
}
