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
    fragment::short,
    problem::{Code, Problem},
    suggest::nearest,
};

use super::{
    MOST_SUGGESTIONS,
    offered::Promise,
    subject::{Subject, pair, with_promise},
};

pub(super) fn check(subject: &Subject<'_, '_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for tag in &subject.page.tags {
        let Promise::Fragment(contract, place) = subject.promise(tag) else {
            continue;
        };
        let unknown = tag
            .node
            .fragment
            .exports
            .iter()
            .filter(|item| !contract.exports.contains_key(item.root()));
        for item in unknown {
            let message = format!("{} exports no `{}`", subject.title(tag), short(item.root()));
            let label = "asked for here";
            let problem = Problem::new(Code::UnknownExport, message, item.name_span.at(tag.source), label);
            let names = contract.exports.keys().map(String::as_str);
            let near = (problems.len() < MOST_SUGGESTIONS).then(|| nearest(item.root(), names.clone()));
            let problem = match near.flatten() {
                Some(near) => problem.help(format!("did you mean `{}`?", pair(near, item.target()))),
                None => {
                    let some: Vec<_> = names.take(6).map(|name| format!("`{}`", short(name))).collect();
                    let list = if some.is_empty() {
                        "nothing".to_owned()
                    } else {
                        some.join(", ")
                    };
                    problem.help(format!("it exports {list}"))
                }
            };
            problems.push(with_promise(problem, place));
        }
    }
    problems
}
