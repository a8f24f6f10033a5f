//! Logs and counters of what happened to a page's fragments.

use std::{collections::HashMap, sync::Arc};

use hydra_contract::Place;
use metrics::{Key, Label, Level, Metadata};

use super::{core::Core, note::Note};
use crate::wire::Outcome;

/// How many lines one report may log. A page of a thousand slots whose owner is away must not fill the disk.
const MAX_LINES: usize = 20;

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
            Note::Broken(_) => metrics::counter!("hydra_regions_broken_total").increment(1),
        }
        if !matches!(
            &note,
            Note::Slot {
                outcome: Outcome::Rendered,
                ..
            }
        ) {
            lines += 1;
            if lines <= MAX_LINES {
                log(core, &note);
            }
        }
    }
    if lines > MAX_LINES {
        tracing::warn!(more = lines - MAX_LINES, "more of the same page is not logged");
    }
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
        } => {
            let service = owner.as_deref().unwrap_or(own);
            tracing::warn!(
                service,
                r#ref = &**reference,
                count,
                "exports dropped that no tag names"
            );
        }
        Note::Broken(error) => {
            tracing::warn!(%error, "a part of the page can't be rendered and shows nothing")
        }
    }
}
