//! `mode="lazy"`: when the browser asks for it, by the address that the page gave.

mod reuse;

use std::sync::mpsc;

use axum::response::Response;
use http::{
    HeaderMap, HeaderValue, StatusCode, Uri,
    header::{CACHE_CONTROL, CONTENT_TYPE, COOKIE},
};
use hydra_contract::{Insertion, Mode};
use hydra_runtime::{
    fragment_source::{Caller, FragmentSource},
    page::{Engine, LazyRequest, PageVisitor},
    wire::{Asset, AssetKind, Outcome, ResolvedFragment, ResolvedFragments},
};
use serde_json::json;
use tera::{Context, context};

use crate::{
    browser::{after_page, unnamed, without_script},
    plans::{SiteExt, plan, slot},
    support::{Batch, Locals, Source, echo, engine_with, request, source, text},
};

fn lazy(what: &str) -> Insertion {
    slot(what).mode(Mode::Lazy).fallback("#1/page.html", "")
}

fn engine(site: Insertion) -> Engine {
    let templates = [
        ("page.html", "<p>{{ 0 | __hydra }}</p></body>"),
        ("own.html", "<b>{{ who }}</b>"),
        ("#1/page.html", "-"),
    ];
    engine_with(plan(&templates, [site]), after_page)
}

/// The page, and the addresses in it.
async fn page(engine: &Engine, context: Context, cookie: Option<&'static str>) -> (String, Vec<Uri>) {
    let mut request = request(context, None);
    request.visitor.caller.headers = headers(cookie);
    let page = text(engine.page(request).await).await;
    let addresses = page.split("data-hydra-src=\"").skip(1);
    let addresses = addresses.map(|rest| rest.split('"').next().unwrap().parse().unwrap());
    let addresses = addresses.collect();
    (page, addresses)
}

fn headers(cookie: Option<&'static str>) -> HeaderMap {
    cookie
        .map(|cookie| (COOKIE, HeaderValue::from_static(cookie)))
        .into_iter()
        .collect()
}

fn asks(uri: &Uri, source: Option<Source>) -> LazyRequest {
    LazyRequest {
        uri: uri.clone(),
        visitor: PageVisitor {
            source: source.map(|source| std::sync::Arc::new(source) as std::sync::Arc<dyn FragmentSource>),
            ..PageVisitor::default()
        },
    }
}

/// The answer to `request` where the other service does what `answer` says.
async fn answered(engine: &Engine, uri: &Uri, answer: impl FnOnce(&Batch)) -> Response {
    let (source, mut batches) = source();
    let response = engine.lazy(asks(uri, Some(source)));
    let answering = async {
        let batch = batches.recv().await.unwrap();
        answer(&batch);
    };
    futures_util::join!(response, answering).0
}

#[tokio::test]
async fn the_page_shows_the_fallback_and_asks_for_nothing() {
    let engine = engine(lazy("s/f").imports("name as who"));
    let (source, mut batches) = source();
    let response = engine
        .page(request(context! { name => "Ann" }, Some(source)))
        .await;
    let page = unnamed(&text(response).await);
    assert!(page.starts_with("<script async src="), "{page}");
    let page = without_script(&page);
    assert!(
        page.starts_with("<p><template id=\"hydra-0\" data-hydra-src=\"/storefront/_hydra/fragment?f="),
        "{page}"
    );
    assert!(
        page.ends_with("\"></template>-<!--/hydra-0--></p></body>") && !page.contains("Ann"),
        "{page}"
    );
    assert!(batches.recv().await.is_none());
}

#[tokio::test]
async fn the_address_brings_the_fragment_with_the_imports_of_the_page() {
    let engine = engine(lazy("s/f").imports("name as who").timeout(7_000));
    let (_, addresses) = page(&engine, context! { name => "Ann & Bob" }, None).await;
    let response = answered(&engine, &addresses[0], |batch| {
        let item = batch.items()[0];
        assert_eq!((item.service.as_str(), item.reference.as_str()), ("s", "f"));
        assert_eq!(item.attributes, json!({"who": "Ann & Bob"}).as_object().cloned());
        assert_eq!(
            (item.deadline, item.call_chain.as_slice()),
            (Some(7_000), &["storefront".to_owned()][..])
        );
        batch.give("f", "<i>F</i>", json!({"secret": 1}));
    });
    let response = response.await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
    assert_eq!(response.headers()[CACHE_CONTROL], "private, no-store");
    assert_eq!(text(response).await, "<i>F</i>");
}

