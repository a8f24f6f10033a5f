//! The contract of a service (design sections 1 and 3.3).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::Type;

/// What a service promises about its fragments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contract {
    /// The name of the service.
    pub service: String,
    /// Its fragments, by `ref`.
    #[serde(default)]
    pub fragments: BTreeMap<String, FragmentContract>,
    /// What its pages and fragments ask other services for. The gateway compares it with what those promise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asks: Vec<Ask>,
    /// Whether its fragments may begin a session of the visitor. `None`: it does not say, as older services, and they may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<bool>,
}

impl Contract {
    /// Whether a fragment may begin a session of the visitor, so that a page that shows it needs a cookie in advance.
    #[must_use]
    pub fn may_begin_sessions(&self) -> bool {
        self.sessions != Some(false)
    }
}

/// A fragment of another service that pages ask for, as their tags write it. Tags that compute the service or the `ref`
/// are not among them: what they ask for shows when they do.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ask {
    /// The service that owns the fragment.
    pub service: String,
    /// The fragment's name there.
    #[serde(rename = "ref")]
    pub reference: String,
    /// What the pages hand over, under the fragment's names; `any` where the type is not known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub imports: BTreeMap<String, Type>,
    /// What they take back, under the fragment's names, with the types that they were built for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exports: BTreeMap<String, Type>,
    /// Whether they are not shown without it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// The templates that ask for it in this way, sorted.
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
    /// The attributes that the fragment has of its own: an import must not take their names.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub provides: BTreeSet<String>,
    /// The style sheets that it needs: files of the service, paths on the site that begin with `/`, or `https` addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub styles: Vec<String>,
    /// The scripts that it needs, likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scripts: Vec<String>,
}

/// One import of a fragment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportContract {
    /// What the value is.
    #[serde(rename = "type", default)]
    pub ty: Type,
    /// The value where the page hands over none. `None`: the page must hand one over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<serde_json::Value>,
}
