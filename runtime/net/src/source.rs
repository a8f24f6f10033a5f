//! Where the fragments of other services come from: a seam between the page engine and the gateway.

use std::{net::IpAddr, time::Duration};

use futures_util::stream::BoxStream;
use http::{HeaderMap, HeaderValue};
use hydra_runtime_wire::{FragmentsRequest, ResolvedFragments};

/// On whose behalf fragments are asked for.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// The headers of the visitor's request that travel on: the login cookie and the cookie that keeps a visitor on one
    /// set of versions. Nothing else of the visitor's request reaches another service but `host`.
    pub headers: HeaderMap,
    /// The host that the visitor asked for, with its port, for a gateway in the same process: plain HTTP services may get it
    /// (see the gateway's `HostHeader`). Fragments that are kept are kept for each host apart.
    pub host: Option<HeaderValue>,
    /// The time that is left for all answers.
    pub budget: Duration,
    /// What is already at work on this page, outermost first: the page as its `service`, each fragment as `service/ref`.
    pub call_chain: Vec<String>,
    /// The address that asks, where another process does: one address cannot take all of a service's capacity.
    pub from: Option<IpAddr>,
}

/// Where fragments of other services come from: a gateway over HTTP, or one in the same process.
pub trait FragmentSource: Send + Sync + 'static {
    /// Asks for a batch. The answers come in parts, as they are ready; each id at most once. A session comes with the
    /// answers of its service, or before them. An id that is not answered when the stream ends has failed. Dropping the stream ends all work for it.
    fn resolve(&self, batch: FragmentsRequest, caller: Caller) -> BoxStream<'static, ResolvedFragments>;
}
