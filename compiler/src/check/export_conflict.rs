#![doc = include_str!("../explain/export-conflict.md")]
//! ## Details
//!
//! Branches of one `{% if %}` exclude each other, and so do a fragment and its fallback: they may share a name.
#![deny(clippy::disallowed_methods)]

use crate::{
    fragment::short,
    model::FragmentTag,
    problem::{Code, Problem, ProblemCollector},
};

use super::{
    conflict_finder::ConflictFinder,
    exporters::Exporter,
    rule_input::{RuleInput, target_place},
};

pub(super) fn check(input: &RuleInput<'_, '_>) -> Vec<Problem> {
    let mut problems = ProblemCollector::default();
    let all = input.exporters.iter().map(|(_, exporters)| exporters);
    for exporters in all.filter(|exporters| exporters.len() > 1) {
        let mut conflict_finder = ConflictFinder::default();
        for (index, exporter) in exporters.iter().enumerate() {
            let tag = &input.page.tags[exporter.tag];
            // An export in a loop or a component is reported by `export-in-loop`.
            if !tag.may_export() {
                continue;
            }
            let Some(earlier) = conflict_finder.add(&input.page.branches, tag.branch, index) else {
                continue;
            };
            let earlier = exporters[earlier];
            // Names that differ as they are written are another mistake: `name-collision`.
            if earlier.item.target() == exporter.item.target() {
                let source = input.page.tags[exporter.tag].source;
                problems.push(Code::ExportConflict, source, || {
                    conflict(input, earlier, *exporter)
                });
            }
        }
    }
    problems.into_problems()
}

fn conflict(input: &RuleInput<'_, '_>, earlier: Exporter<'_>, exporter: Exporter<'_>) -> Problem {
    let (first, tag) = (&input.page.tags[earlier.tag], &input.page.tags[exporter.tag]);
    let name = exporter.item.target();
    let message = format!("`{}` reaches this page twice", short(name));
    let place = target_place(tag, exporter.item);
    if place == target_place(first, earlier.item) {
        return comes_in_twice(input, first, tag, exporter, message);
    }
    let problem = Problem::new(
        Code::ExportConflict,
        message,
        place,
        format!("{} exports it here again", input.title(tag)),
    );
    let problem = problem.label(
        target_place(first, earlier.item),
        format!("{} exports it here", input.title(first)),
    );
    let problem = input.with_include_chain(
        input.with_include_chain(problem, &first.include_chain),
        &tag.include_chain,
    );
    let list = input.list_with_free_name(exporter);
    problem.help(format!("give one of them another name: `{list}`"))
}

/// The same tag, twice through includes: another name would be there twice too.
fn comes_in_twice(
    input: &RuleInput<'_, '_>,
    first: &FragmentTag<'_>,
    tag: &FragmentTag<'_>,
    exporter: Exporter<'_>,
    message: String,
) -> Problem {
    let label = format!(
        "{} exports it, and is on `{}` twice",
        input.title(tag),
        short(input.page_name())
    );
    let problem = Problem::new(
        Code::ExportConflict,
        message,
        target_place(tag, exporter.item),
        label,
    );
    input
        .with_include_chain(
            input.with_include_chain(problem, &first.include_chain),
            &tag.include_chain,
        )
        .help("include it once, or leave the export out of the tag")
}
