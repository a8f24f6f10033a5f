//! The answer to a fetch: a fragment, or why there is none.
#![deny(clippy::disallowed_methods)]

use std::time::Duration;

use bytes::Bytes;
use hydra_runtime_net::fragment_source::KeptFragment;
use hydra_runtime_wire::{
    Asset, Attributes, Outcome,
    forms::{AnsweredFragment, marker_comment},
    in_milliseconds,
};

use crate::page::{
    plan::cache_policy::CachePolicy,
    report::reason::{Reason, ReasonKind},
};

/// The number of a fetch on its page, from 0.
pub type FetchId = usize;

/// The answer to a fetch.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The outcome. Where it brings no HTML, the slot shows its fallback.
    pub outcome: Outcome,
    /// The HTML.
    pub html: Option<Bytes>,
    /// The exports, under the fragment's own names.
    pub exports: Attributes,
    /// The style sheets and scripts that the HTML needs.
    pub assets: Box<[Asset]>,
    /// Why there is no HTML, for the log.
    pub reason: Option<Reason>,
    /// How long the answer may be used again, in milliseconds. 0: not at all. `None`: its owner does not say.
    pub max_age: Option<u64>,
    /// Set where this is an earlier answer, shown because the owner gave none. A tag that shares the fetch may not
    /// accept one as old.
    pub copy: Option<StaleCopy>,
}

/// A fragment of a page that has its answer already, so that the page does not fetch it: a visitor sent its form.
#[derive(Clone, Debug)]
pub struct PrefilledSlot {
    /// The service that owns the fragment.
    pub service: String,
    /// The fragment's name.
    pub reference: String,
    /// The hash of the fragment's imports, as [`imports_hash`](hydra_runtime_wire::forms::imports_hash) makes it. It tells
    /// slots with the same fragment apart. Empty: it is not known, and the first slot is meant.
    pub imports: String,
    /// The answer.
    pub answer: Answer,
}

impl From<KeptFragment> for Answer {
    fn from(kept: KeptFragment) -> Self {
        Self {
            outcome: Outcome::Cached,
            html: Some(kept.html),
            exports: kept.exports,
            max_age: Some(in_milliseconds(kept.max_age)),
            ..Self::default()
        }
    }
}

impl From<AnsweredFragment> for PrefilledSlot {
    /// The slot shows the marker, which the gateway replaces by the HTML.
    fn from(answered: AnsweredFragment) -> Self {
        Self {
            service: answered.service,
            reference: answered.reference,
            imports: answered.imports,
            answer: Answer {
                html: Some(marker_comment(&answered.marker).into()),
                exports: answered.exports,
                assets: answered.assets.into_boxed_slice(),
                // Nothing of it may be used again.
                max_age: Some(0),
                ..Answer::default()
            },
        }
    }
}

/// The facts about an earlier answer that is shown because the owner gave none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaleCopy {
    /// The outcome of the fetch itself.
    pub outcome: Outcome,
    /// How old the copy is.
    pub age: Duration,
    /// How long its owner let it be used.
    pub max_age: Option<Duration>,
}

impl Answer {
    /// An answer without a fragment.
    #[must_use]
    pub fn failed(outcome: Outcome, reason: impl Into<Reason>) -> Self {
        Self {
            outcome,
            reason: Some(reason.into()),
            ..Self::default()
        }
    }

    /// Makes sure that there is HTML exactly where the outcome says so, and at most `max_bytes` of it.
    pub(crate) fn checked(mut self, max_bytes: usize) -> Self {
        let shown = matches!(self.outcome, Outcome::Rendered | Outcome::Cached | Outcome::Stale);
        match &self.html {
            Some(html) if shown && html.len() > max_bytes => Self::failed(
                Outcome::Failed,
                ReasonKind::TooLarge
                    .saying(format!("{} bytes of HTML are more than {max_bytes}", html.len())),
            ),
            None if shown => Self::failed(Outcome::Failed, ReasonKind::NoHtml),
            _ if shown => self,
            _ => {
                self.html = None;
                self.exports = Attributes::new();
                self.assets = Box::default();
                self
            }
        }
    }
}

impl StaleCopy {
    /// Whether a tag with this `policy` shows the copy.
    pub(crate) fn suits(&self, policy: Option<CachePolicy>) -> bool {
        policy.is_some_and(|policy| policy.admits_copy(self.age, self.max_age))
    }
}
