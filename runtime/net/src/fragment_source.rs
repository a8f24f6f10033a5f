//! The interface between pages and gateways: where the fragments of other services come from.

use std::{net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use http::{HeaderMap, HeaderValue};
use hydra_runtime_wire::{Attributes, FragmentsRequest, ResolvedFragments};

use crate::observe::RequestRecord;

/// The visitor or process on whose behalf fragments are requested.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// The headers of the visitor's request that are passed on: the login cookie, and the cookie that keeps a visitor
    /// on one set of versions. Apart from `host`, nothing else of the visitor's request reaches another service.
    pub headers: HeaderMap,
    /// The host that the visitor requested, with its port, for a gateway in the same process: plain HTTP services may
    /// get it (see the gateway's `HostHeader`). Fragments are cached per host.
    pub host: Option<HeaderValue>,
    /// The time that is left for all answers.
    pub budget: Duration,
    /// The call chain of the page, outermost first: the page as its `service`, each fragment as `service/ref`.
    pub call_chain: Vec<String>,
    /// The page that embeds the fragments: its template, as contracts name it. `None`: a fragment embeds them, or it is unknown.
    pub page: Option<Arc<str>>,
    /// The address of the caller, if it is another process: one address cannot take all of a service's capacity.
    pub from: Option<IpAddr>,
    /// The request of the visitor, whose id and trace go along with all calls.
    pub record: Option<Arc<RequestRecord>>,
    /// Whether the caller has looked for all fragments of the batch in [`FragmentSource::kept`], which need not be looked for again.
    pub has_looked: bool,
}

/// A source of fragments: a gateway over HTTP, or one in the same process.
pub trait FragmentSource: Send + Sync + 'static {
    /// Requests a batch. The answers arrive in parts as they are ready, and each id occurs at most once. A session
    /// arrives with the answers of its service, or before them. An id without an answer at the end of the stream has
    /// failed. Dropping the stream ends all work for it.
    fn resolve(&self, batch: FragmentsRequest, caller: Caller) -> BoxStream<'static, ResolvedFragments>;

    /// The fragments that the source may give the caller again without a request. `None`: it has none for this caller.
    fn kept(&self, _caller: &Caller) -> Option<Box<dyn KeptFragments>> {
        None
    }
}

/// Fragments that a source may give one caller again without a request, at the moment at which it was asked.
pub trait KeptFragments {
    /// The fragments in their order, if all of them are there and none has more than `max_bytes` of HTML. They count as shown then.
    fn get(&self, wanted: &[WantedFragment<'_>], max_bytes: usize) -> Option<Vec<KeptFragment>>;
}

/// A fragment that a page wants.
#[derive(Clone, Copy, Debug)]
pub struct WantedFragment<'a> {
    /// The service that owns it.
    pub service: &'a str,
    /// Its name there.
    pub reference: &'a str,
    /// The imports that have a value, under the fragment's own names.
    pub imports: &'a Attributes,
    /// The exports that the page wants, under the fragment's own names.
    pub exports: &'a [Arc<str>],
    /// The call chain of the page, as in [`Caller`].
    pub call_chain: &'a [String],
}

/// A fragment that may be shown again.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptFragment {
    /// The HTML, in UTF-8. Clones share it.
    pub html: Bytes,
    /// The exports, under the fragment's own names.
    pub exports: Attributes,
    /// How much longer the fragment may be used.
    pub max_age: Duration,
}
