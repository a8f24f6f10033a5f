//! The seals in the addresses of forms: which action of which fragment a form is for, and with which imports the fragment
//! was rendered. Only the service that made a seal can read it. Equal content has equal seals, so that fragments with forms
//! can be kept for all visitors.
#![deny(clippy::disallowed_methods)]

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac, rand,
};
use hydra_runtime_wire::{
    Attributes,
    forms::{parts_of, seal_of},
    limits::MAX_FORM_SEAL_BYTES,
    signing::derived,
};
use serde::{Deserialize, Serialize};

/// What a seal says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct SealedForm {
    #[serde(rename = "r")]
    pub(crate) reference: String,
    #[serde(rename = "a")]
    pub(crate) action: String,
    /// The imports of the fragment, as the page sent them.
    #[serde(rename = "i", default, skip_serializing_if = "Attributes::is_empty")]
    pub(crate) imports: Attributes,
}

/// Why a form can't be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoSeal {
    #[error(
        "its imports are too long for the address of its form, which has at most {MAX_FORM_SEAL_BYTES} bytes"
    )]
    TooLong,
    #[error("the platform's cryptography failed")]
    Failed,
}

/// Seals and opens the forms of one service.
pub(crate) struct FormSealer {
    service: String,
    first: Keys,
    /// Other keys that open seals, while the private key is changed.
    second: Option<Keys>,
    /// The service and its installation. A seal of one does not open at another.
    scope: Vec<u8>,
}

/// The nonce of a seal is a keyed hash of its content: it repeats only where the whole message does, which shows
/// only that two forms are the same.
struct Keys {
    cipher: LessSafeKey,
    nonce: hmac::Key,
}

impl Keys {
    /// `None` only where the platform's cryptography fails.
    fn new(secret: &[u8]) -> Option<Self> {
        let cipher = derived(secret, "hydra form");
        let nonce = derived(secret, "hydra form nonce");
        let cipher = UnboundKey::new(&AES_256_GCM, cipher.as_ref()).ok()?;
        Some(Self {
            cipher: LessSafeKey::new(cipher),
            nonce: hmac::Key::new(hmac::HMAC_SHA256, nonce.as_ref()),
        })
    }
}

impl FormSealer {
    /// Without a secret, other instances and later runs can't open the seals. `None` only where the platform's cryptography
    /// fails.
    pub(crate) fn new(secret: Option<&str>, service: &str, installation: &str) -> Option<Self> {
        let mut random = [0; 32];
        if secret.is_none() {
            rand::fill(&mut random).ok()?;
        }
        Some(Self {
            service: service.to_owned(),
            first: Keys::new(secret.map_or(&random[..], str::as_bytes))?,
            second: None,
            // Names hold no zero byte.
            scope: format!("{service}\0{installation}\0").into_bytes(),
        })
    }

    /// Opens what was sealed with this secret, too.
    pub(crate) fn with_second(mut self, secret: Option<&str>) -> Self {
        self.second = secret.and_then(|secret| Keys::new(secret.as_bytes()));
        self
    }

