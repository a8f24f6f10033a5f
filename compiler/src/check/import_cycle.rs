#![doc = include_str!("../explain/import-cycle.md")]
//! ## Details
//!
//! A condition around a tag counts as well: `{% if address %}` around the tag that exports `address`.
#![deny(clippy::disallowed_methods)]

use std::borrow::Cow;

use crate::{
    fragment::short,
    model::{FragmentTag, spelled},
    problem::{Code, Problem, counted},
    source::Location,
    waves::{Cycle, Waves},
};

use super::rule_input::RuleInput;

pub(super) fn check(input: &RuleInput<'_, '_>, waves: &Waves) -> Vec<Problem> {
    counted(waves.circles.iter().filter_map(|circle| round(input, circle)))
}

fn round(input: &RuleInput<'_, '_>, circle: &Cycle) -> Option<Problem> {
    let steps: Vec<(&FragmentTag<'_>, &str)> = circle
        .iter()
        .filter_map(|(tag, name)| Some((input.page.tags.get(*tag)?, name.as_str())))
        .collect();
    let message = match steps.as_slice() {
        [(only, _)] => format!("{} waits for its own export", input.title(only)),
        [(one, _), (other, _)] => {
            format!(
                "{} and {} wait for each other's exports",
                input.title(one),
                input.title(other)
            )
        }
        steps => format!(
            "{} fragments wait for each other's exports, in a circle",
            steps.len()
        ),
    };
    let mut labels = steps
        .iter()
        .zip(steps.iter().cycle().skip(1))
        .map(|((tag, name), (exporter, _))| {
            let label = format!(
                "waits for `{}`, an export of {}",
                short(name),
                input.title(exporter)
            );
            (waiting_place(tag, name), label)
        });
    let (place, label) = labels.next()?;
    let help = match steps.as_slice() {
        [_] => "take the import, or the condition around the tag, away",
        _ => "take one import, or one condition around a tag, out of the circle",
    };
    let problem = problem(message, place, label, help);
    Some(labels.fold(problem, |problem, (place, label)| problem.label(place, label)))
}

/// A fragment in a part of the page that waits for what it exports: `names`, for people. The part begins at `start`.
pub(crate) fn in_its_own_hole(names: &str, start: Location) -> Problem {
    let message =
        format!("the fragment that exports {names} stands in a part of the page that waits for {names}");
    let label = format!("from here on the page waits for {names}");
    let help = format!("move the fragment before this place, where nothing waits for {names}");
    problem(message, start, label, help)
}

fn problem(
    message: String,
    place: Location,
    label: impl Into<Cow<'static, str>>,
    help: impl Into<Cow<'static, str>>,
) -> Problem {
    Problem::new(Code::ImportCycle, message, place, label).help(help)
}

/// Where a tag names what it waits for: in its imports, or else the tag, for the condition around it.
fn waiting_place(tag: &FragmentTag<'_>, name: &str) -> Location {
    let import = tag
        .node
        .fragment
        .imports
        .iter()
        .find(|item| spelled(item.root()) == name);
    import.map_or(tag.location(), |item| item.name_span.at(tag.source))
}
