//! The checks: each rule looks at one thing, and gives plain problems (design section 3.4).
//!
//! They come in stages. A file that can't be read is left out of what compares files, so that one mistake gives one report:
//! 1. Tera's own view of each file (`syntax`), and the rules that need no more than one tag;
//! 2. what the site offers;
//! 3. the rules that need a whole page, for each page, offered fragment and component that can be read in full.
#![deny(clippy::disallowed_methods)]

mod aliases;
mod build;
mod duplicate_names;
mod duplicate_ref;
mod empty_fallback;
mod export_conflict;
mod export_in_block_structure;
mod export_in_loop;
mod export_shadows_attribute;
mod fragment_in_capture;
mod import_conflict;
mod import_cycle;
mod late_export;
mod maybe_unset;
mod missing_import;
mod name_collision;
mod no_contract;
mod offered;
mod reserved_name;
mod rivals;
mod subject;
#[cfg(test)]
mod tests;
mod type_mismatch;
mod unknown_export;
mod unknown_fragment_import;
mod unknown_import;
mod unknown_page_attribute;
mod unknown_ref;
mod unknown_service;
mod unused_export;

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use crate::{
    input::{KnownContract, Options},
    model::{Attributes, CheckedOffer, CheckedPage, CheckedSite, Components, Unit, UnitKind, units, walk},
    page_type::PageType,
    problem::{Code, Problem},
    site::{File, Site},
    source::Location,
    syntax,
    tree::{Offer, within},
    waves::waves,
};
use offered::Offered;
use subject::{Shared, Subject};

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

/// For how many mistakes of one kind on one page the nearest name is looked up: more would take longer than anyone reads on.
const MOST_SUGGESTIONS: usize = 100;

