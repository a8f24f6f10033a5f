//! Pins: which instance of a service a visitor stays with, because that instance may know the visitor.
//!
//! Each service has a cookie of its own, so that answers that arrive at the same time do not overwrite each other. Its
//! value is 64 random bits, a tag of the instance, and a mark. Tag and mark are signatures: they tell no address, and
//! no visitor can make them.
#![deny(clippy::disallowed_methods)]

mod moves;
mod verified;

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest, hmac};
use http::{HeaderMap, HeaderValue};
use hydra_runtime_wire::{cookies::PIN_PREFIX, signing::derived};

pub(crate) use moves::Moves;
use verified::VerifiedPins;

use crate::{config::PinSameSite, edge::headers, limits::MAX_PIN_COOKIES};

/// How many bytes of the signature the cookie contains.
const MARK: usize = 16;
/// How many bytes of a hash name the service in the name of the cookie.
const NAME: usize = 4;

/// What a visitor's cookie says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pin {
    /// Random bits, which stay the same when the visitor moves.
    pub(crate) bits: u64,
    /// The tag of the instance.
    pub(crate) tag: u64,
}

/// The key that signs pins, and the one that did so before the private key was replaced.
pub(crate) struct PinKeys {
    current: PinKey,
    /// Pins of the current key that are right.
    verified: VerifiedPins,
    former: Option<PinKey>,
}

impl PinKeys {
    /// The keys of the installation `public_key` with these secrets.
    pub(crate) fn new(secret: &[u8], former: Option<&[u8]>, public_key: &str) -> Self {
        Self {
            current: PinKey::new(secret, public_key),
            verified: VerifiedPins::new(),
            former: former.map(|secret| PinKey::new(secret, public_key)),
        }
    }

    /// The key that signs.
    pub(crate) fn current(&self) -> &PinKey {
        &self.current
    }

    /// The pin of a service in a visitor's cookie `name`, and whether the former key signed it: then its tag is that of the
    /// former key, which names one of the `instances`, or none, and is replaced by the tag of the current one.
    pub(crate) fn read<'i>(
        &self,
        (service, name): (&str, &str),
        cookies: &HeaderMap,
        mut instances: impl Iterator<Item = &'i str>,
    ) -> (Option<Pin>, bool) {
        for value in headers::cookies(cookies, name).take(MAX_PIN_COOKIES) {
            if let Some(pin) = self.of_current(service, value) {
                return (Some(pin), false);
            }
            let former = self.former.as_ref();
            if let Some((pin, former)) = former.and_then(|former| Some((former.pin(service, value)?, former)))
            {
                let id = instances.find(|id| former.tag(id) == pin.tag);
                let tag = id.map_or(pin.tag, |id| self.current.tag(id));
                return (Some(Pin { tag, ..pin }), true);
            }
        }
        (None, false)
    }

    /// The pin that the current key signed.
    fn of_current(&self, service: &str, value: &[u8]) -> Option<Pin> {
        self.verified.find(service, value).or_else(|| {
            let pin = self.current.pin(service, value)?;
            self.verified.add(service, value, pin);
            Some(pin)
        })
    }
}

/// Signs and checks pins.
pub(crate) struct PinKey {
    key: hmac::Key,
    public_key: String,
}

