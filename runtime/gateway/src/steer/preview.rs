//! Makes links to previews, for operators.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hydra_runtime_wire::lines;
use serde::Serialize;

use crate::{
    Gateway,
    limits::{MAX_NAMED_VERSIONS, PREVIEW_LIFE_SECS},
    routing::{previews::PreviewKey, snapshot::Snapshot},
};

/// What a link to a preview consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PreviewToken {
    /// The service that is previewed.
    pub service: String,
    /// The name of the version that its visitor gets.
    pub version: String,
    /// The value of `hydra-preview` in the query of a link, or of the header `Hydra-Preview` of a request.
    pub token: String,
    /// When it ends, in seconds since 1970.
    pub until: u64,
}

/// Why there is no link to a preview.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPreview {
    /// The words do not have the form `service@version`.
    #[error("`{0}` is not a service and a version, such as `orderService@2.5.0-rc1`")]
    NoVersion(String),
    /// No such service is active.
    #[error("no service `{0}` is active")]
    UnknownService(String),
    /// The service has no active instance of the version, or only drained ones.
    #[error("`{service}` has no running version `{version}`; {}", running(.known))]
    UnknownVersion {
        /// The name of the service.
        service: String,
        /// The version that the operator named.
        version: String,
        /// The versions that run.
        known: Vec<String>,
    },
    /// The time is out of range.
    #[error("a preview lasts from 1 s to 168 h")]
    Life,
    /// The gateway cannot sign.
    #[error(
        "a preview needs a private key, which signs it: set `private_key` (HYDRA_PRIVATE_KEY) for all gateways and services"
    )]
    NoPrivateKey,
}

fn running(known: &[String]) -> String {
    match known {
        [] => "all its instances are drained".to_owned(),
        known => format!("it has {}", known.join(", ")),
    }
}

impl Gateway {
    /// A token with which a visitor gets the version `target`, written `service@version`, for `life` from now. `v2` means
    /// the version `2`, unless a version has that very name.
    ///
    /// # Errors
    /// The version does not run, the time is out of range, or there is no private key.
    pub fn preview_token(&self, target: &str, life: Duration) -> Result<PreviewToken, BadPreview> {
        let key = self.preview_key().ok_or(BadPreview::NoPrivateKey)?;
        if !PREVIEW_LIFE_SECS.contains(&life.as_secs()) {
            return Err(BadPreview::Life);
        }
        let (service, version) = named(&self.publisher().snapshot(), target)?;
        tracing::info!(service, version, ?life, "an operator makes a link to a preview");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(token(key, service, version, now.as_secs() + life.as_secs()))
    }
}

fn token(key: &PreviewKey, service: String, version: String, until: u64) -> PreviewToken {
    PreviewToken {
        token: key.token(&service, &version, until),
        service,
        version,
        until,
    }
}

/// The service and the running version that an operator means.
fn named(snapshot: &Snapshot, target: &str) -> Result<(String, String), BadPreview> {
    let cut = |text: &str| lines::cut(text).to_owned();
    // The name of a version has no `@`, and that of a service may have some.
    let Some((name, version)) = target.rsplit_once('@').filter(|(name, version)| {
        let is_empty = name.is_empty() || version.is_empty();
        !is_empty
    }) else {
        return Err(BadPreview::NoVersion(cut(target)));
    };
    let service = snapshot
        .service(name)
        .filter(|service| !service.active.is_empty());
    let service = service.ok_or_else(|| BadPreview::UnknownService(cut(name)))?;
    let without_v = version.strip_prefix('v').unwrap_or(version);
    let found = [version, without_v]
        .into_iter()
        .find(|version| service.has_preview(version));
    match found {
        Some(version) => Ok((name.to_owned(), version.to_owned())),
        None => Err(BadPreview::UnknownVersion {
            service: cut(name),
            version: cut(version),
            known: service
                .shares()
                .versions()
                .iter()
                .rev()
                .take(MAX_NAMED_VERSIONS)
                .map(|version| version.name.to_string())
                .collect(),
        }),
    }
}
