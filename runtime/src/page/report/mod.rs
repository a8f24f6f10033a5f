//! Logs and counters of what happened to a page's fragments.

pub(crate) mod counters;
mod described;
pub(crate) mod error;
pub(crate) mod event;
pub(crate) mod reason;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::Arc, time::Duration};

use foldhash::fast::RandomState;
use hydra_contract::TemplatePosition;
use hydra_runtime_net::{
    metrics::{LazyCounter, LazyHistogram},
    observe::{FragmentRecord, RequestRecord},
};
use hydra_runtime_wire::{Outcome, limits::MAX_LOG_LINES};
use metrics::{Key, Label};

use self::{
    counters::{CounterKeys, FragmentCounters},
    event::PageEvent,
    reason::Reason,
};
use crate::{
    limits::MAX_COUNTED_FRAGMENTS,
    page::plan::{PreparedPlan, fragment_name::FragmentName},
};

/// How many lines one page has given to the log so far, those that were left out included.
#[derive(Debug, Default)]
pub(crate) struct LogLines(usize);

impl LogLines {
    /// Logs how many lines were left out. The page is over.
    pub(crate) fn end(&mut self) {
        let LogLines(lines) = std::mem::take(self);
        if lines > MAX_LOG_LINES {
            tracing::warn!(
                more = lines - MAX_LOG_LINES,
                "more of the same page is not logged"
            );
        }
    }
}

/// Counts and logs what happens to fragments.
pub(crate) struct Reporter {
    plan: Arc<PreparedPlan>,
    counters: FragmentCounters,
    shown: LazyCounter,
    /// The time until the first byte, by template.
    first_bytes: HashMap<String, LazyHistogram, RandomState>,
    other_first_byte: LazyHistogram,
}

impl Reporter {
    /// For the fragments that the templates of `plan` name.
    pub(crate) fn new(plan: Arc<PreparedPlan>) -> Self {
        described::describe_all();
        let shown = Label::from_static_parts("outcome", "shown");
        let first_byte = |page: &str| {
            let page = Label::new("page", page.to_owned());
            LazyHistogram::new(Key::from_parts("hydra_page_first_byte_seconds", vec![page]))
        };
        let pages = plan.pages.keys().take(MAX_COUNTED_FRAGMENTS);
        Self {
            counters: FragmentCounters::new(plan.fragments()),
            shown: LazyCounter::new(Key::from_parts("hydra_pages_total", vec![shown])),
            first_bytes: pages.map(|page| (page.clone(), first_byte(page))).collect(),
            other_first_byte: first_byte("other"),
            plan,
        }
    }

    /// Counts and logs `events` of a page that has logged `lines` already.
    pub(crate) fn report(&self, events: Vec<PageEvent>, lines: &mut LogLines) {
        for event in events {
            self.count(&event);
            match &event {
                PageEvent::Slot {
                    outcome: Outcome::Rendered,
                    ..
                } => {}
                // Nothing is wrong with a fragment from the cache: it must not use up the lines of those that failed.
                PageEvent::Slot {
                    outcome: Outcome::Cached,
                    ..
                } => self.log(&event),
                _ => {
                    lines.0 += 1;
                    if lines.0 <= MAX_LOG_LINES {
                        self.log(&event);
                    }
                }
            }
        }
    }

    /// Counts and logs the outcome of a lazy fragment. `is_missing`: it has no HTML.
    pub(crate) fn lazy(
        &self,
        fragment: &FragmentName,
        outcome: Outcome,
        reason: Option<&Reason>,
        is_missing: bool,
    ) {
        self.keys(fragment).count(outcome, reason);
        if is_missing {
            let (service, reference) = (self.service(fragment), &*fragment.reference);
            let reason = reason_text(reason);
            tracing::warn!(
                service,
                r#ref = reference,
                ?outcome,
                reason,
                "lazy fragment not rendered"
            );
        }
    }

    /// Counts and logs how many style sheets and scripts of a fragment are not linked.
    pub(crate) fn unlinked(&self, fragment: FragmentName, count: usize) {
        if count > 0 {
            let event = PageEvent::Unlinked { fragment, count };
            self.report(vec![event], &mut LogLines::default());
        }
    }

    /// Records how long the fetch of a fragment took, for the metrics and for those who read the record of the request.
    pub(crate) fn took(
        &self,
        fragment: &FragmentName,
        outcome: Outcome,
        time: Duration,
        record: Option<&Arc<RequestRecord>>,
    ) {
        self.keys(fragment).took(outcome, time.as_secs_f64());
        let Some(record) = record.filter(|record| record.has_details()) else {
            return;
        };
        record.fragment(|| FragmentRecord {
            service: self.service(fragment).to_owned(),
            reference: fragment.reference.to_string(),
            outcome: outcome.label(),
            time,
        });
    }

