//! Fragments of this service, and the fragments in them.

use super::*;

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
    let templates = [("page.html", "{{ 0 | __hydra }}"), ("own.html", "{{ number }}")];
    let engine = engine(&templates, [slot("own").cache(HOUR)]);
    let locals = counting(Locals::default(), None);
    let page = |sessions| {
        let (engine, local) = (engine.clone(), locals.arc());
        async move {
            let mut request = request(Context::new(), None);
            (request.visitor.local, request.visitor.sessions) = (local, sessions);
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
        let engine = engine(&[("own.html", "{{ number }}{{ 0 | __hydra }}")], [slot("s/f")]);
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
    let engine = engine(&[("own.html", "{{ number }}{{ 0 | __hydra }}")], [slot("s/f")]);
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
        ..ResolvedFragments::default()
    });
    let answer = answer.await.unwrap();
    assert_eq!((answer.fragment.max_age, answer.sessions.len()), (Some(0), 1));
}

#[tokio::test]
async fn a_fragment_that_shows_a_fallback_inside_is_kept_for_a_moment_only() {
    let engine = engine(&[("own.html", "{{ number }}{{ 0 | __hydra }}")], [slot("s/f")]);
    let call = FragmentCall {
        reference: "own".to_owned(),
        local: counting(Locals::default(), Some(60)).arc(),
        ..FragmentCall::default()
    };
    let fragment = engine.fragment(call).await.fragment;
    assert_eq!(
        (fragment.outcome, fragment.max_age),
        (Outcome::Rendered, Some(500))
    );
}

#[tokio::test]
async fn an_inner_fragment_that_keeps_failing_does_not_make_every_visitor_ask_for_the_outer_one() {
    let templates = [
        ("page.html", "[{{ 0 | __hydra }}]"),
        ("own.html", "{{ number }}{{ 1 | __hydra }}"),
        ("#1/own.html", "-"),
    ];
    let outer = slot("own").cache(HOUR).timeout(60_000);
    let inner = slot("s/f").fallback("#1/own.html", "").timeout(60_000);
    let (engine, mut desk) = (engine(&templates, [outer, inner]), Desk::new());
    let locals = counting(Locals::default(), None);
    let visit = |desk: &Desk| {
        let local = locals.arc();
        let (engine, mut request) = (engine.clone(), desk.request());
        request.visitor.local = local;
        async move { text(engine.page(request).await).await }.boxed()
    };
    for round in 1..=2 {
        let mut pages = Vec::new();
        while pages.len() < 20 {
            let mut page = visit(&desk);
            match poll!(&mut page) {
                Poll::Pending => pages.push(page),
                // For a moment, the last one is used again.
                Poll::Ready(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            }
        }
        // The owner of the inner one breaks off.
        drop(desk.batches.recv().await.unwrap());
        let mut shown = join_all(pages).await;
        shown.dedup();
        assert_eq!(shown, [format!("[{round}-]")]);
        assert!(!desk.is_asked());
    }
}

#[tokio::test]
async fn a_fragment_with_a_place_that_is_refused_unasked_or_breaks_is_not_to_be_kept() {
    let refused = plan(&[("own.html", "{{ 0 | __hydra }}")], [slot("s/f")]);
    let refused = engine_with(refused, |options| options.max_fragments = 0);
    let hole = crate::plans::hole("#1/own.html", "a", "");
    let templates = [
        ("own.html", "{{ 0 | __hydra }}{{ 1 | __hydra }}"),
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
