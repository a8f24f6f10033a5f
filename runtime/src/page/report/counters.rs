//! The counters and histograms of fragments. Those that are used often are registered once.
#![deny(clippy::disallowed_methods)]

use std::{collections::HashMap, sync::Arc};

use foldhash::fast::RandomState;
use hydra_runtime_net::metrics::{LazyCounter, LazyHistogram, METADATA};
use hydra_runtime_wire::Outcome;
use metrics::{Key, Label};

use crate::{limits::MAX_COUNTED_FRAGMENTS, page::report::reason::Reason};

/// The label of all fragments that have no counters of their own.
const OTHER: &str = "other";

/// The handles. Only services and refs that the templates name have labels of their own, so that no visitor can make new ones.
pub(crate) struct FragmentCounters {
    services: HashMap<Arc<str>, ServiceKeys, RandomState>,
    other: CounterKeys,
}

struct ServiceKeys {
    refs: HashMap<Arc<str>, CounterKeys, RandomState>,
    other: CounterKeys,
}

/// The handles of one fragment.
pub(crate) struct CounterKeys {
    service: Label,
    reference: Label,
    rendered: LazyCounter,
    cached: LazyCounter,
    rendering: LazyHistogram,
    pub(crate) dropped: LazyCounter,
    pub(crate) mistyped: LazyCounter,
}

impl FragmentCounters {
    /// For the `fragments` that the templates name, each a service and, where it is not computed, a ref.
    pub(crate) fn new<'a>(fragments: impl Iterator<Item = (&'a Arc<str>, Option<&'a Arc<str>>)>) -> Self {
        let mut services: HashMap<Arc<str>, ServiceKeys, RandomState> = HashMap::default();
        let mut count = 0;
        for (name, reference) in fragments {
            let service = services.entry(name.clone()).or_insert_with(|| ServiceKeys {
                refs: HashMap::default(),
                other: CounterKeys::new(name, OTHER),
            });
            let new = reference.filter(|reference| !service.refs.contains_key(*reference));
            if let Some(reference) = new.filter(|_| count < MAX_COUNTED_FRAGMENTS) {
                let keys = CounterKeys::new(name, reference);
                service.refs.insert(reference.clone(), keys);
                count += 1;
            }
        }
        // These have no value before their first event otherwise, which may never come.
        for name in ["hydra_exports_dropped_total", "hydra_exports_mistyped_total"] {
            let labels = vec![Label::new("service", OTHER), Label::new("ref", OTHER)];
            let key = Key::from_parts(name, labels);
            metrics::with_recorder(|recorder| recorder.register_counter(&key, &METADATA).increment(0));
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
        let both = || vec![service.clone(), reference.clone()];
        let counter = |name: &'static str| LazyCounter::new(Key::from_parts(name, both()));
        Self {
            rendered: LazyCounter::new(outcome([&service, &reference], Outcome::Rendered, NO_REASON)),
            cached: LazyCounter::new(outcome([&service, &reference], Outcome::Cached, NO_REASON)),
            rendering: LazyHistogram::new(seconds([&service, &reference], Outcome::Rendered)),
            dropped: counter("hydra_exports_dropped_total"),
            mistyped: counter("hydra_exports_mistyped_total"),
            service,
            reference,
        }
    }

    /// Counts a fragment that ended like this.
    pub(crate) fn count(&self, ended: Outcome, reason: Option<&Reason>) {
        match (ended, reason) {
            (Outcome::Rendered, _) => self.rendered.increment(1),
            (Outcome::Cached, None) => self.cached.increment(1),
            _ => {
                let kind = reason.map_or(NO_REASON, |reason| reason.kind().label());
                let key = outcome([&self.service, &self.reference], ended, kind);
                metrics::with_recorder(|recorder| recorder.register_counter(&key, &METADATA).increment(1));
            }
        }
    }

    /// Records how long a fetch took that ended like this. An answer from the cache took no time.
    pub(crate) fn took(&self, ended: Outcome, seconds_taken: f64) {
        match ended {
            Outcome::Cached => {}
            Outcome::Rendered => self.rendering.record(seconds_taken),
            _ => {
                let key = seconds([&self.service, &self.reference], ended);
                let record = |recorder: &dyn metrics::Recorder| {
                    recorder.register_histogram(&key, &METADATA).record(seconds_taken);
                };
                metrics::with_recorder(record);
            }
        }
    }
}

/// The label `reason` of a fragment that ended without one.
const NO_REASON: &str = "none";

fn outcome([service, reference]: [&Label; 2], ended: Outcome, reason: &'static str) -> Key {
    let labels = vec![
        service.clone(),
        reference.clone(),
        Label::from_static_parts("outcome", ended.label()),
        Label::from_static_parts("reason", reason),
    ];
    Key::from_parts("hydra_fragments_total", labels)
}

fn seconds([service, reference]: [&Label; 2], ended: Outcome) -> Key {
    let labels = vec![
        service.clone(),
        reference.clone(),
        Label::from_static_parts("outcome", ended.label()),
    ];
    Key::from_parts("hydra_fragment_seconds", labels)
}
