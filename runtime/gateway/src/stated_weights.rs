//! The weights that operators state for the versions of services, in the configuration or at run time.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeMap;

use hydra_runtime_wire::{
    lines,
    names::{ServiceName, is_version_name},
};

use crate::limits::MAX_STATED_VERSIONS;

/// The weights of the versions of one service, by name.
pub(crate) type StatedWeights = BTreeMap<String, u32>;

/// The weights of all services, by service.
pub(crate) type WeightTable = BTreeMap<String, StatedWeights>;

/// Why the weights of a service are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadWeights {
    #[error(
        "`{0}` is not a version's name: it must be 1 to 64 letters, digits and `.`, `_`, `+`, `-`, and begin with a letter or a digit"
    )]
    VersionName(String),
    #[error("`{0}` is not a service's name")]
    ServiceName(String),
    #[error("at most {MAX_STATED_VERSIONS} versions of a service can have a stated weight")]
    TooMany,
    #[error("no weight is stated")]
    Missing,
}

/// Checks the weights of one service.
pub(crate) fn check(service: &str, weights: &StatedWeights) -> Result<(), BadWeights> {
    let cut = |text: &str| lines::cut(text).to_owned();
    if ServiceName::try_new(service).is_err() {
        return Err(BadWeights::ServiceName(cut(service)));
    }
    if weights.is_empty() {
        return Err(BadWeights::Missing);
    }
    if weights.len() > MAX_STATED_VERSIONS {
        return Err(BadWeights::TooMany);
    }
    // The name of a version without a stated one is its number, which may be negative.
    let is_name = |name: &str| is_version_name(name) || name.parse::<i64>().is_ok();
    match weights.keys().find(|name| !is_name(name)) {
        Some(name) => Err(BadWeights::VersionName(cut(name))),
        None => Ok(()),
    }
}
