//! The checks. Each rule looks at one thing and returns plain problems (design section 3.4).
//!
//! They come in stages. A file that can't be read is left out of what compares files, so that one mistake gives one report:
//! 1. Tera's own view of each file (`syntax`), and the rules that need no more than one tag;
//! 2. what the site offers;
//! 3. the rules that need a whole page, for each page, offered fragment and component that can be read in full.
#![deny(clippy::disallowed_methods)]

mod aliases;
mod build;
mod conflict_finder;
mod contract_mismatches;
mod duplicate_action;
mod duplicate_names;
mod duplicate_ref;
mod empty_fallback;
mod export_conflict;
pub(crate) mod export_in_block_structure;
mod export_in_loop;
mod export_shadows_attribute;
mod exporters;
mod file_of_another_service;
mod form_in_form;
mod form_override;
mod form_with_base;
mod fragment_as_text;
mod fragment_in_capture;
mod fragment_uses;
mod half_delimiter;
mod import_conflict;
pub(crate) mod import_cycle;
mod late_export;
mod lists;
mod maybe_unset;
mod misplaced_action;
mod missing_import;
mod mode_conflict;
mod name_collision;
mod no_contract;
mod offered_fragments;
mod other_engine;
pub(crate) mod overlap;
mod page_rules;
mod reserved_name;
mod rule_input;
mod slips_of_files;
#[cfg(test)]
mod tests;
mod type_mismatch;
mod unknown_export;
mod unknown_field;
mod unknown_fragment_import;
mod unknown_import;
mod unknown_page_attribute;
mod unknown_ref;
mod unknown_service;
mod unmatched_end_tag;
mod unused_export;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::{
    input::{KnownContract, Options},
    limits::{MAX_SUGGESTIONS, MAX_SUGGESTIONS_OF_SITE},
    model::{CheckedModel, CheckedOffer, CheckedPage, Components, UnitKind, units},
    page_type::PageType,
    parallel::each,
    problem::{Code, Problem, bounded},
    site::{File, Site, fragments},
    source::Location,
    syntax::{self, Known, Undefined},
    tree::FragmentNode,
};
use offered_fragments::OfferedFragments;
use rule_input::Shared;

/// What the checks know besides the templates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SiteContext<'k> {
    /// The contracts of other services, by service.
    pub contracts: &'k BTreeMap<String, KnownContract>,
    /// Whether a contracts folder was named at all.
    pub contracts_given: bool,
    /// The Rust types of pages.
    pub page_types: &'k [PageType],
    /// What the build says.
    pub options: &'k Options,
}

/// What the caller of a check needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CheckGoal {
    /// The problems alone: the returned model has no pages and no offers.
    Problems,
    /// The site, for what is made from it.
    Site,
}

