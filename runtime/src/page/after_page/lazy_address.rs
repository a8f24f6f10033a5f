//! The addresses of lazy fragments. What an address asks for is encrypted and signed, so that a visitor can neither
//! read nor change it.
#![deny(clippy::disallowed_methods)]

use std::time::Duration;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    rand,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::HeaderValue;
use hydra_runtime_wire::{Attributes, signing::derived};
use serde::{Deserialize, Serialize};

use crate::{
    limits::{LAZY_ADDRESS_LIFE_SECONDS, MAX_LAZY_JSON_BYTES, MAX_LAZY_SEALED_BYTES},
    page::plan::cache_policy::CachePolicy,
};

/// Seals and opens the addresses of one service.
pub(crate) struct Sealer {
    key: RandomizedNonceKey,
    /// Another key that opens addresses, while the private key is changed.
    second: Option<RandomizedNonceKey>,
    /// The service and its installation. An address of one is not valid at another.
    scope: Vec<u8>,
}

/// The fragment that an address asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LazyFragment {
    /// `None`: a fragment of this service.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub(crate) service: Option<String>,
    #[serde(rename = "r")]
    pub(crate) reference: String,
    #[serde(rename = "i", default, skip_serializing_if = "Attributes::is_empty")]
    pub(crate) imports: Attributes,
    /// The timeout of the fragment, in milliseconds.
    #[serde(rename = "t")]
    pub(crate) timeout: u64,
    /// The `cache` and `stale` of the tag, in milliseconds.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub(crate) reuse: Option<(u64, u64)>,
}

impl LazyFragment {
    /// How long the tag lets an answer be used again. `None`: not at all.
    pub(crate) fn cache_policy(&self) -> Option<CachePolicy> {
        let (cache, stale) = self.reuse?;
        Some(CachePolicy {
            cache: Duration::from_millis(cache),
            stale: Duration::from_millis(stale),
        })
    }
}

#[derive(Serialize, Deserialize)]
struct SealedFragment<A> {
    #[serde(flatten)]
    fragment: A,
    /// When the address expires, in seconds of Unix time.
    #[serde(rename = "e")]
    end: u64,
}

/// Why an address is refused. The message is for visitors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadAddress {
    #[error("This is not the address of a fragment, or it is for another visitor.")]
    Wrong,
    #[error("The page is too old. Please reload it.")]
    Old,
    #[error("This address is too long.")]
    TooLong,
}

impl Sealer {
    /// `None` only where the platform's cryptography fails.
    pub(crate) fn new(secret: Option<&str>, service: &str, installation: &str) -> Option<Self> {
        let mut random = [0; 32];
        // Drawn even where it is not used: the library collects randomness on first use, which would delay a request by
        // 40 ms.
        rand::fill(&mut random).ok()?;
        let key = match secret {
            Some(secret) => derived(secret.as_bytes(), "hydra lazy").as_ref().to_vec(),
            None => random.to_vec(),
        };
        Some(Self {
            key: RandomizedNonceKey::new(&AES_256_GCM, &key).ok()?,
            second: None,
            // Names hold no zero byte.
            scope: format!("{service}\0{installation}\0").into_bytes(),
        })
    }

    /// Opens what was sealed with this secret, too.
    pub(crate) fn with_second(mut self, secret: Option<&str>) -> Self {
        let key = secret.map(|secret| derived(secret.as_bytes(), "hydra lazy"));
        self.second = key.and_then(|key| RandomizedNonceKey::new(&AES_256_GCM, key.as_ref()).ok());
        self
    }

    /// The sealed text for the visitor who has this login. `None`: it would be too long.
    pub(crate) fn seal(
        &self,
        fragment: &LazyFragment,
        login: Option<&HeaderValue>,
        now: u64,
    ) -> Option<String> {
        let end = now.saturating_add(LAZY_ADDRESS_LIFE_SECONDS);
        let mut text = serde_json::to_vec(&SealedFragment { fragment, end }).ok()?;
        if text.len() > MAX_LAZY_JSON_BYTES {
            return None;
        }
        let nonce = self
            .key
            .seal_in_place_append_tag(self.aad(login), &mut text)
            .ok()?;
        text.extend_from_slice(nonce.as_ref());
        Some(BASE64_URL_SAFE_NO_PAD.encode(text))
    }

    /// The fragment in a sealed text.
    pub(crate) fn open(
        &self,
        sealed: &str,
        login: Option<&HeaderValue>,
        now: u64,
    ) -> Result<LazyFragment, BadAddress> {
        if sealed.len() > MAX_LAZY_SEALED_BYTES {
            return Err(BadAddress::TooLong);
        }
        let sealed = BASE64_URL_SAFE_NO_PAD
            .decode(sealed)
            .map_err(|_| BadAddress::Wrong)?;
        let mut keys = [Some(&self.key), self.second.as_ref()].into_iter().flatten();
        let text = keys.find_map(|key| self.decrypt(key, &sealed, login));
        let SealedFragment { fragment, end } =
            serde_json::from_slice::<SealedFragment<LazyFragment>>(&text.ok_or(BadAddress::Wrong)?)
                .map_err(|_| BadAddress::Wrong)?;
        if end < now {
            Err(BadAddress::Old)
        } else {
            Ok(fragment)
        }
    }

