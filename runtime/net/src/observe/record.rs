//! What one process learns of one request.

use std::{
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use super::{action::ActionRecord, trace::TraceContext};
use crate::limits::MAX_RECORDED_FRAGMENTS;

/// What one process learns of one request.
#[derive(Debug)]
pub struct RequestRecord {
    trace: TraceContext,
    began: Instant,
    service: OnceLock<Arc<str>>,
    /// `None`: neither a log nor a response shows them.
    details: Option<Mutex<Details>>,
    is_for_developers: bool,
}

/// Who answered a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// The pattern of the path, or the template of the page.
    pub route: String,
    /// The instance. Empty: this process.
    pub instance: String,
    /// The name of its version. Empty: this process.
    pub version: String,
    /// Why it was this instance, in one word, where visitors of the service stay with one. Empty otherwise.
    pub why: &'static str,
}

/// What became of one fragment of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FragmentRecord {
    /// The service that owns it.
    pub service: String,
    /// Its name there.
    pub reference: String,
    /// Its outcome, as metrics name it.
    pub outcome: &'static str,
    /// How long it took.
    pub time: Duration,
}

/// What only access logs, traces and developers read. The lock is held for one step, never across an await.
#[derive(Debug, Default)]
pub(super) struct Details {
    pub(super) served: Served,
    pub(super) fragments: Vec<FragmentRecord>,
    /// How long after the beginning of the request each of them ended.
    ends: Vec<Duration>,
    /// What became of the form that the request sends, and how long after the beginning of the request that was known.
    pub(super) action: Option<(ActionRecord, Duration)>,
}

impl RequestRecord {
    /// The record of a request that `began` now. `has_details`: whether the details of the request are read.
    #[must_use]
    pub fn new(trace: TraceContext, began: Instant, has_details: bool) -> Self {
        Self {
            trace,
            began,
            service: OnceLock::new(),
            details: has_details.then(Mutex::default),
            is_for_developers: false,
        }
    }

    /// The same for a request whose response tells developers of each fragment.
    #[must_use]
    pub fn for_developers(self) -> Self {
        Self {
            is_for_developers: true,
            ..self
        }
    }

    /// Whether the head of the response tells of each fragment, so that it waits for all of them.
    pub fn is_for_developers(&self) -> bool {
        self.is_for_developers
    }

    /// The id of the request, and its place in a trace.
    pub fn trace(&self) -> &TraceContext {
        &self.trace
    }

    /// When the request began.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// Whether anyone reads details: [`RequestRecord::served`] and [`RequestRecord::fragment`] do nothing otherwise.
    pub fn has_details(&self) -> bool {
        self.details.is_some()
    }

    /// Tells which service answers. The first call counts.
    pub fn answered_by(&self, service: impl FnOnce() -> Arc<str>) {
        self.service.get_or_init(service);
    }

    /// The service that answers, if one does.
    pub fn service(&self) -> Option<&Arc<str>> {
        self.service.get()
    }

    /// Tells who answers in detail. The last call counts.
    pub fn served(&self, served: impl FnOnce() -> Served) {
        if let Some(mut details) = self.details() {
            details.served = served();
        }
    }

    /// Tells what became of a fragment. So many are kept.
    pub fn fragment(&self, fragment: impl FnOnce() -> FragmentRecord) {
        if let Some(mut details) = self.details()
            && details.fragments.len() < MAX_RECORDED_FRAGMENTS
        {
            details.fragments.push(fragment());
            details.ends.push(self.began.elapsed());
        }
    }

    /// Tells what became of the form that the request sends. The last call counts.
    pub fn action(&self, action: impl FnOnce() -> ActionRecord) {
        if let Some(mut details) = self.details() {
            details.action = Some((action(), self.began.elapsed()));
        }
    }

    /// How many fragments and forms are known.
    #[cfg(feature = "otlp")]
    pub(super) fn part_count(&self) -> usize {
        let count = |details: MutexGuard<'_, Details>| {
            details.fragments.len() + usize::from(details.action.is_some())
        };
        self.details().map_or(0, count)
    }

    /// What became of the form that the request sends, with the time from the beginning of the request until that was known.
    #[cfg(feature = "otlp")]
    pub(super) fn action_with_end(&self) -> Option<(ActionRecord, Duration)> {
        self.details()?.action.clone()
    }

    /// The fragments that are known, each with the time from the beginning of the request to its end.
    #[cfg(feature = "otlp")]
    pub(super) fn fragments_with_ends(&self) -> Vec<(FragmentRecord, Duration)> {
        let details = self.details();
        let known = details.iter().flat_map(|details| {
            let ends = details.ends.iter().copied();
            details.fragments.iter().cloned().zip(ends)
        });
        known.collect()
    }

    /// Who answered in detail.
    #[cfg(feature = "otlp")]
    pub(super) fn served_by(&self) -> Served {
        self.details()
            .map(|details| details.served.clone())
            .unwrap_or_default()
    }

    pub(super) fn details(&self) -> Option<MutexGuard<'_, Details>> {
        let details = self.details.as_ref()?;
        Some(details.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
