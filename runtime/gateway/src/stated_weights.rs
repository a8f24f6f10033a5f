//! How operators share visitors among the versions of services, in the configuration or at run time.
#![deny(clippy::disallowed_methods)]

use std::{collections::BTreeMap, fmt};

use hydra_runtime_wire::{
    lines,
    names::{ServiceName, is_version_name},
};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{
        Error, MapAccess, Unexpected, Visitor,
        value::{MapAccessDeserializer, StrDeserializer},
    },
};

use crate::limits::MAX_STATED_VERSIONS;

/// How visitors are shared among the versions of one service. As text: a table of weights, `"newest"` or `"equal"`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum StatedWeights {
    /// By weights of versions, by name. `v2` means the version `2`, unless a version has that very name.
    ByVersion(BTreeMap<String, u32>),
    /// By a rule, whatever versions there are.
    Rule(SharingRule),
}

/// A rule that shares visitors among all versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SharingRule {
    /// The newest version gets all of them.
    Newest,
    /// All versions get the same share.
    Equal,
}

/// The weights of all services, by service.
pub(crate) type WeightTable = BTreeMap<String, StatedWeights>;

impl StatedWeights {
    /// The weights by version. `None`: a rule is stated.
    #[must_use]
    pub fn by_version(&self) -> Option<&BTreeMap<String, u32>> {
        match self {
            Self::ByVersion(weights) => Some(weights),
            Self::Rule(_) => None,
        }
    }

    /// The rule. `None`: weights are stated.
    #[must_use]
    pub fn rule(&self) -> Option<SharingRule> {
        match self {
            Self::ByVersion(_) => None,
            Self::Rule(rule) => Some(*rule),
        }
    }
}

impl FromIterator<(String, u32)> for StatedWeights {
    fn from_iter<I: IntoIterator<Item = (String, u32)>>(weights: I) -> Self {
        Self::ByVersion(weights.into_iter().collect())
    }
}

impl<'de> Deserialize<'de> for StatedWeights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrTable)
    }
}

/// Reads the one or the other. An untagged enum would lose the place of what is wrong inside of the table.
struct TextOrTable;

impl<'de> Visitor<'de> for TextOrTable {
    type Value = StatedWeights;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a table of weights by version, \"newest\" or \"equal\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<StatedWeights, E> {
        let rule = SharingRule::deserialize(StrDeserializer::<E>::new(text));
        let bad = |_| E::invalid_value(Unexpected::Str(lines::cut(text)), &self);
        rule.map(StatedWeights::Rule).map_err(bad)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<StatedWeights, A::Error> {
        BTreeMap::deserialize(MapAccessDeserializer::new(map)).map(StatedWeights::ByVersion)
    }
}

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
pub(crate) fn check(service: &str, stated: &StatedWeights) -> Result<(), BadWeights> {
    let cut = |text: &str| lines::cut(text).to_owned();
    if ServiceName::try_new(service).is_err() {
        return Err(BadWeights::ServiceName(cut(service)));
    }
    let StatedWeights::ByVersion(weights) = stated else {
        return Ok(());
    };
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
