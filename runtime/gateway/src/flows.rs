//! Which pages and fragments request which fragments, as the gateway sees it: how many, how fast, and what became of
//! them. Operators see it as the edges of a graph.
#![deny(clippy::disallowed_methods)]

mod totals;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hydra_runtime_wire::Outcome;

use totals::Counts;
pub(crate) use totals::{Bound, Totals};

/// The requests of one page or fragment for one fragment.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    counts: Counts,
    /// The totals at the two newest moments at which they were kept, the newest first. The lock is held for a copy.
    kept: Mutex<[Totals; 2]>,
}

/// What requests a fragment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asker<'a> {
    /// The step of the page or fragment, as in a call chain. Empty: it is unknown.
    pub(crate) step: &'a str,
    /// The template of the page, as contracts name it. Empty: it is unknown, or a fragment asks.
    pub(crate) page: &'a str,
}

/// What operators see of a flow.
#[derive(Clone, Debug)]
pub(crate) struct FlowState {
    /// The step of the page or fragment that requests the fragment, as in a call chain. Empty: it is unknown.
    pub(crate) asker: Arc<str>,
    /// The template of the page, as contracts name it. Empty: it is unknown, or a fragment requests the fragment.
    pub(crate) page: Arc<str>,
    /// The owner of the fragment.
    pub(crate) service: Arc<str>,
    /// The fragment.
    pub(crate) reference: Arc<str>,
    /// All since the gateway started.
    pub(crate) all: Totals,
    /// What was counted within `window` before now.
    pub(crate) recent: Totals,
    pub(crate) window: Duration,
}

impl Flow {
    /// Counts a fragment. `time`: how long the gateway waited for it; `None` if it did not request it.
    pub(crate) fn count(&self, outcome: Outcome, time: Option<Duration>) {
        self.counts.count(outcome, time);
    }

    /// Keeps the totals of now.
    pub(crate) fn keep(&self) {
        let now = self.counts.totals();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = [now, kept[0]];
    }

    /// The state. `window` is the time since the older totals were kept. `None`: there was no request yet.
    pub(crate) fn state(
        &self,
        (asker, page): (Arc<str>, Arc<str>),
        service: Arc<str>,
        reference: Arc<str>,
        window: Duration,
    ) -> Option<FlowState> {
        let all = self.counts.totals();
        let earlier = self.kept.lock().unwrap_or_else(PoisonError::into_inner)[1];
        (all.count() > 0).then(|| FlowState {
            asker,
            page,
            service,
            reference,
            recent: all.since(&earlier),
            all,
            window,
        })
    }
}
