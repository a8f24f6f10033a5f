//! The log of fragments that the gateway could not get: a line for each, with the reason. The gateway logs what it decides
//! itself; a service of protocol 2 logs why it refused or failed a fragment.

use hydra_runtime_wire::{ResolvedFragment, lines};

use super::plan::RefusedFragment;

/// Logs fragments of one call, each with its `ref`.
pub(super) fn failed<'a>(service: &str, fragments: impl Iterator<Item = (&'a str, &'a ResolvedFragment)>) {
    let missing: Vec<_> = fragments
        .filter(|(_, fragment)| fragment.html.is_none())
        .collect();
    let more = lines::first(&missing, |(reference, fragment)| {
        line(service, reference, fragment)
    });
    if more > 0 {
        tracing::warn!(service, more, "more fragments of the same call were not rendered");
    }
}

/// Logs fragments that were not requested from any service.
pub(super) fn refused(refused: &[RefusedFragment]) {
    let more = lines::first(refused, |one| line(&one.service, &one.reference, &one.answer));
    if more > 0 {
        tracing::warn!(more, "more fragments of the same batch were refused");
    }
}

/// Logs how many fragments of a batch get no answer.
pub(super) fn unanswered(count: usize) {
    if count > 0 {
        tracing::warn!(
            count,
            "a page asked for many more fragments than it may: the last ones get no answer"
        );
    }
}

/// Logs entries of imports that can't be read.
pub(super) fn unread(entries: &[(String, String)]) {
    let more = lines::first(entries, |(service, import)| {
        tracing::warn!(
            service,
            import,
            "an import of a page can't be read, and is not passed on: it must be a name, or `path as name`"
        );
    });
    if more > 0 {
        tracing::warn!(more, "more imports of the same batch can't be read");
    }
}

/// One line.
pub(super) fn line(service: &str, reference: &str, fragment: &ResolvedFragment) {
    let (outcome, reason) = (fragment.outcome, fragment.reason.as_deref().unwrap_or_default());
    let (service, reference, reason) = (lines::cut(service), lines::cut(reference), lines::cut(reason));
    tracing::warn!(
        service,
        r#ref = reference,
        ?outcome,
        reason,
        "fragment not rendered"
    );
}
