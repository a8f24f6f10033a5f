//! Logs and counters of what happened to a page's fragments.

pub(crate) mod counters;
pub(crate) mod error;
pub(crate) mod event;
pub(crate) mod reason;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use hydra_contract::Place;
use hydra_runtime_wire::{Outcome, lines::MAX_LINES};
use metrics::{Key, Level, Metadata};

use self::{event::Note, reason::Reason};
use crate::page::{after_page::BadAddress, answer::Answer, plan::owner::Owner, setup::shared::Core};

static METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

/// How many lines of a page were to be logged so far.
#[derive(Debug, Default)]
pub(crate) struct Lines(usize);

impl Lines {
    /// The page is over: says how many lines there would have been more.
    pub(crate) fn end(&mut self) {
        let Lines(lines) = std::mem::take(self);
        if lines > MAX_LINES {
            tracing::warn!(more = lines - MAX_LINES, "more of the same page is not logged");
        }
    }
}

/// Counts and logs `notes` of a page that has logged `lines` already.
pub(crate) fn report(core: &Core, notes: Vec<Note>, lines: &mut Lines) {
    for note in notes {
        count_note(core, &note);
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
                lines.0 += 1;
                if lines.0 <= MAX_LINES {
                    log(core, &note);
                }
            }
        }
    }
}

fn count_note(core: &Core, note: &Note) {
    let keys = |owner: &Owner, reference: &str| {
        let service = owner.as_ref().unwrap_or(&core.plan.service);
        core.meter.keys(service, reference)
    };
    match note {
        Note::Slot {
            owner,
            reference,
            outcome,
            reason,
            ..
        } => keys(owner, reference).with(*outcome, reason.as_ref(), |key| count(key, 1)),
        Note::Dropped {
            owner,
            reference,
            count: dropped,
        } => count(&keys(owner, reference).dropped, *dropped),
        Note::Mistyped { owner, reference, .. } => count(&keys(owner, reference).mistyped, 1),
        Note::NotLazy { .. } => {}
        Note::Unlinked { count, .. } => {
            metrics::counter!("hydra_assets_dropped_total").increment(*count as u64);
        }
        Note::Damaged => metrics::counter!("hydra_places_damaged_total").increment(1),
        Note::Broken(_) => metrics::counter!("hydra_regions_broken_total").increment(1),
    }
}

/// Counts and logs what became of a lazy fragment.
pub(crate) fn lazy(core: &Core, owner: Option<&str>, reference: &str, answer: &Answer) {
    let service = owner.unwrap_or(&core.plan.service);
    let keys = core.meter.keys(service, reference);
    keys.with(answer.outcome, answer.reason.as_ref(), |key| count(key, 1));
    if answer.html.is_none() {
        let (outcome, reason) = (answer.outcome, said(answer.reason.as_ref()));
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
            &mut Lines::default(),
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
            if *outcome == Outcome::Cached {
                let reason = reason
                    .as_ref()
                    .map_or("an earlier answer may still be used", Reason::text);
                tracing::debug!(service, r#ref = &**reference, reason, %place, "fragment comes from a cache");
            } else {
                let reason = said(reason.as_ref());
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
        Note::Mistyped {
            owner,
            reference,
            export,
            ty,
        } => {
            let service = owner.as_deref().unwrap_or(own);
            tracing::warn!(
                service,
                r#ref = &**reference,
                export = &**export,
                contract = %ty,
                "an export is of another type than its contract says, and counts as none"
            );
        }
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
        Note::Damaged => tracing::warn!(
            "a template makes a value of the place of a fragment, which shows nothing there: print it as it is"
        ),
        Note::Broken(error) => {
            tracing::warn!(%error, "a part of the page can't be rendered and shows nothing")
        }
    }
}

fn dropped(service: &str, reference: &str, count: usize, what: &str) {
    tracing::warn!(service, r#ref = reference, count, "dropped {what}");
}

fn said(reason: Option<&Reason>) -> &str {
    reason.map_or("its service gave no reason", Reason::text)
}
