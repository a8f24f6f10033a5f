#![doc = include_str!("../explain/duplicate-ref.md")]
#![deny(clippy::disallowed_methods)]

use crate::{
    fragment::short,
    problem::{Code, Problem, ProblemCollector},
    site::Site,
    source::Location,
    tree::Offer,
};

use super::offered_fragments::OfferedFragments;

pub(super) fn check(site: &Site<'_>, offered: &OfferedFragments<'_>) -> Vec<Problem> {
    let mut problems = ProblemCollector::default();
    for offers in offered.by_reference() {
        let Some((first, others)) = offers.split_first() else {
            continue;
        };
        let (reference, ..) = *first;
        let place = |(_, file, offer): &(&str, u32, &Offer)| -> Location {
            let span = offer
                .tag
                .reference
                .as_ref()
                .map_or(offer.open, |reference| reference.span);
            span.at(site.files[*file as usize].id)
        };
        for (number, other) in others.iter().enumerate() {
            problems.push(Code::DuplicateRef, place(other).source, || {
                let message = format!("this service offers `{}` twice", short(reference));
                let problem = Problem::new(Code::DuplicateRef, message, place(other), "offered here again");
                let problem = problem.label(place(first), "first offered here");
                let mut name = format!("{reference}-{}", number + 2);
                while offered.first(&name).is_some() {
                    name.push('x');
                }
                problem.help(format!(
                    "give one of them another name: `m:ref=\"{}\"`",
                    short(&name)
                ))
            });
        }
    }
    problems.into_problems()
}
