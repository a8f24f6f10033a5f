//! One instance as it is kept in Redis.
#![deny(clippy::disallowed_methods)]

use std::{net::IpAddr, sync::Arc};

use serde::{Deserialize, Serialize};

use super::seal::{BadSeal, Seal};
use crate::{
    gateway::registration::{self, Instance, Refusal, Rules},
    wire::ActiveService,
};

/// What a gateway writes of an instance.
#[derive(Serialize, Deserialize)]
struct Record {
    said: ActiveService,
    from: Option<IpAddr>,
    claims: Vec<u64>,
}

/// A record that was read.
#[derive(Debug)]
pub(super) struct Found {
    /// As it stands in Redis.
    pub(super) text: String,
    pub(super) instance: Arc<Instance>,
    /// For each path of the instance, when its service first claimed it.
    pub(super) claims: Arc<[u64]>,
}

/// A record that is ignored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadRecord {
    #[error(transparent)]
    Seal(#[from] BadSeal),
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    #[error("it is refused here: {0}")]
    Refused(#[from] Refusal),
    #[error("it is the record of another instance")]
    OtherInstance,
    #[error("it is longer than the limit of {0} bytes")]
    TooLong(usize),
    #[error("the registry is full: see `registry_limit`")]
    NoRoom,
}

impl BadRecord {
    /// The reason, as the counter names it.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Seal(_) => "seal",
            Self::Unreadable(_) => "unreadable",
            Self::Refused(_) => "refused",
            Self::OtherInstance => "other_instance",
            Self::TooLong(_) => "too_long",
            Self::NoRoom => "no_room",
        }
    }
}

/// The text for an instance with these claims.
pub(super) fn write(instance: &Instance, claims: &[u64], seal: &Seal) -> String {
    let mut said = instance.said.clone();
    said.contract.clone_from(&instance.contract);
    let record = Record {
        said,
        from: instance.from,
        claims: claims.to_vec(),
    };
    // It was read from JSON, so it can be written as JSON.
    let record = serde_json::to_string(&record).unwrap_or_default();
    seal.close(instance.id.as_str(), &record)
}

/// Reads what stands in Redis under `id`.
pub(super) fn read(id: &str, text: Vec<u8>, seal: &Seal, rules: &Rules) -> Result<Found, BadRecord> {
    let text = String::from_utf8(text).map_err(|error| BadRecord::Unreadable(error.to_string()))?;
    let Record { said, from, claims } = serde_json::from_str(seal.open(id, &text)?)
        .map_err(|error| BadRecord::Unreadable(error.to_string()))?;
    let instance = registration::check(said, from, rules)?;
    if instance.id.as_str() != id {
        return Err(BadRecord::OtherInstance);
    }
    // Another release may read patterns otherwise. Its claims then come last.
    let claims = if claims.len() == instance.paths.len() {
        claims
    } else {
        vec![u64::MAX; instance.paths.len()]
    };
    Ok(Found {
        text,
        instance: Arc::new(instance),
        claims: claims.into(),
    })
}
