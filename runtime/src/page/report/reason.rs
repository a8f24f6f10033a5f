//! Why a slot shows no fragment, or an old one: a text for the log, and a word for the counters.
#![deny(clippy::disallowed_methods)]

use std::{borrow::Cow, fmt};

/// Why a slot shows no fragment, or an old one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    kind: ReasonKind,
    text: Cow<'static, str>,
}

/// The kinds of reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ReasonKind {
    /// The owner or the gateway gave the reason, in its own words.
    Said,
    /// The fragment took too long.
    Late,
    /// The page had no time left for the fragment.
    NoTime,
    /// The application has no gateway.
    NoGateway,
    /// This service offers no fragments.
    NoFragments,
    /// The answer of the other services lacks the fragment.
    Lacking,
    /// The answers are for fragments that the page did not ask for.
    Unasked,
    /// The source of fragments panicked.
    Panicked,
    /// The answer has no HTML.
    NoHtml,
    /// The HTML is too large.
    TooLarge,
    /// The imports can't be sent.
    Imports,
    /// The page asks for too many fragments.
    TooMany,
    /// The `ref` is empty.
    NoRef,
    /// The slot is not in the plan.
    NotPlanned,
}

impl ReasonKind {
    /// The value of the label `reason`.
    pub(crate) fn label(self) -> &'static str {
        match self {
            ReasonKind::Said => "said",
            ReasonKind::Late => "late",
            ReasonKind::NoTime => "no_time",
            ReasonKind::NoGateway => "no_gateway",
            ReasonKind::NoFragments => "no_fragments",
            ReasonKind::Lacking => "lacking",
            ReasonKind::Unasked => "unasked",
            ReasonKind::Panicked => "panicked",
            ReasonKind::NoHtml => "no_html",
            ReasonKind::TooLarge => "too_large",
            ReasonKind::Imports => "imports",
            ReasonKind::TooMany => "too_many",
            ReasonKind::NoRef => "no_ref",
            ReasonKind::NotPlanned => "not_planned",
        }
    }

    /// The reason, with a text of its own.
    pub(crate) fn saying(self, text: impl Into<Cow<'static, str>>) -> Reason {
        let text = text.into();
        Reason { kind: self, text }
    }

    fn text(self) -> &'static str {
        match self {
            ReasonKind::Said => "its service said so",
            ReasonKind::Late => "it took too long",
            ReasonKind::NoTime => "no time is left for it",
            ReasonKind::NoGateway => "there is no gateway",
            ReasonKind::NoFragments => "this service offers no fragments",
            ReasonKind::Lacking => "the answer lacks it",
            ReasonKind::Unasked => "the answers are for fragments that were not asked for",
            ReasonKind::Panicked => "the source of fragments panicked",
            ReasonKind::NoHtml => "the answer holds no HTML",
            ReasonKind::TooLarge => "its HTML is too large",
            ReasonKind::Imports => "its imports can't be sent",
            ReasonKind::TooMany => "the page asks for too many fragments",
            ReasonKind::NoRef => "its ref is empty",
            ReasonKind::NotPlanned => "it is not in the plan",
        }
    }
}

impl Reason {
    pub(crate) fn kind(&self) -> ReasonKind {
        self.kind
    }

    /// The reason in words.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl From<ReasonKind> for Reason {
    fn from(kind: ReasonKind) -> Self {
        kind.saying(kind.text())
    }
}

impl From<String> for Reason {
    fn from(text: String) -> Self {
        ReasonKind::Said.saying(text)
    }
}

impl From<&'static str> for Reason {
    fn from(text: &'static str) -> Self {
        ReasonKind::Said.saying(text)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
