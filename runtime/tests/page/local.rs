use std::{collections::BTreeMap, time::Duration};

use hydra_runtime::{
    fragment_source::{Caller, LocalAnswer, LocalError},
    page::{Engine, FragmentCall},
    wire::Outcome,
};
use serde_json::json;
use tera::{Context, context};

use crate::{
    plans::{SiteExt, plan, slot},
    support::{Locals, echo, engine, engine_with, request, source, text},
};

fn call(reference: &str, locals: &Locals) -> FragmentCall {
    FragmentCall {
        id: "a1".to_owned(),
        reference: reference.to_owned(),
        local: locals.arc(),
        ..Default::default()
    }
}

fn cart() -> Engine {
    engine(
        &[
            ("cart.html", "<b>{{ x }}</b>{{ 0 | __hydra }}"),
            ("page.html", "[{{ 1 | __hydra }}|{{ 2 | __hydra }}]"),
            ("bad.html", "{{ nothing }}"),
        ],
        [
            slot("s/f").imports("x"),
            slot("cart").imports("x").timeout(100),
            slot("bad").timeout(100),
        ],
    )
}

#[tokio::test]
async fn an_offered_fragment_is_rendered_with_the_fragments_in_it() {
    let engine = cart();
    let (source, mut batches) = source();
    let mut call = call("cart", &Locals::default().with("cart", echo));
    call.imports = json!({"x": "1", "y": 2, "z": 3}).as_object().cloned().unwrap();
    call.exports = vec!["x".to_owned(), "y as other".to_owned(), "missing".to_owned()];
    call.source = Some(std::sync::Arc::new(source));
    call.caller = Caller {
        budget: Duration::from_millis(500),
        call_chain: vec!["shop".to_owned()],
        page: Some("page.html".into()),
        ..Caller::default()
    };
    let answer = tokio::spawn(async move { engine.fragment(call).await });
    let batch = batches.recv().await.unwrap();
    assert_eq!(batch.items()[0].call_chain, ["shop", "storefront/cart"]);
    assert_eq!(batch.caller.page, None, "a fragment asks");
    batch.give("f", "F", json!({}));
    let fragment = answer.await.unwrap().fragment;
    assert_eq!(
        (fragment.id.as_str(), fragment.outcome),
        ("a1", Outcome::Rendered)
    );
    assert_eq!(fragment.html.as_deref(), Some("<b>1</b>F"));
    assert_eq!(
        serde_json::Value::Object(fragment.exports),
        json!({"x": "1", "y": 2}),
        "`z` was not asked for"
    );
}

#[tokio::test]
async fn what_goes_wrong_with_an_offered_fragment_is_an_outcome() {
    let refuse = |_| async {
        Err(LocalError {
            outcome: Outcome::Refused,
            reason: "no login".to_owned(),
        })
    };
    let locals = Locals::default()
        .with("cart", |_| async { panic!("handler") })
        .with("page", refuse)
        .with("bad", echo);
    for (reference, outcome, reason) in [
        ("cart", Outcome::Failed, "panicked"),
        ("page", Outcome::Refused, "no login"),
        ("bad", Outcome::Failed, "template"),
        ("unknown", Outcome::Failed, "not offer"),
    ] {
        let fragment = cart().fragment(call(reference, &locals)).await.fragment;
        assert_eq!((fragment.outcome, fragment.html), (outcome, None), "{reference}");
        assert!(fragment.reason.unwrap().contains(reason), "{reference}");
    }
}

#[tokio::test]
async fn a_handler_that_panics_or_never_ends_costs_only_its_slot() {
    let locals = Locals::default()
        .with("cart", |_| async { panic!("handler") })
        .with("bad", |_| {
            std::future::pending::<Result<LocalAnswer, LocalError>>()
        });
    let mut request = request(context! { x => "1" }, None);
    request.visitor.local = locals.arc();
    assert_eq!(text(cart().page(request).await).await, "[|]");
}

#[tokio::test]
async fn a_visitor_who_hangs_up_ends_a_local_fragment_too() {
    struct Guard(tokio::sync::mpsc::UnboundedSender<&'static str>);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.send("dropped").ok();
        }
    }
    let (sender, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let locals = Locals::default().with("own", move |_| {
        let guard = Guard(sender.clone());
        async move {
            let _guard = guard;
            std::future::pending().await
        }
    });
    let engine = engine(
        &[("page.html", "a{{ 0 | __hydra }}"), ("own.html", "")],
        [slot("own").timeout(60_000)],
    );
    let mut request = request(Context::new(), None);
    request.visitor.local = locals.arc();
    let response = engine.page(request).await;
    assert!(seen.try_recv().is_err());
    drop(response);
    assert_eq!(seen.recv().await, Some("dropped"));
}

#[tokio::test]
async fn a_circle_of_services_is_refused() {
    let locals = Locals::default().with("cart", echo);
    let mut call = call("cart", &locals);
    call.caller.call_chain = ["shop", "storefront/cart", "b/y", "c/z"]
        .map(str::to_owned)
        .to_vec();
    let fragment = cart().fragment(call).await.fragment;
    assert_eq!(fragment.outcome, Outcome::Refused);
    assert!(
        fragment
            .reason
            .unwrap()
            .ends_with("shop > storefront/cart > b/y > c/z > storefront/cart")
    );
    assert!(locals.calls.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_fragment_that_embeds_itself_ends_and_shows_its_fallback() {
    let engine = engine(
        &[
            ("page.html", "{{ 0 | __hydra }}"),
            ("own.html", "({{ 0 | __hydra }})"),
            ("#1/page.html", "end"),
        ],
        [slot("own").fallback("#1/page.html", "")],
    );
    let mut request = request(Context::new(), None);
    request.visitor.local = Locals::default().with("own", echo).arc();
    assert_eq!(text(engine.page(request).await).await, "(end)");
}

#[tokio::test]
async fn fragments_nest_to_a_bounded_depth() {
    let engine = engine_with(plan(&[("own.html", "x")], []), |options| options.max_depth = 3);
    let mut call = call("own", &Locals::default().with("own", echo));
    call.caller.call_chain = ["a", "b/1"].map(str::to_owned).to_vec();
    assert_eq!(
        engine.fragment(call.clone()).await.fragment.outcome,
        Outcome::Rendered
    );
    call.caller.call_chain.push("c/2".to_owned());
    assert_eq!(engine.fragment(call).await.fragment.outcome, Outcome::Refused);
}

#[tokio::test]
async fn a_handler_sees_the_session_of_its_own_service_and_may_change_it() {
    let engine = engine(&[("own.html", "x")], []);
    let locals = Locals::default().with("own", |call| async move {
        Ok(LocalAnswer {
            session: Some(json!([call.session])),
            ..LocalAnswer::default()
        })
    });
    let mut call = call("own", &locals);
    call.sessions = BTreeMap::from([
        ("storefront".to_owned(), json!(1)),
        ("orders".to_owned(), json!(2)),
    ]);
    let answer = engine.fragment(call).await;
    assert_eq!(
        answer.sessions,
        BTreeMap::from([("storefront".to_owned(), json!([1]))])
    );
}

#[tokio::test]
async fn a_required_fragment_in_a_fragment_fails_that_fragment() {
    let engine = engine(&[("own.html", "x{{ 0 | __hydra }}")], [slot("s/f").required()]);
    let fragment = engine
        .fragment(call("own", &Locals::default().with("own", echo)))
        .await
        .fragment;
    assert_eq!((fragment.outcome, fragment.html), (Outcome::Inactive, None));
}
