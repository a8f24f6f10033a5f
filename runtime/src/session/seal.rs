//! Seals sessions: a session leaves its service encrypted, and only its service can open, change or make one.
#![deny(clippy::disallowed_methods)]

use std::time::SystemTime;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use hydra_runtime_wire::signing::{derived, seconds};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::limits::{MAX_CLOCK_SKEW_SECONDS, MAX_SEALED_SESSION_BYTES, SEAL_LIFE_SECONDS};

/// The member of an envelope that holds the encrypted text.
const MEMBER: &str = "sealed";
/// How many random bytes an envelope begins with.
const SALT_BYTES: usize = 16;

/// Seals and opens the sessions of one service.
pub(crate) struct Sealer {
    first: hmac::Key,
    /// Another key that opens envelopes, while the service's key is changed.
    second: Option<hmac::Key>,
    /// The service and its installation. A session of one does not open at another.
    scope: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Sealed<S> {
    /// When it was sealed, in seconds since 1970.
    iat: u64,
    state: S,
}

impl Sealer {
    /// For the sessions of `service` in the installation that `installation` names. All its instances need one `secret`.
    pub(crate) fn new(secret: &[u8], service: &str, installation: &str) -> Self {
        Self {
            first: key_of(secret),
            second: None,
            // Names hold no zero byte.
            scope: format!("{service}\0{installation}\0").into_bytes(),
        }
    }

    /// Opens what was sealed with this secret, too.
    pub(crate) fn with_second(mut self, secret: Option<&str>) -> Self {
        self.second = secret.map(|secret| key_of(secret.as_bytes()));
        self
    }

    /// `state` in an envelope. `None` only where the platform's cryptography fails.
    pub(crate) fn seal(&self, state: Value, now: SystemTime) -> Option<Value> {
        let iat = seconds(now);
        let mut text = serde_json::to_vec(&Sealed { iat, state }).ok()?;
        let mut salt = [0; SALT_BYTES];
        getrandom::fill(&mut salt).ok()?;
        let (key, nonce) = (envelope_key(&self.first, &salt)?, nonce());
        key.seal_in_place_append_tag(nonce, Aad::from(&self.scope), &mut text)
            .ok()?;
        let text = BASE64_URL_SAFE_NO_PAD.encode([&salt[..], &text].concat());
        Some(json!({ MEMBER: text }))
    }

    /// The state in an envelope. `None`: this service did not make the envelope, or it is too old.
    pub(crate) fn open(&self, envelope: &Value, now: SystemTime) -> Option<Value> {
        let text = envelope.get(MEMBER)?.as_str()?;
        if text.len() > MAX_SEALED_SESSION_BYTES {
            return None;
        }
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let mut keys = [Some(&self.first), self.second.as_ref()].into_iter().flatten();
        let Sealed { iat, state } = keys.find_map(|key| self.read(key, &sealed))?;
        let now = seconds(now);
        let is_fresh =
            iat <= now.saturating_add(MAX_CLOCK_SKEW_SECONDS) && now <= iat.saturating_add(SEAL_LIFE_SECONDS);
        is_fresh.then_some(state)
    }

    fn read(&self, key: &hmac::Key, sealed: &[u8]) -> Option<Sealed<Value>> {
        let (salt, text) = sealed.split_at_checked(SALT_BYTES)?;
        let mut text = text.to_vec();
        let opened = envelope_key(key, salt)?
            .open_in_place(nonce(), Aad::from(&self.scope), &mut text)
            .ok()?;
        serde_json::from_slice(opened).ok()
    }
}

fn key_of(secret: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, derived(secret, "hydra session").as_ref())
}

/// The key of one envelope. Each has its own, so that there is no limit on their number, as there would be with random
/// nonces (NIST SP 800-38D section 8.3).
fn envelope_key(key: &hmac::Key, salt: &[u8]) -> Option<LessSafeKey> {
    let key = UnboundKey::new(&AES_256_GCM, hmac::sign(key, salt).as_ref());
    key.ok().map(LessSafeKey::new)
}

/// The nonce of the only message under a key.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}
