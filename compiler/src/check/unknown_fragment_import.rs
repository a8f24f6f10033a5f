#![doc = include_str!("../explain/unknown-fragment-import.md")]
#![deny(clippy::disallowed_methods)]

use hydra_contract::FragmentContract;

use crate::{
    fragment::{Item, short},
    model::FragmentTag,
    problem::{Code, Problem},
};

use super::{
    contract_mismatches::{ContractMismatch, contract_mismatches, some_of},
    lists::pair,
    rule_input::RuleInput,
};

pub(super) fn check(input: &RuleInput<'_, '_>) -> Vec<Problem> {
    contract_mismatches(input, Code::UnknownFragmentImport, |tag, contract| {
        let mismatch = |(item, meant): (&Item, Option<&str>)| ContractMismatch {
            message: format!("{} imports no `{}`", input.title(tag), short(item.target())),
            at: item.target_span,
            label: "handed over here",
            help: match meant {
                Some(meant) => format!("did you mean `{}`?", pair(item.name(), meant)),
                None => format!(
                    "it imports {}: leave `{}` out, or give it one of these names",
                    some_of(contract.imports.keys()),
                    short(item.target())
                ),
            },
        };
        unknown(input, tag, contract).into_iter().map(mismatch).collect()
    })
}

/// The imports that the contract does not have, each with the one that was likely meant: the nearest, or the only one that
/// is missing.
pub(super) fn unknown<'t>(
    input: &RuleInput<'_, '_>,
    tag: &FragmentTag<'t>,
    contract: &'t FragmentContract,
) -> Vec<(&'t Item, Option<&'t str>)> {
    let imports = &tag.node.fragment.imports;
    // `import-conflict` reports a name that the fragment itself provides.
    let unknown = |item: &&Item| {
        !contract.imports.contains_key(item.target()) && !contract.provides.contains(item.target())
    };
    let unknown: Vec<&Item> = imports.iter().filter(unknown).collect();
    if unknown.is_empty() {
        return Vec::new();
    }
    let passed: std::collections::BTreeSet<&str> = imports.iter().map(Item::target).collect();
    let mut missing: Vec<&str> = contract
        .imports
        .keys()
        .map(String::as_str)
        .filter(|name| !passed.contains(name))
        .collect();
    let mut found = Vec::with_capacity(unknown.len());
    let alone = unknown.len() == 1 && missing.len() == 1;
    for item in unknown {
        let near = input.nearest(item.target(), missing.iter().copied());
        let meant = near.or_else(|| missing.first().copied().filter(|_| alone));
        missing.retain(|name| Some(*name) != meant);
        found.push((item, meant));
    }
    found
}
