//! Keeps a visitor on one set of versions: a signed cookie with a random number, which selects the version of every
//! service (design section 6, Weights).
//!
//! The cookie is set only while some service shares its traffic among versions. All gateways of an installation sign
//! and select alike: a visitor stays on one set whichever gateway answers, and may move only when the shares change.
#![deny(clippy::disallowed_methods)]

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use http::{HeaderMap, HeaderValue};
use hydra_runtime_wire::{cookies::VERSION, signing::derived};

use crate::{edge::headers, limits::VERSION_COOKIE_LIFE_SECS, routing::weights::mixed};

/// How many bytes of the signature the cookie contains.
const MARK: usize = 16;

/// Reads and writes the version cookie.
pub(crate) struct VersionCookies {
    key: hmac::Key,
    /// Another key whose cookies are valid too, while the private key is changed.
    second: Option<hmac::Key>,
}

impl VersionCookies {
    /// Without a private key, the public key signs. Then visitors can choose their version, which anyone can also do
    /// by returning without the cookie.
    pub(crate) fn new(private_key: Option<&str>, public_key: &str) -> Self {
        Self {
            key: key_of(private_key.unwrap_or(public_key)),
            second: None,
        }
    }

    /// Reads cookies that were signed with this private key, too.
    pub(crate) fn with_second_key(mut self, private_key: Option<&str>) -> Self {
        self.second = private_key.map(key_of);
        self
    }

    /// The seed in a visitor's cookies. `None`: there is no version cookie of this installation.
    pub(crate) fn read(&self, cookies: &HeaderMap) -> Option<u64> {
        headers::cookies(cookies, VERSION).find_map(|value| {
            let (seed, mark) = std::str::from_utf8(value).ok()?.split_once('.')?;
            let is_hex = seed.len() == 16 && seed.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            let seed = is_hex.then(|| u64::from_str_radix(seed, 16).ok())??;
            let mut keys = [Some(&self.key), self.second.as_ref()].into_iter().flatten();
            let is_by = |key| verify_slices_are_equal(mark_by(key, seed).as_bytes(), mark.as_bytes()).is_ok();
            keys.any(is_by).then_some(seed)
        })
    }

    /// The cookie as requests contain it, `name=value`. `None` cannot happen: all of it is ASCII.
    pub(crate) fn pair(&self, seed: u64) -> Option<HeaderValue> {
        HeaderValue::try_from(self.text(seed)).ok()
    }

    /// A seed for a visitor with a login whose page does not pass the cookie on, such as a page of protocol 1. It is
    /// the same for one login at every gateway, but may differ from the one in the visitor's cookie.
    pub(crate) fn of_login(&self, login: &HeaderValue) -> u64 {
        let tag = hmac::sign(&self.key, login.as_bytes());
        let first = tag.as_ref().first_chunk().copied();
        u64::from_be_bytes(first.unwrap_or_default())
    }

    /// Keeps the visitor of a page of this process on one set of versions. If the `visitors` cookies contain no
    /// version cookie of this installation, a new one is added to them, and returned as the header that sets it.
    /// `None`: there is a cookie already, or no choice of versions. `is_secure`: as for [`VersionCookies::set`].
    pub(crate) fn stay(
        &self,
        is_split: bool,
        visitors: &mut HeaderMap,
        is_secure: bool,
        random: impl FnOnce() -> u64,
    ) -> Option<HeaderValue> {
        match VersionSeed::of(self, is_split, visitors, random) {
            VersionSeed::New { seed } => {
                headers::replace_cookie(visitors, VERSION, self.pair(seed).as_ref());
                self.set(seed, is_secure)
            }
            VersionSeed::Free { .. } | VersionSeed::Known { .. } => None,
        }
    }

    /// The header that sets the cookie. `is_secure`: the visitor came over https, and must not send the cookie over
    /// anything else.
    pub(crate) fn set(&self, seed: u64, is_secure: bool) -> Option<HeaderValue> {
        let pair = self.text(seed);
        let secure = if is_secure { "; Secure" } else { "" };
        let text =
            format!("{pair}; Path=/; Max-Age={VERSION_COOKIE_LIFE_SECS}; HttpOnly; SameSite=Lax{secure}");
        HeaderValue::try_from(text).ok()
    }

    fn text(&self, seed: u64) -> String {
        format!("{VERSION}={seed:016x}.{}", self.mark(seed))
    }

    fn mark(&self, seed: u64) -> String {
        mark_by(&self.key, seed)
    }
}

fn key_of(secret: &str) -> hmac::Key {
    let key = derived(secret.as_bytes(), "hydra version");
    hmac::Key::new(hmac::HMAC_SHA256, key.as_ref())
}

