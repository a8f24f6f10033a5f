#![doc = include_str!("../explain/export-in-block-structure.md")]
#![deny(clippy::disallowed_methods)]

use std::{borrow::Cow, collections::BTreeSet};

use crate::{
    fragment::short,
    problem::{Code, Problem, ProblemCollector},
    source::Location,
};

use super::rule_input::RuleInput;

pub(super) fn check(input: &RuleInput<'_, '_>) -> Vec<Problem> {
    let page = input.page;
    if input.exporters.is_empty() || (page.structures.is_empty() && page.leaks.is_empty()) {
        return Vec::new();
    }
    let names: BTreeSet<&str> = input.exporters.names().collect();
    let first = input.page.needs.first_of(&names);
    let export = |group: usize| first.get(group).and_then(Option::as_deref);
    let mut problems = ProblemCollector::default();
    for structure in &input.page.structures {
        let Some(name) = export(structure.group) else {
            continue;
        };
        let export = short(name);
        let message = format!(
            "the export `{export}` decides about {}, which can't wait for it",
            structure.what
        );
        let help = format!("move it out of what depends on `{export}`");
        let problem = problem(message, structure.location, "has to be known at once", help);
        problems.add(with_giver(input, problem, name));
    }
    for leak in &input.page.leaks {
        let Some(name) = export(leak.group) else { continue };
        let (set, export) = (short(leak.name), short(name));
        let message = format!(
            "`{set}` depends on the export `{export}`, and is used outside of the block that sets it"
        );
        let help = format!("set `{set}` in the block that uses it, or use `{export}` itself there");
        let problem = problem(message, leak.used, "used here", help).label(leak.set, "set in a block");
        problems.add(with_giver(input, problem, name));
    }
    problems.into_problems()
}

/// The problem of a part of the page that waits for exports but can't be rendered later, because `fixed` stands in
/// it. The part begins at `start`; `names` lists the exports as the message shows them.
pub(crate) fn can_not_be_lifted(names: &str, start: Location, fixed: Location) -> Problem {
    let message = format!("{names} would decide about the structure of this page");
    let label = format!("{names} comes from a fragment, after the page's structure is settled");
    let help = "use the export inside of the block, or put what depends on it into an include";
    problem(message, start, label, help).label(fixed, "this can't wait for a fragment")
}

/// A block that sets `name` from the exports `names`, for people, where `name` is used outside of it.
pub(crate) fn lost_behind_block(name: &str, names: &str, set: Location, block: Location) -> Problem {
    let message = format!("`{name}` is used outside of this block, before {names} can be there");
    let help = format!("set `{name}` where it is used, or use it in this block only");
    problem(message, set, format!("set here, from {names}"), help).label(block, "in this block")
}

fn problem(
    message: String,
    place: Location,
    label: impl Into<Cow<'static, str>>,
    help: impl Into<Cow<'static, str>>,
) -> Problem {
    Problem::new(Code::ExportInBlockStructure, message, place, label).help(help)
}

fn with_giver(input: &RuleInput<'_, '_>, problem: Problem, name: &str) -> Problem {
    let Some(exporter) = input.exporters.get(name).first() else {
        return problem;
    };
    let tag = &input.page.tags[exporter.tag];
    let label = format!("{} exports `{}`", input.title(tag), short(name));
    problem.label(exporter.item.target_span.at(tag.source), label)
}
