#![doc = include_str!("../explain/duplicate-action.md")]
#![deny(clippy::disallowed_methods)]

use std::collections::{BTreeMap, btree_map::Entry};

use crate::{
    fragment::short,
    model::{FormUse, IncludeTarget, UnitKind},
    problem::{Code, Problem, counted},
    site::{File, Site},
    source::Location,
    tree::{Form, FragmentNode},
};

use super::{conflict_finder::ConflictFinder, rule_input::RuleInput};

/// The forms of one fragment that have the same action.
pub(super) fn check(file: &File<'_>, _: &[&FragmentNode]) -> Vec<Problem> {
    let forms = &file.tree.forms;
    let again = forms.iter().enumerate().filter_map(|(index, form)| {
        let offer = file
            .tree
            .offers
            .iter()
            .find(|offer| offer.span.contains(form.open))?;
        let earlier = forms.iter().take(index);
        let mut same =
            earlier.filter(|one| one.action.value == form.action.value && offer.span.contains(one.open));
        let first = same.next()?;
        let (place, first) = (form.action.span.at(file.id), first.action.span.at(file.id));
        Some(problem("forms of one fragment", form, place, first))
    });
    counted(again)
}

/// The forms outside of fragments that have the same action, anywhere in the site: their handlers know them by it.
pub(super) fn check_pages(site: &Site<'_>) -> Vec<Problem> {
    let mut seen = BTreeMap::new();
    let files = site.files.iter();
    let forms = files.flat_map(|file| file.tree.page_forms().map(|form| (file.id, form)));
    counted(forms.filter_map(|(source, form)| {
        let place = form.action.span.at(source);
        match seen.entry(form.action.value.as_str()) {
            Entry::Vacant(entry) => {
                entry.insert(place);
                None
            }
            Entry::Occupied(first) => Some(problem("forms of pages", form, place, *first.get())),
        }
    }))
}

/// The forms of one file that a page shows twice, because it brings the file in twice.
pub(super) fn check_page(input: &RuleInput<'_, '_>) -> Vec<Problem> {
    if !matches!(input.unit.kind, UnitKind::Page) {
        return Vec::new();
    }
    let page = input.page;
    let mut seen: BTreeMap<Location, ConflictFinder> = BTreeMap::new();
    counted(page.forms.iter().enumerate().filter_map(|(index, used)| {
        let file = input.site.files.get(used.source.0 as usize)?;
        // A form of a fragment is reported as misplaced here, and so is one in a component.
        if file.tree.is_offered(used.form.open) {
            return None;
        }
        let steps = includes(used)?;
        let form = used.form.attribute.at(used.source);
        let earlier = seen.entry(form).or_default();
        let earlier = page.forms.get(earlier.add(&page.branches, used.branch, index)?)?;
        let before = includes(earlier)?;
        // Where the two ways to the form part.
        let same = steps.iter().zip(&before).take_while(|(one, other)| one == other);
        let parted = same.count();
        let (again, first) = (steps.get(parted), before.get(parted));
        // What else doubles a part of a page, such as `super()`, has no place to name.
        again.or(first)?;
        let (again, first) = (*again.unwrap_or(&form), *first.unwrap_or(&form));
        let page = short(input.page_name());
        let name = short(&used.form.action.value);
        let message = format!("`{page}` has the form `{name}` twice");
        let problem = Problem::new(Code::DuplicateAction, message, again, "here again");
        let problem = problem.label(first, "first here");
        let problem = match [again, first].contains(&form) {
            true => problem,
            false => problem.label(form, "this form"),
        };
        Some(problem.help("bring it in once: what is wrong in one of the two would be shown in both"))
    }))
}

/// The includes that bring a form into a page, the outermost first. `None`: it comes in through a component.
fn includes(used: &FormUse<'_>) -> Option<Vec<Location>> {
    let mut found = Vec::new();
    let mut step = used.include_chain.as_deref();
    while let Some(at) = step {
        if let IncludeTarget::Component(_) = at.target {
            return None;
        }
        found.push(at.location);
        step = at.before.as_deref();
    }
    found.reverse();
    Some(found)
}

fn problem(which: &str, form: &Form, place: Location, first: Location) -> Problem {
    let name = short(&form.action.value);
    let message = format!("two {which} have the action `{name}`");
    let problem = Problem::new(Code::DuplicateAction, message, place, "here again");
    let problem = problem.label(first, "first here");
    problem.help(format!("give one of them another name: `m:action=\"{name}-2\"`"))
}
