#![doc = include_str!("../explain/late-export.md")]
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeSet;

use crate::{
    fragment::short,
    model::UseKind,
    problem::{Code, Problem, ProblemCollector},
};

use super::rule_input::{RuleInput, target_place};

pub(super) fn check(input: &RuleInput<'_, '_>) -> Vec<Problem> {
    let mut problems = ProblemCollector::default();
    let mut seen = BTreeSet::new();
    for used in &input.page.uses {
        let shows = matches!(used.kind, UseKind::Expression | UseKind::Lenient) && used.component.is_none();
        // The first use says enough.
        if !shows || seen.contains(used.name.as_ref()) {
            continue;
        }
        let late = input
            .exporters_in(&used.name, used.branch)
            .find(|(tag, _)| tag.may_export() && used.order < tag.order);
        let Some((tag, item)) = late else { continue };
        seen.insert(used.name.as_ref());
        let name = short(&used.name);
        let message = format!("`{name}` holds back all of the page that follows");
        let problem = Problem::new(Code::LateExport, message, used.location, "used here").label(
            target_place(tag, item),
            format!("comes with {}, further down", input.title(tag)),
        );
        problems
            .add(problem.help("move the use below the tag, or the tag up, if the page should come sooner"));
    }
    problems.into_problems()
}
