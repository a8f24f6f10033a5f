use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusBuilder;

use super::*;
use crate::page::{
    Engine, Options,
    plans::{plan, slot},
    report::reason::ReasonKind,
};

const OUTCOMES: [(Outcome, &str); 7] = [
    (Outcome::Rendered, "rendered"),
    (Outcome::Cached, "cached"),
    (Outcome::Stale, "stale"),
    (Outcome::Inactive, "inactive"),
    (Outcome::Failed, "failed"),
    (Outcome::Late, "late"),
    (Outcome::Refused, "refused"),
];

fn counted(engine: &Engine, events: Vec<PageEvent>) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        let reporter = &engine.shared().reporter;
        reporter.report(events, &mut LogLines::default());
    });
    recorder.handle().render()
}

fn engine() -> Engine {
    let plan = plan(
        &[],
        [slot("orders/f"), slot("orders/?"), slot("?/f"), slot("own")],
    );
    Engine::new(plan, Options::new("storefront"), |_| ()).unwrap()
}

fn event(what: &str, outcome: Outcome, reason: Option<Reason>) -> PageEvent {
    let (owner, reference) = what
        .split_once('/')
        .map_or((None, what), |(owner, rest)| (Some(owner), rest));
    PageEvent::Slot {
        site: 0,
        fragment: FragmentName {
            owner: owner.map(Arc::from),
            reference: Arc::from(reference),
        },
        outcome,
        reason,
    }
}

fn has(text: &str, line: &str) {
    assert!(text.lines().any(|one| one == line), "{line}\n{text}");
}

#[test]
fn every_outcome_is_counted_by_service_ref_and_reason() {
    for (outcome, name) in OUTCOMES {
        let events = vec![
            event("orders/f", outcome, None),
            event("orders/f", outcome, None),
            event("own", outcome, Some("it rains".into())),
            event("orders/f", outcome, Some(ReasonKind::TooLarge.into())),
        ];
        let text = counted(&engine(), events);
        let line = |service: &str, reference: &str, reason: &str, count: u64| {
            let labels =
                format!(r#"service="{service}",ref="{reference}",outcome="{name}",reason="{reason}""#);
            has(&text, &format!("hydra_fragments_total{{{labels}}} {count}"));
        };
        if outcome == Outcome::Rendered {
            line("orders", "f", "none", 3);
            line("storefront", "own", "none", 1);
            continue;
        }
        line("orders", "f", "none", 2);
        line("orders", "f", "too_large", 1);
        line("storefront", "own", "said", 1);
    }
}

#[test]
fn exports_that_are_not_taken_are_counted_by_service_and_ref() {
    let fragment = FragmentName {
        owner: Some(Arc::from("orders")),
        reference: Arc::from("f"),
    };
    let events = vec![
        PageEvent::Dropped {
            fragment: fragment.clone(),
            count: 3,
        },
        PageEvent::Mistyped {
            fragment,
            export: Arc::from("line2"),
            ty: hydra_contract::Type::String,
        },
    ];
    let text = counted(&engine(), events);
    has(
        &text,
        r#"hydra_exports_dropped_total{service="orders",ref="f"} 3"#,
    );
    has(
        &text,
        r#"hydra_exports_mistyped_total{service="orders",ref="f"} 1"#,
    );
}

#[test]
fn services_and_refs_that_only_a_visitor_names_share_one_counter() {
    let made_up = (0..100).flat_map(|n| {
        [
            format!("made-up-{n}/f"),
            format!("orders/made-up-{n}"),
            format!("made-up-{n}"),
        ]
    });
    let events = made_up
        .map(|what| event(&what, Outcome::Inactive, None))
        .collect();
    let text = counted(&engine(), events);
    for service in ["other", "orders", "storefront"] {
        let labels = format!(r#"service="{service}",ref="other",outcome="inactive",reason="none""#);
        has(&text, &format!("hydra_fragments_total{{{labels}}} 100"));
    }
    assert!(!text.contains("made-up"), "{text}");
}

#[test]
fn beyond_a_thousand_fragments_the_rest_share_one_counter() {
    let plan = plan(&[], (0..1_100).map(|n| slot(&format!("orders/f{n}"))));
    let engine = Engine::new(plan, Options::new("storefront"), |_| ()).unwrap();
    let events = (0..1_100)
        .map(|n| event(&format!("orders/f{n}"), Outcome::Late, None))
        .collect();
    let text = counted(&engine, events);
    has(
        &text,
        r#"hydra_fragments_total{service="orders",ref="f999",outcome="late",reason="none"} 1"#,
    );
    has(
        &text,
        r#"hydra_fragments_total{service="orders",ref="other",outcome="late",reason="none"} 100"#,
    );
}