    fn decrypt(
        &self,
        key: &RandomizedNonceKey,
        sealed: &[u8],
        login: Option<&HeaderValue>,
    ) -> Option<Vec<u8>> {
        let (text, nonce) = sealed.split_last_chunk::<NONCE_LEN>()?;
        let mut text = text.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = key.open_in_place(nonce, self.aad(login), &mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }

    /// The additional data of the encryption: an address that was made for one login does not open with another.
    fn aad(&self, login: Option<&HeaderValue>) -> Aad<Vec<u8>> {
        let login = login.map_or(&[][..], HeaderValue::as_bytes);
        Aad::from([&self.scope, login].concat())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SECRET: Option<&str> = Some("a private key for tests");

    fn fragment(id: &str) -> LazyFragment {
        LazyFragment {
            service: Some("orders".to_owned()),
            reference: "checkout".to_owned(),
            imports: json!({"id": id}).as_object().cloned().unwrap(),
            timeout: 700,
            reuse: Some((30_000, 600_000)),
        }
    }

    fn sealer(service: &str, installation: &str) -> Sealer {
        Sealer::new(SECRET, service, installation).unwrap()
    }

    #[test]
    fn an_instance_opens_what_another_one_sealed_until_it_is_old() {
        let sealed = sealer("shop", "K").seal(&fragment("7"), None, 1_000).unwrap();
        let open = |now| sealer("shop", "K").open(&sealed, None, now);
        assert_eq!(open(1_000), Ok(fragment("7")));
        assert_eq!(open(1_000 + LAZY_ADDRESS_LIFE_SECONDS), Ok(fragment("7")));
        assert_eq!(open(1_001 + LAZY_ADDRESS_LIFE_SECONDS), Err(BadAddress::Old));
    }

    #[test]
    fn nothing_of_it_can_be_read_or_changed() {
        let sealer = sealer("shop", "K");
        let sealed = sealer.seal(&fragment("secret"), None, 0).unwrap();
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&sealed).unwrap();
        for hidden in [&b"secret"[..], b"orders", b"checkout"] {
            assert!(!bytes.windows(hidden.len()).any(|part| part == hidden));
        }
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1;
            let other = BASE64_URL_SAFE_NO_PAD.encode(other);
            assert_eq!(sealer.open(&other, None, 0), Err(BadAddress::Wrong), "byte {at}");
        }
        for other in ["", "a", "====", "é", &sealed[1..], &sealed[..sealed.len() - 1]] {
            assert_eq!(sealer.open(other, None, 0), Err(BadAddress::Wrong), "{other}");
        }
    }

    #[test]
    fn it_is_of_no_use_elsewhere_nor_for_another_login() {
        let login = |text| Some(HeaderValue::from_static(text));
        let ann = login("HYDRA-SSO=ann");
        let sealed = sealer("shop", "K").seal(&fragment("7"), ann.as_ref(), 0).unwrap();
        assert!(sealer("shop", "K").open(&sealed, ann.as_ref(), 0).is_ok());
        for (service, installation, login) in [
            ("blog", "K", ann.clone()),
            ("shop", "L", ann.clone()),
            ("shop", "K", login("HYDRA-SSO=bob")),
            ("shop", "K", None),
        ] {
            let opened = sealer(service, installation).open(&sealed, login.as_ref(), 0);
            assert_eq!(opened, Err(BadAddress::Wrong));
        }
        for (second, is_open) in [
            (SECRET, true),
            (Some("a third key of tests"), false),
            (None, false),
        ] {
            let changed = Sealer::new(Some("the next private key"), "shop", "K").unwrap();
            let opened = changed.with_second(second).open(&sealed, ann.as_ref(), 0);
            assert_eq!(opened.is_ok(), is_open);
        }
        let random = Sealer::new(None, "shop", "K").unwrap();
        assert_eq!(random.open(&sealed, ann.as_ref(), 0), Err(BadAddress::Wrong));
    }

    #[test]
    fn its_length_has_a_bound() {
        let sealer = sealer("shop", "K");
        let longest = (0..MAX_LAZY_JSON_BYTES)
            .rev()
            .find_map(|length| sealer.seal(&fragment(&"x".repeat(length)), None, 0))
            .unwrap();
        assert!(longest.len() <= MAX_LAZY_SEALED_BYTES && sealer.open(&longest, None, 0).is_ok());
        assert_eq!(
            sealer.seal(&fragment(&"x".repeat(MAX_LAZY_JSON_BYTES)), None, 0),
            None
        );
        let long = "A".repeat(1 << 20);
        assert_eq!(sealer.open(&long, None, 0), Err(BadAddress::TooLong));
    }
}
