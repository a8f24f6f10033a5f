#![doc = include_str!("../explain/unknown-export.md")]
#![deny(clippy::disallowed_methods)]

use crate::{
    fragment::{Item, short},
    problem::{Code, Problem},
};

use super::{
    contract_mismatches::{ContractMismatch, contract_mismatches, some_of},
    lists::pair,
    rule_input::RuleInput,
};

pub(super) fn check(input: &RuleInput<'_, '_>) -> Vec<Problem> {
    contract_mismatches(input, Code::UnknownExport, |tag, contract| {
        let exports = tag.node.fragment.exports.iter();
        let unknown = exports.filter(|item| !contract.exports.contains_key(item.root()));
        let names = || contract.exports.keys().map(String::as_str);
        // A page that does not use the mistyped name has the right one elsewhere.
        let is_used = |name: &str| input.page.uses.iter().any(|used| used.name == name);
        let meant = |item: &Item, near: &str| match item.root() == item.target() && !is_used(item.target()) {
            true => near.to_owned(),
            false => pair(near, item.target()),
        };
        let mismatch = |item: &Item| ContractMismatch {
            message: format!("{} exports no `{}`", input.title(tag), short(item.root())),
            at: item.name_span,
            label: "asked for here",
            help: match input.nearest(item.root(), names()) {
                Some(near) => format!("did you mean `{}`?", meant(item, near)),
                None => format!("it exports {}", some_of(contract.exports.keys())),
            },
        };
        unknown.map(mismatch).collect()
    })
}
