//! The channels that end at this gateway, and how calls for fragments go over them (protocol section 7). `channel` opens them, and answers
//! what services request.
//!
//! A channel lives in the runtime of the thread that accepted it. Calls of other threads go to it directly: each costs two wake-ups of
//! another thread, and the queue of the channel is bounded by its bytes.

mod address;
pub(crate) mod call;
pub(crate) mod lease;

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, OnceLock, PoisonError, RwLock,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Relaxed, SeqCst},
        },
    },
    time::SystemTime,
};

use hydra_runtime_net::channel::{Link, LinkStatistics};
use hydra_runtime_wire::paths;
use tokio::sync::watch;

use crate::{
    Gateway, GatewayConfig,
    registry::instance::{InstanceId, channel_place::ChannelId},
};
use address::inner_address;

/// A channel that ends at this gateway.
pub(crate) struct OpenChannel {
    pub(crate) id: ChannelId,
    pub(crate) link: Arc<dyn Link>,
    /// The service that opened it.
    pub(crate) service: String,
    pub(crate) since: SystemTime,
    /// The instance, once it has registered over the channel.
    attached: OnceLock<InstanceId>,
    /// Whether nothing new may be requested over it: the gateway or the service is about to stop.
    leaving: watch::Sender<bool>,
    /// Whether the service has said that it stops.
    service_stops: AtomicBool,
}

impl OpenChannel {
    pub(crate) fn new(id: ChannelId, link: Arc<dyn Link>, service: String, since: SystemTime) -> Self {
        Self {
            id,
            link,
            service,
            since,
            attached: OnceLock::new(),
            leaving: watch::Sender::new(false),
            service_stops: AtomicBool::new(false),
        }
    }

    /// Records the instance to which the channel leads. An instance keeps its address as long as it runs.
    pub(crate) fn attach(&self, instance: &InstanceId) {
        // A service that names another address over the same channel is another instance, which gets none.
        let _ = self.attached.set(instance.clone());
    }

    /// The instance to which the channel leads.
    pub(crate) fn instance(&self) -> Option<&InstanceId> {
        self.attached.get()
    }

    /// Ends the use of the channel for new requests.
    pub(crate) fn leave(&self) {
        self.leaving.send_replace(true);
    }

    /// Records that the service stops, and ends the use of the channel for new requests.
    pub(crate) fn service_leaves(&self) {
        self.service_stops.store(true, SeqCst);
        self.leave();
    }

    /// Whether the instance may be registered over the channel: it is open, and the service has not said that it stops.
    pub(crate) fn holds_instance(&self) -> bool {
        self.link.is_open() && !self.service_stops.load(SeqCst)
    }

    /// Whether nothing new may be requested over it.
    pub(crate) fn is_leaving(&self) -> bool {
        *self.leaving.borrow()
    }

    /// Tells when that changes.
    pub(crate) fn leaving(&self) -> watch::Receiver<bool> {
        self.leaving.subscribe()
    }
}

/// The channels that end at this gateway.
pub(crate) struct Channels {
    /// The path at which services open channels.
    path: String,
    /// The path at which other gateways pass on calls over channels.
    relay_path: String,
    /// The path at which other gateways pass on forms over channels.
    relay_action_path: String,
    /// Where other gateways reach this one, `host:port`.
    inner_address: OnceLock<Option<String>>,
    /// The lock is held for one look-up or change, never across an await.
    open: RwLock<HashMap<ChannelId, Arc<OpenChannel>, foldhash::fast::RandomState>>,
    /// Held exclusively while the leases of instances are renewed, and shared while an instance is made inactive: a renewal that began
    /// before must not make it active again.
    leases: tokio::sync::RwLock<()>,
    /// The bytes of channels that have ended.
    received_bytes: AtomicU64,
    sent_bytes: AtomicU64,
}

/// What all channels of a gateway carried, and carry now.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ChannelTotals {
    pub(crate) open: usize,
    /// Requests of the gateway without an answer yet.
    pub(crate) requests: usize,
    pub(crate) received_bytes: u64,
    pub(crate) sent_bytes: u64,
}

impl Channels {
    /// No channels yet, in the installation with this public key.
    pub(crate) fn new(public_key: &str) -> Self {
        Self {
            path: paths::of(paths::CHANNEL, public_key),
            relay_path: paths::of(paths::RELAY, public_key),
            relay_action_path: paths::of(paths::RELAY_ACTION, public_key),
            inner_address: OnceLock::new(),
            open: RwLock::default(),
            leases: tokio::sync::RwLock::default(),
            received_bytes: AtomicU64::new(0),
            sent_bytes: AtomicU64::new(0),
        }
    }

    /// Finds out where other gateways reach this one. Only the first call counts.
    pub(crate) fn listens_on(&self, config: &GatewayConfig, addresses: &[SocketAddr]) {
        // An address that was set before is kept.
        let _ = self.inner_address.set(inner_address(config, addresses));
    }

    pub(crate) fn add(&self, channel: Arc<OpenChannel>) {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        open.insert(channel.id.clone(), channel);
    }

    pub(crate) fn remove(&self, channel: &OpenChannel) {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        let LinkStatistics {
            received_bytes,
            sent_bytes,
            ..
        } = channel.link.statistics();
        self.received_bytes.fetch_add(received_bytes, Relaxed);
        self.sent_bytes.fetch_add(sent_bytes, Relaxed);
        open.remove(&channel.id);
    }

    /// The channel with this id, if it ends here and is open.
    pub(crate) fn get(&self, id: &ChannelId) -> Option<Arc<OpenChannel>> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.get(id).map(Arc::clone)
    }

    /// All open channels.
    pub(crate) fn all(&self) -> Vec<Arc<OpenChannel>> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.values().map(Arc::clone).collect()
    }

    /// What all channels carried since the gateway started, and carry now.
    pub(crate) fn totals(&self) -> ChannelTotals {
        let mut totals = ChannelTotals {
            received_bytes: self.received_bytes.load(Relaxed),
            sent_bytes: self.sent_bytes.load(Relaxed),
            ..ChannelTotals::default()
        };
        for channel in self.all() {
            let statistics = channel.link.statistics();
            totals.open += 1;
            totals.requests += statistics.requests;
            totals.received_bytes += statistics.received_bytes;
            totals.sent_bytes += statistics.sent_bytes;
        }
        totals
    }
}

impl Gateway {
    /// The path at which services open channels.
    pub(crate) fn channel_path(&self) -> &str {
        &self.channels().path
    }

    /// The path at which other gateways pass on calls over channels.
    pub(crate) fn relay_path(&self) -> &str {
        &self.channels().relay_path
    }

    /// The path at which other gateways pass on forms over channels.
    pub(crate) fn relay_action_path(&self) -> &str {
        &self.channels().relay_action_path
    }

    /// Where other gateways reach this one, `host:port`. `None`: they can't.
    pub(crate) fn inner_address(&self) -> Option<&str> {
        self.channels().inner_address.get()?.as_deref()
    }
}
