#![doc = include_str!("../explain/no-contract.md")]
//! ## Details
//!
//! Each service gets one report, at the first tag of the site that names it.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeSet;

use crate::{
    fragment::short,
    problem::{Code, Problem, ProblemCollector},
};

use super::rule_input::RuleInput;

pub(super) fn check(input: &RuleInput<'_, '_>) -> Vec<Problem> {
    let context = input.context;
    let mut problems = ProblemCollector::default();
    let mut seen = BTreeSet::new();
    for tag in input.page.tags.iter().filter(|_| !context.contracts_given) {
        let (Some(name), Some(service)) = (tag.node.fragment.fixed_service(), &tag.node.fragment.service)
        else {
            continue;
        };
        if input.is_own(tag) || context.contracts.contains_key(name) || !seen.insert(name) {
            continue;
        }
        let message = format!(
            "no contract of `{}` was given: its fragments can't be checked",
            short(name)
        );
        let problem = Problem::new(
            Code::NoContract,
            message,
            service.span.at(tag.source),
            "asked for here",
        );
        problems.add(problem.help(format!(
            "put `{}.json` into a folder, and name it: `--contracts contracts`, or `.contracts(\"contracts\")` in build.rs",
            short(name)
        )));
    }
    problems.into_problems()
}

/// Keeps the first report of each service.
pub(super) fn keep_first(problems: &mut Vec<Problem>) {
    let mut seen = BTreeSet::new();
    problems.retain(|problem| problem.code != Code::NoContract || seen.insert(problem.message.clone()));
}
