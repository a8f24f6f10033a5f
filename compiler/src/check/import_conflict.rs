#![doc = include_str!("../explain/import-conflict.md")]
//! ## Details
//!
//! An offered element must not state the same name in `m:imports` and in `m:attributes` either.
#![deny(clippy::disallowed_methods)]

use std::collections::HashMap;

use crate::{
    fragment::{Item, short},
    model::spelled,
    problem::{Code, Problem, ProblemCollector},
    site::File,
    tree::FragmentNode,
};

use super::{
    contract_mismatches::{ContractMismatch, contract_mismatches},
    lists::pair,
    rule_input::RuleInput,
};

pub(super) fn check(input: &RuleInput<'_, '_>) -> Vec<Problem> {
    contract_mismatches(input, Code::ImportConflict, |tag, contract| {
        let imports = tag.node.fragment.imports.iter();
        // A name that the fragment both provides and imports is its owner's mistake: `check_offers` reports it in the
        // owner's build.
        let taken = imports.filter(|item| {
            contract.provides.contains(item.target()) && !contract.imports.contains_key(item.target())
        });
        let mismatch = |item: &Item| ContractMismatch {
            message: format!(
                "{} has a `{}` of its own already",
                input.title(tag),
                short(item.target())
            ),
            at: item.target_span,
            label: "handed over here",
            help: match contract.imports.keys().next() {
                Some(free) => format!(
                    "hand it over under a name that it imports: `{}`",
                    pair(item.name(), free)
                ),
                None => format!(
                    "leave `{}` out: this fragment imports nothing",
                    short(item.name())
                ),
            },
        };
        taken.map(mismatch).collect()
    })
}

/// The same for what a file offers.
pub(super) fn check_offers(file: &File<'_>, _: &[&FragmentNode]) -> Vec<Problem> {
    let mut problems = ProblemCollector::default();
    for offer in &file.tree.offers {
        let Some(attributes) = &offer.tag.attributes else {
            continue;
        };
        // The first of those with one spelling: two of them are a mistake of their own.
        let imports = offer.tag.imports.iter().rev();
        let imports: HashMap<_, _> = imports.map(|import| (spelled(&import.name), import)).collect();
        for own in attributes {
            let Some(import) = imports.get(&spelled(&own.name)) else {
                continue;
            };
            let message = format!(
                "this fragment imports `{}`, and has one of its own",
                short(&import.name)
            );
            let problem = Problem::new(
                Code::ImportConflict,
                message,
                import.span.at(file.id),
                "imported here",
            );
            let problem = problem.label(own.span.at(file.id), "its own");
            problems.add(problem.help("keep one of them, or give the import another name"));
        }
    }
    problems.into_problems()
}
