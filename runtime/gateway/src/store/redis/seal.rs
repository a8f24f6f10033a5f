//! Seals on the records in Redis: a gateway with a private key accepts only records that a gateway with the same key
//! wrote.
#![deny(clippy::disallowed_methods)]

use aws_lc_rs::hmac;
use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};
use hydra_runtime_wire::signing::derived;

/// The prefix of a sealed record. A record without a seal is JSON and begins with a brace.
const MARK: &str = "sealed1.";

/// Seals and opens records.
pub(super) struct Seal {
    key: Option<hmac::Key>,
    /// Another key that opens records, while the private key is changed.
    second: Option<hmac::Key>,
    /// The prefix of the installation's keys in Redis: a record of one installation is invalid in another.
    scope: String,
}

/// Why a seal is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadSeal {
    /// This gateway has a private key, and the record has no seal.
    #[error("it has no seal, but this gateway has a private key")]
    Missing,
    /// The seal was made with another key, or for another record.
    #[error("its seal was made with another private key, or for another record")]
    Wrong,
    /// The record is sealed, and this gateway has no key to check the seal.
    #[error("it has a seal, but this gateway has no private key to check it with")]
    NoKey,
}

impl Seal {
    /// Seals for records whose keys in Redis begin with `scope`. Without a private key, records are not sealed.
    pub(super) fn new(private_key: Option<&str>, scope: &str) -> Self {
        Self {
            key: private_key.map(key_of),
            second: None,
            scope: scope.to_owned(),
        }
    }

    /// Opens records that were sealed with this private key, too.
    pub(super) fn with_second_key(mut self, private_key: Option<&str>) -> Self {
        self.second = private_key.map(key_of);
        self
    }

    /// The text to write for the record of the instance `id`. The same record gives the same text.
    pub(super) fn close(&self, id: &str, record: &str) -> String {
        match &self.key {
            Some(key) => {
                let tag = hmac::sign(key, &self.signed(id, record));
                format!("{MARK}{}.{record}", BASE64_STANDARD_NO_PAD.encode(tag))
            }
            None => record.to_owned(),
        }
    }

    /// Checks the seal of a text that was found under `id`, and returns the record.
    ///
    /// # Errors
    /// Why the record must be ignored.
    pub(super) fn open<'a>(&self, id: &str, text: &'a str) -> Result<&'a str, BadSeal> {
        let sealed = text.strip_prefix(MARK);
        let (key, sealed) = match (&self.key, sealed) {
            (Some(key), Some(sealed)) => (key, sealed),
            (Some(_), None) => return Err(BadSeal::Missing),
            (None, Some(_)) => return Err(BadSeal::NoKey),
            (None, None) => return Ok(text),
        };
        let (tag, record) = sealed.split_once('.').ok_or(BadSeal::Wrong)?;
        let tag = BASE64_STANDARD_NO_PAD.decode(tag).map_err(|_| BadSeal::Wrong)?;
        let signed = self.signed(id, record);
        let mut keys = [Some(key), self.second.as_ref()].into_iter().flatten();
        let is_sealed = keys.any(|key| hmac::verify(key, &signed, &tag).is_ok());
        is_sealed.then_some(record).ok_or(BadSeal::Wrong)
    }

    /// The text that is signed. Neither the scope nor an id contains a zero byte.
    fn signed(&self, id: &str, record: &str) -> Vec<u8> {
        [self.scope.as_bytes(), id.as_bytes(), record.as_bytes()].join(&0)
    }
}

fn key_of(private_key: &str) -> hmac::Key {
    let key = derived(private_key.as_bytes(), "hydra registry record");
    hmac::Key::new(hmac::HMAC_SHA256, key.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Option<&str> = Some("the private key of the tests");
    const RECORD: &str = r#"{"said":{"name":"shop"}}"#;

    #[test]
    fn records_are_believed_only_with_the_seal_of_this_installation() {
        let sealed = Seal::new(KEY, "hydra:{1}").close("id", RECORD);
        let flipped = sealed.replace("shop", "shot");
        let cut = &sealed[..sealed.len() - 1];
        let forged = format!("{MARK}{}.{RECORD}", BASE64_STANDARD_NO_PAD.encode([0; 32]));
        let untagged = format!("{MARK}.{RECORD}");
        let wrong = Err(BadSeal::Wrong);
        for (what, key, scope, id, text, expected) in [
            ("its own", KEY, "hydra:{1}", "id", &*sealed, Ok(RECORD)),
            (
                "another key",
                Some("another private key"),
                "hydra:{1}",
                "id",
                &sealed,
                wrong,
            ),
            ("another installation", KEY, "hydra:{2}", "id", &sealed, wrong),
            ("another instance", KEY, "hydra:{1}", "other", &sealed, wrong),
            ("another content", KEY, "hydra:{1}", "id", &flipped, wrong),
            ("cut off", KEY, "hydra:{1}", "id", cut, wrong),
            ("a tag of zeros", KEY, "hydra:{1}", "id", &forged, wrong),
            ("no tag", KEY, "hydra:{1}", "id", &untagged, wrong),
            ("the mark only", KEY, "hydra:{1}", "id", MARK, wrong),
            ("no seal", KEY, "hydra:{1}", "id", RECORD, Err(BadSeal::Missing)),
            ("nothing", KEY, "hydra:{1}", "id", "", Err(BadSeal::Missing)),
            (
                "no key here",
                None,
                "hydra:{1}",
                "id",
                &sealed,
                Err(BadSeal::NoKey),
            ),
            ("no key anywhere", None, "hydra:{1}", "id", RECORD, Ok(RECORD)),
        ] {
            assert_eq!(Seal::new(key, scope).open(id, text), expected, "{what}");
        }
    }

    #[test]
    fn a_second_key_opens_records_and_seals_none() {
        let scope = "hydra:{1}";
        let sealed = Seal::new(KEY, scope).close("id", RECORD);
        let next = Some("the next private key");
        let changed = || Seal::new(next, scope).with_second_key(KEY);
        assert_eq!(changed().open("id", &sealed), Ok(RECORD));
        let resealed = changed().close("id", RECORD);
        assert_eq!(Seal::new(next, scope).open("id", &resealed), Ok(RECORD));
        assert_eq!(Seal::new(KEY, scope).open("id", &resealed), Err(BadSeal::Wrong));
        let third = Seal::new(Some("a third private key"), scope).close("id", RECORD);
        assert_eq!(changed().open("id", &third), Err(BadSeal::Wrong));
    }

    #[test]
    fn the_same_record_has_the_same_text() {
        let seal = Seal::new(KEY, "s");
        assert_eq!(seal.close("id", RECORD), seal.close("id", RECORD));
    }
}
