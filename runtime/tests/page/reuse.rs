//! "A slot ends in exactly one outcome: the fragment's HTML, a cached or stale copy, or its fallback."

mod kept;
mod nested;
mod sharing;
mod visitors;

use std::{collections::BTreeMap, pin::pin, task::Poll};

use axum::{Router, response::Response, routing::get};
use futures_util::{
    FutureExt,
    future::{BoxFuture, join_all},
    poll,
};
use http::{HeaderMap, HeaderValue, StatusCode, header::COOKIE};
use hydra_contract::Insertion;
use hydra_runtime::{
    fragment_source::{LocalAnswer, LocalCall},
    page::{Engine, FragmentCall, PageRequest},
    wire::{Outcome, ResolvedFragment, ResolvedFragments},
};
use serde_json::json;
use tera::{Context, context};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc::UnboundedReceiver,
};

use crate::{
    plans::{SiteExt, plan, slot},
    support::{Batch, Locals, Source, engine, engine_with, piece, request, source, text},
};

const HOUR: u64 = 3_600_000;

fn page_of(slot: Insertion) -> Engine {
    let templates = [("page.html", "[{{ 0 | __hydra }}]"), ("#1/page.html", "fallback")];
    engine(&templates, [slot.fallback("#1/page.html", "")])
}

fn cached() -> Engine {
    page_of(slot("s/f").imports("x").cache(HOUR).timeout(60_000))
}

fn stale() -> Engine {
    page_of(slot("s/f").imports("x").stale(HOUR).timeout(300))
}

/// A source whose batches the test answers, and where they come.
struct Desk {
    source: Source,
    batches: UnboundedReceiver<Batch>,
}

impl Desk {
    fn new() -> Self {
        let (source, batches) = source();
        Self { source, batches }
    }

    fn request(&self) -> PageRequest {
        request(context! { x => &1 }, Some(self.source.clone()))
    }

    /// So many visitors whose pages are under way.
    async fn visitors(&self, engine: &Engine, count: usize) -> Vec<BoxFuture<'static, String>> {
        let mut pages = Vec::new();
        for _ in 0..count {
            let (engine, request) = (engine.clone(), self.request());
            let mut page = async move { text(engine.page(request).await).await }.boxed();
            assert!(poll!(&mut page).is_pending());
            pages.push(page);
        }
        pages
    }

    fn is_asked(&mut self) -> bool {
        self.batches.try_recv().is_ok()
    }

    /// The page, where the owner answers with `html` if it is asked.
    async fn page(&mut self, engine: &Engine, request: PageRequest, html: &str) -> String {
        let give = |batch: Batch| batch.give("f", html, json!({}));
        self.page_with(engine, request, give).await
    }

    async fn page_with(
        &mut self,
        engine: &Engine,
        request: PageRequest,
        mut answer: impl FnMut(Batch),
    ) -> String {
        let mut page = pin!(async { text(engine.page(request).await).await });
        loop {
            tokio::select! {
                text = &mut page => return text,
                Some(batch) = self.batches.recv() => answer(batch),
            }
        }
    }
}

#[tokio::test]
async fn a_cached_copy_is_shown_without_asking_the_owner() {
    let (engine, mut desk) = (cached(), Desk::new());
    assert_eq!(desk.page(&engine, desk.request(), "F").await, "[F]");
    assert_eq!(desk.page(&engine, desk.request(), "new").await, "[F]");
    assert!(!desk.is_asked());
}

#[tokio::test]
async fn a_cached_copy_gives_the_page_its_exports() {
    let slot = slot("s/f").exports("a").cache(HOUR);
    let hole = crate::plans::hole("#1/page.html", "a", "");
    let templates = [
        ("page.html", "{{ 0 | __hydra }}{{ 1 | __hydra }}"),
        ("#1/page.html", "<{{ a }}>"),
    ];
    let (engine, mut desk) = (engine(&templates, [slot, hole]), Desk::new());
    for _ in 0..2 {
        let give = |batch: Batch| batch.give("f", "F", json!({"a": "x", "secret": 1}));
        assert_eq!(desk.page_with(&engine, desk.request(), give).await, "F<x>");
    }
    assert!(!desk.is_asked());
}

#[tokio::test]
async fn times_that_no_clock_can_hold_cost_nothing() {
    let endless = slot("s/f").cache(u64::MAX).stale(u64::MAX).timeout(u64::MAX);
    let (engine, mut desk) = (page_of(endless), Desk::new());
    assert_eq!(desk.page(&engine, desk.request(), "F").await, "[F]");
}

