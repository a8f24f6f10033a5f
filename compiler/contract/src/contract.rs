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
