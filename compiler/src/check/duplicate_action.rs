#![doc = include_str!("../explain/duplicate-action.md")]
#![deny(clippy::disallowed_methods)]

use crate::{
    fragment::short,
    problem::{Code, Problem, counted},
    site::File,
    tree::FragmentNode,
};

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
        let name = short(&form.action.value);
        let message = format!("two forms of one fragment have the action `{name}`");
        let place = form.action.span.at(file.id);
        let problem = Problem::new(Code::DuplicateAction, message, place, "here again");
        let problem = problem.label(first.action.span.at(file.id), "first here");
        Some(problem.help(format!("give one of them another name: `m:action=\"{name}-2\"`")))
    });
    counted(again)
}