#[tokio::test]
async fn a_fragment_of_the_same_service_is_rendered_with_what_the_visitor_has() {
    let engine = engine(lazy("/own").imports("name as who"));
    let (_, addresses) = page(&engine, context! { name => "<Ann>" }, None).await;
    let locals = Locals::default().with("own", echo);
    let mut request = asks(&addresses[0], None);
    request.visitor.local = locals.arc();
    request.visitor.caller = Caller {
        headers: headers(Some("HYDRA-VERSION=7")),
        ..Caller::default()
    };
    request.visitor.sessions = [
        ("storefront".to_owned(), json!("mine")),
        ("s".to_owned(), json!("other")),
    ]
    .into();
    assert_eq!(text(engine.lazy(request).await).await, "<b>&lt;Ann&gt;</b>");
    let calls = locals.calls.lock().unwrap();
    assert_eq!(calls[0].session, Some(json!("mine")));
    assert_eq!(calls[0].caller.headers[COOKIE], "HYDRA-VERSION=7");
}

#[tokio::test]
async fn sessions_go_to_their_owner_only_and_come_back_from_it_only() {
    let engine = engine(lazy("s/f"));
    let (_, addresses) = page(&engine, Context::new(), None).await;
    let (source, mut batches) = source();
    let (sink, changed) = mpsc::channel();
    let mut request = asks(&addresses[0], Some(source));
    request.visitor.sessions = [("s".to_owned(), json!(1)), ("t".to_owned(), json!(2))].into();
    request.visitor.on_sessions = Some(Box::new(move |sessions| sink.send(sessions).unwrap()));
    let answering = async {
        let batch = batches.recv().await.unwrap();
        assert_eq!(batch.request.sessions, [("s".to_owned(), json!(1))].into());
        batch.part(ResolvedFragments {
            fragments: vec![ResolvedFragment {
                id: batch.id("f"),
                html: Some("F".to_owned()),
                ..ResolvedFragment::default()
            }],
            sessions: [("s".to_owned(), json!(3)), ("t".to_owned(), json!(4))].into(),
            ..ResolvedFragments::default()
        });
    };
    futures_util::join!(engine.lazy(request), answering);
    assert_eq!(changed.recv().unwrap(), [("s".to_owned(), json!(3))].into());
}

#[tokio::test]
async fn what_changed_in_a_session_before_the_time_was_over_is_kept() {
    let engine = engine(lazy("s/f").timeout(1_000));
    let (_, addresses) = page(&engine, Context::new(), None).await;
    let (source, mut batches) = source();
    let (sink, changed) = mpsc::channel();
    let mut request = asks(&addresses[0], Some(source));
    request.visitor.on_sessions = Some(Box::new(move |sessions| sink.send(sessions).unwrap()));
    let answering = async {
        let batch = batches.recv().await.unwrap();
        batch.part(ResolvedFragments {
            fragments: Vec::new(),
            sessions: [("s".to_owned(), json!(3))].into(),
            ..ResolvedFragments::default()
        });
        batch
    };
    let (response, _open) = futures_util::join!(engine.lazy(request), answering);
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(changed.recv().unwrap(), [("s".to_owned(), json!(3))].into());
}

#[tokio::test]
async fn links_for_what_a_fragment_needs_stand_before_it_and_their_length_is_said() {
    let engine = engine(lazy("s/f"));
    let (_, addresses) = page(&engine, Context::new(), None).await;
    let asset = |kind, href: &str| Asset {
        kind,
        href: href.to_owned(),
    };
    let response = answered(&engine, &addresses[0], |batch| {
        batch.send(ResolvedFragment {
            id: batch.id("f"),
            html: Some("<script src=\"/own.js\"></script>é".to_owned()),
            assets: vec![
                asset(AssetKind::Style, "/s/a.css"),
                asset(AssetKind::Script, "/s/a.js"),
                asset(AssetKind::Script, "/s/a.js"),
                asset(AssetKind::Script, "javascript:x"),
            ],
            ..ResolvedFragment::default()
        });
    });
    let response = response.await;
    let links = "<link rel=\"stylesheet\" href=\"/s/a.css\">\n<script src=\"/s/a.js\" defer></script>\n";
    assert_eq!(response.headers()["hydra-links"], links.len().to_string());
    let expected = format!("{links}<script src=\"/own.js\"></script>é");
    assert_eq!(text(response).await, expected);
}

#[tokio::test]
async fn a_fragment_that_can_not_be_had_is_an_error_status_without_its_reason() {
    let engine = engine(lazy("s/f").timeout(20));
    let (_, addresses) = page(&engine, Context::new(), None).await;
    for (outcome, status) in [
        (Outcome::Inactive, StatusCode::SERVICE_UNAVAILABLE),
        (Outcome::Failed, StatusCode::BAD_GATEWAY),
        (Outcome::Refused, StatusCode::BAD_GATEWAY),
    ] {
        let response = answered(&engine, &addresses[0], |batch| {
            batch.send(ResolvedFragment {
                id: batch.id("f"),
                outcome,
                reason: Some("s3cret".to_owned()),
                ..ResolvedFragment::default()
            });
        });
        let response = response.await;
        assert_eq!(response.status(), status);
        assert!(!text(response).await.contains("s3cret"));
    }
    let without_gateway = engine.lazy(asks(&addresses[0], None)).await;
    assert_eq!(without_gateway.status(), StatusCode::SERVICE_UNAVAILABLE);
    let (source, _batches) = source();
    let late = engine.lazy(asks(&addresses[0], Some(source))).await;
    assert_eq!(late.status(), StatusCode::GATEWAY_TIMEOUT);
}

