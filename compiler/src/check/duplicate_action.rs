#![doc = include_str!("../explain/duplicate-action.md")]
#![deny(clippy::disallowed_methods)]

use std::collections::{BTreeMap, btree_map::Entry};

use crate::{
    fragment::short,
    problem::{Code, Problem, counted},
    site::{File, Site},
    source::Location,
    tree::{Form, FragmentNode},
};

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

fn problem(which: &str, form: &Form, place: Location, first: Location) -> Problem {
    let name = short(&form.action.value);
    let message = format!("two {which} have the action `{name}`");
    let problem = Problem::new(Code::DuplicateAction, message, place, "here again");
    let problem = problem.label(first, "first here");
    problem.help(format!("give one of them another name: `m:action=\"{name}-2\"`"))
}
