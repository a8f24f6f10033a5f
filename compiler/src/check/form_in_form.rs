#![doc = include_str!("../explain/form-in-form.md")]
#![deny(clippy::disallowed_methods)]

use crate::{
    fragment::short,
    problem::{Code, Problem, counted},
    site::File,
    tree::{FragmentNode, form_tag},
};

use super::{
    offered_fragments::ContractLookup,
    rule_input::{RuleInput, with_offer_label},
};

/// The forms of a file that stand in another form of it, where one of the two has an action.
pub(super) fn check(file: &File<'_>, _: &[&FragmentNode]) -> Vec<Problem> {
    let forms = &file.tree.forms;
    let inner = forms
        .iter()
        .filter_map(|form| Some((form.attribute, form.outer?)));
    let plain = file.tree.form_elements.iter().filter_map(|element| {
        let is_action = forms.iter().any(|form| form.open.start == element.start);
        let outer = forms
            .iter()
            .find(|form| form.span().contains(*element) && form.open.start < element.start)?;
        (!is_action).then(|| (form_tag(*element), outer.open))
    });
    counted(inner.chain(plain).map(|(inner, outer)| {
        let message = "a form stands in another form";
        let problem = Problem::new(
            Code::FormInForm,
            message,
            inner.at(file.id),
            "browsers drop this one",
        );
        problem
            .label(outer.at(file.id), "in this form")
            .help("close the outer form before the inner one begins")
    }))
}

/// The forms that other files bring into a form: those of fragments, and those of includes.
pub(super) fn check_page(input: &RuleInput<'_, '_>) -> Vec<Problem> {
    let mut problems = brought(input);
    for (tag, lookup) in input.contract_lookups() {
        let ContractLookup::Fragment(contract, place) = lookup else {
            continue;
        };
        if let (Some(action), Some(outer)) = (contract.actions.keys().next(), tag.form) {
            let title = input.title(tag);
            let message = format!("{title} has a form, and stands in a form");
            let label = format!("browsers drop its form `{}`", short(action));
            let problem = Problem::new(Code::FormInForm, message, tag.location(), label);
            let problem = problem.label(outer, "in this form");
            let problem = input.with_include_chain(problem, &tag.include_chain);
            problems.push(with_offer_label(problem, place).help("move the tag behind the end of the form"));
        }
    }
    counted(problems)
}

/// The forms that stand in a form of a file or component that brings them in.
fn brought(input: &RuleInput<'_, '_>) -> Vec<Problem> {
    let forms = input.page.forms.iter().filter_map(|used| {
        // One in the same file is found without the page.
        let outer = used.outer.filter(|_| used.form.outer.is_none())?;
        let message = format!(
            "the form `{}` stands in another form",
            short(&used.form.action.value)
        );
        let place = used.form.attribute.at(used.source);
        let problem = Problem::new(Code::FormInForm, message, place, "browsers drop this one");
        let problem = input.with_include_chain(problem.label(outer, "in this form"), &used.include_chain);
        Some(problem.help("close the outer form before this part of the page begins"))
    });
    forms.collect()
}
