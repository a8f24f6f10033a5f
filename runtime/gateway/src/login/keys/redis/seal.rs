//! Seals login keys with the installation's private key: Redis never sees a key that signs, and can't exchange records,
//! their times, or those of two installations.
#![deny(clippy::disallowed_methods)]

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, Salt},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

use crate::login::keys::KeyRecord;

/// Seals and opens records.
pub(super) struct KeySeal {
    key: Option<LessSafeKey>,
    /// Another key that opens records, while the private key is changed.
    second: Option<LessSafeKey>,
    public_key: String,
}

/// A record that was opened.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Opened {
    pub(super) record: KeyRecord,
    /// Whether it was sealed with the second key, and must be sealed anew before that key ends.
    pub(super) by_second: bool,
}

/// A record as Redis has it. The times are readable, and part of what is sealed.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sealed {
    kid: String,
    generation: u64,
    created: u64,
    signs_from: u64,
    /// The sealed record, followed by the nonce, in base64.
    sealed: String,
}

impl Sealed {
    fn aad(&self, public_key: &str) -> Aad<Vec<u8>> {
        let Self {
            kid,
            generation,
            created,
            signs_from,
            ..
        } = self;
        // A public key and a `kid` contain no zero byte.
        Aad::from(format!("{public_key}\0{kid}\0{generation}\0{created}\0{signs_from}").into_bytes())
    }
}

impl KeySeal {
    pub(super) fn new(private_key: &str, public_key: &str) -> Self {
        Self {
            key: key_of(private_key),
            second: None,
            public_key: public_key.to_owned(),
        }
    }

    /// Opens records that were sealed with this private key, too.
    pub(super) fn with_second_key(mut self, private_key: Option<&str>) -> Self {
        self.second = private_key.and_then(key_of);
        self
    }

    /// The text for Redis. `None` only if the platform's cryptography fails.
    pub(super) fn close(&self, record: &KeyRecord) -> Option<String> {
        let mut sealed = Sealed {
            kid: record.pair()?.kid().to_owned(),
            generation: record.generation,
            created: record.created,
            signs_from: record.signs_from,
            sealed: String::new(),
        };
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).ok()?;
        let mut text = record.text().into_bytes();
        self.key
            .as_ref()?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                sealed.aad(&self.public_key),
                &mut text,
            )
            .ok()?;
        text.extend(nonce);
        sealed.sealed = BASE64_STANDARD.encode(text);
        serde_json::to_string(&sealed).ok()
    }

    /// The record in a text from Redis.
    ///
    /// # Errors
    /// Why it is ignored.
    pub(super) fn open(&self, text: &str) -> Result<Opened, &'static str> {
        const UNREADABLE: &str = "it can't be read";
        const WRONG: &str = "it was sealed with another private key, for another installation, or changed";
        let sealed: Sealed = serde_json::from_str(text).map_err(|_| UNREADABLE)?;
        let text = BASE64_STANDARD.decode(&sealed.sealed).map_err(|_| UNREADABLE)?;
        let (text, nonce) = text.split_last_chunk::<NONCE_LEN>().ok_or(UNREADABLE)?;
        let open = |key: &LessSafeKey| {
            let (mut text, nonce) = (text.to_vec(), Nonce::assume_unique_for_key(*nonce));
            let opened = key.open_in_place(nonce, sealed.aad(&self.public_key), &mut text);
            opened.ok().map(|opened| opened.to_vec())
        };
        let first = self.key.as_ref().and_then(open);
        let by_second = first.is_none();
        let opened = first
            .or_else(|| self.second.as_ref().and_then(open))
            .ok_or(WRONG)?;
        let record = KeyRecord::read(std::str::from_utf8(&opened).map_err(|_| UNREADABLE)?)?;
        let times = (sealed.generation, sealed.created, sealed.signs_from);
        if times != (record.generation, record.created, record.signs_from) {
            return Err(WRONG);
        }
        Ok(Opened { record, by_second })
    }
}

fn key_of(private_key: &str) -> Option<LessSafeKey> {
    let secret = Salt::new(HKDF_SHA256, b"").extract(private_key.as_bytes());
    let key = secret.expand(&[b"hydra login key record"], &AES_256_GCM);
    key.ok().map(|okm| LessSafeKey::new(UnboundKey::from(okm)))
}

#[cfg(test)]
mod tests {
    use hydra_runtime_wire::login::LoginKeyPair;

    use super::*;

    const KEY: &str = "a private key for tests";

    #[test]
    fn a_record_opens_only_unchanged_in_its_installation() {
        let pair = LoginKeyPair::generate().expect("a key");
        let record = KeyRecord::of(&pair, 3, 100, 160).expect("a record");
        let seal = KeySeal::new(KEY, "K");
        let text = seal.close(&record).expect("sealed");
        let opened = seal.open(&text).map(|opened| (opened.record, opened.by_second));
        assert_eq!(opened, Ok((record.clone(), false)));
        for (second, expected) in [
            (Some(KEY), Ok((record, true))),
            (Some("a third private key"), Err(())),
            (None, Err(())),
        ] {
            let changed = KeySeal::new("the next private key", "K").with_second_key(second);
            let opened = changed
                .open(&text)
                .map(|opened| (opened.record, opened.by_second));
            assert_eq!(opened.map_err(drop), expected, "{second:?}");
        }
        assert!(!text.contains("MII"), "{text}");
        for (case, seal) in [
            ("another private key", KeySeal::new("another private key", "K")),
            ("another installation", KeySeal::new(KEY, "L")),
        ] {
            assert!(seal.open(&text).is_err(), "{case}");
        }
        for (from, to) in [
            ("\"generation\":3", "\"generation\":4"),
            ("\"created\":100", "\"created\":101"),
            ("\"signsFrom\":160", "\"signsFrom\":0"),
            ("\"kid\":\"", "\"kid\":\"x"),
            ("\"sealed\":\"", "\"sealed\":\"AAAA"),
        ] {
            assert!(text.contains(from), "{from}");
            assert!(seal.open(&text.replace(from, to)).is_err(), "{from}");
        }
        for text in ["", "{}", "null", &text[1..]] {
            assert!(seal.open(text).is_err(), "{text}");
        }
        // Each time another text, so that it can't be seen whether a key was written again.
        let again = seal
            .open(&text)
            .and_then(|opened| seal.close(&opened.record).ok_or(""));
        assert_ne!(again, Ok(text));
    }
}
