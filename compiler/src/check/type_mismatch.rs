//! `type-mismatch`: the page's attribute has a type that does not fit the one in the contract of the fragment.
//!
//! **Why it matters.** The owner would refuse the value: the page would show the fallback.
//!
//! **Bad**, where `checkout` imports `dob: date`
//! ```html
//! <html m:attributes="dob: integer">
//! <m:fragment service="orderService" ref="checkout" imports="dob">…</m:fragment>
//! ```
//! **Good**
//! ```html
//! <html m:attributes="dob: date">
//! <m:fragment service="orderService" ref="checkout" imports="dob">…</m:fragment>
//! ```
//! An `integer` fits where a `number` is asked for, and `any` fits everywhere.
#![deny(clippy::disallowed_methods)]

use hydra_contract::Type;

use crate::{
    fragment::{Item, short},
    model::{Source, spelled},
    problem::{Code, Problem},
    source::Location,
};

use super::{
    offered::Promise,
    subject::{Subject, with_promise},
};

pub(super) fn check(subject: &Subject<'_, '_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for tag in &subject.page.tags {
        let Promise::Fragment(contract, place) = subject.promise(tag) else {
            continue;
        };
        for (item, source) in tag.node.fragment.imports.iter().zip(&tag.imports) {
            let Some(wanted) = contract.imports.get(item.target()) else {
                continue;
            };
            // The members of an attribute, and what the template makes, have no stated type.
            if item.path.len() > 1 || *source != Source::Page {
                continue;
            }
            let Some((ty, given, label)) = given(subject, item) else {
                continue;
            };
            if ty.fits(&wanted.ty) {
                continue;
            }
            let message = format!(
                "`{}` is `{ty}`, and {} wants `{}`",
                short(item.root()),
                subject.title(tag),
                wanted.ty
            );
            let here = format!("wanted as `{}`", wanted.ty);
            let problem = Problem::new(Code::TypeMismatch, message, item.name_span.at(tag.source), here);
            let help = format!(
                "hand over a value of type `{}`, or change the type of `{}`",
                wanted.ty,
                short(item.root())
            );
            problems.push(with_promise(problem.label(given, label).help(help), place));
        }
    }
    problems
}

/// The type of what an item hands over, and who says so.
fn given(subject: &Subject<'_, '_>, item: &Item) -> Option<(Type, Location, String)> {
    let name = spelled(item.root());
    if let Some(attribute) = subject.page.attributes.names.get(name.as_ref()) {
        return Some((
            attribute.ty.clone(),
            attribute.place,
            format!("`{}` here", attribute.ty),
        ));
    }
    let giver = subject.givers.get(name.as_ref())?.first()?;
    let tag = &subject.page.tags[giver.tag];
    let ty = subject.export_type(tag, giver.item);
    let label = format!("{} exports it as `{ty}`", subject.title(tag));
    Some((ty, giver.item.target_span.at(tag.source), label))
}
