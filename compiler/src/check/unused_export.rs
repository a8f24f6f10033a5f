#![doc = include_str!("../explain/unused-export.md")]
//! ## Details
//!
//! A tag in a file that several pages share needs one page that uses the export.
#![deny(clippy::disallowed_methods)]

use std::collections::{BTreeMap, HashSet};

use smol_str::SmolStr;

use crate::{
    fragment::{AttributeText, Attributed, shortened},
    limits::MAX_PROBLEMS_PER_CODE,
    model::{UnitKind, UseKind, spelled},
    problem::{Code, Problem, joined},
    site::Site,
    source::{Location, SourceId},
};

use super::{
    exporters::Exporter,
    reserved_name::is_reserved,
    rule_input::{RuleInput, target_place, title},
};

/// An export that its page does not use. Another page may use it, so that its message is written only when all pages are checked.
pub(super) struct Unused {
    /// Where its name stands.
    pub(super) place: Location,
    name: SmolStr,
    reference: Option<Attributed<AttributeText>>,
    service: Option<Attributed<AttributeText>>,
}

/// The unused exports of a page, and the places of the used ones.
pub(super) fn check(input: &RuleInput<'_, '_>) -> (Vec<Unused>, Vec<Location>) {
    if input.exporters.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let uses = &input.page.uses;
    let all = uses.iter().any(|used| used.kind == UseKind::Everything);
    let mut used = vec![all; input.exporters.names().count()];
    let mut mark = |name: &str| {
        if let Some(place) = input.exporters.place(name) {
            used[place] = true;
        }
    };
    uses.iter().for_each(|used| mark(&used.name));
    if let UnitKind::Offer(offer) = input.unit.kind {
        // An offered fragment may export under its own name what a fragment inside of it exports to it: names that it
        // exports itself count as used.
        let own = offer.tag.exports.iter();
        own.for_each(|declared| mark(&spelled(&declared.name)));
    }
    let (mut unused, mut places) = (Vec::new(), Vec::new());
    for ((name, exporters), used) in input.exporters.iter().zip(used) {
        let used = used || is_reserved(name);
        for exporter in exporters {
            let tag = &input.page.tags[exporter.tag];
            if used || !tag.may_export() {
                places.push(target_place(tag, exporter.item));
            } else {
                unused.push(*exporter);
            }
        }
    }
    // In the order of the page they are sorted later without work.
    unused.sort_unstable_by_key(|exporter| (exporter.tag, exporter.item.target_span));
    (
        unused
            .into_iter()
            .map(|exporter| unused_of(input, exporter))
            .collect(),
        places,
    )
}

fn unused_of(input: &RuleInput<'_, '_>, exporter: Exporter<'_>) -> Unused {
    let tag = &input.page.tags[exporter.tag];
    let fragment = &tag.node.fragment;
    Unused {
        place: target_place(tag, exporter.item),
        name: exporter.item.target().into(),
        reference: fragment.reference.clone(),
        service: fragment.service.clone(),
    }
}

/// The problems of what no page uses, each place once, in their order. Those of which a file has too many are counted.
pub(super) fn problems(site: &Site<'_>, mut unused: Vec<Unused>, used: &HashSet<Location>) -> Vec<Problem> {
    unused.retain(|unused| !used.contains(&unused.place));
    // The first page's stays.
    unused.sort_by_key(|unused| unused.place);
    unused.dedup_by_key(|unused| unused.place);
    let mut problems: Vec<Problem> = Vec::new();
    let mut counts: BTreeMap<SourceId, usize> = BTreeMap::new();
    for unused in &unused {
        let count = counts.entry(unused.place.source).or_default();
        *count += 1;
        match problems.last_mut() {
            Some(last) if *count > MAX_PROBLEMS_PER_CODE => last.more += 1,
            _ => problems.push(problem(site, unused)),
        }
    }
    problems
}

fn problem(site: &Site<'_>, unused: &Unused) -> Problem {
    let file = site.files.get(unused.place.source.0 as usize);
    let text = file.map_or("", |file| &file.source.text);
    let message = joined(&["nothing on this page uses `", &shortened(&unused.name), "`"]);
    let label = title(
        unused.reference.as_ref(),
        unused.service.as_ref(),
        text,
        " exports it",
    );
    Problem::new(Code::UnusedExport, message, unused.place, label).help("take it out of `exports`, or use it")
}
