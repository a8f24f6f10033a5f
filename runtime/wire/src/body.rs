//! The bodies of the wire protocol, and nothing else. Member names are the protocol's, letter by letter.

mod asset;
mod named;
mod nulls;
mod registration;

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

pub use asset::{Asset, AssetKind, keep_good};
pub use nulls::{WithoutNulls, null_is_default, without_nulls};
pub use registration::{
    ActiveService, Alive, Health, LeftOut, MenuItem, Overview, OverviewQuery, RegistrationResponse,
    ServiceOverview,
};

/// Attributes by name.
pub type Attributes = Map<String, Value>;

/// What a page asks the gateway for, and the gateway a service of protocol 2 (protocol sections 1 and 6).
/// A protocol 1 page sends `attributes` for all items at once; a protocol 2 page states them in each item.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FragmentsRequest {
    /// `2` where the sender understands [`ResolvedFragments`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<u32>,
    /// Protocol 1: all attributes of the page.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Map::is_empty"
    )]
    pub attributes: Attributes,
    /// The items, by service, in the sender's order.
    #[serde(default, deserialize_with = "requests")]
    pub requests: OrderedMap<Vec<FragmentRequest>>,
    /// The sessions of the services asked.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub sessions: BTreeMap<String, Value>,
}

/// One fragment that is asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FragmentRequest {
    /// The sender's mark. It comes back byte for byte.
    #[serde(default, deserialize_with = "null_is_default")]
    pub id: String,
    /// The service that owns the fragment.
    #[serde(default, deserialize_with = "null_is_default")]
    pub service: String,
    /// The fragment's name. Without one, the item comes to nothing.
    #[serde(rename = "ref", default, deserialize_with = "null_is_default")]
    pub reference: String,
    /// Protocol 2: its attributes, already under the fragment's names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Attributes>,
    /// The imports as the tag writes them. Where they are stated, no other attribute counts. `None`: the sender does not
    /// state any, as one of protocol 1.
    #[serde(
        default,
        deserialize_with = "nulls::maybe_without_nulls",
        skip_serializing_if = "Option::is_none"
    )]
    pub imports: Option<Vec<String>>,
    /// The exports as the tag writes them. What is not named here is not sent.
    #[serde(default, deserialize_with = "without_nulls")]
    pub exports: Vec<String>,
    /// Protocol 1: the fallback. A page of ours keeps its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    /// How long the answer may take, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<u64>,
    /// What is already at work on this page, outermost first: the page as its `service`, each fragment as
    /// `service/ref`. A fragment that stands there already is refused, and so is one too deep.
    #[serde(
        rename = "trail",
        default,
        deserialize_with = "without_nulls",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub call_chain: Vec<String>,
}

/// The answer of protocol 2 (protocol section 6).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ResolvedFragments {
    /// One for each id that was asked.
    #[serde(default)]
    pub fragments: Vec<ResolvedFragment>,
    /// The sessions that changed, by service.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sessions: BTreeMap<String, Value>,
}

/// One fragment that came back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ResolvedFragment {
    /// The id of the request.
    pub id: String,
    /// The HTML, or null: the page shows its fallback.
    #[serde(rename = "renderedHTML", default)]
    pub html: Option<String>,
    /// Its exports, under the fragment's own names.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub exports: Attributes,
    /// How it came about.
    #[serde(default)]
    pub outcome: Outcome,
    /// The style sheets and scripts that it needs. The page links each once.
    #[serde(
        default,
        deserialize_with = "asset::assets",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub assets: Vec<Asset>,
    /// Why there is no HTML, for the asking service's log. Never shown to visitors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How long it may be used again, in milliseconds, where the asker wants that. 0: not at all. Absent: the owner
    /// leaves it to the asker.
    #[serde(rename = "maxAge", default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<u64>,
}

/// A duration as the wire has it.
pub fn in_milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// How a fragment's answer came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// By its owner, now.
    #[default]
    Rendered,
    /// By its owner, earlier, and it may still be used.
    Cached,
    /// By its owner, earlier; it is used since the owner failed.
    Stale,
    /// Not: no instance of the owner is active.
    Inactive,
    /// Not: the owner failed, or its answer was nonsense.
    Failed,
    /// Not: the owner took too long.
    Late,
    /// Not: it would break a rule (a bound, a circle, a login that is missing).
    Refused,
}

/// One item of a protocol 1 answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RenderedFragment {
    /// The HTML, or null.
    #[serde(rename = "renderedHTML", default)]
    pub html: Option<String>,
    /// The id of the request.
    pub id: String,
}

/// A JSON object whose members keep their order.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderedMap<T>(pub Vec<(String, T)>);

impl<T> Default for OrderedMap<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Serialize> Serialize for OrderedMap<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OrderedMap<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for Visitor<T> {
            type Value = OrderedMap<T>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(OrderedMap(members))
            }
        }
        deserializer.deserialize_map(Visitor(std::marker::PhantomData))
    }
}

fn requests<'de, D>(deserializer: D) -> Result<OrderedMap<Vec<FragmentRequest>>, D::Error>
where
    D: Deserializer<'de>,
{
    let map: Option<OrderedMap<WithoutNulls<_>>> = Option::deserialize(deserializer)?;
    let members = map.unwrap_or_default().0.into_iter();
    Ok(OrderedMap(members.map(|(name, list)| (name, list.0)).collect()))
}

#[cfg(test)]
mod tests;
