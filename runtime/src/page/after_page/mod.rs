//! Fragments that come after the page (design section 3.2, `mode`): *deferred* ones at the end of the same response,
//! *lazy* ones when the browser asks for them at an address that is in the page.
//!
//! In the slot of such a fragment, its fallback stands between two marks with the name `hydra-7f…-3`, where `7f…` is
//! random for each page, so that no fragment can write such a mark. Those of a deferred fragment are `<?start
//! name="NAME">` and `<?end name="NAME">`, and the fragment comes in a `<template for="NAME">`. Browsers that know
//! these put the fragment in its slot themselves (<https://github.com/WICG/declarative-partial-updates>). In other
//! browsers, and where the HTML does not allow it, a script does so, which is one file for all pages. The script also
//! fetches lazy fragments. Their marks are `<template id="NAME" …></template>` and `<!--/NAME-->`. All marks may stand
//! wherever HTML allows an element, in tables too. Without the script, a fallback stays.
#![deny(clippy::disallowed_methods)]

mod delivery;
mod lazy_address;
mod prologue;
mod self_contained_html;
mod token;

use std::{
    collections::hash_map::DefaultHasher,
    fmt,
    hash::Hasher,
    sync::{Arc, LazyLock},
    time::SystemTime,
};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{
    HeaderValue, StatusCode, Uri,
    header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
};
use hydra_runtime_wire::signing::seconds;
use percent_encoding::utf8_percent_encode;

use self::lazy_address::Sealer;
pub use self::prologue::Prologue;
pub(crate) use self::{
    delivery::{Delivery, before_closing_tags},
    lazy_address::{BadAddress, LazyFragment},
    self_contained_html::is_balanced,
    token::Token,
};
use crate::page::assets::{PATH_SEGMENT, script_nonce::ScriptNonce};

/// The source of the script.
const SOURCE: &str = concat!(
    "(() => {\n\"use strict\";\n",
    include_str!("script/start.js"),
    include_str!("script/places.js"),
    include_str!("script/scripts.js"),
    include_str!("script/put.js"),
    include_str!("script/deferred.js"),
    include_str!("script/lazy.js"),
    include_str!("script/end.js"),
    "})();\n"
);
/// The script that browsers get, and the query that names its version.
static SCRIPT: LazyLock<(String, String)> = LazyLock::new(|| {
    let script = without_comments(SOURCE);
    let version = version(&script);
    (script, version)
});
/// The start of the query in the address of a lazy fragment; the sealed text follows.
const QUERY: &str = "f=";

/// What an application needs to send fragments after their page: the paths that it answers for browsers, and the key
/// under which addresses of lazy fragments are sealed. A clone shares all of it.
#[derive(Clone)]
pub struct AfterPage(Arc<Inner>);

struct Inner {
    script_path: String,
    fragment_path: String,
    /// The script's path with its version.
    script: String,
    sealer: Sealer,
}

impl AfterPage {
    /// For `service` in the installation that `installation` names. Instances with the same `secret` open each other's
    /// addresses. Without a secret, the key is random and ends with the process.
    ///
    /// `None` only where the platform's cryptography fails. Then all fragments are shown in their places.
    #[must_use]
    pub fn new(service: &str, installation: &str, secret: Option<&str>) -> Option<Self> {
        let folder = format!("/{}/_hydra", utf8_percent_encode(service, PATH_SEGMENT));
        let script_path = format!("{folder}/later.js");
        Some(Self(Arc::new(Inner {
            script: format!("{script_path}?{}", SCRIPT.1),
            script_path,
            fragment_path: format!("{folder}/fragment"),
            sealer: Sealer::new(secret, service, installation)?,
        })))
    }

    /// With another secret that opens addresses, while the secret is changed.
    #[must_use]
    pub fn with_second_secret(self, secret: Option<&str>) -> Self {
        match Arc::try_unwrap(self.0) {
            Ok(inner) => Self(Arc::new(Inner {
                sealer: inner.sealer.with_second(secret),
                ..inner
            })),
            // It is shared, and in use already.
            Err(shared) => Self(shared),
        }
    }

    /// The path where browsers get the script.
    #[must_use]
    pub fn script_path(&self) -> &str {
        &self.0.script_path
    }

    /// The path where browsers get lazy fragments. [`Engine::lazy`](crate::page::Engine::lazy) answers the requests.
    #[must_use]
    pub fn fragment_path(&self) -> &str {
        &self.0.fragment_path
    }

    /// The answer to a request for [`AfterPage::script_path`].
    #[must_use]
    pub fn script(&self, uri: &Uri) -> Response {
        // A page of another version of this service names another script, which its browser must not take from a cache.
        let caching = match uri.query() == Some(&SCRIPT.1) {
            true => "public, max-age=31536000, immutable",
            false => "no-cache",
        };
        let mut response = Response::new(Body::from(SCRIPT.0.as_str()));
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/javascript; charset=utf-8"),
        );
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }

    /// The fragment that the address `uri` asks for, if this service made the address.
    pub(crate) fn open(
        &self,
        uri: &Uri,
        login: Option<&HeaderValue>,
        now: SystemTime,
    ) -> Result<LazyFragment, BadAddress> {
        let sealed = uri.query().and_then(|query| query.strip_prefix(QUERY));
        let sealed = sealed.ok_or(BadAddress::Wrong)?;
        self.0.sealer.open(sealed, login, seconds(now))
    }
}

impl fmt::Debug for AfterPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Later")
            .field("script_path", &self.0.script_path)
            .field("fragment_path", &self.0.fragment_path)
            .finish_non_exhaustive()
    }
}

impl BadAddress {
    /// The value of the label `reason`.
    pub(crate) fn label(self) -> &'static str {
        match self {
            BadAddress::Wrong => "wrong",
            BadAddress::Old => "old",
            BadAddress::TooLong => "too_long",
        }
    }
}

impl IntoResponse for BadAddress {
    fn into_response(self) -> Response {
        let status = match self {
            BadAddress::Wrong => StatusCode::BAD_REQUEST,
            BadAddress::Old => StatusCode::GONE,
            BadAddress::TooLong => StatusCode::URI_TOO_LONG,
        };
        (status, format!("{self}\n")).into_response()
    }
}

/// The script without comment lines and indentation. No string in the script has several lines.
fn without_comments(source: &str) -> String {
    let lines = source.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("//"));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The version of the script. `DefaultHasher::new()` gives the same hash in all processes of one build.
fn version(script: &str) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(script.as_bytes());
    format!("v={:016x}", hasher.finish())
}
