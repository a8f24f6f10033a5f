#![doc = include_str!("../explain/unknown-page-attribute.md")]
//! ## Details
//!
//! A page that neither states its attributes nor has a Rust type may be given any name, so that the rule says nothing there. Nor does
//! it about a name that the template somewhere tests with `is defined`, or uses in a way that needs no value.
//!
//! A component sees only its arguments. The rule checks a component only if its file contains an `<m:fragment>`.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeSet;

use crate::{
    fragment::short,
    limits::MAX_SUGGESTIONS,
    model::{NameUse, UseKind},
    problem::{Code, Problem, ProblemCollector},
    provided::is_own,
};

use super::rule_input::RuleInput;

pub(super) fn check(input: &RuleInput<'_, '_>) -> Vec<Problem> {
    if !input.is_complete() {
        return Vec::new();
    }
    let uses = &input.page.uses;
    let lenient: BTreeSet<&str> = uses
        .iter()
        .filter(|used| used.kind == UseKind::Lenient)
        .map(|used| used.name.as_ref())
        .collect();
    let with_fragments: BTreeSet<_> = input.page.tags.iter().map(|tag| tag.source).collect();
    let mut seen = BTreeSet::new();
    let mut problems = ProblemCollector::default();
    for used in uses
        .iter()
        .filter(|used| used.kind == UseKind::Expression && !lenient.contains(used.name.as_ref()))
    {
        let given = match used.component {
            // A file without a tag of Hydra's is Tera's alone.
            Some(_) => !with_fragments.contains(&used.location.source),
            None => input.is_provided(&used.name, used.branch),
        };
        // The first use says enough.
        if !given && seen.insert((used.component, used.name.as_ref())) {
            let look = problems.len() < MAX_SUGGESTIONS;
            problems.push(Code::UnknownPageAttribute, used.location.source, || {
                unknown(input, used, look)
            });
        }
    }
    problems.into_problems()
}

/// `look`: whether to look for the name that was meant.
fn unknown(input: &RuleInput<'_, '_>, used: &NameUse<'_>, look: bool) -> Problem {
    let name = short(&used.name);
    let message = match used.component {
        Some(component) => format!("the component `{}` has no argument `{name}`", short(component)),
        None => format!("nothing gives `{}` a `{name}`", short(input.page_name())),
    };
    let is_of_hydra = input.source(used.location.source).is_some_and(is_own);
    if let Some(include) = used.include_chain.as_deref().filter(|_| is_of_hydra) {
        let problem = Problem::new(
            Code::UnknownPageAttribute,
            message,
            include.location,
            "this template needs it",
        );
        return problem.help("include it in a `<form m:action=\"…\">` of a fragment");
    }
    let problem = Problem::new(Code::UnknownPageAttribute, message, used.location, "used here");
    let problem = input.with_include_chain(problem, &used.include_chain);
    if used.component.is_some() {
        return problem
            .help("a component sees its arguments only: add it to them, and hand it over in each call");
    }
    let set = input
        .page
        .sets
        .iter()
        .filter(|_| look)
        .find(|(set, _)| *set == used.name);
    if let Some((_, place)) = set {
        return problem
            .label(*place, "set here, too late or in another place")
            .help("set it before it is used");
    }
    let attributes = input.page.attributes.names.keys().map(String::as_str);
    let exports = input.exporters.names();
    let near = if look {
        input.nearest(&used.name, attributes.chain(exports))
    } else {
        None
    };
    match near {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help(format!(
            "give the page an attribute `{name}`, or test for it: `{{% if {name} is defined %}}`"
        )),
    }
}
