//! The differences of one fragment that both contracts have.

use hydra_contract::{FragmentContract, ImportContract};

use super::{Change, ServiceTags, breaking, harmless};
use crate::graph::GraphFragment;

/// Exports first, then imports, then what the fragment has of its own; each by name.
pub(super) fn changes(
    reference: &str,
    was: &FragmentContract,
    is: &FragmentContract,
    uses: &ServiceTags<'_>,
) -> Vec<Change> {
    let mut changes = exports(reference, was, is, uses);
    for (name, import) in &was.imports {
        match is.imports.get(name) {
            Some(now) => changes.extend(import_changes(reference, name, (import, now), uses)),
            None => {
                let message = format!("it no longer imports `{name}`");
                changes.push(breaking(
                    reference,
                    message,
                    uses.of(reference, |tag| passes(tag, name)),
                ));
            }
        }
    }
    for (name, import) in is
        .imports
        .iter()
        .filter(|(name, _)| !was.imports.contains_key(*name))
    {
        changes.push(new_import(reference, name, import, uses));
    }
    for name in is.provides.difference(&was.provides) {
        let message = format!("it now has a `{name}` of its own, which no import may hide");
        let broken = uses.of(reference, |tag| passes(tag, name));
        if !broken.is_empty() {
            changes.push(breaking(reference, message, broken));
        }
    }
    changes
}

fn exports(
    reference: &str,
    was: &FragmentContract,
    is: &FragmentContract,
    uses: &ServiceTags<'_>,
) -> Vec<Change> {
    let mut changes = Vec::new();
    for (name, ty) in &was.exports {
        let takers = || uses.of(reference, |tag| takes(tag, name));
        match is.exports.get(name) {
            None => changes.push(breaking(
                reference,
                format!("it no longer exports `{name}`"),
                takers(),
            )),
            Some(now) if now == ty => {}
            Some(now) => {
                let message = format!("the export `{name}` is now {now}, not {ty}");
                changes.push(match now.fits(ty) {
                    true => harmless(reference, message),
                    false => breaking(reference, message, takers()),
                });
            }
        }
    }
    let fresh = is.exports.keys().filter(|name| !was.exports.contains_key(*name));
    changes.extend(fresh.map(|name| harmless(reference, format!("it also exports `{name}`"))));
    changes
}

fn import_changes(
    reference: &str,
    name: &str,
    (was, is): (&ImportContract, &ImportContract),
    uses: &ServiceTags<'_>,
) -> Vec<Change> {
    let mut changes = Vec::new();
    if was.ty != is.ty {
        let message = format!("the import `{name}` must now be {}, not {}", is.ty, was.ty);
        changes.push(match was.ty.fits(&is.ty) {
            true => harmless(reference, message),
            false => breaking(reference, message, uses.of(reference, |tag| passes(tag, name))),
        });
    }
    match (&was.default, &is.default) {
        (Some(_), None) => {
            let message = format!("the import `{name}` is no longer optional");
            changes.push(breaking(
                reference,
                message,
                uses.of(reference, |tag| !passes(tag, name)),
            ));
        }
        (None, Some(_)) => changes.push(harmless(
            reference,
            format!("the import `{name}` is now optional"),
        )),
        (one, other) if one != other => {
            changes.push(harmless(
                reference,
                format!("the import `{name}` has another default"),
            ));
        }
        _ => {}
    }
    changes
}

fn new_import(reference: &str, name: &str, import: &ImportContract, uses: &ServiceTags<'_>) -> Change {
    match import.default {
        Some(_) => harmless(reference, format!("it can also import `{name}`")),
        None => {
            let message = format!("it now needs the import `{name}` ({})", import.ty);
            breaking(reference, message, uses.of(reference, |tag| !passes(tag, name)))
        }
    }
}

fn passes(tag: &GraphFragment, name: &str) -> bool {
    tag.imports.iter().any(|flow| flow.to == name)
}

fn takes(tag: &GraphFragment, name: &str) -> bool {
    tag.exports.iter().any(|flow| flow.from == name)
}
