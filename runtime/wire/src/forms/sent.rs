//! The cookie of a visitor who has just sent a form (protocol section 9). For some seconds, copies of fragments that are kept for
//! many visitors are not for this one, who expects to see what the form has changed.
#![deny(clippy::disallowed_methods)]

use aws_lc_rs::{
    hmac::{HMAC_SHA256, Key, sign, verify},
    rand,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, header::SET_COOKIE};

use crate::{
    cookies::{SENT, values},
    limits::SENT_COOKIE_SECS,
    signing::derived,
};

/// Makes and checks the cookies. Without the signature, visitors could have all fragments rendered for them alone.
pub struct SentCookies {
    first: Key,
    /// Checks cookies too, while the private key is changed.
    second: Option<Key>,
}

impl SentCookies {
    /// Without a private key, only this process accepts its cookies.
    #[must_use]
    pub fn new(private_key: Option<&str>, second: Option<&str>) -> Self {
        let mut random = [0; 32];
        // If the platform's cryptography fails, so does each signature.
        let _ = rand::fill(&mut random);
        Self {
            first: key(private_key.map_or(&random[..], str::as_bytes)),
            second: second.map(|second| key(second.as_bytes())),
        }
    }

    /// The header that sets the cookie at the time `now`, in seconds since 1970.
    #[must_use]
    pub fn set(&self, is_secure: bool, now: u64) -> Option<HeaderValue> {
        let end = now.saturating_add(SENT_COOKIE_SECS).to_string();
        let tag = BASE64_URL_SAFE_NO_PAD.encode(sign(&self.first, end.as_bytes()));
        let secure = if is_secure { "; Secure" } else { "" };
        let cookie =
            format!("{SENT}={end}.{tag}; Path=/; Max-Age={SENT_COOKIE_SECS}; HttpOnly; SameSite=Lax{secure}");
        HeaderValue::try_from(cookie).ok()
    }

    /// Sets the cookie in an answer to a form, at the time `now`, in seconds since 1970.
    pub fn add_to(&self, answer: &mut HeaderMap, is_secure: bool, now: u64) {
        answer.extend(self.set(is_secure, now).map(|cookie| (SET_COOKIE, cookie)));
    }

    /// Whether a request has a cookie that counts at the time `now`, in seconds since 1970.
    #[must_use]
    pub fn are_valid(&self, headers: &HeaderMap, now: u64) -> bool {
        values(headers, SENT).any(|value| self.is_valid(value, now).unwrap_or_default())
    }

    fn is_valid(&self, value: &[u8], now: u64) -> Option<bool> {
        let (end, tag) = std::str::from_utf8(value).ok()?.split_once('.')?;
        let tag = BASE64_URL_SAFE_NO_PAD.decode(tag).ok()?;
        let mut keys = [Some(&self.first), self.second.as_ref()].into_iter().flatten();
        let is_ours = keys.any(|key| verify(key, end.as_bytes(), &tag).is_ok());
        Some(is_ours && now < end.parse().ok()?)
    }
}

fn key(secret: &[u8]) -> Key {
    Key::new(HMAC_SHA256, derived(secret, "hydra sent").as_ref())
}

#[cfg(test)]
mod tests {
    use http::header::COOKIE;

    use super::*;

    const NOW: u64 = 1_900_000_000;

    fn ours() -> SentCookies {
        SentCookies::new(Some("the key of this test"), None)
    }

    /// The cookie that a browser sends after this one was set.
    fn pair(cookies: &SentCookies) -> String {
        let set = cookies.set(true, NOW).expect("a cookie");
        let set = set.to_str().expect("ASCII");
        assert!(
            set.ends_with("; Path=/; Max-Age=10; HttpOnly; SameSite=Lax; Secure"),
            "{set}"
        );
        set.split(';').next().expect("a pair").to_owned()
    }

    fn is_valid(by: &SentCookies, cookie: &str, now: u64) -> bool {
        let value = HeaderValue::from_str(cookie).expect("a header");
        by.are_valid(&HeaderMap::from_iter([(COOKIE, value)]), now)
    }

    #[test]
    fn a_cookie_counts_for_ten_seconds_wherever_the_private_key_is_known() {
        let cookie = pair(&ours());
        let renewed = SentCookies::new(Some("a new key"), Some("the key of this test"));
        for (by, now, expected) in [
            (ours(), NOW, true),
            (ours(), NOW + 9, true),
            (ours(), NOW + 10, false),
            (renewed, NOW, true),
            (SentCookies::new(Some("another key"), None), NOW, false),
            (SentCookies::new(None, None), NOW, false),
        ] {
            assert_eq!(is_valid(&by, &cookie, now), expected, "{now}");
        }
        let here_only = SentCookies::new(None, None);
        assert!(is_valid(&here_only, &pair(&here_only), NOW));
    }

    #[test]
    fn forged_cut_and_foreign_cookies_are_none() {
        let cookie = pair(&ours());
        let tag = cookie.rsplit('.').next().expect("a tag");
        for bad in [
            "HYDRA-SENT=".to_owned(),
            "HYDRA-SENT=.".to_owned(),
            format!("HYDRA-SENT={}.{tag}", NOW + 1_000_000),
            format!("HYDRA-SENT={}.", NOW + 5),
            cookie[..cookie.len() - 1].to_owned(),
            format!("{cookie}A"),
            cookie.replace("HYDRA-SENT", "HYDRA-SENTX"),
            "HYDRA-SENT=\u{e9}.\u{e9}".to_owned(),
        ] {
            assert!(!is_valid(&ours(), &bad, NOW), "{bad}");
        }
        assert!(is_valid(&ours(), &format!("HYDRA-SENT=x; {cookie}"), NOW));
    }
}
