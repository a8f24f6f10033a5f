//! What is found among the tags of a text.

use crate::{problem::Code, source::Span};

use super::candidate::Candidate;

/// What may be wrong with the tags of a text.
pub(super) struct Markup<'t> {
    /// The text.
    pub(super) text: &'t str,
    /// The same with Tera's parts masked.
    pub(super) bytes: &'t [u8],
    /// What was found so far.
    pub(super) found: Vec<Candidate>,
}

impl Markup<'_> {
    /// Adds a tag that is not written well, and how to write it.
    pub(super) fn add_tag(&mut self, message: String, label: &'static str, place: (Span, String), rank: u8) {
        self.add(Code::UnclosedTag, message, label, place, rank);
    }

    /// Adds a quote that is not one of a pair, and how to write it.
    pub(super) fn add_quote(&mut self, message: String, label: &'static str, place: (Span, String)) {
        self.add(Code::UnclosedQuote, message, label, place, 3);
    }

    /// Adds what is wrong, and what to write instead.
    pub(super) fn add(
        &mut self,
        code: Code,
        message: String,
        label: &'static str,
        (span, with): (Span, String),
        rank: u8,
    ) {
        self.found.push(Candidate {
            code,
            message,
            label,
            span,
            with,
            sure: false,
            mark: None,
            help: None,
            opening: None,
            note: "",
            rank,
        });
    }
}
