//! Items of a tag that the contract of its fragment does not have.
#![deny(clippy::disallowed_methods)]

use hydra_contract::FragmentContract;

use crate::{
    fragment::short,
    model::FragmentTag,
    problem::{Code, Problem, ProblemCollector},
    source::Span,
};

use super::{
    offered_fragments::ContractLookup,
    rule_input::{RuleInput, with_offer_label},
};

/// An item that does not fit.
pub(super) struct ContractMismatch {
    pub(super) message: String,
    /// Where it stands in the file of the tag.
    pub(super) at: Span,
    pub(super) label: &'static str,
    pub(super) help: String,
}

/// The misfits that `find` sees in the tags of a page whose contracts are known, as problems. `find` gets a tag and the
/// contract.
pub(super) fn contract_mismatches<'p>(
    input: &RuleInput<'p, '_>,
    code: Code,
    find: impl Fn(&FragmentTag<'p>, &'p FragmentContract) -> Vec<ContractMismatch>,
) -> Vec<Problem> {
    let mut problems = ProblemCollector::default();
    for (tag, lookup) in input.contract_lookups() {
        let ContractLookup::Fragment(contract, place) = lookup else {
            continue;
        };
        for mismatch in find(tag, contract) {
            problems.push(code, tag.source, || {
                let problem =
                    Problem::new(code, mismatch.message, mismatch.at.at(tag.source), mismatch.label);
                with_offer_label(problem.help(mismatch.help), place)
            });
        }
    }
    problems.into_problems()
}

/// Some names of a contract, for people.
pub(super) fn some_of<'n>(names: impl Iterator<Item = &'n String>) -> String {
    let some: Vec<_> = names.take(6).map(|name| format!("`{}`", short(name))).collect();
    if some.is_empty() {
        "nothing".to_owned()
    } else {
        some.join(", ")
    }
}
