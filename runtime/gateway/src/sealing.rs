//! Seals texts that leave the gateway and come back: browsers and Redis can neither read nor change them.
#![deny(clippy::disallowed_methods)]

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, Salt},
    hmac,
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

/// Seals for one purpose.
pub(crate) struct Sealing {
    key: Option<LessSafeKey>,
    /// Another key that opens texts, while the private key is changed.
    second: Option<LessSafeKey>,
    derive: hmac::Key,
}

impl Sealing {
    /// The seal of an installation with this secret.
    pub(crate) fn new(secret: &[u8], purpose: &str) -> Self {
        let derive = hydra_runtime_wire::signing::derived(secret, purpose);
        Self {
            key: key_of(secret, purpose),
            second: None,
            derive: hmac::Key::new(hmac::HMAC_SHA256, derive.as_ref()),
        }
    }

    /// Opens what was sealed with this secret, too.
    pub(crate) fn with_second(mut self, secret: Option<&str>, purpose: &str) -> Self {
        self.second = secret.and_then(|secret| key_of(secret.as_bytes(), purpose));
        self
    }

    /// Whether there is a second secret.
    pub(crate) fn has_second(&self) -> bool {
        self.second.is_some()
    }

    /// A sealed text, in letters of URLs. It opens with the same `bound` only. `None` only if the platform's cryptography
    /// fails.
    pub(crate) fn close(&self, text: &[u8], bound: &str) -> Option<String> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).ok()?;
        let mut sealed = text.to_vec();
        let key = self.key.as_ref()?;
        key.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(bound.as_bytes()),
            &mut sealed,
        )
        .ok()?;
        sealed.extend(nonce);
        Some(BASE64_URL_SAFE_NO_PAD.encode(sealed))
    }

    /// The text that was sealed. `None`: it was not sealed here, for another purpose or another `bound`, or was changed.
    pub(crate) fn open(&self, sealed: &str, bound: &str) -> Option<Vec<u8>> {
        let mut keys = [&self.key, &self.second].into_iter().flatten();
        keys.find_map(|key| opened(key, sealed, bound))
    }

    /// Whether the text was sealed with the first key.
    pub(crate) fn is_current(&self, sealed: &str, bound: &str) -> bool {
        let key = self.key.as_ref();
        key.is_some_and(|key| opened(key, sealed, bound).is_some())
    }

    /// A secret of 32 bytes that belongs to `name`, in letters of URLs.
    pub(crate) fn derived(&self, name: &str) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&self.derive, name.as_bytes()))
    }
}

fn opened(key: &LessSafeKey, sealed: &str, bound: &str) -> Option<Vec<u8>> {
    let sealed = BASE64_URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let (sealed, nonce) = sealed.split_last_chunk::<NONCE_LEN>()?;
    let (mut text, nonce) = (sealed.to_vec(), Nonce::assume_unique_for_key(*nonce));
    let opened = key.open_in_place(nonce, Aad::from(bound.as_bytes()), &mut text);
    opened.ok().map(|opened| opened.to_vec())
}

fn key_of(secret: &[u8], purpose: &str) -> Option<LessSafeKey> {
    let secret = Salt::new(HKDF_SHA256, b"").extract(secret);
    let key = secret
        .expand(&[purpose.as_bytes()], &AES_256_GCM)
        .map(|okm| LessSafeKey::new(UnboundKey::from(okm)));
    key.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_unchanged_for_its_purpose_only() {
        let seal = Sealing::new(b"a secret of this test", "state");
        let sealed = seal.close(b"text", "browser").expect("sealed");
        assert_eq!(seal.open(&sealed, "browser").as_deref(), Some(&b"text"[..]));
        assert_eq!(seal.open(&sealed, "another browser"), None);
        assert_ne!(seal.close(b"text", "browser"), Some(sealed.clone()));
        for (second, is_open) in [
            (Some("a secret of this test"), true),
            (Some("x"), false),
            (None, false),
        ] {
            let changed = Sealing::new(b"the next secret", "state").with_second(second, "state");
            assert_eq!(changed.open(&sealed, "browser").is_some(), is_open, "{second:?}");
        }
        for other in [
            Sealing::new(b"another secret", "state"),
            Sealing::new(b"a secret of this test", "grant"),
        ] {
            assert_eq!(other.open(&sealed, "browser"), None);
        }
        let mut changed = sealed.clone().into_bytes();
        changed[3] ^= 1;
        for text in [
            "",
            "AAAA",
            "!",
            &sealed[1..],
            &String::from_utf8(changed).expect("ASCII"),
        ] {
            assert_eq!(seal.open(text, "browser"), None, "{text}");
        }
        assert_ne!(seal.derived("a"), seal.derived("b"));
        assert_eq!(seal.derived("a").len(), 43);
    }
}