impl PinKey {
    /// The key of the installation `public_key` with this secret.
    pub(crate) fn new(secret: &[u8], public_key: &str) -> Self {
        let key = derived(secret, "hydra affinity");
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()),
            public_key: public_key.to_owned(),
        }
    }

    /// The name of the cookie of a service.
    pub(crate) fn cookie_name(&self, service: &str) -> String {
        format!("{PIN_PREFIX}{}", service_digits(&self.public_key, service))
    }

    /// The tag of the instance with this id.
    pub(crate) fn tag(&self, id: &str) -> u64 {
        let tag = hmac::sign(&self.key, format!("instance\n{id}").as_bytes());
        u64::from_be_bytes(tag.as_ref().first_chunk().copied().unwrap_or_default())
    }

    /// The value of the cookie of a service.
    pub(crate) fn value(&self, service: &str, pin: Pin) -> String {
        let Pin { bits, tag } = pin;
        let numbers = format!("{bits:016x}{tag:016x}");
        let mark = self.mark(service, numbers.as_bytes());
        format!("{numbers}{}", text(&mark))
    }

    fn pin(&self, service: &str, value: &[u8]) -> Option<Pin> {
        let (numbers, said) = value.split_at_checked(32)?;
        let (bits, tag) = numbers.split_at_checked(16)?;
        let pin = Pin {
            bits: number(bits)?,
            tag: number(tag)?,
        };
        let mark = self.mark(service, numbers);
        verify_slices_are_equal(&mark, said).is_ok().then_some(pin)
    }

    /// The header that sets the cookie `name` of a service. `is_secure`: it is for https only.
    pub(crate) fn set(
        &self,
        service: &str,
        name: &str,
        pin: Pin,
        same_site: PinSameSite,
        is_secure: bool,
    ) -> Option<HeaderValue> {
        let value = self.value(service, pin);
        let rest = match (same_site, is_secure) {
            (PinSameSite::None, _) => "SameSite=None; Secure; Partitioned",
            (PinSameSite::Lax, true) => "SameSite=Lax; Secure",
            (PinSameSite::Lax, false) => "SameSite=Lax",
        };
        HeaderValue::try_from(format!("{name}={value}; Path=/; HttpOnly; {rest}")).ok()
    }

    /// The mark of a pin, whose `numbers` are those of the cookie. Each request of a visitor who stays needs one, so it
    /// allocates nothing.
    fn mark(&self, service: &str, numbers: &[u8]) -> [u8; 2 * MARK] {
        let mut signed = hmac::Context::with_key(&self.key);
        for part in [&b"pin\n"[..], numbers, b"\n", service.as_bytes()] {
            signed.update(part);
        }
        hex(signed.sign().as_ref())
    }
}

/// The digits that stand for a service of the installation `public_key` in the names of cookies.
pub(crate) fn service_digits(public_key: &str, service: &str) -> String {
    let named = format!("{public_key}\n{service}");
    let hash = digest::digest(&digest::SHA256, named.as_bytes());
    text(&hex::<{ 2 * NAME }>(hash.as_ref())).to_owned()
}

/// The first bytes in hexadecimal digits, as many as fit.
fn hex<const N: usize>(bytes: &[u8]) -> [u8; N] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'0'; N];
    for (two, byte) in text.chunks_exact_mut(2).zip(bytes) {
        two[0] = DIGITS[usize::from(byte >> 4)];
        two[1] = DIGITS[usize::from(byte & 15)];
    }
    text
}

/// The number with these 16 hexadecimal digits, which must be those that [`hex`] writes.
fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some((number << 4) | u64::from(digit))
    })
}