/// The rules that need one file only.
const FILE_RULES: [fn(&File<'_>) -> Vec<Problem>; 4] = [
    duplicate_names::check,
    reserved_name::check,
    name_collision::check_lists,
    import_conflict::check_offers,
];

/// The rules that need a whole page.
const PAGE_RULES: [fn(&Subject<'_, '_>) -> Vec<Problem>; 19] = [
    export_conflict::check,
    export_shadows_attribute::check,
    name_collision::check,
    export_in_loop::check,
    unknown_import::check,
    unknown_service::check,
    unknown_ref::check,
    unknown_export::check,
    unknown_fragment_import::check,
    missing_import::check,
    type_mismatch::check,
    import_conflict::check,
    fragment_in_capture::check,
    export_in_block_structure::check,
    late_export::check,
    maybe_unset::check,
    unknown_page_attribute::check,
    no_contract::check,
    cut_short,
];

/// Checks a site. `local`: the problems that the files have by themselves, from [`Site::parse`]; they are not in the result.
/// The problems come sorted, each once. The site that is left lacks the pages that could not be read.
#[must_use]
pub fn check(site: &Site<'_>, local: &[Problem], known: &Known<'_>) -> (Vec<Problem>, CheckedSite) {
    let components = Components::of(site);
    let mut unreadable = unreadable(site, local);
    let syntax = syntax::check(site, &components, known.options, &unreadable);
    let mut problems = syntax.problems;
    unreadable.extend(syntax.unreadable);
    problems.par_extend(
        site.files
            .par_iter()
            .flat_map_iter(|file| FILE_RULES.iter().flat_map(|rule| rule(file))),
    );
    let readable = site
        .files
        .par_iter()
        .enumerate()
        .filter(|(index, _)| !unreadable.contains(index));
    problems.par_extend(readable.flat_map_iter(|(_, file)| empty_fallback::check(file)));

    let lossy = lossy(local);
    let mut offered = Offered::of(site, known.options.service.as_deref());
    offered.incomplete = !unreadable.is_empty() || !lossy.is_empty();
    problems.extend(duplicate_ref::check(site, &offered));

    let shared = Shared {
        site,
        known,
        offered: &offered,
        lossy: &lossy,
    };
    let units = units(site, known.page_types);
    let checked: Vec<_> = units
        .par_iter()
        .map(|unit| check_unit(shared, &components, &unreadable, *unit))
        .collect();
    let (pages, offers) = gather(checked, &mut problems);
    (problems, CheckedSite::new(pages, offers, offered.contract))
}

/// Joins what the units left, and settles what only all of them together can say.
fn gather(units: Vec<Checked>, problems: &mut Vec<Problem>) -> (Vec<CheckedPage>, Vec<CheckedOffer>) {
    let (mut pages, mut offers, mut used) = (Vec::new(), Vec::new(), BTreeSet::new());
    for unit in units {
        problems.extend(unit.problems);
        used.extend(unit.used);
        pages.extend(unit.page);
        offers.extend(unit.offer);
    }
    let is_used = |problem: &Problem| {
        problem
            .labels
            .first()
            .is_some_and(|label| used.contains(&label.location))
    };
    problems.retain(|problem| problem.code != Code::UnusedExport || !is_used(problem));
    sort(problems);
    no_contract::keep_first(problems);
    (pages, offers)
}

/// Sorts problems by file, place and code. One code at one place is one mistake: of those that several pages find in a file
/// that they share, the first page's stays.
pub fn sort(problems: &mut Vec<Problem>) {
    let key = |problem: &Problem| (problem.labels.first().map(|label| label.location), problem.code);
    problems.sort_by_key(key);
    problems.dedup_by_key(|problem| key(problem));
}

/// The files whose nesting can't be trusted: nothing is said about pages that they are part of.
fn unreadable(site: &Site<'_>, local: &[Problem]) -> BTreeSet<usize> {
    let nesting = [
        Code::UnclosedTag,
        Code::StrayCloseTag,
        Code::UnclosedQuote,
        Code::NotUtf8,
        Code::TooDeep,
        Code::TemplateSyntax,
    ];
    let errors = local.iter().filter(|problem| nesting.contains(&problem.code));
    let sources: BTreeSet<_> = errors
        .flat_map(|problem| &problem.labels)
        .map(|label| label.location.source)
        .collect();
    (0..site.files.len())
        .filter(|file| sources.contains(&site.files[*file].id))
        .collect()
}

/// The places where a name may have been lost: what seems to be missing may be there.
fn lossy(local: &[Problem]) -> BTreeSet<Location> {
    let lost = [
        Code::BadList,
        Code::BadName,
        Code::DuplicateAttribute,
        Code::UnknownAttribute,
        Code::UnknownElement,
    ];
    let errors = local.iter().filter(|problem| lost.contains(&problem.code));
    errors
        .filter_map(|problem| problem.labels.first())
        .map(|label| label.location)
        .collect()
}

/// What checking a unit leaves.
#[derive(Default)]
struct Checked {
    problems: Vec<Problem>,
    /// The exports that this page uses, by the places of their names.
    used: Vec<Location>,
    page: Option<CheckedPage>,
    offer: Option<CheckedOffer>,
}

fn check_unit(
    shared: Shared<'_, '_>,
    components: &Components<'_>,
    unreadable: &BTreeSet<usize>,
    unit: Unit<'_>,
) -> Checked {
    let site = shared.site;
    if site
        .closure(unit.file)
        .iter()
        .any(|file| unreadable.contains(file))
    {
        return Checked::default();
    }
    let offered = match unit.kind {
        UnitKind::Offer(offer) => match within(&site.files[unit.file].tree.nodes, offer.span) {
            Some(nodes) => nodes,
            None => {
                return Checked {
                    problems: vec![cut_by_a_statement(&site.files[unit.file], offer)],
                    ..Checked::default()
                };
            }
        },
        _ => Vec::new(),
    };
    let attributes = Attributes::of(site, &unit, shared.known.page_types);
    let page = walk(site, components, unit, &offered, attributes);
    let subject = Subject::new(shared, unit, &page);
    let waves = waves(&page);
    let mut problems: Vec<Problem> = PAGE_RULES.iter().flat_map(|rule| rule(&subject)).collect();
    problems.extend(import_cycle::check(&subject, &waves));
    let (unused, used) = unused_export::check(&subject);
    problems.extend(unused);
    let mut checked = Checked {
        problems,
        used,
        ..Checked::default()
    };
    match unit.kind {
        UnitKind::Page => checked.page = Some(build::page(&subject, &waves)),
        UnitKind::Offer(offer) => checked.offer = Some(build::offer(&subject, offer, &waves)),
        UnitKind::Components => {}
    }
    checked
}

fn cut_by_a_statement(file: &File<'_>, offer: &Offer) -> Problem {
    let message = "this fragment begins and ends in different parts of the template";
    Problem::new(Code::UnclosedTag, message, offer.open.at(file.id), "begins here")
        .help("open and close the element in the same branch of `{% if %}`, `{% for %}` or `{% block %}`")
}

/// `too-deep`, for what several files nest together.
fn cut_short(subject: &Subject<'_, '_>) -> Vec<Problem> {
    let problem = subject.page.cut_short.map(|place| {
        let message = "the includes of this page nest too deep, or multiply too often, to be followed";
        Problem::new(Code::TooDeep, message, place, "what comes in here is too much")
            .help("include less from within included files")
    });
    problem.into_iter().collect()
}
