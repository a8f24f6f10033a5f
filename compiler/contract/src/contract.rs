//! The contract of a service (design sections 1 and 3.3).

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::Type;

/// The fragments that a service offers, and what they take and give.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contract {
    /// The name of the service.
    pub service: String,
    /// Its fragments, by `ref`.
    #[serde(default)]
    pub fragments: BTreeMap<String, FragmentContract>,
    /// The fragments of other services that its pages and fragments embed. The gateway compares them with the contracts of those
    /// services.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asks: Vec<FragmentUse>,
    /// Whether its fragments may begin a session of the visitor. `None`: the service does not say, as older services don't, and its
    /// fragments may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<bool>,
    /// Whether its actions may take a session of the visitor, which gateways then get from the service of the page.
    #[serde(
        default,
        rename = "actionSessions",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub action_sessions: bool,
    /// Whether the contract is a draft: made of the tags that use the service, and not by the service.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub draft: bool,
}

impl Contract {
    /// Whether a fragment may begin a session of the visitor, so that a page that shows it needs a cookie in advance.
    #[must_use]
    pub fn may_begin_sessions(&self) -> bool {
        self.sessions != Some(false)
    }
}

/// A fragment of another service that pages embed, as their tags write it. Tags that compute the service or the `ref` are left
/// out, since both are known only when a page is rendered.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FragmentUse {
    /// The service that owns the fragment.
    pub service: String,
    /// The fragment's name there.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The imports that the pages pass, under the fragment's names; `any` where the type is not known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub imports: BTreeMap<String, Type>,
    /// The exports that the pages use, under the fragment's names, with the types that they were built for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exports: BTreeMap<String, Type>,
    /// Whether the pages are not shown without it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// The templates that use it in this way, sorted.
    #[serde(default)]
    pub pages: Vec<String>,
}

/// What one fragment takes and gives. Names are as the templates write them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FragmentContract {
    /// The attributes that it takes from the page.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub imports: BTreeMap<String, ImportContract>,
    /// The attributes that it gives to the page.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exports: BTreeMap<String, Type>,
    /// The attributes that the fragment itself provides. An import must not take their names.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub provides: BTreeSet<String>,
    /// The style sheets that it needs: files of the service, paths on the site that begin with `/`, or `https` addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub styles: Vec<String>,
    /// The scripts that it needs, likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scripts: Vec<String>,
    /// What its forms send, by the names of their actions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub actions: BTreeMap<String, ActionContract>,
}

/// What a form sends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionContract {
    /// Its fields, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, FieldKind>,
    /// Whether it may send further fields, such as those whose names the template computes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub open: bool,
}

/// What a field of a form sends. Kinds that are not known are read as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldKind {
    /// A text that is never shown again: a password, or a part of a payment card.
    Secret,
    /// A text if the box is checked, and nothing otherwise.
    Checkbox,
    /// Any number of texts.
    List,
    /// A file.
    File,
    /// One text that is shown again if it can't be used.
    #[default]
    #[serde(other)]
    Text,
}

/// One import of a fragment. A type alone, `"string"`, is short for `{"type": "string"}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImportContract {
    /// What the value is.
    #[serde(rename = "type")]
    pub ty: Type,
    /// The value where the page hands over none. `None`: the page must hand one over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<serde_json::Value>,
}

impl<'de> Deserialize<'de> for ImportContract {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ImportVisitor)
    }
}

/// Reads both forms of an import.
struct ImportVisitor;

/// The long form.
#[derive(Deserialize)]
struct ImportObject {
    #[serde(rename = "type", default)]
    ty: Type,
    #[serde(default)]
    default: Option<serde_json::Value>,
}

impl<'de> Visitor<'de> for ImportVisitor {
    type Value = ImportContract;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a type, or an object with `type` and `default`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<ImportContract, E> {
        let ty = text.parse().map_err(E::custom)?;
        Ok(ImportContract { ty, default: None })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ImportContract, A::Error> {
        let ImportObject { ty, default } = ImportObject::deserialize(MapAccessDeserializer::new(map))?;
        Ok(ImportContract { ty, default })
    }
}
