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
    subject::{Subject, target_place},
};

pub(super) fn check(subject: &Subject<'_, '_>) -> Vec<Problem> {
    let mut sets: BTreeMap<&str, Location> = BTreeMap::new();
    for (name, place) in &subject.page.sets {
        sets.entry(name).or_insert(*place);
    }
    let mut problems = ProblemCollector::default();
    if sets.is_empty() && subject.page.attributes.names.is_empty() {
        return problems.into_problems();
    }
    for (name, exporters) in subject.exporters.iter() {
        let Some((place, label)) = own(subject, name, exporters, &sets) else {
            continue;
        };
        for exporter in exporters
            .iter()
            .filter(|exporter| subject.page.tags[exporter.tag].may_export())
        {
            problems.add(shadow(subject, *exporter, place, &label));
        }
    }
    problems.into_problems()
}

/// Where the page provides the name itself, and how.
fn own(
    subject: &Subject<'_, '_>,
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
    if let Some(attribute) = subject.page.attributes.names.get(name).filter(same) {
        let label = match &attribute.field {
            Some((page, field)) => format!("the field `{}` of `{}`", short(field), short(page)),
            None => "the page's own attribute".to_owned(),
        };
        return Some((attribute.place, label));
    }
    sets.get(name)
        .map(|place| (*place, "the page sets it here".to_owned()))
}

fn shadow(subject: &Subject<'_, '_>, exporter: Exporter<'_>, place: Location, label: &str) -> Problem {
    let tag = &subject.page.tags[exporter.tag];
    let name = exporter.item.target();
    let message = format!("the page already has `{}`", short(name));
    let exported = format!("{} exports it here", subject.title(tag));
    let place_of_export = target_place(tag, exporter.item);
    let problem = Problem::new(Code::ExportShadowsAttribute, message, place_of_export, exported);
    let problem = subject.with_include_chain(problem.label(place, label.to_owned()), &tag.include_chain);
    let list = subject.list_with_free_name(exporter);
    problem.help(format!(
        "let the export have another name, `{list}`, or rename the page's own"
    ))
}
