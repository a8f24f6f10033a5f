//! The bodies of discovery: registration, alive, overview (protocol sections 1 and 6).

use std::collections::BTreeMap;

use hydra_contract::{Contract, ContractProblem};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use super::{WithoutNulls, null_is_default, without_nulls};

use crate::limits::MAX_SOCKETS_BYTES;

/// What an instance of a service registers. Members may be missing or null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActiveService {
    /// `http` or `https`; `https` if it is missing.
    #[serde(default = "https", deserialize_with = "null_is_https")]
    pub web_protocol: String,
    /// What the service believes its own host to be.
    #[serde(default, deserialize_with = "null_is_default")]
    pub host: String,
    /// The port of its pages and fragments.
    #[serde(default, deserialize_with = "null_is_default")]
    pub port: u16,
    /// A separate port for sockets; 0 if there is none.
    #[serde(default, deserialize_with = "null_is_default")]
    pub socket_port: u16,
    /// The service's name. A registration without one is refused.
    #[serde(default)]
    pub name: Option<String>,
    /// The version; the highest is the newest.
    #[serde(default, deserialize_with = "null_is_default")]
    pub version: i64,
    /// When the instance started, in milliseconds since 1970, by its own clock.
    #[serde(default, deserialize_with = "null_is_default")]
    pub active_since: i64,
    /// How a new version shares the traffic: null, `NEWEST_VERSION_WINS` or `EQUAL_SHARE`.
    #[serde(default)]
    pub awakening: Option<String>,
    /// Path patterns, as [`pattern`](crate::routes::pattern) reads them.
    #[serde(default, deserialize_with = "without_nulls")]
    pub endpoints: Vec<String>,
    /// Names of sockets. They are passed on in the overview, and never read. A list of more than 1 KiB counts as
    /// empty.
    #[serde(default, deserialize_with = "sockets")]
    pub sockets: Vec<Value>,
    /// Files, without a leading slash.
    #[serde(default, deserialize_with = "without_nulls")]
    pub static_resources: Vec<String>,
    /// Menu items, by the menu's name.
    #[serde(default, deserialize_with = "menus")]
    pub menu_items: BTreeMap<String, Vec<MenuItem>>,
    /// `2` where the service speaks protocol 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<u32>,
    /// Protocol 2: the UUID of this instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Protocol 2: the name of the version, as people use it. Without one, the version's number is its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_name: Option<String>,
    /// Protocol 2: the share of its version, relative to the weights of the other versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// Protocol 2: whether a visitor stays with one instance: `visitor`, or `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,
    /// Protocol 2: the imports and exports of its fragments, and what its pages ask of others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<Contract>,
    /// Protocol 2: whether its fragments may begin a session, according to its contract. Only a gateway sends this;
    /// if it is absent, as from an older gateway, they may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<bool>,
    /// Whether its fragments may set cookies of the visitor, as the gateway's configuration says. Only a gateway sends this; if it is
    /// absent, they may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookies: Option<bool>,
    /// The paths that are not routed. Only a gateway sends this, in `/_h/services`.
    #[serde(default, skip_deserializing, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// The contract problems in which this service is one side. Only a gateway sends this, in `/_h/services`.
    #[serde(default, skip_deserializing, skip_serializing_if = "Vec::is_empty")]
    pub contract_problems: Vec<ContractProblem>,
}

/// Whether a visitor of a service stays with one of its instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Affinity {
    /// A visitor stays: the instance knows the visitor, by a session in its memory for example.
    Visitor,
    /// All instances are alike to a visitor.
    None,
}

/// One entry of a menu.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MenuItem {
    /// The path of the linked page.
    #[serde(default, deserialize_with = "null_is_default")]
    pub endpoint: String,
    /// The text to show.
    #[serde(default, deserialize_with = "null_is_default")]
    pub label: String,
}

