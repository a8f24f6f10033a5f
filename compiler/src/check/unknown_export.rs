//! `unknown-export`: the tag asks for an export that the contract of the fragment does not have.
//!
//! **Why it matters.** The value would never come: the page would show nothing in its place.
//!
//! **Bad**, where `checkout` exports `addressLine2`
//! ```html
//! <m:fragment service="orderService" ref="checkout" exports="addressLine1 as address">…</m:fragment>
//! ```
//! **Good**
//! ```html
//! <m:fragment service="orderService" ref="checkout" exports="addressLine2 as address">…</m:fragment>
//! ```
#![deny(clippy::disallowed_methods)]

use crate::{
    fragment::{Item, short},
    problem::{Code, Problem},
};

use super::{
    contract_mismatches::{ContractMismatch, contract_mismatches, some_of},
    lists::pair,
    subject::Subject,
};

pub(super) fn check(subject: &Subject<'_, '_>) -> Vec<Problem> {
    contract_mismatches(subject, Code::UnknownExport, |tag, contract| {
        let exports = tag.node.fragment.exports.iter();
        let unknown = exports.filter(|item| !contract.exports.contains_key(item.root()));
        let names = || contract.exports.keys().map(String::as_str);
        let mismatch = |item: &Item| ContractMismatch {
            message: format!("{} exports no `{}`", subject.title(tag), short(item.root())),
            at: item.name_span,
            label: "asked for here",
            help: match subject.nearest(item.root(), names()) {
                Some(near) => format!("did you mean `{}`?", pair(near, item.target())),
                None => format!("it exports {}", some_of(contract.exports.keys())),
            },
        };
        unknown.map(mismatch).collect()
    })
}
