#![doc = include_str!("../explain/type-mismatch.md")]
//! ## Details
//!
//! An `integer` fits where a `number` is wanted, and `any` fits everywhere.
#![deny(clippy::disallowed_methods)]

use hydra_contract::Type;

use crate::{
    fragment::{Item, short},
    model::{FragmentTag, ImportOrigin, spelled},
    problem::{Code, Problem, ProblemCollector},
    source::Location,
};

use super::{
    offered_fragments::ContractLookup,
    rule_input::{RuleInput, target_place, with_offer_label},
};

pub(super) fn check(input: &RuleInput<'_, '_>) -> Vec<Problem> {
    let mut problems = ProblemCollector::default();
    for (tag, lookup) in input.contract_lookups() {
        let ContractLookup::Fragment(contract, place) = lookup else {
            continue;
        };
        for (item, source) in tag.node.fragment.imports.iter().zip(&tag.imports) {
            let Some(wanted) = contract.imports.get(item.target()) else {
                continue;
            };
            // The members of an attribute, and what the template makes, have no stated type.
            if item.is_path() || *source != ImportOrigin::Page {
                continue;
            }
            let Some((ty, given, label)) = mismatch(input, tag, item, &wanted.ty) else {
                continue;
            };
            let message = format!(
                "`{}` is `{ty}`, and {} wants `{}`",
                short(item.root()),
                input.title(tag),
                wanted.ty
            );
            let here = format!("wanted as `{}`", wanted.ty);
            let problem = Problem::new(Code::TypeMismatch, message, item.name_span.at(tag.source), here);
            let help = format!(
                "hand over a value of type `{}`, or change the type of `{}`",
                wanted.ty,
                short(item.root())
            );
            problems.add(with_offer_label(problem.label(given, label).help(help), place));
        }
    }
    problems.into_problems()
}

/// The type of what an item hands over, and who says so, if it does not fit. Of several exports of that name, the first
/// that may be there where the tag is.
fn mismatch(
    input: &RuleInput<'_, '_>,
    importing: &FragmentTag<'_>,
    item: &Item,
    wanted: &Type,
) -> Option<(Type, Location, String)> {
    let name = spelled(item.root());
    if let Some(attribute) = input.page.attributes.names.get(name.as_ref()) {
        let given = (
            attribute.ty.clone(),
            attribute.place,
            format!("`{}` here", attribute.ty),
        );
        return Some(given).filter(|(ty, ..)| !ty.fits(wanted));
    }
    let mut types = input
        .exporters_in(&name, importing.branch)
        .map(|(tag, item)| (input.export_type(tag, item), tag, item));
    let (ty, tag, item) = types.find(|(ty, ..)| !ty.fits(wanted))?;
    let label = format!("{} exports it as `{ty}`", input.title(tag));
    Some((ty, target_place(tag, item), label))
}
