#![doc = include_str!("../explain/unknown-field.md")]
//! ## Details
//!
//! The rule follows structs of this crate's `src/` that derive `Serialize`, and lists of them, to any depth, through `{% for %}` and
//! `{% set %}`. Types of other crates, maps, `Value`, enums and generics may have any member.
#![deny(clippy::disallowed_methods)]

use crate::{
    fragment::short,
    limits::MAX_LISTED_FIELDS,
    model::MissingField,
    problem::{Code, Problem, counted},
};

use super::rule_input::RuleInput;

pub(super) fn check(input: &RuleInput<'_, '_>) -> Vec<Problem> {
    let missing = input.page.missing_fields.iter();
    counted(missing.map(|missing| unknown(input, missing)))
}

fn unknown(input: &RuleInput<'_, '_>, missing: &MissingField<'_>) -> Problem {
    let owner = &missing.owner;
    let message = format!("`{}` has no field `{}`", short(&owner.name), short(missing.name));
    let problem = Problem::new(Code::UnknownField, message, missing.location, "no such field");
    let problem = problem.label(owner.place, "the struct");
    let problem = input.with_include_chain(problem, &missing.include_chain);
    let fields = owner.fields.keys().map(String::as_str);
    if let Some(near) = input.nearest(missing.name, fields.clone()) {
        return problem.help(format!("did you mean `{near}`?"));
    }
    let fields: Vec<_> = fields
        .take(MAX_LISTED_FIELDS)
        .map(|name| format!("`{}`", short(name)))
        .collect();
    match fields.is_empty() {
        true => problem.help("it has none"),
        false => problem.help(format!("it has {}", fields.join(", "))),
    }
}
