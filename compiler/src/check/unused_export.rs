//! `unused-export`: a tag exports an attribute that no expression of the page shows and no other fragment imports.
//!
//! **Why it matters.** The value travels for nothing. Mostly the page was changed and the list was not.
//!
//! **Bad**
//! ```html
//! <m:fragment service="orders" ref="checkout" exports="address">…</m:fragment> <p>Thank you</p>
//! ```
//! **Good**
//! ```html
//! <m:fragment service="orders" ref="checkout">…</m:fragment> <p>Thank you</p>
//! ```
//! A tag in a file that several pages share needs one page that uses the export.
#![deny(clippy::disallowed_methods)]

use std::{borrow::Cow, collections::BTreeSet};

use crate::{
    fragment::short,
    model::{UnitKind, UseKind, spelled},
    problem::{Code, Problem},
    source::Location,
};

use super::{
    reserved_name::is_reserved,
    subject::{Subject, target_place},
};

/// The unused exports of a page, and the places of the used ones.
pub(super) fn check(subject: &Subject<'_, '_>) -> (Vec<Problem>, Vec<Location>) {
    if subject.givers.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let uses = &subject.page.uses;
    let all = uses.iter().any(|used| used.kind == UseKind::Everything);
    let mut used: BTreeSet<Cow<'_, str>> = uses.iter().map(|used| used.name.as_ref().into()).collect();
    if let UnitKind::Offer(offer) = subject.unit.kind {
        // What the fragment itself exports may be what it was given.
        used.extend(offer.tag.exports.iter().map(|declared| spelled(&declared.name)));
    }
    let (mut problems, mut places) = (Vec::new(), Vec::new());
    for (name, givers) in &subject.givers {
        for giver in givers {
            let tag = &subject.page.tags[giver.tag];
            let place = target_place(tag, giver.item);
            if all || used.contains(name.as_str()) || !tag.may_export() || is_reserved(name) {
                places.push(place);
                continue;
            }
            let message = format!("nothing on this page uses `{}`", short(giver.item.target()));
            let label = format!("{} exports it", subject.title(tag));
            let problem = Problem::new(Code::UnusedExport, message, place, label);
            problems.push(problem.help("take it out of `exports`, or use it"));
        }
    }
    (problems, places)
}
