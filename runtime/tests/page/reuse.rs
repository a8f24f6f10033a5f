//! "A slot ends in exactly one outcome: the fragment's HTML, a cached or stale copy, or its fallback."

use std::{collections::BTreeMap, pin::pin};

use axum::{Router, response::Response, routing::get};
use futures_util::{
    FutureExt,
    future::{BoxFuture, join_all},
    poll,
};
use http::{HeaderMap, HeaderValue, StatusCode, header::COOKIE};
use hydra_contract::Site;
use hydra_runtime::{
    page::{Engine, FragmentCall, PageRequest},
    source::{LocalAnswer, LocalCall},
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
    support::{Batch, Locals, Source, engine, engine_with, request, source, text},
};

const HOUR: u64 = 3_600_000;

fn page_of(slot: Site) -> Engine {
    let templates = [
        ("page.html", "[{{ __hydra(n=0) }}]"),
        ("#1/page.html", "fallback"),
    ];
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

fn with_cookie(mut request: PageRequest, cookie: &'static str) -> PageRequest {
    request.caller.headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_static(cookie))]);
    request
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
        ("page.html", "{{ __hydra(n=0) }}{{ __hydra(n=1) }}"),
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
        &[("page.html", "{{ __hydra(n=0) }}")],
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
async fn what_is_for_one_visitor_is_never_shown_to_another() {
    let logged_in = |desk: &Desk| with_cookie(desk.request(), "HYDRA-SSO=token");
    let in_session = |desk: &Desk| PageRequest {
        sessions: BTreeMap::from([("s".to_owned(), json!({"sealed": "x"}))]),
        ..desk.request()
    };
    let known: [&dyn Fn(&Desk) -> PageRequest; 2] = [&logged_in, &in_session];
    for known in known {
        let (engine, mut desk) = (cached(), Desk::new());
        assert_eq!(desk.page(&engine, known(&desk), "for Ann").await, "[for Ann]");
        assert_eq!(desk.page(&engine, desk.request(), "for all").await, "[for all]");
        assert_eq!(desk.page(&engine, known(&desk), "for Bob").await, "[for Bob]");
        assert_eq!(desk.page(&engine, desk.request(), "new").await, "[for all]");
    }
}

#[tokio::test]
async fn an_answer_that_begins_a_session_is_never_kept() {
    let (engine, mut desk) = (cached(), Desk::new());
    let begin = |batch: Batch| {
        batch.part(ResolvedFragments {
            fragments: vec![ResolvedFragment {
                id: batch.id("f"),
                html: Some("for Ann".to_owned()),
                ..ResolvedFragment::default()
            }],
            sessions: BTreeMap::from([("s".to_owned(), json!(1))]),
        });
    };
    assert_eq!(desk.page_with(&engine, desk.request(), begin).await, "[for Ann]");
    assert_eq!(desk.page(&engine, desk.request(), "new").await, "[new]");
}

#[tokio::test]
async fn the_session_of_another_service_reaches_no_owner_and_forbids_nothing() {
    let (engine, mut desk) = (cached(), Desk::new());
    let visitor = |desk: &Desk| PageRequest {
        sessions: BTreeMap::from([("other".to_owned(), json!(1))]),
        ..desk.request()
    };
    assert_eq!(desk.page(&engine, visitor(&desk), "F").await, "[F]");
    assert_eq!(desk.page(&engine, visitor(&desk), "new").await, "[F]");
}

#[tokio::test]
async fn visitors_on_other_versions_have_copies_of_their_own() {
    let (engine, mut desk) = (cached(), Desk::new());
    let old = |desk: &Desk| with_cookie(desk.request(), "HYDRA-VERSION=1");
    assert_eq!(desk.page(&engine, old(&desk), "old").await, "[old]");
    assert_eq!(desk.page(&engine, desk.request(), "new").await, "[new]");
    assert_eq!(desk.page(&engine, old(&desk), "newer").await, "[old]");
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
    away.source = None;
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
    away.source = None;
    let response = engine.page(away).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(text(response).await, "[F]");
}

#[tokio::test]
async fn many_visitors_at_one_moment_ask_once() {
    let (engine, mut desk) = (cached(), Desk::new());
    let pages = desk.visitors(&engine, 50).await;
    desk.batches.recv().await.unwrap().give("f", "F", json!({}));
    let shown = join_all(pages).await;
    assert_eq!(shown, vec!["[F]"; 50]);
    assert!(!desk.is_asked());
}

