//! The events of a page that logs and counters report.
#![deny(clippy::disallowed_methods)]

use std::sync::Arc;

use hydra_contract::Type;
use hydra_runtime_wire::Outcome;

use crate::page::{
    plan::fragment_name::FragmentName,
    report::{error::RenderError, reason::Reason},
};

/// How long a page or fragment with a missing part may be used again, in milliseconds.
pub(crate) const MOMENT_MILLISECONDS: u64 = 500;

/// An event of a page.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PageEvent {
    /// A slot reached its outcome.
    Slot {
        /// Its index in the plan.
        site: usize,
        fragment: FragmentName,
        outcome: Outcome,
        reason: Option<Reason>,
    },
    /// A fragment exported attributes that no tag names.
    Dropped { fragment: FragmentName, count: usize },
    /// A fragment exported an attribute of another type than its contract says.
    Mistyped {
        fragment: FragmentName,
        /// The fragment's name for it.
        export: Arc<str>,
        ty: Type,
    },
    /// A lazy fragment is shown at once: its imports are too large for an address.
    NotLazy {
        /// Its index in the plan.
        site: usize,
    },
    /// A fragment named style sheets or scripts that the page does not link.
    Unlinked { fragment: FragmentName, count: usize },
    /// A template changed the marker of a fragment, for example with a filter. Its remains are not shown.
    Damaged,
    /// A hole or a fallback could not be rendered, and shows nothing.
    Broken(RenderError),
}

impl PageEvent {
    /// How long a page or fragment with this event may be used again, in milliseconds. `None`: the event does not limit
    /// it.
    pub(crate) fn max_age(&self) -> Option<u64> {
        match self {
            Self::Slot { outcome, .. } => max_age_beside(*outcome),
            Self::Broken(_) | Self::Damaged => Some(0),
            _ => None,
        }
    }
}

/// How long something that holds a fragment with this outcome may be used again, in milliseconds. `None`: as long as
/// the fragment says.
pub(crate) fn max_age_beside(outcome: Outcome) -> Option<u64> {
    match outcome {
        Outcome::Rendered | Outcome::Cached => None,
        // The next answer may be complete. A short time keeps all visitors from asking at once while a part is missing.
        Outcome::Stale | Outcome::Inactive | Outcome::Failed | Outcome::Late => Some(MOMENT_MILLISECONDS),
        // Another page, in another place, may not be refused.
        Outcome::Refused => Some(0),
    }
}
