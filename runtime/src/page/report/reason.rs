//! Why a fragment is not shown, or not a new one: a text for the log, and one of few words for counters.
#![deny(clippy::disallowed_methods)]

use std::{borrow::Cow, fmt};

/// Why a fragment is not shown, or not a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    kind: ReasonKind,
    text: Cow<'static, str>,
}

/// The kinds of reasons. What others say, in their own words, is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ReasonKind {
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

    /// The reason, with what is to be said about it.
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
