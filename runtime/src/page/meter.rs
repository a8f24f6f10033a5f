//! Logs and counters of what happened to a page's fragments.

use std::{collections::HashMap, sync::Arc};

use hydra_contract::Place;
use metrics::{Key, Label, Level, Metadata};

use super::{core::Core, later::BadAddress, note::Note, state::Answer};
use crate::{lines::MAX_LINES, wire::Outcome};

const OUTCOMES: [(Outcome, &str); 7] = [
    (Outcome::Rendered, "rendered"),
    (Outcome::Cached, "cached"),
    (Outcome::Stale, "stale"),
    (Outcome::Inactive, "inactive"),
    (Outcome::Failed, "failed"),
    (Outcome::Late, "late"),
    (Outcome::Refused, "refused"),
];

static METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

/// The counters' keys, made once. Only services that the templates name have keys of their own, so that no visitor
/// can make new ones.
pub(crate) struct Meter {
    services: HashMap<Arc<str>, Keys>,
    other: Keys,
}

struct Keys {
    outcomes: [Key; OUTCOMES.len()],
    dropped: Key,
}

impl Meter {
    pub(crate) fn new<'a>(services: impl Iterator<Item = &'a Arc<str>>) -> Self {
        let services = services
            .map(|service| (service.clone(), Keys::new(service)))
            .collect();
        Self {
            services,
            other: Keys::new("other"),
        }
    }

    fn keys(&self, service: &str) -> &Keys {
        self.services.get(service).unwrap_or(&self.other)
    }
}

impl Keys {
    fn new(service: &str) -> Self {
        let service = Label::new("service", service.to_owned());
        let outcome = |(_, name): (Outcome, &'static str)| {
            let labels = vec![service.clone(), Label::from_static_parts("outcome", name)];
            Key::from_parts("hydra_fragments_total", labels)
        };
        Self {
            outcomes: OUTCOMES.map(outcome),
            dropped: Key::from_parts("hydra_exports_dropped_total", vec![service.clone()]),
        }
    }
}

/// Counts and logs `notes`.
pub(crate) fn report(core: &Core, notes: Vec<Note>) {
    let mut lines = 0;
    for note in notes {
        match &note {
            Note::Slot { owner, outcome, .. } => {
                let keys = core.meter.keys(owner.as_deref().unwrap_or(&core.plan.service));
                if let Some(index) = OUTCOMES.iter().position(|(known, _)| known == outcome) {
                    count(&keys.outcomes[index], 1);
                }
            }
            Note::Dropped {
                owner,
                count: dropped,
                ..
            } => {
                let keys = core.meter.keys(owner.as_deref().unwrap_or(&core.plan.service));
                count(&keys.dropped, *dropped);
            }
            Note::NotLazy { .. } => {}
            Note::Unlinked { count, .. } => {
                metrics::counter!("hydra_assets_dropped_total").increment(*count as u64);
            }
            Note::Broken(_) => metrics::counter!("hydra_regions_broken_total").increment(1),
        }
        match &note {
            Note::Slot {
                outcome: Outcome::Rendered,
                ..
            } => {}
            // Nothing is wrong with it: it takes no line from what is.
            Note::Slot {
                outcome: Outcome::Cached,
                ..
            } => log(core, &note),
            _ => {
                lines += 1;
                if lines <= MAX_LINES {
                    log(core, &note);
                }
            }
        }
    }
    if lines > MAX_LINES {
        tracing::warn!(more = lines - MAX_LINES, "more of the same page is not logged");
    }
}

/// Counts and logs what became of a lazy fragment.
pub(crate) fn lazy(core: &Core, owner: Option<&str>, reference: &str, answer: &Answer) {
    let service = owner.unwrap_or(&core.plan.service);
    let keys = core.meter.keys(service);
    if let Some(index) = OUTCOMES.iter().position(|(known, _)| *known == answer.outcome) {
        count(&keys.outcomes[index], 1);
    }
    if answer.html.is_none() {
        let (outcome, reason) = (answer.outcome, answer.reason.as_deref());
        let reason = reason.unwrap_or("its service gave no reason");
        tracing::warn!(
            service,
            r#ref = reference,
            ?outcome,
            reason,
            "lazy fragment not rendered"
        );
    }
}

/// Counts and logs how many style sheets and scripts of a fragment nobody will link.
pub(crate) fn unlinked(core: &Core, owner: Option<&str>, reference: &str, count: usize) {
    if count > 0 {
        let (owner, reference) = (owner.map(Arc::from), Arc::from(reference));
        report(
            core,
            vec![Note::Unlinked {
                owner,
                reference,
                count,
            }],
        );
    }
}

