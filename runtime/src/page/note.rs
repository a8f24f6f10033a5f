//! What happened while a page was put together: for logs and counters.
#![deny(clippy::disallowed_methods)]

use std::{borrow::Cow, sync::Arc};

use super::{error::RenderError, prepare::Owner};
use crate::wire::Outcome;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Note {
    /// A slot reached its outcome.
    Slot {
        /// Its index in the plan.
        site: usize,
        owner: Owner,
        reference: Arc<str>,
        outcome: Outcome,
        reason: Reason,
    },
    /// A fragment gave attributes that no tag names.
    Dropped {
        owner: Owner,
        reference: Arc<str>,
        count: usize,
    },
    /// A lazy fragment is shown at once: its imports are too large for an address.
    NotLazy {
        /// Its index in the plan.
        site: usize,
    },
    /// A fragment named style sheets or scripts that the page does not link.
    Unlinked {
        owner: Owner,
        reference: Arc<str>,
        count: usize,
    },
    /// A hole or a fallback could not be rendered, and shows nothing.
    Broken(RenderError),
}

/// Why a fragment is not shown.
pub(crate) type Reason = Option<Cow<'static, str>>;