#[tokio::test]
async fn when_the_one_who_asks_goes_away_another_asks() {
    let (engine, mut desk) = (cached(), Desk::new());
    let mut pages = desk.visitors(&engine, 5).await;
    let first = desk.batches.recv().await.unwrap();
    drop(pages.remove(0));
    first.dropped().await;
    let shown = tokio::spawn(join_all(pages));
    desk.batches.recv().await.unwrap().give("f", "F", json!({}));
    assert_eq!(shown.await.unwrap(), vec!["[F]"; 4]);
    assert!(!desk.is_asked());
}

#[tokio::test]
async fn those_who_wait_for_what_is_not_for_all_ask_by_themselves() {
    let (engine, mut desk) = (cached(), Desk::new());
    let pages = desk.visitors(&engine, 3).await;
    let shown = tokio::spawn(join_all(pages));
    for number in 0..3 {
        let batch = desk.batches.recv().await.unwrap();
        batch.part(ResolvedFragments {
            fragments: vec![ResolvedFragment {
                id: batch.id("f"),
                html: Some(number.to_string()),
                ..ResolvedFragment::default()
            }],
            sessions: BTreeMap::from([("s".to_owned(), json!(number))]),
        });
    }
    let mut shown = shown.await.unwrap();
    shown.sort();
    assert_eq!(shown, ["[0]", "[1]", "[2]"]);
}

#[tokio::test]
async fn one_who_waits_too_long_shows_its_fallback() {
    let (engine, mut desk) = (page_of(slot("s/f").cache(HOUR).timeout(100)), Desk::new());
    let pages = desk.visitors(&engine, 2).await;
    let _never = desk.batches.recv().await.unwrap();
    let shown = join_all(pages).await;
    assert_eq!(shown, vec!["[fallback]"; 2]);
}

#[tokio::test]
async fn one_whose_visitor_does_not_read_takes_the_fragment_from_nobody() {
    let slot = slot("s/f").imports("x").cache(HOUR).timeout(2_000);
    let (engine, mut desk) = (page_of(slot), Desk::new());
    let unread = engine.page(desk.request()).await;
    desk.batches.recv().await.unwrap().give("f", "F", json!({}));
    let shown = desk.visitors(&engine, 20).await;
    let shown = tokio::spawn(join_all(shown));
    desk.batches.recv().await.unwrap().give("f", "F", json!({}));
    assert_eq!(shown.await.unwrap(), vec!["[F]"; 20]);
    assert_eq!(text(unread).await, "[F]");
}

#[tokio::test]
async fn one_who_asks_by_itself_after_a_wait_takes_the_other_answer_if_it_comes_first() {
    let slot = slot("s/f").imports("x").cache(HOUR).timeout(2_000);
    let (engine, mut desk) = (page_of(slot), Desk::new());
    let pages = desk.visitors(&engine, 2).await;
    let shown = tokio::spawn(join_all(pages));
    let first = desk.batches.recv().await.unwrap();
    let _never = desk.batches.recv().await.unwrap();
    first.give("f", "F", json!({}));
    assert_eq!(shown.await.unwrap(), vec!["[F]"; 2]);
}

#[tokio::test]
async fn where_all_who_came_before_do_not_read_a_visitor_asks_in_time() {
    let slot = slot("s/f").imports("x").cache(HOUR).timeout(2_000);
    let (engine, mut desk) = (page_of(slot), Desk::new());
    let mut unread = Vec::new();
    for _ in 0..5 {
        unread.push(engine.page(desk.request()).await);
    }
    let first = desk.batches.recv().await.unwrap();
    assert_eq!(desk.page(&engine, desk.request(), "G").await, "[G]");
    drop((first, unread));
}

/// Gives the ref and how often it was called.
fn counting(locals: Locals, max_age: Option<u64>) -> Locals {
    let calls = locals.calls.clone();
    locals.with("own", move |_: LocalCall| {
        let number = calls.lock().unwrap().len();
        async move {
            Ok(LocalAnswer {
                context: context! { number => &number },
                max_age: max_age.map(std::time::Duration::from_secs),
                ..LocalAnswer::default()
            })
        }
    })
}

