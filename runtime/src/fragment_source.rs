//! The two sources of a page's fragments, as traits: this service and others.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
pub use hydra_runtime_net::fragment_source::{
    Caller, FragmentSource, KeptFragment, KeptFragments, WantedFragment,
};
use hydra_runtime_wire::{Attributes, Outcome};
use serde_json::Value;

use crate::form::FormState;

/// The fragments that this service offers. Each `ref` has a handler, which returns what its template needs.
pub trait LocalFragments: Send + Sync + 'static {
    /// Runs the handler of `call.reference`. The engine then renders the template.
    fn call(&self, call: LocalCall) -> BoxFuture<'static, Result<LocalAnswer, LocalError>>;
}

/// The call of a fragment handler.
#[derive(Clone, Debug, Default)]
pub struct LocalCall {
    /// The fragment's name.
    pub reference: String,
    /// Its imports, under its own names.
    pub imports: Attributes,
    /// The session that the page keeps for this service.
    pub session: Option<Value>,
    /// A form of the fragment that was sent and can't be used.
    pub form: Option<Arc<FormState>>,
    /// What is known about the visitor and the page.
    pub caller: Caller,
}

/// The answer of a fragment handler.
#[derive(Clone, Debug, Default)]
pub struct LocalAnswer {
    /// The attributes for the fragment's template, imports included.
    pub context: tera::Context,
    /// The attributes that it may export, under its own names.
    pub exports: Attributes,
    /// The session, if it changed.
    pub session: Option<Value>,
    /// How long the fragment may be used again, where a tag allows that. Zero: not at all. `None`: as long as the tag
    /// says.
    pub max_age: Option<Duration>,
}

/// A fragment handler failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{reason}")]
pub struct LocalError {
    /// The outcome: `failed` or `refused`.
    pub outcome: Outcome,
    /// The reason, for the log. Visitors do not see it.
    pub reason: String,
}
