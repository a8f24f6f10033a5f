#![doc = include_str!("../explain/unknown-import.md")]
//! ## Details
//!
//! A page that neither states its attributes nor has a Rust type may be given any name, so that the rule says nothing there, whatever
//! its fragments export. A component sees only its arguments, on any page.
#![deny(clippy::disallowed_methods)]

use crate::{
    fragment::{Item, short},
    model::{FragmentTag, ImportOrigin, spelled},
    problem::{Code, Problem, ProblemCollector},
};

use super::{lists::pair, rule_input::RuleInput};

pub(super) fn check(input: &RuleInput<'_, '_>) -> Vec<Problem> {
    if !input.is_complete() {
        return Vec::new();
    }
    let mut problems = ProblemCollector::default();
    for tag in &input.page.tags {
        if tag.component.is_none() && !input.page.attributes.closed {
            continue;
        }
        for (item, source) in tag.node.fragment.imports.iter().zip(&tag.imports) {
            let name = spelled(item.root());
            let given = match tag.component {
                Some(_) => false,
                None => input.is_provided(&name, tag.branch),
            };
            if *source == ImportOrigin::Page && !given {
                problems.push(Code::UnknownImport, tag.source, || unknown(input, tag, item));
            }
        }
    }
    problems.into_problems()
}

fn unknown(input: &RuleInput<'_, '_>, tag: &FragmentTag<'_>, item: &Item) -> Problem {
    let name = item.root();
    let place = item.name_span.at(tag.source);
    if let Some(component) = tag.component {
        let message = format!(
            "the component `{}` has no argument `{}`",
            short(component),
            short(name)
        );
        return Problem::new(
            Code::UnknownImport,
            message,
            place,
            format!("{} imports it", input.title(tag)),
        )
        .help("a component sees its arguments only: add it to them, and hand it over in each call");
    }
    let message = format!("nothing on this page provides `{}`", short(name));
    let label = format!("{} imports it", input.title(tag));
    let problem = input.with_include_chain(
        Problem::new(Code::UnknownImport, message, place, label),
        &tag.include_chain,
    );
    if let Some(exporter) = input.exporters.get(spelled(name).as_ref()).first() {
        let label = format!(
            "{} exports it, in a branch that excludes this one",
            input.title(&input.page.tags[exporter.tag])
        );
        let place = exporter.item.target_span.at(input.page.tags[exporter.tag].source);
        return problem
            .label(place, label)
            .help("move one of the two tags out of the branch");
    }
    let sets = input.page.sets.iter().map(|(name, _)| *name);
    let attributes = input
        .page
        .attributes
        .names
        .values()
        .map(|attribute| attribute.written.as_str());
    let exports = input.exporters.names();
    match input.nearest(name, attributes.chain(exports).chain(sets)) {
        Some(near) => problem.help(format!("did you mean `{}`?", corrected(item, near))),
        None => problem.help(format!(
            "give the page an attribute `{}`, or import one that it has",
            short(name)
        )),
    }
}

/// The item with another name on the left, and the same on the right.
fn corrected(item: &Item, near: &str) -> String {
    let path: Vec<&str> = std::iter::once(near).chain(item.path().skip(1)).collect();
    let path = path.join(".");
    if item.alias.is_some() {
        pair(&path, item.target())
    } else {
        near.to_owned()
    }
}