#[tokio::test]
async fn fragments_of_this_service_are_kept_too_but_not_beside_any_session() {
    let templates = [("page.html", "{{ __hydra(n=0) }}"), ("own.html", "{{ number }}")];
    let engine = engine(&templates, [slot("own").cache(HOUR)]);
    let locals = counting(Locals::default(), None);
    let page = |sessions| {
        let (engine, local) = (engine.clone(), locals.arc());
        async move {
            let request = PageRequest {
                local,
                sessions,
                ..request(Context::new(), None)
            };
            text(engine.page(request).await).await
        }
    };
    let any = BTreeMap::from([("other".to_owned(), json!(1))]);
    assert_eq!(page(any.clone()).await, "1");
    assert_eq!(page(BTreeMap::new()).await, "2");
    assert_eq!(page(BTreeMap::new()).await, "2");
    assert_eq!(page(any).await, "3");
}

#[tokio::test]
async fn a_fragment_says_the_shortest_time_of_all_that_is_in_it() {
    for (own, inner, expected) in [
        (None, None, None),
        (Some(60), None, Some(60_000)),
        (Some(60), Some(5_000), Some(5_000)),
        (None, Some(0), Some(0)),
        (Some(0), Some(5_000), Some(0)),
    ] {
        let engine = engine(&[("own.html", "{{ number }}{{ __hydra(n=0) }}")], [slot("s/f")]);
        let (source, mut batches) = source();
        let call = FragmentCall {
            reference: "own".to_owned(),
            local: counting(Locals::default(), own).arc(),
            source: Some(std::sync::Arc::new(source)),
            ..FragmentCall::default()
        };
        let answer = tokio::spawn(async move { engine.fragment(call).await });
        let batch = batches.recv().await.unwrap();
        batch.send(ResolvedFragment {
            id: batch.id("f"),
            html: Some("F".to_owned()),
            max_age: inner,
            ..ResolvedFragment::default()
        });
        assert_eq!(
            answer.await.unwrap().fragment.max_age,
            expected,
            "{own:?} {inner:?}"
        );
    }
}

#[tokio::test]
async fn a_fragment_inside_of_which_a_session_changes_is_not_for_all() {
    let engine = engine(&[("own.html", "{{ number }}{{ __hydra(n=0) }}")], [slot("s/f")]);
    let (source, mut batches) = source();
    let call = FragmentCall {
        reference: "own".to_owned(),
        local: counting(Locals::default(), Some(60)).arc(),
        source: Some(std::sync::Arc::new(source)),
        ..FragmentCall::default()
    };
    let answer = tokio::spawn(async move { engine.fragment(call).await });
    let batch = batches.recv().await.unwrap();
    batch.part(ResolvedFragments {
        fragments: vec![ResolvedFragment {
            id: batch.id("f"),
            html: Some("for Ann".to_owned()),
            ..ResolvedFragment::default()
        }],
        sessions: BTreeMap::from([("s".to_owned(), json!(1))]),
    });
    let answer = answer.await.unwrap();
    assert_eq!((answer.fragment.max_age, answer.sessions.len()), (Some(0), 1));
}

#[tokio::test]
async fn a_fragment_that_shows_a_fallback_inside_is_not_to_be_kept() {
    let engine = engine(&[("own.html", "{{ number }}{{ __hydra(n=0) }}")], [slot("s/f")]);
    let call = FragmentCall {
        reference: "own".to_owned(),
        local: counting(Locals::default(), Some(60)).arc(),
        ..FragmentCall::default()
    };
    let fragment = engine.fragment(call).await.fragment;
    assert_eq!((fragment.outcome, fragment.max_age), (Outcome::Rendered, Some(0)));
}

#[tokio::test]
async fn a_fragment_with_a_place_that_is_refused_unasked_or_breaks_is_not_to_be_kept() {
    let refused = plan(&[("own.html", "{{ __hydra(n=0) }}")], [slot("s/f")]);
    let refused = engine_with(refused, |options| options.max_fragments = 0);
    let hole = crate::plans::hole("#1/own.html", "a", "");
    let templates = [
        ("own.html", "{{ __hydra(n=0) }}{{ __hydra(n=1) }}"),
        ("#1/own.html", "{{ a | upper }}"),
        ("own2.html", "F"),
    ];
    let broken = engine(&templates, [slot("own2").exports("a"), hole]);
    for engine in [refused, broken] {
        let local = counting(Locals::default(), Some(60))
            .with("own2", |_: LocalCall| async { Ok(LocalAnswer::default()) });
        let call = FragmentCall {
            reference: "own".to_owned(),
            local: local.arc(),
            ..FragmentCall::default()
        };
        let fragment = engine.fragment(call).await.fragment;
        assert_eq!((fragment.outcome, fragment.max_age), (Outcome::Rendered, Some(0)));
    }
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
