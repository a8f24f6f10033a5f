//! The gateway's configuration. Names are those of `hydra.toml`; unknown ones are errors.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

use hydra_runtime_net::{
    duration,
    proxies::TrustedProxies,
    server,
    size::{self, parse_connection_buffer},
    toml_message,
};
use hydra_runtime_wire::names::is_public_key;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny},
};

use crate::{
    edge::host::HostHeader,
    limits::{
        DEFAULT_CONNECT_TIMEOUT, DEFAULT_RESPONSE_TIMEOUT, DEFAULT_UPLOAD_BYTES_PER_SEC,
        MIN_PRIVATE_KEY_BYTES, MIN_REGISTRY_LIMIT_BYTES, RegistryLimits,
    },
};

/// The public key of an installation that was not given one.
pub const DEFAULT_PUBLIC_KEY: &str = "hydra";

/// The settings that are durations.
const DURATIONS: [&str; 5] = [
    "connect_timeout",
    "response_timeout",
    "stall_timeout",
    "stop_grace",
    "stop_timeout",
];

/// All settings of a gateway, with their defaults.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewayConfig {
    /// Where to listen. Port 0: any free one.
    pub listen: SocketAddr,
    /// The name of the installation in paths of the protocol. It is not a secret.
    pub public_key: String,
    /// The key that signs calls between services and gateways (protocol section 6). Without it, calls are not signed.
    pub private_key: Option<Secret>,
    /// Accepts unsigned calls although there is a private key: clients of protocol 1 cannot sign.
    pub allow_unsigned: bool,
    /// The Redis that gateways share: `redis://[:password@]host[:port][/db]`, `redis+sentinel://…host,host/master[/db]`
    /// or `redis+cluster://…host,host`; with `rediss` for TLS. Without one the registry is in memory.
    pub redis: Option<Secret>,
    /// The prefix of all keys in Redis.
    pub redis_prefix: String,
    /// The longest registration, as JSON without unknown members.
    pub instance_limit: Bytes,
    /// How much memory all instances of one service may take.
    pub service_limit: Bytes,
    /// How much memory all instances of all services may take.
    pub registry_limit: Bytes,
    /// Hosts that services may use although they are link-local, a metadata service and the like.
    pub allow_hosts: Vec<String>,
    /// The proxies in front of the gateway whose `Forwarded` and `X-Forwarded-*` headers are trusted: addresses and
    /// networks, `10.0.0.0/8`.
    pub trusted_proxies: TrustedProxies,
    /// Which attributes services of protocol 1 get from a page of protocol 1, which cannot name its imports.
    pub protocol_1_attributes: Protocol1Attributes,
    /// The RSA key that verifies login tokens, given to services: base64 of its DER on one line.
    pub login_public_key: String,
    /// The number of threads that serve. Default: one per CPU.
    pub workers: Option<usize>,
    /// How long a service may take until the head of its answer to a routed request. It counts from the
    /// last piece of the request's body, and so is also how long that may stand still.
    #[serde(deserialize_with = "duration::setting")]
    pub response_timeout: Duration,
    /// How long connecting to a service may take.
    #[serde(deserialize_with = "duration::setting")]
    pub connect_timeout: Duration,
    /// How fast a visitor must send the body of a routed request, in bytes a second over any half minute; 0: at any
    /// rate.
    pub upload_rate: u64,
    /// The same rate for single services, by name.
    pub upload_rates: BTreeMap<String, u64>,
    /// The most connections of visitors at a time. Default: half of the files that the process may open, and 65,536
    /// at most.
    pub max_connections: Option<usize>,
    /// The memory for one connection that does not read its answer: `128KiB`. Half of it bounds the head of a
    /// request.
    #[serde(deserialize_with = "connection_buffer")]
    pub connection_buffer: usize,
    /// How long a connection may read nothing of an answer. Then it is closed.
    #[serde(deserialize_with = "duration::setting")]
    pub stall_timeout: Duration,
    /// How long idle connections may still begin a request after the gateway was told to stop.
    #[serde(deserialize_with = "duration::setting")]
    pub stop_grace: Duration,
    /// How long requests may take to end after the gateway was told to stop.
    #[serde(deserialize_with = "duration::setting")]
    pub stop_timeout: Duration,
    /// The PEM file with the certificate authorities for https services. Default: the authorities that the system
    /// trusts.
    pub upstream_ca: Option<PathBuf>,
    /// The folder with the site's own error pages: `404.html` and so on, and `error.html` for every status without a
    /// page. They are Tera templates with `status`, `title` and `text`. Default: plain pages.
    pub error_pages: Option<PathBuf>,
    /// Plain HTTP services (protocol section 8).
    #[serde(rename = "service")]
    pub services: Vec<PlainService>,
    /// The table of an application, which the application reads itself.
    pub app: IgnoredAny,
    /// The table of the compiler, which the compiler reads itself.
    pub compile: IgnoredAny,
    /// The table of `hydra serve`, which that command reads itself.
    pub serve: IgnoredAny,
    /// Hints about settings that should be written in another way. [`Gateway::new`](crate::Gateway::new) logs them.
    #[serde(skip)]
    pub warnings: Vec<String>,
}

