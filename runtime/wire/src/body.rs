//! The bodies of the wire protocol. Member names are the protocol's, letter by letter.

mod asset;
mod named;
mod nulls;
mod registration;

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

pub(crate) use asset::known_assets;
pub use asset::{Asset, AssetKind, keep_good};
pub use named::{StatedImport, stated_imports};
pub use nulls::{WithoutNulls, null_is_default, without_nulls};
pub use registration::{
    ActiveService, Affinity, Alive, ChannelSetup, Health, LeftOut, MenuItem, Overview, OverviewQuery,
    RegistrationResponse, ServiceOverview,
};

/// Attributes by name.
pub type Attributes = Map<String, Value>;

/// A request for fragments, from a page to its gateway or from a gateway to a service of protocol 2 (protocol
/// sections 1 and 6). A page of protocol 1 sends `attributes` for all items at once; a page of protocol 2 states them
/// in each item.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FragmentsRequest {
    /// `2` if the sender understands [`ResolvedFragments`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<u32>,
    /// The page that embeds the fragments: its template, as `asks` of its contract names it. Only operators see it. `None`: the sender
    /// does not tell, or a fragment embeds them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
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
    /// The visitor's sessions at the requested services.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub sessions: BTreeMap<String, Value>,
}

/// One requested fragment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FragmentRequest {
    /// The sender's id for the item. It comes back byte for byte.
    #[serde(default, deserialize_with = "null_is_default")]
    pub id: String,
    /// The service that owns the fragment.
    #[serde(default, deserialize_with = "null_is_default")]
    pub service: String,
    /// The fragment's name. An item without one fails.
    #[serde(rename = "ref", default, deserialize_with = "null_is_default")]
    pub reference: String,
    /// Protocol 2: the fragment's attributes, already under its own names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Attributes>,
    /// The imports as the tag writes them. If they are stated, no other attribute counts. `None`: the sender states
    /// none, such as most pages of protocol 1.
    #[serde(
        default,
        deserialize_with = "nulls::maybe_without_nulls",
        skip_serializing_if = "Option::is_none"
    )]
    pub imports: Option<Vec<String>>,
    /// The exports as the tag writes them. Other exports are not sent.
    #[serde(default, deserialize_with = "without_nulls")]
    pub exports: Vec<String>,
    /// Protocol 1: the fallback. Pages of Hydra keep their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    /// How long the answer may take, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<u64>,
    /// The call chain, outermost first: the page as its `service`, each fragment as `service/ref`. A fragment that is
    /// in the chain already is refused, and so is one that nests too deep.
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
    /// One for each requested id.
    #[serde(default)]
    pub fragments: Vec<ResolvedFragment>,
    /// The sessions that changed, by service.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sessions: BTreeMap<String, Value>,
    /// From a gateway to a page's service: what fragments of plain services set in the visitor's cookies, each encrypted for
    /// gateways.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cookies: Vec<String>,
}

/// One fragment of an answer.
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
    /// How the answer was made.
    #[serde(default)]
    pub outcome: Outcome,
    /// The style sheets and scripts of the fragment. The page links each once.
    #[serde(
        default,
        deserialize_with = "known_assets",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub assets: Vec<Asset>,
    /// Why there is no HTML, for the log of the requesting service. Visitors never see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How long the fragment may be used again, in milliseconds, if the requester wants that. 0: not at all. Absent:
    /// the requester decides.
    #[serde(rename = "maxAge", default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<u64>,
}

/// A duration in milliseconds, as the protocol writes it.
pub fn in_milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// How a fragment's answer was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The owner rendered the fragment for this request.
    #[default]
    Rendered,
    /// The owner rendered it earlier, and it may still be used.
    Cached,
    /// The owner rendered it earlier; it is used because the owner failed.
    Stale,
    /// No fragment: no instance of the owner is active.
    Inactive,
    /// No fragment: the owner failed, or its answer was invalid.
    Failed,
    /// No fragment: the owner took too long.
    Late,
    /// No fragment: it would break a rule (a limit, a circle, a missing login).
    Refused,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 7] = [
        Self::Rendered,
        Self::Cached,
        Self::Stale,
        Self::Inactive,
        Self::Failed,
        Self::Late,
        Self::Refused,
    ];

    /// The outcome as a word, for labels and logs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Rendered => "rendered",
            Self::Cached => "cached",
            Self::Stale => "stale",
            Self::Inactive => "inactive",
            Self::Failed => "failed",
            Self::Late => "late",
            Self::Refused => "refused",
        }
    }
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
