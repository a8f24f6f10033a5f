//! Where a page's fragments come from: the two seams of the page engine.

use std::{net::IpAddr, time::Duration};

use futures_util::{future::BoxFuture, stream::BoxStream};
use http::{HeaderMap, HeaderValue};
use serde_json::Value;

use crate::wire::{Attributes, FragmentsRequest, Outcome, ResolvedFragments};

/// On whose behalf fragments are asked for.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// The headers of the visitor's request that travel on: the login cookie and the cookie that keeps a visitor on one
    /// set of versions. Nothing else of the visitor's request reaches another service but `host`.
    pub headers: HeaderMap,
    /// The host that the visitor asked for, with its port, for a gateway in the same process: plain HTTP services may get it
    /// (see [`HostHeader`](crate::gateway::HostHeader)). Fragments that are kept are kept for each host apart.
    pub host: Option<HeaderValue>,
    /// The time that is left for all answers.
    pub budget: Duration,
    /// What is already at work on this page, outermost first: the page as its `service`, each fragment as `service/ref`.
    pub trail: Vec<String>,
    /// The address that asks, where another process does: one address cannot take all of a service's capacity.
    pub from: Option<IpAddr>,
}

/// Where fragments of other services come from: a gateway over HTTP, or one in the same process.
pub trait FragmentSource: Send + Sync + 'static {
    /// Asks for a batch. The answers come in parts, as they are ready; each id at most once. A session comes with the
    /// answers of its service, or before them. An id that is not answered when the stream ends has failed. Dropping the stream ends all work for it.
    fn resolve(&self, batch: FragmentsRequest, caller: Caller) -> BoxStream<'static, ResolvedFragments>;
}

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