/// Which attributes services of protocol 1 get from a page of protocol 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol1Attributes {
    /// All of them.
    #[default]
    Pass,
    /// None.
    Drop,
}

/// A web service that knows nothing of Hydra, and is called with plain HTTP.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlainService {
    /// The name of the service on pages.
    pub name: String,
    /// The address: `http://host:port` or `https://host:port`.
    pub url: String,
    /// The `Host` of requests to the service. Default: the service's own if it is called over https, otherwise the
    /// visitor's.
    #[serde(default)]
    pub host: Option<HostHeader>,
    /// A path that answers 2xx while the service is healthy. Without it, the service always counts as active.
    #[serde(default)]
    pub health: Option<String>,
    /// The path patterns that are routed to the service.
    #[serde(default)]
    pub endpoints: Vec<String>,
    /// The path of each fragment, by `ref`.
    #[serde(default)]
    pub fragments: BTreeMap<String, String>,
}

/// A number of bytes, written like `256KiB` or `32MB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub usize);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        size::parse(&text).map(Self).map_err(D::Error::custom)
    }
}

/// A text that logs and error messages never show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The error of the deserializer would show the value.
        let text = String::deserialize(deserializer);
        text.map(Self)
            .map_err(|_| D::Error::custom("the value must be a text in quotes"))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

fn connection_buffer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_connection_buffer(&text).map_err(D::Error::custom)
}

impl Default for GatewayConfig {
    fn default() -> Self {
        let connections = server::ConnectionLimits::default();
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8081)),
            public_key: DEFAULT_PUBLIC_KEY.to_owned(),
            private_key: None,
            allow_unsigned: false,
            redis: None,
            redis_prefix: "hydra".to_owned(),
            instance_limit: Bytes(RegistryLimits::default().instance),
            service_limit: Bytes(RegistryLimits::default().service),
            registry_limit: Bytes(RegistryLimits::default().all),
            allow_hosts: Vec::new(),
            trusted_proxies: TrustedProxies::default(),
            protocol_1_attributes: Protocol1Attributes::default(),
            login_public_key: String::new(),
            workers: None,
            response_timeout: DEFAULT_RESPONSE_TIMEOUT,
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            upload_rate: DEFAULT_UPLOAD_BYTES_PER_SEC,
            upload_rates: BTreeMap::new(),
            max_connections: None,
            connection_buffer: connections.buffer,
            stall_timeout: connections.stall,
            stop_grace: connections.stop_grace,
            stop_timeout: connections.stop_timeout,
            upstream_ca: None,
            error_pages: None,
            services: Vec::new(),
            app: IgnoredAny,
            compile: IgnoredAny,
            serve: IgnoredAny,
            warnings: Vec::new(),
        }
    }
}

