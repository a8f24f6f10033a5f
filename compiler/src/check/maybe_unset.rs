#![doc = include_str!("../explain/maybe-unset.md")]
//! ## Details
//!
//! The rule says nothing about a name that the page may have without the `{% set %}`: one of its attributes or an export has
//! that name, or the page does not state its attributes. In a component, which sees only its arguments, the name is reported anyway.
#![deny(clippy::disallowed_methods)]

use crate::{
    fragment::short,
    model::{ImportOrigin, spelled},
    problem::{Code, Problem, ProblemCollector},
};

use super::rule_input::RuleInput;

pub(super) fn check(input: &RuleInput<'_, '_>) -> Vec<Problem> {
    let mut problems = ProblemCollector::default();
    let mut attributes = input.page.attributes.names.values();
    let may_lack = attributes.any(|attribute| attribute.maybe);
    for tag in &input.page.tags {
        for (item, source) in tag.node.fragment.imports.iter().zip(&tag.imports) {
            if *source == ImportOrigin::Template || (*source == ImportOrigin::Page && !may_lack) {
                continue;
            }
            let name = spelled(item.root());
            let attribute = input.page.attributes.names.get(name.as_ref());
            let (place, label, help) = match source {
                ImportOrigin::Maybe(_) if tag.component.is_none() && input.is_provided(&name, tag.branch) => {
                    continue;
                }
                ImportOrigin::Maybe(place) => {
                    let help = format!("set `{}` in each branch, or before the first", short(item.root()));
                    (*place, "set here, in one branch", help)
                }
                ImportOrigin::Page => {
                    match attribute.filter(|attribute| attribute.maybe && tag.component.is_none()) {
                        Some(attribute) => {
                            let help = "take `skip_serializing_if` away: a `None` that is there prints nothing as well";
                            (attribute.place, "serde may leave it out", help.to_owned())
                        }
                        None => continue,
                    }
                }
                ImportOrigin::Template => continue,
            };
            let message = format!(
                "`{}` has a value on some ways through the page only",
                short(item.root())
            );
            let here = format!("{} imports it", input.title(tag));
            let problem = Problem::new(Code::MaybeUnset, message, item.name_span.at(tag.source), here);
            problems.add(problem.label(place, label).help(help));
        }
    }
    problems.into_problems()
}
