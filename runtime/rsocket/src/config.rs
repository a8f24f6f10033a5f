//! The settings of one end of a connection.

use std::time::Duration;

use crate::limits::{MAX_31_BITS, MAX_FRAME_BYTES, MIN_FRAGMENT_BYTES};

/// The settings of one end of a connection. The other end has its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// A client sends KEEPALIVE so often, and states it in SETUP. A server sends it if nothing arrived for so long,
    /// and once in a lifetime.
    pub keepalive_interval: Duration,
    /// Silence of the peer that ends the connection. A client states it in SETUP. It also ends a connection whose peer reads nothing
    /// for so long.
    pub keepalive_lifetime: Duration,
    /// Longer frames are fragmented: from 64 to 16,777,215 bytes.
    pub fragment_bytes: usize,
    /// The longest payload that is accepted, metadata and data together, also if it comes in fragments.
    pub max_payload_bytes: usize,
    /// The most bytes of unfinished payloads, of all streams together.
    pub max_partial_bytes: usize,
    /// The most requests of the peer that are served at once. Further ones are rejected.
    pub max_requests: usize,
    /// How many payloads the requester of a channel may send ahead of those that the handler has taken. At least 1.
    pub channel_credit: u32,
    /// Frames that wait for the transport. Above this number of bytes, requests and answers wait until some have been sent.
    pub max_queued_bytes: usize,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            keepalive_interval: Duration::from_secs(20),
            keepalive_lifetime: Duration::from_secs(90),
            fragment_bytes: 64 << 10,
            max_payload_bytes: 4 << 20,
            max_partial_bytes: 16 << 20,
            max_requests: 4096,
            channel_credit: 16,
            max_queued_bytes: 1 << 20,
        }
    }
}

impl Config {
    /// The frame size at which payloads are fragmented, within what the protocol allows.
    pub(crate) fn fragment_bytes(&self) -> usize {
        self.fragment_bytes.clamp(MIN_FRAGMENT_BYTES, MAX_FRAME_BYTES)
    }
}

/// A time as the field of a SETUP frame has it: in milliseconds, above 0 and below 2^31.
pub(crate) fn milliseconds(time: Duration) -> u32 {
    u32::try_from(time.as_millis())
        .unwrap_or(MAX_31_BITS)
        .clamp(1, MAX_31_BITS)
}
