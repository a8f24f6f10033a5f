//! The keys of the counters. Those that are used often are made once.
#![deny(clippy::disallowed_methods)]

use std::{collections::HashMap, sync::Arc};

use hydra_runtime_wire::Outcome;
use metrics::{Key, Label};

use crate::{limits::MAX_COUNTED_FRAGMENTS, page::report::reason::Reason};

/// The label of all fragments that have no counters of their own.
const OTHER: &str = "other";

/// The keys. Only services and refs that the templates name have labels of their own, so that no visitor can make new ones.
pub(crate) struct FragmentCounters {
    services: HashMap<Arc<str>, ServiceKeys>,
    other: CounterKeys,
}

struct ServiceKeys {
    refs: HashMap<Arc<str>, CounterKeys>,
    other: CounterKeys,
}

/// The keys of one fragment.
pub(crate) struct CounterKeys {
    service: Label,
    reference: Label,
    rendered: Key,
    cached: Key,
    pub(crate) dropped: Key,
    pub(crate) mistyped: Key,
}

impl FragmentCounters {
    /// For the `fragments` that the templates name, each a service and, where it is not computed, a ref.
    pub(crate) fn new<'a>(fragments: impl Iterator<Item = (&'a Arc<str>, Option<&'a Arc<str>>)>) -> Self {
        let mut services: HashMap<Arc<str>, ServiceKeys> = HashMap::new();
        let mut count = 0;
        for (name, reference) in fragments {
            let service = services.entry(name.clone()).or_insert_with(|| ServiceKeys {
                refs: HashMap::new(),
                other: CounterKeys::new(name, OTHER),
            });
            let new = reference.filter(|reference| !service.refs.contains_key(*reference));
            if let Some(reference) = new.filter(|_| count < MAX_COUNTED_FRAGMENTS) {
                let keys = CounterKeys::new(name, reference);
                service.refs.insert(reference.clone(), keys);
                count += 1;
            }
        }
        Self {
            services,
            other: CounterKeys::new(OTHER, OTHER),
        }
    }

    pub(crate) fn keys(&self, service: &str, reference: &str) -> &CounterKeys {
        match self.services.get(service) {
            Some(service) => service.refs.get(reference).unwrap_or(&service.other),
            None => &self.other,
        }
    }
}

impl CounterKeys {
    fn new(service: &str, reference: &str) -> Self {
        let service = Label::new("service", service.to_owned());
        let reference = Label::new("ref", reference.to_owned());
        let key = |name: &'static str| Key::from_parts(name, vec![service.clone(), reference.clone()]);
        Self {
            rendered: outcome([&service, &reference], "rendered", NO_REASON),
            cached: outcome([&service, &reference], "cached", NO_REASON),
            dropped: key("hydra_exports_dropped_total"),
            mistyped: key("hydra_exports_mistyped_total"),
            service,
            reference,
        }
    }

    /// Calls `count` with the key for a fragment that ended like this.
    pub(crate) fn with(&self, ended: Outcome, reason: Option<&Reason>, count: impl FnOnce(&Key)) {
        match (ended, reason) {
            (Outcome::Rendered, _) => count(&self.rendered),
            (Outcome::Cached, None) => count(&self.cached),
            _ => {
                let kind = reason.map_or(NO_REASON, |reason| reason.kind().label());
                count(&outcome([&self.service, &self.reference], name(ended), kind));
            }
        }
    }
}

/// The label `reason` of a fragment that ended without one.
const NO_REASON: &str = "none";

fn outcome([service, reference]: [&Label; 2], outcome: &'static str, reason: &'static str) -> Key {
    let labels = vec![
        service.clone(),
        reference.clone(),
        Label::from_static_parts("outcome", outcome),
        Label::from_static_parts("reason", reason),
    ];
    Key::from_parts("hydra_fragments_total", labels)
}

fn name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Rendered => "rendered",
        Outcome::Cached => "cached",
        Outcome::Stale => "stale",
        Outcome::Inactive => "inactive",
        Outcome::Failed => "failed",
        Outcome::Late => "late",
        Outcome::Refused => "refused",
    }
}
