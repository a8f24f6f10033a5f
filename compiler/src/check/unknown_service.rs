#![doc = include_str!("../explain/unknown-service.md")]
#![deny(clippy::disallowed_methods)]

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
        let (ContractLookup::NoService, Some(service)) = (lookup, &tag.node.fragment.service) else {
            continue;
        };
        let place = service.span.at(tag.source);
        problems.push(Code::UnknownService, tag.source, || unknown(input, tag, place));
    }
    problems.into_problems()
}

fn unknown(input: &RuleInput<'_, '_>, tag: &FragmentTag<'_>, place: Location) -> Problem {
    let name = tag.node.fragment.fixed_service().unwrap_or_default();
    let message = format!("there is no contract of a service `{}`", short(name));
    let problem = Problem::new(Code::UnknownService, message, place, "unknown service");
    let own = input.context.options.service.as_deref();
    let known = input.context.contracts.keys().map(String::as_str).chain(own);
    match input.nearest(name, known) {
        Some(near) => problem.help(format!("did you mean `service=\"{}\"`?", short(near))),
        None => problem.help(format!(
            "put its contract into the contracts folder: `hydra-compile contract --service {0} templates > {0}.json`, run \
             where that service's templates are, writes it. If that service has no templates of Hydra, \
             `hydra-compile draft-contract {0} templates > {0}.json` writes a first one of what these pages use",
            short(name)
        )),
    }
}