#[tokio::test]
async fn other_imports_are_another_fragment() {
    let (engine, mut desk) = (cached(), Desk::new());
    desk.page(&engine, desk.request(), "F").await;
    let mut other = desk.request();
    other.context = context! { x => &2 };
    assert_eq!(desk.page(&engine, other, "G").await, "[G]");
    assert_eq!(desk.page(&engine, desk.request(), "new").await, "[F]");
}

#[tokio::test]
async fn a_tag_that_says_nothing_is_always_asked_for() {
    let (engine, mut desk) = (page_of(slot("s/f")), Desk::new());
    assert_eq!(desk.page(&engine, desk.request(), "F").await, "[F]");
    assert_eq!(desk.page(&engine, desk.request(), "new").await, "[new]");
}

#[tokio::test]
async fn without_room_nothing_is_kept() {
    let plan = plan(
        &[("page.html", "{{ 0 | __hydra }}")],
        [slot("s/f").cache(HOUR).stale(HOUR)],
    );
    let engine = engine_with(plan, |options| options.fragment_cache = 0);
    let mut desk = Desk::new();
    assert_eq!(desk.page(&engine, desk.request(), "F").await, "F");
    assert_eq!(desk.page(&engine, desk.request(), "new").await, "new");
}

#[tokio::test]
async fn an_owner_that_says_zero_is_asked_each_time() {
    let (engine, mut desk) = (cached(), Desk::new());
    for html in ["1", "2"] {
        let give = |batch: Batch| {
            batch.send(ResolvedFragment {
                id: batch.id("f"),
                html: Some(html.to_owned()),
                max_age: Some(0),
                ..ResolvedFragment::default()
            });
        };
        assert_eq!(
            desk.page_with(&engine, desk.request(), give).await,
            format!("[{html}]")
        );
    }
}

#[tokio::test]
async fn a_stale_copy_is_shown_when_the_owner_fails_or_is_late_or_away() {
    let (engine, mut desk) = (stale(), Desk::new());
    assert_eq!(desk.page(&engine, desk.request(), "F").await, "[F]");
    assert_eq!(
        desk.page(&engine, desk.request(), "G").await,
        "[G]",
        "asked each time"
    );
    assert_eq!(
        desk.page_with(&engine, desk.request(), drop).await,
        "[G]",
        "failed"
    );
    let mut kept = Vec::new();
    let never = |batch| kept.push(batch);
    assert_eq!(
        desk.page_with(&engine, desk.request(), never).await,
        "[G]",
        "late"
    );
    let mut away = desk.request();
    away.visitor.source = None;
    assert_eq!(desk.page(&engine, away, "").await, "[G]", "away");
    for outcome in [Outcome::Failed, Outcome::Inactive, Outcome::Late] {
        let fail = |batch: Batch| {
            batch.send(ResolvedFragment {
                id: batch.id("f"),
                outcome,
                ..ResolvedFragment::default()
            });
        };
        assert_eq!(
            desk.page_with(&engine, desk.request(), fail).await,
            "[G]",
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn a_stale_copy_is_not_for_those_whom_the_owner_refuses() {
    let (engine, mut desk) = (stale(), Desk::new());
    desk.page(&engine, desk.request(), "F").await;
    let refuse = |batch: Batch| {
        batch.send(ResolvedFragment {
            id: batch.id("f"),
            outcome: Outcome::Refused,
            ..ResolvedFragment::default()
        });
    };
    assert_eq!(
        desk.page_with(&engine, desk.request(), refuse).await,
        "[fallback]"
    );
}

#[tokio::test]
async fn a_page_whose_required_fragment_has_an_old_copy_is_shown() {
    let engine = page_of(slot("s/f").imports("x").stale(HOUR).required());
    let mut desk = Desk::new();
    desk.page(&engine, desk.request(), "F").await;
    let mut away = desk.request();
    away.visitor.source = None;
    let response = engine.page(away).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(text(response).await, "[F]");
}

#[tokio::test]
async fn over_real_sockets_a_second_visitor_sees_the_copy() {
    let (engine, mut desk) = (cached(), Desk::new());
    let source = desk.source.clone();
    let page = move || -> BoxFuture<'static, Response> {
        let (engine, source) = (engine.clone(), source.clone());
        async move { engine.page(request(context! { x => &1 }, Some(source))).await }.boxed()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/", get(page));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let visit = move || async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let call = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        stream.write_all(call).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    };
    let first = tokio::spawn(visit());
    desk.batches.recv().await.unwrap().give("f", "F", json!({}));
    first.await.unwrap();
    let second = visit().await;
    assert!(second.ends_with("\r\n\r\n[F]"), "{second}");
    assert!(!desk.is_asked());
}
