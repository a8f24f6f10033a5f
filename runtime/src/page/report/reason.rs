//! Why a fragment is not shown, or not a new one: a text for the log, and one of few words for counters.
#![deny(clippy::disallowed_methods)]

use std::{borrow::Cow, fmt};

/// Why a fragment is not shown, or not a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    why: Why,
    text: Cow<'static, str>,
}

/// The kinds of reasons. What others say, in their own words, is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Why {
    /// Its owner, or the gateway, said so.
    Said,
    /// It took too long.
    Late,
    /// No time was left for it.
    NoTime,
    /// There is no gateway.
    NoGateway,
    /// This service offers no fragments.
    NoFragments,
    /// The answer lacks it.
    Lacking,
    /// The answers are for fragments that nobody asked for.
    Unasked,
    /// The source of fragments panicked.
    Panicked,
    /// The answer holds no HTML.
    NoHtml,
    /// Its HTML is too large.
    TooLarge,
    /// Its imports can't be sent.
    Imports,
    /// The page asks for too many.
    TooMany,
    /// Its `ref` is empty.
    NoRef,
    /// It is not in the plan.
    NotPlanned,
}

impl Why {
    /// The value of the label `reason`.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Why::Said => "said",
            Why::Late => "late",
            Why::NoTime => "no_time",
            Why::NoGateway => "no_gateway",
            Why::NoFragments => "no_fragments",
            Why::Lacking => "lacking",
            Why::Unasked => "unasked",
            Why::Panicked => "panicked",
            Why::NoHtml => "no_html",
            Why::TooLarge => "too_large",
            Why::Imports => "imports",
            Why::TooMany => "too_many",
            Why::NoRef => "no_ref",
            Why::NotPlanned => "not_planned",
        }
    }

    /// The reason, with what is to be said about it.
    pub(crate) fn saying(self, text: impl Into<Cow<'static, str>>) -> Reason {
        let text = text.into();
        Reason { why: self, text }
    }

    fn text(self) -> &'static str {
        match self {
            Why::Said => "its service said so",
            Why::Late => "it took too long",
            Why::NoTime => "no time is left for it",
            Why::NoGateway => "there is no gateway",
            Why::NoFragments => "this service offers no fragments",
            Why::Lacking => "the answer lacks it",
            Why::Unasked => "the answers are for fragments that were not asked for",
            Why::Panicked => "the source of fragments panicked",
            Why::NoHtml => "the answer holds no HTML",
            Why::TooLarge => "its HTML is too large",
            Why::Imports => "its imports can't be sent",
            Why::TooMany => "the page asks for too many fragments",
            Why::NoRef => "its ref is empty",
            Why::NotPlanned => "it is not in the plan",
        }
    }
}

impl Reason {
    pub(crate) fn why(&self) -> Why {
        self.why
    }

    /// The reason in words.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl From<Why> for Reason {
    fn from(why: Why) -> Self {
        why.saying(why.text())
    }
}

impl From<String> for Reason {
    fn from(text: String) -> Self {
        Why::Said.saying(text)
    }
}

impl From<&'static str> for Reason {
    fn from(text: &'static str) -> Self {
        Why::Said.saying(text)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