/// Counts and logs an address that is not answered. Visitors can make many: that is no warning.
pub(crate) fn refused(error: BadAddress) {
    let reason = match error {
        BadAddress::Wrong => "wrong",
        BadAddress::Old => "old",
        BadAddress::TooLong => "too_long",
    };
    metrics::counter!("hydra_lazy_refused_total", "reason" => reason).increment(1);
    tracing::debug!(reason, "address of a lazy fragment refused");
}

fn count(key: &Key, by: usize) {
    metrics::with_recorder(|recorder| recorder.register_counter(key, &METADATA).increment(by as u64));
}

fn log(core: &Core, note: &Note) {
    let own = &core.plan.service;
    match note {
        Note::Slot {
            site,
            owner,
            reference,
            outcome,
            reason,
        } => {
            let Place { file, line, column } = &core.plan.sites[*site].place;
            let place = format_args!("{file}:{line}:{column}");
            let service = owner.as_deref().unwrap_or(own);
            let reason = reason.as_deref().unwrap_or("its service gave no reason");
            if *outcome == Outcome::Cached {
                tracing::debug!(service, r#ref = &**reference, %place, "fragment comes from a cache");
            } else {
                tracing::warn!(service, r#ref = &**reference, ?outcome, reason, %place, "fragment not rendered");
            }
        }
        Note::Dropped {
            owner,
            reference,
            count,
        } => dropped(
            owner.as_deref().unwrap_or(own),
            reference,
            *count,
            "exports that no tag names",
        ),
        Note::NotLazy { site } => {
            let Place { file, line, column } = &core.plan.sites[*site].place;
            tracing::warn!(place = %format_args!("{file}:{line}:{column}"), "a lazy fragment is shown at once: its imports \
                            are too large for an address");
        }
        Note::Unlinked {
            owner,
            reference,
            count,
        } => {
            let what = "style sheets or scripts: their addresses can't be linked, or there are too many";
            dropped(owner.as_deref().unwrap_or(own), reference, *count, what);
        }
        Note::Broken(error) => {
            tracing::warn!(%error, "a part of the page can't be rendered and shows nothing")
        }
    }
}

fn dropped(service: &str, reference: &str, count: usize, what: &str) {
    tracing::warn!(service, r#ref = reference, count, "dropped {what}");
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;
    use crate::page::{
        Engine, Options,
        plans::{plan, slot},
    };

    fn counted(notes: Vec<Note>) -> String {
        let plan = plan(&[], [slot("orders/f"), slot("?/f")]);
        let engine = Engine::new(plan, Options::new("storefront"), |_| ()).unwrap();
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || report(engine.core(), notes));
        recorder.handle().render()
    }

    fn note(owner: Option<&str>, outcome: Outcome) -> Note {
        Note::Slot {
            site: 0,
            owner: owner.map(Arc::from),
            reference: Arc::from("f"),
            outcome,
            reason: None,
        }
    }

    #[test]
    fn every_outcome_is_counted_by_service() {
        let notes = vec![
            note(Some("orders"), Outcome::Rendered),
            note(Some("orders"), Outcome::Late),
            note(Some("orders"), Outcome::Late),
            note(None, Outcome::Failed),
            note(Some("orders"), Outcome::Cached),
            note(Some("orders"), Outcome::Stale),
            Note::Dropped {
                owner: Some(Arc::from("orders")),
                reference: Arc::from("f"),
                count: 3,
            },
        ];
        let text = counted(notes);
        for line in [
            r#"hydra_fragments_total{service="orders",outcome="rendered"} 1"#,
            r#"hydra_fragments_total{service="orders",outcome="late"} 2"#,
            r#"hydra_fragments_total{service="storefront",outcome="failed"} 1"#,
            r#"hydra_fragments_total{service="orders",outcome="cached"} 1"#,
            r#"hydra_fragments_total{service="orders",outcome="stale"} 1"#,
            r#"hydra_exports_dropped_total{service="orders"} 3"#,
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }

    #[test]
    fn services_that_only_a_visitor_names_share_one_counter() {
        let notes = (0..100)
            .map(|n| note(Some(&format!("made-up-{n}")), Outcome::Inactive))
            .collect();
        let text = counted(notes);
        assert!(
            text.contains(r#"hydra_fragments_total{service="other",outcome="inactive"} 100"#),
            "{text}"
        );
        assert!(!text.contains("made-up"), "{text}");
    }
}
