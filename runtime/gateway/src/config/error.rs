//! Why a configuration can't be used.

use std::net::SocketAddr;

use hydra_contract::settings_file::SettingsProblem;

/// A configuration with which the gateway cannot run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The text is not TOML, or contains an unknown name or a wrong value.
    #[error("{0}")]
    Text(Box<SettingsProblem>),
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
    /// The access log can't be written, or spans can't be sent.
    #[error("{0}")]
    AccessLog(String),
    /// A port of `listen` can't be used.
    #[error("`listen` {address}: {reason}")]
    Listen {
        /// The address of the port.
        address: SocketAddr,
        /// What is wrong.
        reason: String,
    },
    /// A port of `channel_listen` can't be used.
    #[error("`channel_listen` {address}: {reason}")]
    ChannelListen {
        /// The address of the port.
        address: SocketAddr,
        /// What is wrong.
        reason: String,
    },
    /// A `[[route]]` entry is wrong.
    #[error("route `{route}`: {reason}")]
    Route {
        /// Its path or service.
        route: String,
        /// What is wrong.
        reason: String,
    },
    /// A host of `redirect_hosts` is none.
    #[error("`redirect_hosts`: {0}")]
    RedirectHosts(String),
    /// There is a burst without a rate.
    #[error("`burst` needs `rate`")]
    Burst,
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
    /// A name in `affinity` is not that of a service.
    #[error("`affinity.{0}`: no service can have this name")]
    Affinity(String),
    /// Browsers would ignore the cookies.
    #[error("`affinity_same_site = \"none\"` needs TLS: browsers take such cookies over https only")]
    SameSiteWithoutTls,
    /// A weight of a version is wrong.
    #[error("`weights.{service}`: {reason}")]
    Weights {
        /// The service.
        service: String,
        /// What is wrong.
        reason: String,
    },
    /// The file of `steering_file` can't be used.
    #[error("`steering_file`: {0}")]
    SteeringFile(String),
    /// The operators' token is too short to protect anything, or cannot be sent in a header.
    #[error("`admin_token` must have at least 16 bytes, all of them visible ASCII characters")]
    AdminToken,
    /// A setting of the login is wrong.
    #[error("`{key}`: {reason}")]
    Login {
        /// The setting.
        key: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The inner address is not a URL with host and port.
    #[error("`inner_address` = `{0}`: write http://, a host and a port, such as `http://10.0.0.5:8081`")]
    InnerAddress(String),
    /// The folder of `login_keys` can't be used.
    #[error("`login_keys`: {0}")]
    LoginKeys(String),
    /// A header of `response_headers` can't be used.
    #[error("`response_headers`: {0}")]
    ResponseHeaders(String),
    /// The private key is too short to protect anything.
    #[error("`private_key` must have at least 16 bytes, and so must `second_private_key`")]
    PrivateKey,
    /// Another key needs the private key.
    #[error("`{0}` needs `private_key`")]
    NoPrivateKey(&'static str),
    /// The key of a service is wrong.
    #[error("`keys.{service}`: {reason}")]
    ServiceKey {
        /// The service.
        service: String,
        /// What is wrong.
        reason: String,
    },
}