/// Digits as a text: they are ASCII.
fn text(digits: &[u8]) -> &str {
    std::str::from_utf8(digits).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use http::header::COOKIE;

    use super::*;

    const PIN: Pin = Pin {
        bits: 7,
        tag: u64::MAX,
    };

    fn key() -> PinKey {
        PinKey::new(b"the private key of the tests", "K")
    }

    fn read(service: &str, cookies: &HeaderMap) -> Option<Pin> {
        let keys = PinKeys::new(b"the private key of the tests", None, "K");
        let (pin, is_former) = keys.read((service, &key().cookie_name(service)), cookies, [].into_iter());
        assert!(!is_former);
        pin
    }

    fn cookies(text: &str) -> HeaderMap {
        HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(text).expect("a value"))])
    }

    #[test]
    fn the_cookie_is_read_by_every_gateway_of_its_installation_and_for_its_service_only() {
        let text = format!("a=b; {}={}", key().cookie_name("shop"), key().value("shop", PIN));
        assert_eq!(read("shop", &cookies(&text)), Some(PIN));
        assert_eq!(read("blog", &cookies(&text)), None);
        let moved = text.replace(&key().cookie_name("shop"), &key().cookie_name("blog"));
        assert_eq!(read("blog", &cookies(&moved)), None, "it is of another service");
    }

    #[test]
    fn forged_cut_and_foreign_cookies_are_as_none() {
        let (name, good) = (key().cookie_name("shop"), key().value("shop", PIN));
        let other = PinKey::new(b"another private key", "K").value("shop", PIN);
        for wrong in [
            String::new(),
            good[..good.len() - 1].to_owned(),
            format!("{good}0"),
            good.to_uppercase(),
            good.replacen("0000000000000007", "0000000000000008", 1),
            good.replacen("ffffffffffffffff", "fffffffffffffffe", 1),
            "0".repeat(good.len()),
            "é".repeat(good.len() / 2),
            other,
        ] {
            let found = read("shop", &cookies(&format!("{name}={wrong}")));
            assert_eq!(found, None, "{wrong}");
            let both = cookies(&format!("{name}={wrong}; {name}={good}"));
            assert_eq!(read("shop", &both), Some(PIN), "{wrong}");
        }
    }

    #[test]
    fn many_cookies_of_one_name_are_not_all_checked() {
        let (name, good) = (key().cookie_name("shop"), key().value("shop", PIN));
        let wrong = format!("{name}={}; ", "0".repeat(good.len()));
        for (count, expected) in [(MAX_PIN_COOKIES - 1, Some(PIN)), (MAX_PIN_COOKIES, None)] {
            let all = format!("{}{name}={good}", wrong.repeat(count));
            assert_eq!(read("shop", &cookies(&all)), expected, "{count}");
        }
    }

    #[test]
    fn a_pin_of_the_former_private_key_names_the_same_instance_with_the_current_key() {
        let (old, new) = (&b"the former private key"[..], &b"the current private key"[..]);
        let (former, current) = (PinKey::new(old, "K"), PinKey::new(new, "K"));
        let ids = ["http://a:1#0 shop", "http://a:2#0 shop"];
        let pin = |key: &PinKey, id| Pin {
            bits: 7,
            tag: key.tag(id),
        };
        let name = former.cookie_name("shop");
        assert_eq!(name, current.cookie_name("shop"));
        let read = |keys: &PinKeys, value: String| {
            keys.read(
                ("shop", &*name),
                &cookies(&format!("{name}={value}")),
                ids.into_iter(),
            )
        };
        let both = PinKeys::new(new, Some(old), "K");
        let of_former = former.value("shop", pin(&former, ids[1]));
        assert_eq!(
            read(&both, of_former.clone()),
            (Some(pin(&current, ids[1])), true)
        );
        let of_current = current.value("shop", pin(&current, ids[0]));
        assert_eq!(read(&both, of_current), (Some(pin(&current, ids[0])), false));
        let gone = former.value("shop", pin(&former, "http://a:3#0 shop"));
        let (found, is_former) = read(&both, gone);
        assert!(is_former && found.is_some_and(|found| ids.iter().all(|id| found.tag != current.tag(id))));
        let after = PinKeys::new(new, None, "K");
        assert_eq!(read(&after, of_former), (None, false), "its time is over");
    }

    #[test]
    fn services_and_instances_have_names_and_tags_of_their_own() {
        assert_eq!(key().cookie_name("shop"), key().cookie_name("shop"));
        assert_ne!(key().cookie_name("shop"), key().cookie_name("blog"));
        let elsewhere = PinKey::new(b"the private key of the tests", "L");
        assert_ne!(key().cookie_name("shop"), elsewhere.cookie_name("shop"));
        assert_ne!(key().tag("http://a:1#0 shop"), key().tag("http://a:2#0 shop"));
        let name = key().cookie_name("shop");
        assert!(
            name.starts_with("HYDRA-AT-") && name.len() == "HYDRA-AT-".len() + 8,
            "{name}"
        );
    }

    #[test]
    fn the_cookie_is_for_servers_and_ends_with_the_browser() {
        let set = |same_site, is_secure| {
            let set = key()
                .set("shop", "N", PIN, same_site, is_secure)
                .expect("a header");
            let set = set.to_str().expect("text").to_owned();
            set.split_once("; ").expect("attributes").1.to_owned()
        };
        for (same_site, is_secure, expected) in [
            (PinSameSite::Lax, false, "Path=/; HttpOnly; SameSite=Lax"),
            (PinSameSite::Lax, true, "Path=/; HttpOnly; SameSite=Lax; Secure"),
            (
                PinSameSite::None,
                true,
                "Path=/; HttpOnly; SameSite=None; Secure; Partitioned",
            ),
        ] {
            assert_eq!(set(same_site, is_secure), expected);
        }
    }
}