    pub(crate) fn seal(&self, form: &SealedForm) -> Result<String, NoSeal> {
        let mut text = serde_json::to_vec(form).map_err(|_| NoSeal::Failed)?;
        if text.len() > MAX_FORM_SEAL_BYTES {
            return Err(NoSeal::TooLong);
        }
        let mut hash = hmac::Context::with_key(&self.first.nonce);
        hash.update(&self.scope);
        hash.update(&text);
        let hash = hash.sign();
        let nonce: [u8; NONCE_LEN] = *hash.as_ref().first_chunk().ok_or(NoSeal::Failed)?;
        self.first
            .cipher
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(&self.scope),
                &mut text,
            )
            .map_err(|_| NoSeal::Failed)?;
        let seal = seal_of(&self.service, &[&nonce[..], &text].concat());
        match seal.len() <= MAX_FORM_SEAL_BYTES {
            true => Ok(seal),
            false => Err(NoSeal::TooLong),
        }
    }

    /// What a seal says. `None`: this service did not make it, or with another key.
    pub(crate) fn open(&self, seal: &str) -> Option<SealedForm> {
        let (service, sealed) = parts_of(seal)?;
        if *service != self.service {
            return None;
        }
        let keys = [Some(&self.first), self.second.as_ref()];
        let mut forms = keys
            .into_iter()
            .flatten()
            .filter_map(|keys| self.read(keys, &sealed));
        forms.next()
    }

    fn read(&self, keys: &Keys, sealed: &[u8]) -> Option<SealedForm> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut text = text.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = keys
            .cipher
            .open_in_place(nonce, Aad::from(&self.scope), &mut text)
            .ok()?;
        serde_json::from_slice(opened).ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SECRET: Option<&str> = Some("a private key for tests");

    fn sealer(service: &str, installation: &str) -> FormSealer {
        FormSealer::new(SECRET, service, installation).expect("a sealer")
    }

    fn form(id: &str) -> SealedForm {
        SealedForm {
            reference: "checkout".to_owned(),
            action: "place".to_owned(),
            imports: json!({"id": id}).as_object().cloned().expect("an object"),
        }
    }

    #[test]
    fn equal_forms_have_equal_seals_that_every_instance_opens() {
        let seal = sealer("shop", "K").seal(&form("7")).expect("sealed");
        assert_eq!(sealer("shop", "K").seal(&form("7")), Ok(seal.clone()));
        assert_ne!(sealer("shop", "K").seal(&form("8")), Ok(seal.clone()));
        assert_eq!(sealer("shop", "K").open(&seal), Some(form("7")));
    }

    #[test]
    fn a_seal_is_of_no_use_elsewhere_or_changed() {
        let seal = sealer("shop", "K").seal(&form("secret")).expect("sealed");
        for (service, installation) in [("blog", "K"), ("shop", "L")] {
            assert_eq!(sealer(service, installation).open(&seal), None);
        }
        let (name, encrypted) = parts_of(&seal).expect("a seal");
        for hidden in [&b"secret"[..], b"checkout", b"place"] {
            assert!(!encrypted.windows(hidden.len()).any(|part| part == hidden));
        }
        for at in 0..encrypted.len() {
            let mut other = encrypted.clone();
            other[at] ^= 1;
            assert_eq!(
                sealer("shop", "K").open(&seal_of(&name, &other)),
                None,
                "byte {at}"
            );
        }
        for cut in 0..seal.len() {
            assert_eq!(sealer("shop", "K").open(&seal[..cut]), None, "{cut}");
        }
        assert_eq!(sealer("blog", "K").open(&seal_of("blog", &encrypted)), None);
    }

    #[test]
    fn a_seal_of_an_old_key_opens_while_the_key_is_changed() {
        let seal = sealer("shop", "K").seal(&form("7")).expect("sealed");
        let next = || FormSealer::new(Some("the next key"), "shop", "K").expect("a sealer");
        assert_eq!(next().open(&seal), None);
        assert_eq!(next().with_second(SECRET).open(&seal), Some(form("7")));
        let random = FormSealer::new(None, "shop", "K").expect("a sealer");
        assert_eq!(random.open(&seal), None);
        let own = random.seal(&form("7")).expect("sealed");
        assert_eq!(random.open(&own), Some(form("7")));
    }

    #[test]
    fn its_length_has_a_bound() {
        let sealer = sealer("shop", "K");
        let lengths = (0..MAX_FORM_SEAL_BYTES).rev();
        let longest = lengths
            .filter_map(|length| sealer.seal(&form(&"x".repeat(length))).ok())
            .next();
        let longest = longest.expect("one fits");
        assert!(longest.len() <= MAX_FORM_SEAL_BYTES && sealer.open(&longest).is_some());
        assert_eq!(sealer.seal(&form(&"x".repeat(1 << 20))), Err(NoSeal::TooLong));
    }
}
