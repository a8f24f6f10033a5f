//! The channels of instances, for operators.
#![deny(clippy::disallowed_methods)]

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::{channels::Channels, registry::instance::Instance};

/// The channel of an instance.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(in crate::admin) struct ChannelState {
    /// The inner address of the gateway where it ends. `None`: other gateways can't reach that one.
    pub(in crate::admin) gateway: Option<String>,
    /// What this gateway knows of it. `None`: it ends at another gateway.
    pub(in crate::admin) here: Option<ChannelHere>,
}

/// A channel that ends at this gateway.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(in crate::admin) struct ChannelHere {
    /// When it was opened, in milliseconds since 1970.
    pub(in crate::admin) since: u64,
    /// How long the last sign of life took there and back, in milliseconds.
    pub(in crate::admin) round_trip_ms: Option<f64>,
    /// Requests of the gateway without an answer yet.
    pub(in crate::admin) requests: usize,
    /// Requests of the service that are being answered.
    pub(in crate::admin) served: usize,
    pub(in crate::admin) received_bytes: u64,
    pub(in crate::admin) sent_bytes: u64,
}

/// The channel of an instance. `None`: it has none.
pub(in crate::admin) fn state(instance: &Instance, channels: &Channels) -> Option<ChannelState> {
    let place = instance.channel.as_ref()?;
    let here = channels.get(&place.id).map(|channel| {
        let statistics = channel.link.statistics();
        ChannelHere {
            since: millis(channel.since),
            round_trip_ms: statistics.round_trip.map(|time| time.as_secs_f64() * 1_000.0),
            requests: statistics.requests,
            served: statistics.served,
            received_bytes: statistics.received_bytes,
            sent_bytes: statistics.sent_bytes,
        }
    });
    let gateway = place.gateway.clone();
    Some(ChannelState { gateway, here })
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