#[tokio::test]
async fn an_address_that_the_page_did_not_give_asks_for_nothing() {
    let engine = engine(lazy("s/f").imports("name"));
    let (_, addresses) = page(&engine, context! { name => "Ann" }, Some("HYDRA-SSO=ann")).await;
    let good = addresses[0].to_string();
    let (source, mut batches) = source();
    let status = async |address: &str, cookie| {
        let mut request = asks(&address.parse().unwrap(), Some(source.clone()));
        request.visitor.caller.headers = headers(cookie);
        engine.lazy(request).await.status()
    };
    let long = format!("/storefront/_hydra/fragment?f={}", "A".repeat(20_000));
    for (address, cookie, expected) in [
        (good.as_str(), Some("HYDRA-SSO=bob"), StatusCode::BAD_REQUEST),
        (&good, None, StatusCode::BAD_REQUEST),
        (
            &good[..good.len() - 1],
            Some("HYDRA-SSO=ann"),
            StatusCode::BAD_REQUEST,
        ),
        ("/storefront/_hydra/fragment", None, StatusCode::BAD_REQUEST),
        ("/storefront/_hydra/fragment?f=", None, StatusCode::BAD_REQUEST),
        ("/storefront/_hydra/fragment?x=1", None, StatusCode::BAD_REQUEST),
        (&long, None, StatusCode::URI_TOO_LONG),
    ] {
        assert_eq!(status(address, cookie).await, expected, "{address} {cookie:?}");
    }
    drop(source);
    assert!(batches.recv().await.is_none());
}

#[tokio::test]
async fn imports_that_fit_in_no_address_are_shown_at_once() {
    let engine = engine(lazy("s/f").imports("name"));
    let (source, mut batches) = source();
    let page = request(context! { name => &"x".repeat(5_000) }, Some(source));
    let page = tokio::spawn(async move { text(engine.page(page).await).await });
    batches.recv().await.unwrap().give("f", "F", json!({}));
    assert_eq!(page.await.unwrap(), "<p>F</p></body>");
}

#[tokio::test]
async fn a_required_fragment_in_the_fallback_of_one_shown_at_once_decides_about_the_page() {
    let templates = [
        ("page.html", "<p>{{ 0 | __hydra }}</p></body>"),
        ("#1/page.html", "{{ 1 | __hydra }}"),
    ];
    let large = lazy("s/f").imports("name").fallback("#1/page.html", "");
    let engine = engine_with(plan(&templates, [large, slot("s/g").required()]), after_page);
    let (source, mut batches) = source();
    let page = request(context! { name => &"x".repeat(5_000) }, Some(source));
    let page = tokio::spawn(async move { engine.page(page).await.status() });
    for reference in ["f", "g"] {
        let batch = batches.recv().await.unwrap();
        batch.send(ResolvedFragment {
            id: batch.id(reference),
            outcome: Outcome::Failed,
            ..ResolvedFragment::default()
        });
    }
    assert_eq!(page.await.unwrap(), StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn the_number_of_addresses_on_a_page_has_a_bound() {
    let templates = [
        (
            "page.html",
            "{% for i in range(end=12) %}{{ 0 | __hydra }}{% endfor %}",
        ),
        ("#1/page.html", "-"),
    ];
    let engine = engine_with(plan(&templates, [lazy("s/f").imports("i")]), |options| {
        after_page(options);
        options.max_fragments = 10;
    });
    let (page, addresses) = page(&engine, Context::new(), None).await;
    assert_eq!(addresses.len(), 10);
    assert!(page.ends_with("-9-->--"), "{page}");
}

#[tokio::test]
async fn an_engine_that_is_told_of_no_paths_shows_all_in_its_place() {
    let templates = [
        ("page.html", "<p>{{ 0 | __hydra }}|{{ 2 | __hydra }}</p></body>"),
        ("#1/page.html", "-"),
    ];
    let deferred = slot("s/g").mode(Mode::Deferred);
    let engine = engine_with(plan(&templates, [lazy("s/f"), slot("s/x"), deferred]), |_| ());
    let (page, _) = page(&engine, Context::new(), None).await;
    assert_eq!(page, "<p>-|</p></body>");
    let uri = Uri::from_static("/storefront/_hydra/fragment?f=x");
    assert_eq!(
        engine.lazy(asks(&uri, None)).await.status(),
        StatusCode::NOT_FOUND
    );
}
