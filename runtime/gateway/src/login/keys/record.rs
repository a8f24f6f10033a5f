//! A key pair as it is kept.
#![deny(clippy::disallowed_methods)]

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hydra_runtime_wire::login::LoginKeyPair;
use serde::{Deserialize, Serialize};

/// A key pair with its times, in seconds since 1970.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyRecord {
    /// Counts the keys of an installation from 1. A rotation makes the next one.
    pub generation: u64,
    /// When the key was made. From then on it is published.
    pub created: u64,
    /// From when on it signs.
    pub signs_from: u64,
    /// The PKCS#8 document in base64.
    key: String,
}

impl KeyRecord {
    /// A record of a key pair. `None` only if the platform's cryptography fails.
    #[must_use]
    pub(crate) fn of(pair: &LoginKeyPair, generation: u64, created: u64, signs_from: u64) -> Option<Self> {
        Some(Self {
            generation,
            created,
            signs_from,
            key: BASE64_STANDARD.encode(pair.pkcs8()?),
        })
    }

    /// The key pair. `None`: the record was damaged.
    #[must_use]
    pub fn pair(&self) -> Option<LoginKeyPair> {
        LoginKeyPair::from_pkcs8(&BASE64_STANDARD.decode(&self.key).ok()?)
    }

    /// The record as text, and its key with it.
    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads a record.
    ///
    /// # Errors
    /// The text is not a record. The error does not show it.
    pub(crate) fn read(text: &str) -> Result<Self, &'static str> {
        serde_json::from_str(text).map_err(|_| "it does not contain a login key")
    }
}

impl std::fmt::Debug for KeyRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyRecord")
            .field("generation", &self.generation)
            .field("created", &self.created)
            .field("signs_from", &self.signs_from)
            .finish_non_exhaustive()
    }
}
