//! The keys that sign the identities of visitors. All services of an installation share them, also those that have
//! private keys of their own: these get them from the gateway.
#![deny(clippy::disallowed_methods)]

use std::sync::Arc;

use arc_swap::ArcSwap;
use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use hydra_runtime_wire::signing::visitor_key;

/// How many keys are used of those that the gateway gives. While a key is changed, there are two.
const MAX_KEYS: usize = 2;
/// How many bytes of a signature a cookie holds.
const TAG_BYTES: usize = 16;

/// The keys, of which the first one signs. A clone shares them.
#[derive(Clone, Default)]
pub(crate) struct VisitorKeys(Arc<ArcSwap<Vec<hmac::Key>>>);

impl VisitorKeys {
    /// The keys of services that have the private keys of the installation. Without a key, every identity is believed.
    pub(crate) fn new(private_keys: [Option<&str>; 2]) -> Self {
        let keys = private_keys.into_iter().flatten();
        Self::of(keys.map(|key| visitor_key(key).as_ref().to_vec()))
    }

    fn of(keys: impl Iterator<Item = Vec<u8>>) -> Self {
        let keys = keys.map(|key| hmac::Key::new(hmac::HMAC_SHA256, &key));
        Self(Arc::new(ArcSwap::from_pointee(keys.take(MAX_KEYS).collect())))
    }

    /// Takes over the keys in the answer to a registration. `None`: the gateway gave none, and the keys stay.
    pub(crate) fn update(&self, given: Option<Vec<String>>) {
        let decoded = given.unwrap_or_default().into_iter();
        let keys = Self::of(decoded.filter_map(|key| BASE64_STANDARD.decode(key).ok()));
        let keys = keys.0.load_full();
        if !keys.is_empty() {
            self.0.store(keys);
        }
    }

    /// The tag of a visitor. It is empty without a key.
    pub(super) fn tag(&self, id: &[u8]) -> String {
        self.0.load().first().map(|key| tag(key, id)).unwrap_or_default()
    }

    /// Whether one of the keys made this tag. Without a key, the tag must be empty.
    pub(super) fn is_tag(&self, id: &[u8], text: &str) -> bool {
        let keys = self.0.load();
        let is_by = |key| verify_slices_are_equal(tag(key, id).as_bytes(), text.as_bytes()).is_ok();
        keys.iter().any(is_by) || (keys.is_empty() && text.is_empty())
    }
}

fn tag(key: &hmac::Key, id: &[u8]) -> String {
    let tag = hmac::sign(key, id);
    hex(tag.as_ref().get(..TAG_BYTES).unwrap_or_default())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
