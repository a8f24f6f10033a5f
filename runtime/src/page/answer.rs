//! What comes back for what a page asks.
#![deny(clippy::disallowed_methods)]

use std::time::Duration;

use bytes::Bytes;
use hydra_runtime_wire::{Asset, Attributes, Outcome};

use crate::page::{
    plan::cache_policy::CachePolicy,
    report::reason::{Reason, ReasonKind},
};

/// Which ask of a page: they are numbered from 0.
pub type FetchId = usize;

/// What came back for an ask.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// How it came about. One that is not shown makes the slot show its fallback.
    pub outcome: Outcome,
    /// The HTML.
    pub html: Option<Bytes>,
    /// The exports, under the fragment's own names.
    pub exports: Attributes,
    /// The style sheets and scripts that it needs.
    pub assets: Box<[Asset]>,
    /// Why there is no HTML, for the log.
    pub reason: Option<Reason>,
    /// How long it may be used again, in milliseconds. 0: not at all. `None`: its owner does not say.
    pub max_age: Option<u64>,
    /// Present where it is an earlier answer since the owner gave none: not every tag that shares it wants one as old.
    pub copy: Option<StaleCopy>,
}

/// An earlier answer in place of one that did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaleCopy {
    /// What became of the ask.
    pub outcome: Outcome,
    /// How old the copy is.
    pub age: Duration,
    /// How long its owner let it be used.
    pub max_age: Option<Duration>,
}

impl Answer {
    /// A fragment that can't be had.
    #[must_use]
    pub fn failed(outcome: Outcome, reason: impl Into<Reason>) -> Self {
        Self {
            outcome,
            reason: Some(reason.into()),
            ..Self::default()
        }
    }

    /// Makes sure that there is HTML exactly where the outcome says so, and not too much of it.
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
    /// Whether a tag with these `terms` shows it.
    pub(crate) fn suits(&self, policy: Option<CachePolicy>) -> bool {
        policy.is_some_and(|policy| policy.admits_copy(self.age, self.max_age))
    }
}
