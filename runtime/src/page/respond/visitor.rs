//! Somebody asks for a page, or for a fragment that comes after it.
#![deny(clippy::disallowed_methods)]

use std::{collections::BTreeMap, sync::Arc};

use hydra_runtime_net::source::{Caller, FragmentSource};
use serde_json::Value;

use crate::source::LocalFragments;

/// Gets the sessions that changed while a page was put together, by service. Called once, and only if there are any.
pub type SessionSink = Box<dyn FnOnce(BTreeMap<String, Value>) + Send>;

/// Who asks for a page or a lazy fragment, and where its fragments come from.
#[derive(Default)]
pub struct PageVisitor {
    /// On whose behalf. No budget (zero) means the page deadline of the [`Options`](super::Options); that of a lazy
    /// fragment is the one that its page said.
    pub caller: Caller,
    /// This service's fragments. `None`: they show their fallbacks.
    pub local: Option<Arc<dyn LocalFragments>>,
    /// Where fragments of other services come from. `None`: they show their fallbacks.
    pub source: Option<Arc<dyn FragmentSource>>,
    /// The visitor's sessions, by service. Each is sent to its own service only.
    pub sessions: BTreeMap<String, Value>,
    /// Gets the sessions that changed.
    pub on_sessions: Option<SessionSink>,
}
