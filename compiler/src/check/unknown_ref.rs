#![doc = include_str!("../explain/unknown-ref.md")]
#![deny(clippy::disallowed_methods)]

use hydra_contract::Contract;

use crate::{
    fragment::short,
    model::FragmentTag,
    problem::{Code, Problem, ProblemCollector},
    source::Location,
};

use super::{offered_fragments::ContractLookup, rule_input::RuleInput};

pub(super) fn check(input: &RuleInput<'_, '_>) -> Vec<Problem> {
    let mut problems = ProblemCollector::default();
    for (tag, lookup) in input.contract_lookups() {
        let (ContractLookup::NoFragment(contract), Some(reference)) = (lookup, &tag.node.fragment.reference)
        else {
            continue;
        };
        let place = reference.span.at(tag.source);
        problems.push(Code::UnknownRef, tag.source, || {
            unknown(input, tag, contract, place)
        });
    }
    problems.into_problems()
}

fn unknown(
    input: &RuleInput<'_, '_>,
    tag: &FragmentTag<'_>,
    contract: &Contract,
    place: Location,
) -> Problem {
    let fragment = &tag.node.fragment;
    let name = fragment.fixed_reference().unwrap_or_default();
    let own = input.is_own(tag);
    let message = match own {
        true => format!("this service offers no fragment `{}`", short(name)),
        false => {
            let whose = fragment.fixed_service().unwrap_or_default();
            format!("`{}` offers no fragment `{}`", short(whose), short(name))
        }
    };
    let problem = Problem::new(Code::UnknownRef, message, place, "not offered");
    let names = contract.fragments.keys().map(String::as_str);
    match input.nearest(name, names.clone()) {
        Some(near) => problem.help(format!("did you mean `ref=\"{}\"`?", short(near))),
        None if own => problem.help(format!(
            "offer it: write `m:ref=\"{}\"` on an element of a template",
            short(name)
        )),
        None => {
            let some: Vec<_> = names.take(5).map(|name| format!("`{}`", short(name))).collect();
            let list = if some.is_empty() {
                "nothing".to_owned()
            } else {
                some.join(", ")
            };
            problem.help(format!("its contract offers {list}"))
        }
    }
}
