//! Visitors who want the same at one moment.

use tokio::sync::{mpsc::unbounded_channel, oneshot};

use super::*;
use crate::support::echo;

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
            ..ResolvedFragments::default()
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
async fn a_fragment_of_this_service_takes_the_other_answer_too_if_it_comes_first() {
    let templates = [
        ("page.html", "[{{ 0 | __hydra }}]"),
        ("own.html", "{{ x }}"),
        ("#1/page.html", "fallback"),
    ];
    let own = slot("own").imports("x").cache(HOUR).timeout(2_000);
    let engine = engine(&templates, [own.fallback("#1/page.html", "")]);
    let (calls, mut called) = unbounded_channel();
    let locals = Locals::default().with("own", move |call| {
        let (answer, asked) = oneshot::channel::<()>();
        calls.send(answer).ok();
        async move {
            asked.await.ok();
            echo(call).await
        }
    });
    let pages = [(), ()].map(|()| {
        let (engine, mut request) = (engine.clone(), request(context! { x => &1 }, None));
        request.visitor.local = locals.arc();
        async move { text(engine.page(request).await).await }
    });
    let shown = tokio::spawn(join_all(pages));
    let first = called.recv().await.unwrap();
    let _never = called.recv().await.unwrap();
    first.send(()).unwrap();
    assert_eq!(shown.await.unwrap(), vec!["[1]"; 2]);
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

#[tokio::test]
async fn an_answer_that_comes_when_its_slot_shows_the_fallback_is_kept_for_the_next_visitor() {
    let templates = [
        ("page.html", "[{{ 0 | __hydra }}|{{ 1 | __hydra }}]"),
        ("only.html", "{{ 0 | __hydra }}"),
        ("#1/page.html", "fallback"),
    ];
    let late = slot("s/f").cache(HOUR).timeout(50).fallback("#1/page.html", "");
    let engine = engine(&templates, [late, slot("s/g").timeout(60_000)]);
    let mut desk = Desk::new();
    let mut body = engine.page(desk.request()).await.into_body();
    let batch = desk.batches.recv().await.unwrap();
    assert_eq!(piece(&mut body).await.as_deref(), Some("["));
    assert_eq!(piece(&mut body).await.as_deref(), Some("fallback|"));
    batch.give("f", "F", json!({}));
    batch.give("g", "G", json!({}));
    assert_eq!(piece(&mut body).await.as_deref(), Some("G]"));
    let mut next = desk.request();
    next.template = "only.html".to_owned();
    assert_eq!(text(engine.page(next).await).await, "F");
    assert!(!desk.is_asked());
}
