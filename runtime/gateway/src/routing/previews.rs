//! Lets a visitor see a version that ordinary visitors do not get: signed tokens, each for one version of one service
//! and for a limited time, in a cookie or in a header.
//!
//! A token is `payload.signature`. The payload is `time`, `service` and `version`, on a line each, in URL-safe base64;
//! the time is in seconds since 1970. All gateways of an installation with a private key accept each other's tokens.
#![deny(clippy::disallowed_methods)]

use std::sync::Arc;

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue};
use hydra_runtime_wire::{
    cookies::PREVIEW, headers::HYDRA_PREVIEW, names::is_version_name, signing::derived,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    edge::headers,
    limits::{MAX_PREVIEW_TOKEN_BYTES, MAX_PREVIEWS},
};

/// How many bytes of the signature a token contains.
const MARK: usize = 16;
/// Stands between the tokens of a cookie. It is not encoded in URLs, and means nothing to shells.
const SEPARATOR: &str = "~";
/// Everything in the name of a service that could be taken for a part of the header.
const IN_STATE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Signs and checks the tokens of an installation.
pub(crate) struct PreviewKey {
    first: hmac::Key,
    /// Another key whose tokens are valid too, while the private key is changed.
    second: Option<hmac::Key>,
}

/// One version of a service that a visitor previews.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Preview {
    service: String,
    version: String,
    /// When it ends, in seconds since 1970.
    until: u64,
    token: String,
}

/// What a visitor previews: one version of each of some services. A clone is cheap.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Previews(
    /// `None`: nothing.
    Option<Arc<[Preview]>>,
);

impl PreviewKey {
    /// The key of an installation with this private key.
    pub(crate) fn new(private_key: &str) -> Self {
        Self {
            first: key_of(private_key),
            second: None,
        }
    }

    /// Accepts tokens that were signed with this private key, too.
    pub(crate) fn with_second_key(mut self, private_key: Option<&str>) -> Self {
        self.second = private_key.map(key_of);
        self
    }

    /// A token for the version of the service, which ends at `until`, in seconds since 1970.
    pub(crate) fn token(&self, service: &str, version: &str, until: u64) -> String {
        let payload = format!("{until}\n{service}\n{version}");
        let mark = mark(&self.first, &payload);
        format!("{}.{mark}", URL_SAFE_NO_PAD.encode(payload))
    }

    /// What a visitor with these tokens sees at `now`, in seconds since 1970. Tokens that are not valid count for
    /// nothing. Of several for one service the first counts, and of more than a few the first ones.
    pub(crate) fn read<'t>(&self, texts: impl IntoIterator<Item = &'t [u8]>, now: u64) -> Previews {
        let tokens = texts
            .into_iter()
            .flat_map(|text| text.split(|byte| matches!(byte, b'~' | b',')))
            .map(<[u8]>::trim_ascii)
            .filter(|token| !token.is_empty());
        let mut found: Vec<Preview> = Vec::new();
        for preview in tokens
            .take(MAX_PREVIEWS)
            .filter_map(|token| self.preview(token, now))
        {
            if found.iter().all(|known| known.service != preview.service) {
                found.push(preview);
            }
        }
        Previews::of(found)
    }

    fn preview(&self, token: &[u8], now: u64) -> Option<Preview> {
        if token.len() > MAX_PREVIEW_TOKEN_BYTES {
            return None;
        }
        let token = std::str::from_utf8(token).ok()?;
        let (payload, mark) = token.split_once('.')?;
        let payload = String::from_utf8(URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        let mut keys = [Some(&self.first), self.second.as_ref()].into_iter().flatten();
        let is_by =
            |key| verify_slices_are_equal(self::mark(key, &payload).as_bytes(), mark.as_bytes()).is_ok();
        keys.any(is_by).then_some(())?;
        let mut lines = payload.splitn(3, '\n');
        let (until, service, version) = (lines.next()?, lines.next()?, lines.next()?);
        let until = until.parse().ok().filter(|until| *until > now)?;
        is_version_name(version).then(|| Preview {
            service: service.to_owned(),
            version: version.to_owned(),
            until,
            token: token.to_owned(),
        })
    }
}

