//! The checks: each rule looks at one thing, and gives plain problems (design section 3.4).
//!
//! They come in stages. A file that can't be read is left out of what compares files, so that one mistake gives one report:
//! 1. Tera's own view of each file (`syntax`), and the rules that need no more than one tag;
//! 2. what the site offers;
//! 3. the rules that need a whole page, for each page, offered fragment and component that can be read in full.
#![deny(clippy::disallowed_methods)]

mod duplicate_names;
mod export_conflict;
mod export_shadows_attribute;
mod rivals;
mod subject;
#[cfg(test)]
mod tests;
mod unknown_import;

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use crate::{
    input::{KnownContract, Options},
    model::{Attributes, Components, Unit, UnitKind, units, walk},
    page_type::PageType,
    problem::{Code, Problem, Severity},
    site::{File, Site},
    syntax,
    tree::within,
};
use subject::Subject;

/// What is known besides the templates.
#[derive(Clone, Copy, Debug)]
pub struct Known<'k> {
    /// The contracts of other services, by service.
    pub contracts: &'k BTreeMap<String, KnownContract>,
    /// Whether a contracts folder was named at all.
    pub contracts_given: bool,
    /// The Rust types of pages.
    pub page_types: &'k [PageType],
    /// What the build says.
    pub options: &'k Options,
}

/// The rules that need one file only.
const FILE_RULES: [fn(&File<'_>) -> Vec<Problem>; 1] = [duplicate_names::check];

/// The rules that need a whole page.
const PAGE_RULES: [fn(&Subject<'_, '_>) -> Vec<Problem>; 3] = [
    export_conflict::check,
    export_shadows_attribute::check,
    unknown_import::check,
];

/// Checks a site. `local`: the problems that the files have by themselves, from [`Site::parse`]; they are not in the result.
/// The problems come sorted, each once.
#[must_use]
pub fn check(site: &Site<'_>, local: &[Problem], known: &Known<'_>) -> Vec<Problem> {
    let components = Components::of(site);
    let mut broken = broken(site, local);
    let syntax = syntax::check(site, &components, known.options, &broken);
    let mut problems = syntax.problems;
    problems.par_extend(
        site.files
            .par_iter()
            .flat_map_iter(|file| FILE_RULES.iter().flat_map(|rule| rule(file))),
    );
    broken.extend(syntax.unreadable);

    let units = units(site, known.page_types);
    let pages: Vec<_> = units
        .par_iter()
        .map(|unit| check_unit(site, &components, known, &broken, *unit))
        .collect();
    problems.extend(pages.into_iter().flatten());
    sort(&mut problems);
    problems
}

/// Sorts problems by file, place and code. One code at one place is one mistake: of those that several pages find in a file
/// that they share, the first page's stays.
pub fn sort(problems: &mut Vec<Problem>) {
    let key = |problem: &Problem| (problem.labels.first().map(|label| label.location), problem.code);
    problems.sort_by_key(key);
    problems.dedup_by_key(|problem| key(problem));
}

/// The files that have errors by themselves.
fn broken(site: &Site<'_>, local: &[Problem]) -> BTreeSet<usize> {
    let errors = local
        .iter()
        .filter(|problem| problem.code.severity() == Severity::Error);
    let sources: BTreeSet<_> = errors
        .flat_map(|problem| &problem.labels)
        .map(|label| label.location.source)
        .collect();
    (0..site.files.len())
        .filter(|file| sources.contains(&site.files[*file].id))
        .collect()
}

fn check_unit(
    site: &Site<'_>,
    components: &Components<'_>,
    known: &Known<'_>,
    broken: &BTreeSet<usize>,
    unit: Unit<'_>,
) -> Vec<Problem> {
    if site.closure(unit.file).iter().any(|file| broken.contains(file)) {
        return Vec::new();
    }
    let offered = match unit.kind {
        UnitKind::Offer(offer) => match within(&site.files[unit.file].tree.nodes, offer.span) {
            Some(nodes) => nodes,
            None => return vec![cut_by_a_statement(&site.files[unit.file], offer)],
        },
        _ => Vec::new(),
    };
    let attributes = Attributes::of(site, &unit, known.page_types);
    let page = walk(site, components, unit, &offered, attributes);
    let subject = Subject::new(site, unit, &page, known);
    PAGE_RULES.iter().flat_map(|rule| rule(&subject)).collect()
}

fn cut_by_a_statement(file: &File<'_>, offer: &crate::tree::Offer) -> Problem {
    let message = "this fragment begins and ends in different parts of the template";
    Problem::new(Code::UnclosedTag, message, offer.open.at(file.id), "begins here")
        .help("open and close the element in the same branch of `{% if %}`, `{% for %}` or `{% block %}`")
}