/// A rule that needs one file only, and the fragments in it.
type FileRule = fn(&File<'_>, &[&FragmentNode]) -> Vec<Problem>;

const FILE_RULES: &[FileRule] = &[
    duplicate_names::check,
    reserved_name::check,
    name_collision::check_lists,
    import_conflict::check_offers,
    fragment_as_text::check,
];

/// Checks a site. `local`: the problems that the files have by themselves, from [`Site::parse`]; they are not in the result. Those
/// that a slip of the finger explains are taken out of it. `known`: what Tera said at the last check.
/// The problems come sorted, each once. The returned model lacks the pages that could not be read.
#[must_use]
pub(crate) fn check(
    site: &Site<'_>,
    local: &mut Vec<Problem>,
    context: &SiteContext<'_>,
    goal: CheckGoal,
    known: Option<Known<'_>>,
) -> (Vec<Problem>, CheckedModel) {
    let components = Components::of(site);
    let mut unreadable = unreadable(site, local);
    let syntax = syntax::check(site, &components, context.options, &unreadable, known);
    let mut problems = syntax.problems;
    unreadable.extend(syntax.unreadable);
    let explained = slips_of_files::explain(site, &components, context.options, local, &mut problems);
    unreadable.extend(&explained);
    problems.extend(defined_elsewhere(site, syntax.undefined, &unreadable));
    let other_engines = other_engine::OtherEngines::of(site);
    let of_files = each(&site.files, |index, file| {
        let fragments = fragments(&file.tree.nodes);
        let mut found = Vec::new();
        if explained.contains(&index) {
            return found;
        }
        for rule in FILE_RULES {
            found.extend(bounded(rule(file, &fragments)));
        }
        if !unreadable.contains(&index) {
            found.extend(bounded(half_delimiter::check(file)));
            found.extend(unmatched_end_tag::check(file));
            if !file.tree.forms.is_empty() {
                found.extend(misplaced_action::check(file, &fragments));
                found.extend(form_in_form::check(file, &fragments));
                found.extend(form_override::check(file, &fragments));
                found.extend(duplicate_action::check(file, &fragments));
            }
            found.extend(other_engines.check(file));
            found.extend(empty_fallback::check(file, &fragments));
        }
        found
    });
    problems.extend(of_files.into_iter().flatten());

    problems.extend(file_of_another_service::check(site, context));

    let local = &*local;
    let lossy = lossy(local);
    let mut offered = OfferedFragments::of(site, context.options.service.as_deref());
    let is_lost = |file: &File<'_>| !file.tree.stray_ends.is_empty();
    offered.incomplete = !unreadable.is_empty() || !lossy.is_empty() || site.files.iter().any(is_lost);
    let lossy_files = site.files.iter().enumerate().filter(|(_, file)| {
        let mut places = lossy.iter().map(|place| place.source);
        places.any(|source| source == file.id)
    });
    offered.unread = unreadable
        .iter()
        .copied()
        .chain(lossy_files.map(|(index, _)| index))
        .collect();
    problems.extend(duplicate_ref::check(site, &offered));
    problems.extend(duplicate_action::check_pages(site));

    let units = units(site, context.page_types);
    let typed = context.page_types.iter();
    let typed = site.closure_of(typed.filter_map(|page| site.find(&page.template)).collect());
    let typed = BTreeSet::from_iter(typed);
    let shared = Shared {
        site,
        context,
        offered: &offered,
        lossy: &lossy,
        typed: &typed,
        goal,
        suggestions_left: (MAX_SUGGESTIONS_OF_SITE / units.len().max(1)).clamp(1, MAX_SUGGESTIONS),
    };
    let judged_elsewhere = named_by(site, &unreadable);
    let checked = each(&units, |_, unit| {
        if matches!(unit.kind, UnitKind::Page) && judged_elsewhere.contains(&unit.file) {
            return None;
        }
        let checked = page_rules::check(shared, &components, &unreadable, *unit);
        // Most units leave nothing, and a file may have very many.
        (!checked.is_empty()).then(|| Box::new(checked))
    });
    let (pages, offers) = gather(site, checked, &mut problems);
    half_delimiter::pardon(site, &mut problems);
    let mut contract = offered.contract;
    contract.asks = fragment_uses::of(&pages, &offers);
    (problems, CheckedModel::new(pages, offers, contract))
}

/// Joins what the units left, and settles what only all of them together can say.
fn gather(
    site: &Site<'_>,
    units: Vec<Option<Box<page_rules::Checked>>>,
    problems: &mut Vec<Problem>,
) -> (Vec<CheckedPage>, Vec<CheckedOffer>) {
    let (mut pages, mut offers) = (Vec::new(), Vec::new());
    let (mut unused, mut used) = (Vec::new(), HashSet::new());
    for unit in units.into_iter().flatten() {
        problems.extend(unit.problems);
        unused.extend(unit.unused);
        used.extend(unit.used);
        pages.extend(unit.page.map(|page| *page));
        offers.extend(unit.offer.map(|offer| *offer));
    }
    problems.extend(unused_export::problems(site, unused, &used));
    sort(problems);
    no_contract::keep_first(problems);
    (pages, offers)
}

/// Sorts problems by file, place and code. One code at one place is one mistake: of those that several pages find in a file
/// that they share, the first page's stays.
pub(crate) fn sort(problems: &mut Vec<Problem>) {
    let key = |problem: &Problem| (problem.labels.first().map(|label| label.location), problem.code);
    problems.sort_by_key(key);
    problems.dedup_by_key(|problem| key(problem));
}

/// The problems of names that no file defines. A file that can't be read may define any of them.
fn defined_elsewhere(
    site: &Site<'_>,
    undefined: Vec<Undefined>,
    unreadable: &BTreeSet<usize>,
) -> impl Iterator<Item = Problem> {
    let may_be_defined = |name: &Undefined| match name.is_block {
        true => site
            .closure(name.file)
            .iter()
            .any(|file| unreadable.contains(file)),
        false => !unreadable.is_empty(),
    };
    let undefined: Vec<_> = undefined
        .into_iter()
        .filter(|name| !may_be_defined(name))
        .collect();
    undefined.into_iter().map(|name| name.problem)
}

/// The files whose names stand in files that can't be read: those may include or extend them, so that they are no pages.
fn named_by(site: &Site<'_>, unreadable: &BTreeSet<usize>) -> BTreeSet<usize> {
    let mut named = BTreeSet::new();
    for file in unreadable {
        let text = site.files[*file].source.text.as_str();
        let words = text.split(['"', '\'', '`', ' ', '\t', '\n', '=', '(', ')']);
        named.extend(words.filter_map(|word| site.find(word)));
    }
    named
}

/// The files whose nesting can't be trusted. The rules for whole pages skip the pages that contain one.
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

/// The places where a name may have been lost, so that a name that seems to be missing may be written there.
fn lossy(local: &[Problem]) -> BTreeSet<Location> {
    let lost = [
        Code::BadList,
        Code::BadName,
        Code::DuplicateAttribute,
        Code::EmptyValue,
        Code::UnknownAttribute,
        Code::UnknownElement,
    ];
    let errors = local.iter().filter(|problem| lost.contains(&problem.code));
    errors
        .filter_map(|problem| problem.labels.first())
        .map(|label| label.location)
        .collect()
}