fn key_of(private_key: &str) -> hmac::Key {
    let key = derived(private_key.as_bytes(), "hydra preview");
    hmac::Key::new(hmac::HMAC_SHA256, key.as_ref())
}

/// The beginning of the signature, in hexadecimal digits.
fn mark(key: &hmac::Key, payload: &str) -> String {
    let tag = hmac::sign(key, payload.as_bytes());
    let bytes = tag.as_ref().get(..MARK).unwrap_or_default();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Previews {
    /// No preview.
    pub(crate) const NONE: Self = Self(None);

    fn of(previews: Vec<Preview>) -> Self {
        Self((!previews.is_empty()).then(|| previews.into()))
    }

    fn all(&self) -> &[Preview] {
        self.0.as_deref().unwrap_or_default()
    }

    /// Whether the visitor previews nothing, as nearly all do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The version of this service that the visitor previews.
    pub(crate) fn version_of(&self, service: &str) -> Option<&str> {
        let mut all = self.all().iter();
        all.find(|one| one.service == service).map(|one| &*one.version)
    }

    /// These with what an `opened` link adds; its versions replace those of the same services. `None`: they would be
    /// too many.
    pub(crate) fn with(&self, opened: &Self) -> Option<Self> {
        let others = self
            .all()
            .iter()
            .filter(|one| opened.version_of(&one.service).is_none());
        let joined: Vec<Preview> = opened.all().iter().chain(others).cloned().collect();
        (joined.len() <= MAX_PREVIEWS).then(|| Self::of(joined))
    }

    /// The value of the cookie.
    pub(crate) fn tokens(&self) -> String {
        let tokens: Vec<&str> = self.all().iter().map(|one| &*one.token).collect();
        tokens.join(SEPARATOR)
    }

    /// When the last of them ends, in seconds since 1970. 0: there are none.
    pub(crate) fn end(&self) -> u64 {
        self.all().iter().map(|one| one.until).max().unwrap_or_default()
    }

    /// Replaces the cookie among those of a request, so that it holds exactly these.
    pub fn write_cookie(&self, headers: &mut HeaderMap) {
        let pair = (!self.is_empty()).then(|| format!("{PREVIEW}={}", self.tokens()));
        // Tokens are ASCII, so this never fails.
        let pair = pair.and_then(|pair| HeaderValue::try_from(pair).ok());
        headers::replace_cookie(headers, PREVIEW, pair.as_ref());
    }

    /// The value of the header `Hydra-Preview`, as [`HYDRA_PREVIEW`] says. `is_running` tells whether a version of a
    /// service runs. `None`: there are none.
    pub(crate) fn state(&self, is_running: impl Fn(&str, &str) -> bool) -> Option<HeaderValue> {
        let one = |preview: &Preview| {
            let Preview { service, version, .. } = preview;
            let gone = if is_running(service, version) { "" } else { ";gone" };
            format!("{}@{version}{gone}", utf8_percent_encode(service, IN_STATE))
        };
        let all: Vec<String> = self.all().iter().map(one).collect();
        let text = (!all.is_empty()).then(|| all.join(", "))?;
        HeaderValue::try_from(text).ok()
    }
}

impl std::fmt::Debug for Previews {
    /// Without the tokens, which are secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.all().iter().map(|one| (&one.service, &one.version));
        f.debug_map().entries(names).finish()
    }
}

/// Whether a request has anything that looks like a preview.
pub(crate) fn has_some(headers: &HeaderMap) -> bool {
    headers.contains_key(HYDRA_PREVIEW) || headers::cookies(headers, PREVIEW).next().is_some()
}

/// The texts with tokens in a visitor's request: those of the header come first.
pub(crate) fn texts(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let stated = headers.get_all(HYDRA_PREVIEW).iter();
    stated
        .map(HeaderValue::as_bytes)
        .chain(headers::cookies(headers, PREVIEW))
}

#[cfg(test)]
mod tests;