fn mark_by(key: &hmac::Key, seed: u64) -> String {
    let tag = hmac::sign(key, &seed.to_be_bytes());
    let bytes = tag.as_ref().get(..MARK).unwrap_or_default();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The number that selects the versions for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VersionSeed {
    /// No service has a choice of versions, so there is nothing to remember.
    Free { seed: u64 },
    /// The number of the visitor's cookie.
    Known { seed: u64 },
    /// A new number: there is no valid cookie.
    New { seed: u64 },
}

impl VersionSeed {
    /// The seed of a request with these cookies. `random` is called for a visitor without a cookie.
    pub(crate) fn of(
        versions: &VersionCookies,
        is_split: bool,
        cookies: &HeaderMap,
        random: impl FnOnce() -> u64,
    ) -> Self {
        match is_split.then(|| versions.read(cookies)) {
            None => VersionSeed::Free { seed: 0 },
            Some(Some(seed)) => VersionSeed::Known { seed },
            Some(None) => VersionSeed::New {
                seed: mixed(random()),
            },
        }
    }

    /// The number.
    pub(crate) fn number(self) -> u64 {
        let (VersionSeed::Free { seed } | VersionSeed::Known { seed } | VersionSeed::New { seed }) = self;
        seed
    }
}

#[cfg(test)]
mod tests {
    use http::header::COOKIE;

    use super::*;

    const KEY: Option<&str> = Some("the private key of the tests");

    fn cookies(values: &[&str]) -> HeaderMap {
        let value = |text: &&str| (COOKIE, HeaderValue::from_str(text).expect("a header"));
        values.iter().map(value).collect()
    }

    fn pair(versions: &VersionCookies, seed: u64) -> String {
        let pair = versions.pair(seed).expect("a header");
        pair.to_str().expect("ASCII").to_owned()
    }

    #[test]
    fn a_cookie_is_read_by_every_gateway_of_its_installation() {
        let (one, other) = (VersionCookies::new(KEY, "K"), VersionCookies::new(KEY, "K"));
        for seed in [0, 7, u64::MAX] {
            let cookie = format!("theme=dark; {}", pair(&one, seed));
            assert_eq!(other.read(&cookies(&["a=b", &cookie])), Some(seed));
        }
        let (one, other) = (VersionCookies::new(None, "K"), VersionCookies::new(None, "L"));
        let cookie = pair(&one, 7);
        assert_eq!(one.read(&cookies(&[&cookie])), Some(7));
        assert_eq!(other.read(&cookies(&[&cookie])), None);
    }

    #[test]
    fn a_cookie_that_the_installation_did_not_make_counts_for_nothing() {
        let versions = VersionCookies::new(KEY, "K");
        let good = pair(&versions, 7);
        let other = pair(&VersionCookies::new(Some("another private key"), "K"), 7);
        let moved = good.replacen("=0000000000000007", "=0000000000000008", 1);
        for wrong in [
            "HYDRA-VERSION=",
            "HYDRA-VERSION=7",
            "HYDRA-VERSION=0000000000000007",
            "HYDRA-VERSION=+000000000000007.00",
            "XHYDRA-VERSION=1",
            &good[..good.len() - 1],
            &good.to_uppercase(),
            &format!("X{good}"),
            &other,
            &moved,
        ] {
            assert_eq!(versions.read(&cookies(&[wrong])), None, "{wrong}");
        }
        // A right one counts beside a wrong one.
        assert_eq!(versions.read(&cookies(&[&other, &good])), Some(7));
    }

    #[test]
    fn only_a_choice_of_versions_makes_a_cookie_needed() {
        let versions = VersionCookies::new(KEY, "K");
        let known = cookies(&[&pair(&versions, 7)]);
        let of = |is_split, cookies: &HeaderMap| VersionSeed::of(&versions, is_split, cookies, || 1);
        assert_eq!(of(true, &known), VersionSeed::Known { seed: 7 });
        assert_eq!(of(true, &HeaderMap::new()), VersionSeed::New { seed: mixed(1) });
        assert_eq!(of(false, &known), VersionSeed::Free { seed: 0 });
    }

    #[test]
    fn the_cookie_is_for_servers_only_and_for_the_whole_site() {
        let set = VersionCookies::new(KEY, "K").set(7, false).expect("a header");
        let set = set.to_str().expect("ASCII");
        for part in [
            "HYDRA-VERSION=0000000000000007.",
            "; Path=/",
            "; HttpOnly",
            "; SameSite=Lax",
            "; Max-Age=",
        ] {
            assert!(set.contains(part), "{set}");
        }
    }

    #[test]
    fn all_that_a_page_in_this_process_asks_for_comes_from_the_set_that_its_cookie_names() {
        let versions = VersionCookies::new(KEY, "K");
        let mut visitors = cookies(&["HYDRA-SSO=abc; HYDRA-VERSION=wrong"]);
        assert_eq!(versions.stay(false, &mut visitors, false, || 1), None);
        let set = versions.stay(true, &mut visitors, false, || 1).expect("a header");
        let seed = versions.read(&visitors).expect("it travels");
        assert_eq!(Some(set), versions.set(seed, false));
        for random in [2, 3] {
            assert_eq!(versions.stay(true, &mut visitors, false, || random), None);
            let known = VersionSeed::of(&versions, true, &visitors, || random);
            assert_eq!(known, VersionSeed::Known { seed });
        }
        let travelling = hydra_runtime_wire::cookies::travelling(&visitors).expect("cookies");
        assert!(travelling.to_str().expect("ASCII").contains("HYDRA-SSO=abc"));
    }

    #[test]
    fn a_login_picks_the_same_versions_at_every_gateway() {
        let login = |text| HeaderValue::from_static(text);
        let (one, other) = (VersionCookies::new(KEY, "K"), VersionCookies::new(KEY, "K"));
        let (alice, bob) = (login("HYDRA-SSO=alice"), login("HYDRA-SSO=bob"));
        assert_eq!(one.of_login(&alice), other.of_login(&alice));
        assert_ne!(one.of_login(&alice), one.of_login(&bob));
    }
}
