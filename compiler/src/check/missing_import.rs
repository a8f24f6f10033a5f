#![doc = include_str!("../explain/missing-import.md")]
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeSet;

use crate::{
    fragment::{Item, short},
    model::FragmentTag,
    problem::{Code, Problem, ProblemCollector},
};

use super::{
    lists::pair,
    offered_fragments::ContractLookup,
    rule_input::{RuleInput, with_offer_label},
    unknown_fragment_import::unknown,
};

pub(super) fn check(input: &RuleInput<'_, '_>) -> Vec<Problem> {
    let mut problems = ProblemCollector::default();
    for (tag, lookup) in input.contract_lookups().filter(|(tag, _)| input.is_read(tag)) {
        let ContractLookup::Fragment(contract, place) = lookup else {
            continue;
        };
        let imports = &tag.node.fragment.imports;
        let mut passed: BTreeSet<&str> = imports.iter().map(Item::target).collect();
        // An import that is handed over under a wrong name is not missing: `unknown-fragment-import` reports it.
        passed.extend(
            unknown(input, tag, contract)
                .into_iter()
                .filter_map(|(_, meant)| meant),
        );
        let needed = contract
            .imports
            .iter()
            .filter(|(_, import)| import.default.is_none());
        let missing: Vec<&str> = needed
            .map(|(name, _)| name.as_str())
            .filter(|name| !passed.contains(name))
            .collect();
        if missing.is_empty() {
            continue;
        }
        problems.push(Code::MissingImport, tag.source, || {
            with_offer_label(problem(input, tag, &missing), place)
        });
    }
    problems.into_problems()
}

fn problem(input: &RuleInput<'_, '_>, tag: &FragmentTag<'_>, missing: &[&str]) -> Problem {
    let quoted: Vec<_> = missing
        .iter()
        .take(5)
        .map(|name| format!("`{}`", short(name)))
        .collect();
    let message = format!("{} needs {}", input.title(tag), quoted.join(" and "));
    let imports = &tag.node.fragment.imports;
    let written = imports.iter().map(|item| pair(item.name(), item.target()));
    let all: Vec<_> = written
        .chain(missing.iter().map(|name| short(name)))
        .take(12)
        .collect();
    let label = "not handed over here";
    let problem = Problem::new(Code::MissingImport, message, tag.location(), label);
    problem.help(format!(
        "write `imports=\"{}\"`; `a as {}` hands over `a`",
        all.join(", "),
        missing.first().map_or_else(String::new, |name| short(name))
    ))
}
