#![doc = include_str!("../explain/export-shadows-attribute.md")]
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeMap;

use crate::{
    fragment::short,
    model::PageAttribute,
    problem::{Code, Problem, ProblemCollector},
    source::Location,
};

use super::{
    exporters::Exporter,
    rule_input::{RuleInput, target_place},
};

pub(super) fn check(input: &RuleInput<'_, '_>) -> Vec<Problem> {
    let mut sets: BTreeMap<&str, Location> = BTreeMap::new();
    for (name, place) in &input.page.sets {
        sets.entry(name).or_insert(*place);
    }
    let mut problems = ProblemCollector::default();
    if sets.is_empty() && input.page.attributes.names.is_empty() {
        return problems.into_problems();
    }
    for (name, exporters) in input.exporters.iter() {
        let Some((place, label)) = own(input, name, exporters, &sets) else {
            continue;
        };
        for exporter in exporters
            .iter()
            .filter(|exporter| input.page.tags[exporter.tag].may_export())
        {
            problems.add(shadow(input, *exporter, place, &label));
        }
    }
    problems.into_problems()
}

/// Where the page provides the name itself, and how.
fn own(
    input: &RuleInput<'_, '_>,
    name: &str,
    exporters: &[Exporter<'_>],
    sets: &BTreeMap<&str, Location>,
) -> Option<(Location, String)> {
    // A name that is written in another way there is another mistake: `name-collision`.
    let same = |attribute: &&PageAttribute| {
        exporters
            .iter()
            .any(|exporter| exporter.item.target() == attribute.written)
    };
    if let Some(attribute) = input.page.attributes.names.get(name).filter(same) {
        let label = match &attribute.field {
            Some((page, field)) => format!("the field `{}` of `{}`", short(field), short(page)),
            None => "the page's own attribute".to_owned(),
        };
        return Some((attribute.place, label));
    }
    sets.get(name)
        .map(|place| (*place, "the page sets it here".to_owned()))
}

fn shadow(input: &RuleInput<'_, '_>, exporter: Exporter<'_>, place: Location, label: &str) -> Problem {
    let tag = &input.page.tags[exporter.tag];
    let name = exporter.item.target();
    let message = format!("the page already has `{}`", short(name));
    let exported = format!("{} exports it here", input.title(tag));
    let place_of_export = target_place(tag, exporter.item);
    let problem = Problem::new(Code::ExportShadowsAttribute, message, place_of_export, exported);
    let problem = input.with_include_chain(problem.label(place, label.to_owned()), &tag.include_chain);
    let list = input.list_with_free_name(exporter);
    problem.help(format!(
        "let the export have another name, `{list}`, or rename the page's own"
    ))
}
