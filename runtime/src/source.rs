//! Where a page's fragments come from: the two seams of the page engine.

use std::time::Duration;

use futures_util::future::BoxFuture;
pub use hydra_runtime_net::source::{Caller, FragmentSource};
use hydra_runtime_wire::{Attributes, Outcome};
use serde_json::Value;

/// The fragments that this service offers: each `ref` has a handler, which gives what its template needs.
pub trait LocalFragments: Send + Sync + 'static {
    /// Runs the handler of `call.reference`. The engine then renders the template.
    fn call(&self, call: LocalCall) -> BoxFuture<'static, Result<LocalAnswer, LocalError>>;
}

/// What a fragment handler gets.
#[derive(Clone, Debug, Default)]
pub struct LocalCall {
    /// The fragment's name.
    pub reference: String,
    /// Its imports, under its own names.
    pub imports: Attributes,
    /// The session that the asking page keeps for this service.
    pub session: Option<Value>,
    /// On whose behalf.
    pub caller: Caller,
}

/// What a fragment handler gives.
#[derive(Clone, Debug, Default)]
pub struct LocalAnswer {
    /// The attributes for the fragment's template, imports included.
    pub context: tera::Context,
    /// The attributes that it may export, under its own names.
    pub exports: Attributes,
    /// The session, where it changed.
    pub session: Option<Value>,
    /// How long the fragment may be used again, where a tag wants that. Zero: not at all. `None`: as the tag says.
    pub max_age: Option<Duration>,
}

/// A fragment handler gave nothing.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{reason}")]
pub struct LocalError {
    /// What became of it: `failed` or `refused`.
    pub outcome: Outcome,
    /// Why, for the log. Never shown to visitors.
    pub reason: String,
}
