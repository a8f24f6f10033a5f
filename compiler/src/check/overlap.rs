//! Offered elements that begin and end in different parts of a template.

use crate::{
    problem::{Code, Problem},
    tree::Offer,
};

/// The problem of an offered element that begins and ends in different branches, loops or blocks.
pub(crate) fn overlap(source: crate::source::SourceId, offer: &Offer) -> Problem {
    let message = "this fragment begins and ends in different parts of the template";
    Problem::new(Code::UnclosedTag, message, offer.open.at(source), "begins here")
        .help("open and close the element in the same branch of `{% if %}`, `{% for %}` or `{% block %}`")
}
