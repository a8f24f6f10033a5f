//! What binds a visitor's way to the provider and back to one browser: `state`, `nonce` and PKCE (RFC 7636, RFC 9700
//! section 4.7). The gateway keeps nothing meanwhile: a cookie has a random secret, and `state` is sealed for it.
#![deny(clippy::disallowed_methods)]

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use http::HeaderValue;
use serde::{Deserialize, Serialize};

use crate::{
    limits::{MAX_OPENID_PARAMETER_BYTES, OPENID_STATE_SECS},
    sealing::Sealing,
};

/// The path to which the provider sends visitors back.
pub(crate) const RETURN: &str = "/_h/login";
/// The cookie with the browser's secret.
pub(super) const COOKIE: &str = "HYDRA-OPENID";

/// One login that was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Begun {
    /// Identifies the login, so that each has another nonce.
    id: String,
    /// Where the visitor goes afterwards. Empty: to `/`.
    pub(super) next: String,
    /// In seconds since 1970.
    end: u64,
    /// Whether a gateway with the second private key as its first began it.
    #[serde(skip)]
    is_of_second: bool,
}

/// What goes to the provider, beside what is the same for all logins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parameters {
    pub(super) state: String,
    pub(super) nonce: String,
    /// `code_challenge`, by the method `S256`.
    pub(super) challenge: String,
}

/// Begins logins and knows them again.
pub(super) struct Flow {
    seal: Sealing,
    /// While the private key is changed, other gateways begin logins with this one.
    second: Option<Sealing>,
}

const PURPOSE: &str = "hydra openid state";

impl Flow {
    /// The flow of an installation with this secret, and with another one that counts as well.
    pub(super) fn new(secret: &[u8], second: Option<&str>) -> Self {
        Self {
            seal: Sealing::new(secret, PURPOSE),
            second: second.map(|second| Sealing::new(second.as_bytes(), PURPOSE)),
        }
    }

    /// The seal of a login that was begun.
    fn seal_of(&self, begun: &Begun) -> &Sealing {
        self.second
            .as_ref()
            .filter(|_| begun.is_of_second)
            .unwrap_or(&self.seal)
    }

    /// Begins a login in the browser with this secret. `id` is random, and `now` in seconds since 1970. `None` only if the
    /// platform's cryptography fails.
    pub(super) fn begin(
        &self,
        browser: &str,
        id: String,
        next: &str,
        now: u64,
    ) -> Option<(Begun, Parameters)> {
        let begun = Begun {
            id,
            next: next.to_owned(),
            end: now + OPENID_STATE_SECS,
            is_of_second: false,
        };
        let text = serde_json::to_vec(&begun).ok()?;
        let challenge = digest(&SHA256, self.verifier(&begun, browser).as_bytes());
        let parameters = Parameters {
            state: self.seal.close(&text, browser)?,
            nonce: self.nonce(&begun, browser),
            challenge: BASE64_URL_SAFE_NO_PAD.encode(challenge),
        };
        Some((begun, parameters))
    }

    /// The login of a `state`. `None`: it was not begun in this browser, or too long ago.
    pub(super) fn known(&self, state: &str, browser: &str, now: u64) -> Option<Begun> {
        if state.len() > MAX_OPENID_PARAMETER_BYTES {
            return None;
        }
        let own = self.seal.open(state, browser).map(|text| (text, false));
        let opened = own.or_else(|| Some((self.second.as_ref()?.open(state, browser)?, true)));
        let (text, is_of_second) = opened?;
        let begun: Begun = serde_json::from_slice(&text).ok()?;
        (now < begun.end).then_some(Begun {
            is_of_second,
            ..begun
        })
    }

    /// The nonce that the token of this login has.
    pub(super) fn nonce(&self, begun: &Begun, browser: &str) -> String {
        self.seal_of(begun)
            .derived(&format!("nonce {} {browser}", begun.id))
    }

    /// The `code_verifier` of this login: 43 letters, as RFC 7636 section 4.1 wants it.
    pub(super) fn verifier(&self, begun: &Begun, browser: &str) -> String {
        self.seal_of(begun)
            .derived(&format!("verifier {} {browser}", begun.id))
    }
}

