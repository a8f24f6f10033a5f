#![doc = include_str!("../explain/mode-conflict.md")]
//! ## Details
//!
//! This module reports the case that takes a whole page to see: in the fallback of a fragment that comes after the page stands a
//! fragment that exports, or that is required. `fragment::mode` reports the case that one tag shows.
#![deny(clippy::disallowed_methods)]

use hydra_contract::Mode;

use crate::{
    fragment::mode_name,
    model::FragmentTag,
    problem::{Code, Problem, counted},
    source::Location,
};

use super::rule_input::{RuleInput, target_place};

pub(super) fn check(input: &RuleInput<'_, '_>) -> Vec<Problem> {
    let tags = input.page.tags.iter();
    // A tag that is itself deferred or lazy is reported by `fragment::mode`, which needs only that tag.
    let shown_at_once = tags.filter(|tag| tag.node.fragment.mode == Mode::Inline);
    let problems = shown_at_once.filter_map(|tag| {
        let problem = conflict(tag, tag.later?)?;
        Some(input.with_include_chain(problem, &tag.include_chain))
    });
    counted(problems)
}

/// What `tag` says that it can't say in the fallback of the tag at `outer`.
fn conflict(tag: &FragmentTag<'_>, (outer, mode): (Location, Mode)) -> Option<Problem> {
    let export = tag.node.fragment.exports.first();
    let export = export.map(|item| ("exports", target_place(tag, item), "the page would wait for this"));
    let required = tag.node.fragment.required;
    let required = required.then(|| ("required", tag.location(), "the page would wait for it"));
    let given: Vec<_> = export.into_iter().chain(required).collect();

    let names: Vec<_> = given.iter().map(|(name, ..)| format!("`{name}`")).collect();
    let names = names.join(" and ");
    let mode = mode_name(mode);
    let message = format!("a fragment in the fallback of a `{mode}` one can't have {names}");
    let mut places = given.into_iter().map(|(_, place, label)| (place, label));
    let (place, label) = places.next()?;
    let problem = Problem::new(Code::ModeConflict, message, place, label);
    let problem = places.fold(problem, |problem, (place, label)| problem.label(place, label));
    let help = format!("leave {names} out, or write `mode=\"inline\"` in the tag around it");
    let label = "comes after the page: its fallback is shown at once";
    Some(problem.label(outer, label).help(help))
}