/// A configuration with which the gateway cannot run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The text is not TOML, or contains an unknown name or a wrong value.
    #[error("{0}")]
    Text(String),
    /// The public key cannot be a segment of a path.
    #[error("`public_key` must be 1 to 200 visible characters without `/`")]
    PublicKey,
    /// A `[[service]]` entry is wrong.
    #[error("service `{name}`: {reason}")]
    Service {
        /// The name of the entry.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// The Redis address cannot be read.
    #[error("`redis`: {0}")]
    Redis(String),
    /// The file of `upstream_ca` can't be used.
    #[error("`upstream_ca`: {0}")]
    UpstreamCa(String),
    /// A limit of the registry is too small for any service.
    #[error("`{0}` must be at least 16KiB")]
    Limit(&'static str),
    /// The limits of the registry contradict each other.
    #[error("`instance_limit` must not be above `service_limit`, nor that above `registry_limit`")]
    RegistryLimits,
    /// No visitor could connect.
    #[error("`max_connections` must be 1 or more")]
    NoConnections,
    /// The folder of `error_pages` can't be used.
    #[error("`error_pages`: {0}")]
    ErrorPages(String),
    /// Everyone who reaches the port could register a service.
    #[error(
        "the gateway would listen on {0}, beyond this machine, without a private key: all who reach it could register a service. Set \
         `private_key` (HYDRA_PRIVATE_KEY), or `allow_unsigned = true` where nobody else reaches it"
    )]
    Open(SocketAddr),
    /// The private key is too short to protect anything.
    #[error("`private_key` must have at least 16 bytes")]
    PrivateKey,
}

impl GatewayConfig {
    /// The slowest rate for uploads to a service, in bytes a second; 0: any rate.
    pub(crate) fn least_upload(&self, service: &str) -> u64 {
        self.upload_rates
            .get(service)
            .copied()
            .unwrap_or(self.upload_rate)
    }

    /// # Errors
    /// The text is not TOML, or contains an unknown name or a wrong value. The error names the line and column.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let unreadable = |error| ConfigError::Text(toml_message(text, &error));
        let config: Self = toml::from_str(text).map_err(unreadable)?;
        let table: toml::Table = toml::from_str(text).map_err(unreadable)?;
        Ok(Self {
            warnings: duration::warnings(&table, &DURATIONS),
            ..config
        })
    }

    /// The limits of the registry.
    pub(crate) fn limits(&self) -> RegistryLimits {
        RegistryLimits {
            instance: self.instance_limit.0,
            service: self.service_limit.0,
            all: self.registry_limit.0,
        }
    }

    /// The limits of the server that listens for the gateway.
    #[must_use]
    pub fn connection_limits(&self) -> server::ConnectionLimits {
        server::ConnectionLimits {
            connections: self.max_connections,
            buffer: self.connection_buffer,
            stall: self.stall_timeout,
            stop_grace: self.stop_grace,
            stop_timeout: self.stop_timeout,
            ..server::ConnectionLimits::default()
        }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if !is_public_key(&self.public_key) {
            return Err(ConfigError::PublicKey);
        }
        let limits = [
            ("instance_limit", self.instance_limit),
            ("service_limit", self.service_limit),
            ("registry_limit", self.registry_limit),
        ];
        if let Some((name, _)) = limits
            .into_iter()
            .find(|(_, limit)| limit.0 < MIN_REGISTRY_LIMIT_BYTES)
        {
            return Err(ConfigError::Limit(name));
        }
        if self.instance_limit > self.service_limit || self.service_limit > self.registry_limit {
            return Err(ConfigError::RegistryLimits);
        }
        if self.max_connections == Some(0) {
            return Err(ConfigError::NoConnections);
        }
        match &self.private_key {
            Some(key) if key.reveal().len() < MIN_PRIVATE_KEY_BYTES => Err(ConfigError::PrivateKey),
            None if !self.allow_unsigned && !self.listen.ip().to_canonical().is_loopback() => {
                Err(ConfigError::Open(self.listen))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