/// Whether a cookie's value can be a browser's secret.
pub(super) fn is_secret(value: &[u8]) -> bool {
    value.len() == 32 && value.iter().all(u8::is_ascii_hexdigit)
}

/// Sets the browser's secret. It must come along when the provider sends the visitor back, which is a navigation from
/// another site.
pub(super) fn cookie(secret: &str, is_secure: bool) -> Option<HeaderValue> {
    let secure = if is_secure { "; Secure" } else { "" };
    let cookie = format!(
        "{COOKIE}={secret}; Path={RETURN}; Max-Age={OPENID_STATE_SECS}; HttpOnly; SameSite=Lax{secure}"
    );
    let mut value = HeaderValue::try_from(cookie).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A state with another first letter.
    fn changed(state: &str) -> String {
        let first = if state.starts_with('A') { 'B' } else { 'A' };
        format!("{first}{}", &state[1..])
    }

    #[test]
    fn another_state() {
        let flow = Flow::new(b"a secret of this test", None);
        let (begun, sent) = flow.begin("browser", "id".into(), "/orders", 100).expect("begun");
        assert_eq!(
            flow.known(&sent.state, "browser", 100 + OPENID_STATE_SECS - 1),
            Some(begun.clone())
        );
        assert_eq!(begun.next, "/orders");
        for (case, state, browser, now) in [
            ("another browser", sent.state.clone(), "other", 100),
            ("no browser", sent.state.clone(), "", 100),
            ("late", sent.state.clone(), "browser", 100 + OPENID_STATE_SECS),
            ("changed", changed(&sent.state), "browser", 100),
            ("cut", sent.state[..20].to_owned(), "browser", 100),
            ("none", String::new(), "browser", 100),
            ("long", "A".repeat(100_000), "browser", 100),
        ] {
            assert_eq!(flow.known(&state, browser, now), None, "{case}");
        }
        let other = Flow::new(b"another secret", None);
        assert_eq!(other.known(&sent.state, "browser", 100), None);
    }

    #[test]
    fn a_login_goes_on_while_gateways_change_the_private_key() {
        let [old, both, turned, new] = [
            Flow::new(b"the old key", None),
            Flow::new(b"the old key", Some("the new key")),
            Flow::new(b"the new key", Some("the old key")),
            Flow::new(b"the new key", None),
        ];
        for (case, begins, ends, is_known) in [
            ("all have the old one", &old, &old, true),
            ("the other knows the next one already", &old, &both, true),
            ("the other has changed it", &both, &turned, true),
            ("the other has not changed it yet", &turned, &both, true),
            ("the other has only the next one", &turned, &new, true),
            ("the old one is gone", &old, &new, false),
        ] {
            let (begun, sent) = begins
                .begin("browser", "id".into(), "/orders", 100)
                .expect("begun");
            let known = ends.known(&sent.state, "browser", 101);
            assert_eq!(known.is_some(), is_known, "{case}");
            let Some(known) = known else { continue };
            assert_eq!(ends.nonce(&known, "browser"), sent.nonce, "{case}");
            assert_eq!(
                ends.verifier(&known, "browser"),
                begins.verifier(&begun, "browser"),
                "{case}"
            );
        }
    }

    #[test]
    fn each_login_has_a_nonce_and_a_verifier_of_its_own() {
        let flow = Flow::new(b"a secret of this test", None);
        let begin = |browser: &str, id: &str| flow.begin(browser, id.into(), "", 100).expect("begun");
        let (begun, first) = begin("browser", "1");
        for (_, other) in [begin("browser", "2"), begin("other", "1")] {
            assert!(other.nonce != first.nonce && other.challenge != first.challenge);
        }
        let verifier = flow.verifier(&begun, "browser");
        assert_eq!(verifier.len(), 43);
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
        assert_eq!(challenge, first.challenge);
        assert!(first.nonce != verifier && !first.state.contains(&verifier));
    }
}
