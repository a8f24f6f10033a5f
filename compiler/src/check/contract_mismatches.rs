//! Items of a tag that do not fit the contract of its fragment.
#![deny(clippy::disallowed_methods)]

use hydra_contract::FragmentContract;

use crate::{
    fragment::short,
    model::Tag,
    problem::{Alike, Code, Problem},
    source::Span,
};

use super::{
    offered_fragments::Promise,
    subject::{Subject, with_promise},
};

/// An item that does not fit.
pub(super) struct Misfit {
    pub(super) message: String,
    /// Where it stands in the file of the tag.
    pub(super) at: Span,
    pub(super) label: &'static str,
    pub(super) help: String,
}

/// The misfits that `find` sees in the tags of a page whose contracts are known, as problems. `find` gets a tag and the
/// contract.
pub(super) fn contract_mismatches<'p>(
    subject: &Subject<'p, '_>,
    code: Code,
    find: impl Fn(&Tag<'p>, &'p FragmentContract) -> Vec<Misfit>,
) -> Vec<Problem> {
    let mut problems = Alike::default();
    for (tag, promise) in subject.promised() {
        let Promise::Fragment(contract, place) = promise else {
            continue;
        };
        for misfit in find(tag, contract) {
            problems.push(code, tag.source, || {
                let problem = Problem::new(code, misfit.message, misfit.at.at(tag.source), misfit.label);
                with_promise(problem.help(misfit.help), place)
            });
        }
    }
    problems.kept()
}

/// Some names of a contract, for people.
pub(super) fn some_of<'n>(names: impl Iterator<Item = &'n String>) -> String {
    let some: Vec<_> = names.take(6).map(|name| format!("`{}`", short(name))).collect();
    if some.is_empty() {
        "nothing".to_owned()
    } else {
        some.join(", ")
    }
}
