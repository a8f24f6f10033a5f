#![doc = include_str!("../explain/form-override.md")]
#![deny(clippy::disallowed_methods)]

use crate::{
    fragment::short,
    problem::{Code, Problem, counted},
    site::File,
    tree::FragmentNode,
};

/// The attributes that have the browser send a form with an action in another way than Hydra says.
pub(super) fn check(file: &File<'_>, _: &[&FragmentNode]) -> Vec<Problem> {
    let forms = file.tree.forms.iter();
    let overriding = forms.flat_map(|form| form.overriding.iter().map(move |name| (form, *name)));
    counted(overriding.map(|(form, name)| {
        let shown = short(file.source.slice(name));
        let action = short(&form.action.value);
        let message = format!("`{shown}` changes how the form `{action}` is sent");
        let problem = Problem::new(Code::FormOverride, message, name.at(file.id), "changed here");
        let problem = problem.label(form.attribute.at(file.id), "Hydra sends this form");
        problem.help(format!(
            "leave `{shown}` out: only the action may get what visitors type"
        ))
    }))
}
