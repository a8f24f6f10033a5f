//! The visitor who asks for a page or for a lazy fragment.
#![deny(clippy::disallowed_methods)]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use hydra_runtime_net::fragment_source::{Caller, FragmentSource};
use serde_json::Value;

use crate::fragment_source::LocalFragments;

/// Gets the sessions that changed while a page was put together, by service. It is called once, and only if a session
/// changed.
pub type SessionSink = Box<dyn FnOnce(BTreeMap<String, Value>) + Send>;

/// The visitor who asks for a page or a lazy fragment, and the sources of fragments.
#[derive(Default)]
pub struct PageVisitor {
    /// What other services learn about the visitor. A budget of zero means the page deadline of the
    /// [`Options`](crate::page::Options). A lazy fragment has the timeout of its tag.
    pub caller: Caller,
    /// This service's fragments. `None`: they show their fallbacks.
    pub local: Option<Arc<dyn LocalFragments>>,
    /// The source of other services' fragments. `None`: they show their fallbacks.
    pub source: Option<Arc<dyn FragmentSource>>,
    /// The visitor's sessions, by service. Each is sent to its own service only.
    pub sessions: BTreeMap<String, Value>,
    /// Gets the sessions that changed.
    pub on_sessions: Option<SessionSink>,
    /// The services whose fragments may set cookies of the visitor: the head of a page waits for those fragments.
    pub cookie_owners: Arc<BTreeSet<String>>,
}