/// The answer to a registration. The first three members are protocol 1; the others are sent to services of protocol
/// 2 only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationResponse {
    /// The key that verifies login tokens: base64 of its DER on one line. Null or empty: the gateway has none.
    #[serde(default)]
    pub public_key: Option<String>,
    /// Every active service, the new one included.
    #[serde(default, deserialize_with = "null_is_default")]
    pub services: Vec<ServiceOverview>,
    /// Roles, and their names at this service.
    #[serde(default, deserialize_with = "null_is_default")]
    pub role_mappings: BTreeMap<String, String>,
    /// `2` where the gateway speaks protocol 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<u32>,
    /// The paths of this registration that are not routed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<Vec<LeftOut>>,
    /// What the contract of this registration breaks, and what its pages ask of others and active owners do not
    /// promise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract_problems: Option<Vec<ContractProblem>>,
    /// The keys that verify login tokens, as a JWK set (RFC 7517). It is a plain value, since later keys may be of
    /// unknown kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<Value>,
    /// The keys that sign the identities of visitors, each in base64. The first one signs, and all verify.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visitor_keys: Option<Vec<String>>,
    /// The route hash that belongs to `services`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// How many channels the gateway takes from the instance (protocol section 7). Absent: it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<u32>,
    /// Over a channel: a signature over the id of the token in its SETUP, which proves the gateway's identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
    /// The same signature with the second key that is valid, while a key is changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_proof: Option<String>,
    /// Over a channel: `away` if the gateway can't reach the shared registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
}

/// A service and its active instances.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceOverview {
    /// Its name.
    #[serde(default, deserialize_with = "null_is_default")]
    pub service_name: String,
    /// Its active instances.
    #[serde(default, deserialize_with = "without_nulls")]
    pub active_services: Vec<ActiveService>,
}

/// A path that the gateway does not route, with the reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The path as the service wrote it.
    pub path: String,
    /// The reason.
    pub reason: String,
}

/// A heartbeat of protocol 2. Protocol 1 sends the service's name as plain text instead.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alive {
    /// The service.
    pub name: String,
    /// The instance, as in its registration. Without it, the heartbeat counts for every instance that registered from
    /// the same address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
}

/// The active services, in answer to `GET /h/discovery/{K}/overview`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    /// The route hash. It changes whenever `services` does.
    pub hash: String,
    /// Every active service; absent if the caller already has the services of `hash`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub services: Option<Vec<ServiceOverview>>,
    /// With `services`: the contract problems in which the service of the query is one side.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contract_problems: Vec<ContractProblem>,
    /// Over a channel: `away` if the gateway can't reach the shared registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
    /// Over a channel: whether the service must register again, since the keys that verify logins have changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

/// The data of the SETUP with which a service opens a channel (protocol section 7).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelSetup {
    /// The installation's public key.
    pub key: String,
    /// The protocol, which is 2.
    pub protocol: u32,
    /// The service to which the channel belongs.
    pub service: String,
    /// The instance, as in its registration.
    pub instance: String,
}

/// The query of `GET /h/discovery/{K}/overview`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverviewQuery {
    /// The route hash that the caller knows.
    #[serde(default)]
    pub hash: Option<String>,
    /// The calling service, to be told its contract problems.
    #[serde(default)]
    pub service: Option<String>,
}

/// The answer of `GET /health`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Health {
    /// Always `ok`.
    pub status: &'static str,
}

impl Default for ActiveService {
    fn default() -> Self {
        Self {
            web_protocol: https(),
            host: String::new(),
            port: 0,
            socket_port: 0,
            name: None,
            version: 0,
            active_since: 0,
            awakening: None,
            endpoints: Vec::new(),
            sockets: Vec::new(),
            static_resources: Vec::new(),
            menu_items: BTreeMap::new(),
            protocol: None,
            instance: None,
            version_name: None,
            weight: None,
            affinity: None,
            contract: None,
            sessions: None,
            cookies: None,
            left_out: Vec::new(),
            contract_problems: Vec::new(),
        }
    }
}

fn https() -> String {
    "https".to_owned()
}

fn null_is_https<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_else(https))
}

fn sockets<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Value>, D::Error> {
    let text = Box::<RawValue>::deserialize(deserializer)?;
    if text.get().len() > MAX_SOCKETS_BYTES {
        return Ok(Vec::new());
    }
    let list: WithoutNulls<Value> = serde_json::from_str(text.get()).map_err(serde::de::Error::custom)?;
    Ok(list.0)
}

fn menus<'de, D>(deserializer: D) -> Result<BTreeMap<String, Vec<MenuItem>>, D::Error>
where
    D: serde::Deserializer<'de>,
{
    let menus: Option<BTreeMap<String, WithoutNulls<_>>> = Option::deserialize(deserializer)?;
    let menus = menus.unwrap_or_default().into_iter();
    Ok(menus.map(|(menu, items)| (menu, items.0)).collect())
}