    /// Counts a page that is shown, whose `template` was requested `time` before its first byte.
    pub(crate) fn shown(&self, template: &str, time: Duration) {
        self.shown.increment(1);
        let pages = &self.first_bytes;
        let histogram = pages.get(template).unwrap_or(&self.other_first_byte);
        histogram.record(time.as_secs_f64());
    }

    fn service<'a>(&'a self, fragment: &'a FragmentName) -> &'a str {
        fragment.owner.as_deref().unwrap_or(&self.plan.service)
    }

    fn keys(&self, fragment: &FragmentName) -> &CounterKeys {
        self.counters.keys(self.service(fragment), &fragment.reference)
    }

    fn count(&self, event: &PageEvent) {
        match event {
            PageEvent::Slot {
                fragment,
                outcome,
                reason,
                ..
            } => self.keys(fragment).count(*outcome, reason.as_ref()),
            PageEvent::Dropped { fragment, count } => {
                self.keys(fragment).dropped.increment(*count as u64);
            }
            PageEvent::Mistyped { fragment, .. } => self.keys(fragment).mistyped.increment(1),
            PageEvent::NotLazy { .. } => {}
            PageEvent::Unlinked { count, .. } => {
                metrics::counter!("hydra_assets_dropped_total").increment(*count as u64);
            }
            PageEvent::Damaged => metrics::counter!("hydra_places_damaged_total").increment(1),
            PageEvent::Broken(_) => metrics::counter!("hydra_regions_broken_total").increment(1),
        }
    }

    fn log(&self, event: &PageEvent) {
        match event {
            PageEvent::Slot {
                site,
                fragment,
                outcome,
                reason,
            } => self.log_slot(&self.plan.sites[*site].place, fragment, *outcome, reason.as_ref()),
            PageEvent::Dropped { fragment, count } => {
                self.log_dropped(fragment, *count, "exports that no tag names")
            }
            PageEvent::Mistyped { fragment, export, ty } => tracing::warn!(
                service = self.service(fragment),
                r#ref = &*fragment.reference,
                export = &**export,
                contract = %ty,
                "an export is of another type than its contract says, and counts as none"
            ),
            PageEvent::NotLazy { site } => {
                let TemplatePosition { file, line, column } = &self.plan.sites[*site].place;
                tracing::warn!(
                    place = %format_args!("{file}:{line}:{column}"),
                    "a lazy fragment is shown at once: its imports are too large for an address"
                );
            }
            PageEvent::Unlinked { fragment, count } => {
                let what = "style sheets or scripts: their addresses can't be linked, or there are too many";
                self.log_dropped(fragment, *count, what);
            }
            PageEvent::Damaged => tracing::warn!(
                "a template changed the marker of a fragment, for example with a filter: nothing is shown there. Print the part with the fragment unchanged"
            ),
            PageEvent::Broken(error) => {
                tracing::warn!(%error, "a part of the page can't be rendered and shows nothing")
            }
        }
    }

    fn log_slot(
        &self,
        place: &TemplatePosition,
        fragment: &FragmentName,
        outcome: Outcome,
        reason: Option<&Reason>,
    ) {
        let TemplatePosition { file, line, column } = place;
        let place = format_args!("{file}:{line}:{column}");
        let (service, reference) = (self.service(fragment), &*fragment.reference);
        if outcome == Outcome::Cached {
            let reason = reason.map_or("an earlier answer may still be used", Reason::text);
            tracing::debug!(service, r#ref = reference, reason, %place, "fragment comes from a cache");
        } else {
            let reason = reason_text(reason);
            tracing::warn!(service, r#ref = reference, ?outcome, reason, %place, "fragment not rendered");
        }
    }

    fn log_dropped(&self, fragment: &FragmentName, count: usize, what: &str) {
        let (service, reference) = (self.service(fragment), &*fragment.reference);
        tracing::warn!(service, r#ref = reference, count, "dropped {what}");
    }
}

/// Counts and logs an address of a lazy fragment that the engine refuses, for the reason that the label names. It is no
/// warning, as visitors can send many.
pub(crate) fn address_refused(reason: &'static str) {
    metrics::counter!("hydra_lazy_refused_total", "reason" => reason).increment(1);
    tracing::debug!(reason, "address of a lazy fragment refused");
}

fn reason_text(reason: Option<&Reason>) -> &str {
    reason.map_or("its service gave no reason", Reason::text)
}
