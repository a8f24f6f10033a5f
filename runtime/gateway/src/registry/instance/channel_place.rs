//! Where the channel of an instance ends.
#![deny(clippy::disallowed_methods)]

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Where the channel of an instance ends. All gateways know it from the registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChannelPlace {
    /// Names the channel among those of all gateways.
    pub(crate) id: ChannelId,
    /// The inner address of the gateway where it ends, `host:port`. `None`: other gateways can't reach it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) gateway: Option<String>,
}

/// The name of a channel. It is random, and never used again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub(crate) struct ChannelId(Arc<str>);

impl ChannelId {
    /// The id as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for ChannelId {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<ChannelId> for String {
    fn from(id: ChannelId) -> Self {
        id.0.to_string()
    }
}
