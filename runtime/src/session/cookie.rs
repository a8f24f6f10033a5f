//! The identity of a visitor: a random number in a cookie.
#![deny(clippy::disallowed_methods)]

use std::fmt;

use http::{HeaderMap, HeaderValue, header::COOKIE as COOKIE_HEADER};

use hydra_runtime_wire::cookies;

use super::visitor_keys::{VisitorKeys, hex};

/// The name of the cookie.
pub(crate) const COOKIE: &str = cookies::SESSION;

/// A visitor: 128 random bits. They are never shown, because anyone who knows them can act as the visitor.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VisitorId([u8; 16]);

impl VisitorId {
    /// A new visitor. `None` only where the platform has no randomness.
    pub(crate) fn random() -> Option<Self> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).ok()?;
        Some(Self(bytes))
    }

    #[cfg(test)]
    pub(super) fn numbered(number: u128) -> Self {
        Self(number.to_be_bytes())
    }

    /// The 32 hexadecimal digits in the cookie and in stores.
    #[must_use]
    pub fn to_hex(self) -> String {
        hex(&self.0)
    }

    fn from_hex(text: &str) -> Option<Self> {
        let is_hex = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let number = is_hex.then(|| u128::from_str_radix(text, 16).ok())??;
        Some(Self(number.to_be_bytes()))
    }
}

impl fmt::Debug for VisitorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VisitorId(…)")
    }
}

/// Reads and writes the cookie.
pub(crate) struct VisitorCookie {
    /// Sign the visitors that the installation itself made. If there are none, the services share no key, and a cookie from
    /// another service's page must be believed.
    keys: VisitorKeys,
}

impl VisitorCookie {
    pub(crate) fn new(keys: VisitorKeys) -> Self {
        Self { keys }
    }

    /// The visitor of a request. `None`: the request has no cookie that the installation made.
    pub(crate) fn read(&self, headers: &HeaderMap) -> Option<VisitorId> {
        let values = headers
            .get_all(COOKIE_HEADER)
            .iter()
            .filter_map(|value| value.to_str().ok());
        let cookies = values.flat_map(|value| value.split(';').map(str::trim));
        let mut ours = cookies.filter_map(|cookie| cookie.strip_prefix(COOKIE)?.strip_prefix('='));
        ours.find_map(|value| self.parse(value))
    }

    fn parse(&self, value: &str) -> Option<VisitorId> {
        let (id, tag) = value.split_once('.').unwrap_or((value, ""));
        let id = VisitorId::from_hex(id)?;
        self.keys.is_tag(&id.0, tag).then_some(id)
    }

    /// The header that sets the cookie. `None` never happens: all of it is ASCII.
    pub(crate) fn cookie(&self, id: VisitorId, is_secure: bool) -> Option<HeaderValue> {
        let (tag, id) = (self.keys.tag(&id.0), id.to_hex());
        let dot = if tag.is_empty() { "" } else { "." };
        let secure = if is_secure { "; Secure" } else { "" };
        let text = format!("{COOKIE}={id}{dot}{tag}; Path=/; HttpOnly; SameSite=Lax{secure}");
        let mut value = HeaderValue::try_from(text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}
