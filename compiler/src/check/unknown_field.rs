#![doc = include_str!("../explain/unknown-field.md")]
//! ## Details
//!
//! The rule follows structs of this crate's `src/` that derive `Serialize`, and lists of them, to any depth, through `{% for %}` and
//! `{% set %}`. Types of other crates, maps, `Value`, enums and generics may have any member.
//!
//! Lists and texts have none for Tera, whichever way their type is known: `{{ items.size }}` fails when the page is rendered. The
//! help has the filter that takes its place.
#![deny(clippy::disallowed_methods)]

use crate::{
    fragment::short,
    limits::MAX_LISTED_FIELDS,
    model::{MissingField, Owner},
    problem::{Code, Problem, counted},
    shape::Memberless,
};

use super::rule_input::RuleInput;

pub(super) fn check(input: &RuleInput<'_, '_>) -> Vec<Problem> {
    let missing = input.page.missing_fields.iter();
    counted(missing.map(|missing| unknown(input, missing)))
}

fn unknown(input: &RuleInput<'_, '_>, missing: &MissingField<'_>) -> Problem {
    let owner = match &missing.owner {
        Owner::Struct(owner) => owner,
        Owner::Value(value) => return without_members(input, missing, *value),
    };
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

/// A member of a list or a text.
fn without_members(input: &RuleInput<'_, '_>, missing: &MissingField<'_>, value: Memberless) -> Problem {
    let (owner, is_alone) = missing.value;
    let what = match value {
        Memberless::List => "list",
        Memberless::Text => "text",
    };
    let message = format!(
        "`{}` is a {what}, which has no member `{}` for Tera",
        short(owner),
        short(missing.name)
    );
    let problem = Problem::new(Code::UnknownField, message, missing.location, "nothing is there");
    let problem = input.with_include_chain(problem, &missing.include_chain);
    let Some(here) = in_its_place(value, missing.name) else {
        return problem.help(match value {
            Memberless::List => {
                format!("a list has items, as in `{owner}[0]`, and filters, as in `{owner} | length`")
            }
            Memberless::Text => format!("a text has filters, as in `{owner} | length`"),
        });
    };
    let new = match here {
        "not" => format!("not {owner}"),
        filter => format!("{owner} | {filter}"),
    };
    problem.help(match is_alone {
        true => format!("write `{new}`"),
        false => format!("write `({new})`"),
    })
}

/// The filter of Tera's that says what a member of that name says elsewhere, or `not`.
fn in_its_place(value: Memberless, name: &str) -> Option<&'static str> {
    let is_list = value == Memberless::List;
    Some(match name.to_ascii_lowercase().as_str() {
        "size" | "length" | "len" | "count" | "total" => "length",
        "isempty" | "is_empty" | "empty" => "not",
        "first" | "head" if is_list => "first",
        "last" if is_list => "last",
        "reverse" | "reversed" if is_list => "reverse",
        "sort" | "sorted" if is_list => "sort",
        "unique" | "uniq" | "distinct" if is_list => "unique",
        "upper" | "uppercase" | "touppercase" | "upcase" if !is_list => "upper",
        "lower" | "lowercase" | "tolowercase" | "downcase" if !is_list => "lower",
        "trim" | "strip" if !is_list => "trim",
        "capitalize" if !is_list => "capitalize",
        "title" if !is_list => "title",
        _ => return None,
    })
}
