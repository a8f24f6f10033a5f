#![doc = include_str!("../explain/export-in-loop.md")]
#![deny(clippy::disallowed_methods)]

use crate::{
    fragment::short,
    problem::{Code, Problem, ProblemCollector},
};

use super::rule_input::{RuleInput, target_place};

pub(super) fn check(input: &RuleInput<'_, '_>) -> Vec<Problem> {
    let mut problems = ProblemCollector::default();
    for tag in &input.page.tags {
        let Some(item) = tag.node.fragment.exports.first() else {
            continue;
        };
        if tag.may_export() {
            continue;
        }
        let name = short(item.target());
        let place = target_place(tag, item);
        let label = format!("{} exports it", input.title(tag));
        let problem = match (tag.component, tag.looped) {
            (Some(component), _) => {
                let message = format!(
                    "`{name}` would come once for each use of the component `{}`",
                    short(component)
                );
                Problem::new(Code::ExportInLoop, message, place, label)
            }
            (None, Some(looped)) => {
                let message = format!("`{name}` would come once for each turn of this loop");
                Problem::new(Code::ExportInLoop, message, place, label).label(looped, "repeated here")
            }
            (None, None) => continue,
        };
        let problem = input.with_include_chain(problem, &tag.include_chain);
        problems.add(
            problem.help("leave `exports` out and let the fragment show the value, or move the tag out"),
        );
    }
    problems.into_problems()
}
