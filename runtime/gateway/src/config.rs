//! The gateway's configuration. Names are those of `hydra.toml`; unknown ones are errors.

mod check;
mod error;
pub(crate) mod forms;
mod keys;
mod listen;
pub(crate) mod login;
pub(crate) mod openid;
mod reload;
mod route;
#[cfg(feature = "schema")]
mod schema;
pub(crate) mod service_login;
mod values;

use std::{collections::BTreeMap, net::SocketAddr, num::NonZeroU32, path::PathBuf, time::Duration};

use hydra_runtime_net::{
    admin::AdminListen,
    duration,
    observe::{AccessLogTarget, ObserverConfig, Otlp, Share},
    proxies::TrustedProxies,
    server, settings_problem,
    size::parse_connection_buffer,
};
use hydra_runtime_wire::Affinity;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny},
};

use crate::{
    edge::host::HostHeader,
    limits::{
        DEFAULT_CONNECT_TIMEOUT, DEFAULT_FORM_BYTES, DEFAULT_MAX_QUEUE, DEFAULT_QUEUE_TIMEOUT,
        DEFAULT_RESPONSE_TIMEOUT, DEFAULT_UPLOAD_BYTES_PER_SEC, PIN_WAIT, RegistryLimits,
    },
    stated_weights::StatedWeights,
};
pub use error::ConfigError;
pub use keys::ServiceKey;
pub use listen::{Listener, Listeners};
pub use openid::OpenIdProvider;
pub use route::{Rate, RouteRule};
pub use service_login::{RoleMapping, ServiceLogin};
use values::Bytes;
pub use values::{PinSameSite, Secret};

/// The public key of an installation that was not given one.
pub const DEFAULT_PUBLIC_KEY: &str = "hydra";

/// The settings that are durations.
const DURATIONS: [&str; 9] = [
    "connect_timeout",
    "login_idle",
    "login_key_life",
    "login_max",
    "queue_timeout",
    "response_timeout",
    "stall_timeout",
    "stop_grace",
    "stop_timeout",
];

/// All settings of a gateway, with their defaults.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct GatewayConfig {
    /// Where to listen: an address, a list of addresses, or `[[listen]]` tables. Port 0: any free one.
    #[cfg_attr(feature = "schema", schemars(with = "schema::Listen"))]
    pub listen: Listeners,
    /// Where operators find metrics and more. Default: port 8082 of this machine, or any free one if a port of `listen` is 0.
    #[cfg_attr(feature = "schema", schemars(with = "schema::AdminListen"))]
    pub admin_listen: Option<AdminListen>,
    /// The names of hosts by which operators may reach that, beside `localhost` and IP addresses.
    pub admin_hosts: Vec<String>,
    /// Where the access log goes.
    #[cfg_attr(feature = "schema", schemars(with = "schema::AccessLog"))]
    pub access_log: AccessLogTarget,
    /// Whether responses tell developers who made them, in `Server-Timing` and `Hydra-Served-By`.
    pub debug_headers: bool,
    /// Of the traces that begin in this process, the share that is marked as sampled, from 0 to 1.
    #[cfg_attr(feature = "schema", schemars(with = "schema::Share"))]
    pub trace_sample: Share,
    /// The collector to which spans of sampled traces go, over OTLP: `http://host:port`. It needs the feature `otlp`.
    pub otlp_endpoint: Option<String>,
    /// The name of the installation in paths of the protocol. It is not a secret.
    pub public_key: String,
    /// The key that signs calls between services and gateways (protocol section 6). Without it, calls are not signed.
    pub private_key: Option<Secret>,
    /// Another private key that is valid too, while the private key is changed.
    pub second_private_key: Option<Secret>,
    /// The keys of services that have their own, by name: `orderService = "…"`, or a list of two while a key is changed.
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, schema::ServiceKey>"))]
    pub keys: BTreeMap<String, ServiceKey>,
    /// Accepts unsigned calls although there is a private key: clients of protocol 1 cannot sign.
    pub allow_unsigned: bool,
    /// The Redis that gateways share: `redis://[:password@]host[:port][/db]`, `redis+sentinel://…host,host/master[/db]`
    /// or `redis+cluster://…host,host`; with `rediss` for TLS. Without one the registry is in memory.
    pub redis: Option<Secret>,
    /// The prefix of all keys in Redis.
    pub redis_prefix: String,
    /// Whether services may open channels. Without it, they are called by POST.
    pub channel: bool,
    /// Where services may open channels over TCP: an address, a list of addresses, or `[[channel_listen]]` tables. Default: nowhere.
    #[cfg_attr(feature = "schema", schemars(with = "Option<schema::Listen>"))]
    pub channel_listen: Option<Listeners>,
    /// Where other gateways reach this one: `http://host:port`. Default: where it listens for plain HTTP, if that is the address of one
    /// interface.
    pub inner_address: Option<String>,
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
    #[cfg_attr(feature = "schema", schemars(with = "schema::Networks"))]
    pub trusted_proxies: TrustedProxies,
    /// Which attributes services of protocol 1 get from a page of protocol 1, which cannot name its imports.
    pub protocol_1_attributes: Protocol1Attributes,
    /// The RSA key that verifies login tokens, given to services: base64 of its DER on one line.
    pub login_public_key: String,
    /// Where the keys are that sign login tokens: a folder, or `redis` for gateways that share one. Without it, this
    /// gateway issues no logins.
    pub login_keys: Option<String>,
    /// How long a login key signs before the next one takes over.
    #[serde(deserialize_with = "duration::setting")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Duration"))]
    pub login_key_life: Duration,
    /// The file of users, which `hydra user` writes. Without it, there is no login page.
    pub login_users: Option<PathBuf>,
    /// The site's own pages for the login: a folder of templates, or the template of the login page. Default: plain pages.
    pub login_page: Option<PathBuf>,
    /// A provider of OpenID Connect that logs visitors in.
    #[cfg_attr(feature = "schema", schemars(with = "OpenIdProvider"))]
    pub openid: Option<OpenIdProvider>,
    /// Whether the cookie of a login may be sent over http to a site that is not on this machine.
    pub login_over_http: bool,
    /// The path patterns at which requests with a login are accepted that another site makes a browser send.
    pub cross_site: Vec<String>,
    /// How long a login lives, however active the visitor is.
    #[serde(deserialize_with = "duration::setting")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Duration"))]
    pub login_max: Duration,
    /// After how much time without a request a login ends.
    #[serde(deserialize_with = "duration::setting")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Duration"))]
    pub login_idle: Duration,
    /// The number of threads that serve. Default: one per CPU.
    pub workers: Option<usize>,
    /// How long a service may take until the head of its answer to a routed request. It counts from the
    /// last piece of the request's body, and so is also how long that may stand still.
    #[serde(deserialize_with = "duration::setting")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Duration"))]
    pub response_timeout: Duration,
    /// How long connecting to a service may take.
    #[serde(deserialize_with = "duration::setting")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Duration"))]
    pub connect_timeout: Duration,
    /// How fast a visitor must send the body of a routed request, in bytes a second over any half minute; 0: at any
    /// rate.
    pub upload_rate: u64,
    /// The same rate for single services, by name.
    pub upload_rates: BTreeMap<String, u64>,
    /// The longest body of a visitor's request: `10MB`. Default: any.
    pub max_body: Option<Bytes>,
    /// The longest form of a fragment, where `max_body` says nothing: `16MB`.
    pub max_form: Bytes,
    /// The hosts elsewhere to which the forms of fragments may lead visitors, such as payment pages: `pay.example`. They are
    /// reached over https.
    pub redirect_hosts: Vec<String>,
    /// How many requests one client address may make in all: `50/s`, `600/m` or `5000/h`. Default: any.
    pub rate: Option<Rate>,
    /// How many of them may come at once. Default: the number of `rate`.
    pub burst: Option<NonZeroU32>,
    /// The most requests of visitors in flight at a time. Default: any.
    pub max_requests: Option<NonZeroU32>,
    /// The most requests, calls for fragments and WebSockets at one instance at a time, from this gateway. Default: any.
    pub instance_connections: Option<NonZeroU32>,
    /// How many further requests may wait until one has ended.
    pub max_queue: usize,
    /// How long they may wait.
    #[serde(deserialize_with = "duration::setting")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Duration"))]
    pub queue_timeout: Duration,
    /// Whether responses for visitors are compressed.
    pub compress: bool,
    /// The most connections of visitors at a time. Default: half of the files that the process may open, and 65,536
    /// at most.
    pub max_connections: Option<usize>,
    /// The memory for one connection that does not read its answer: `128KiB`. Half of it bounds the head of a
    /// request.
    #[serde(deserialize_with = "connection_buffer")]
    #[cfg_attr(feature = "schema", schemars(with = "Bytes"))]
    pub connection_buffer: usize,
    /// How long a connection may read nothing of an answer. Then it is closed.
    #[serde(deserialize_with = "duration::setting")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Duration"))]
    pub stall_timeout: Duration,
    /// How long idle connections may still begin a request after the gateway was told to stop.
    #[serde(deserialize_with = "duration::setting")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Duration"))]
    pub stop_grace: Duration,
    /// How long requests may take to end after the gateway was told to stop.
    #[serde(deserialize_with = "duration::setting")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::Duration"))]
    pub stop_timeout: Duration,
    /// The PEM file with the certificate authorities for https services. Default: the authorities that the system
    /// trusts.
    pub upstream_ca: Option<PathBuf>,
    /// The folder with the site's own error pages: `404.html` and so on, and `error.html` for every status without a
    /// page. They are Tera templates with `status`, `title` and `text`. Default: plain pages.
    pub error_pages: Option<PathBuf>,
    /// What is added to responses for visitors that lack it: values by the names of headers. An empty value takes a default away.
    pub response_headers: BTreeMap<String, String>,
    /// How visitors are shared among the versions of services, over what instances state: weights by name,
    /// `shop = { "2.4.1" = 10 }`, or `"newest"` or `"equal"`.
    pub weights: BTreeMap<String, StatedWeights>,
    /// Whether a visitor of a service stays with one of its instances, by service: `visitor` or `none`. Default: what its
    /// newest instance states; else `visitor` for services of protocol 1, and `none` for others.
    #[cfg_attr(feature = "schema", schemars(with = "schema::Affinities"))]
    pub affinity: BTreeMap<String, Affinity>,
    /// To which sites browsers send the cookies of `affinity`: `lax`, or `none` for a site that is embedded in others.
    pub affinity_same_site: PinSameSite,
    /// How long after its start a gateway without Redis lets the requests of pinned visitors wait until their instances are back.
    /// It is not a key of `hydra.toml`.
    #[serde(skip)]
    pub pin_wait: Duration,
    /// The file that keeps the weights and drains which operators change at run time, for one gateway without Redis.
    pub steering_file: Option<PathBuf>,
    /// The token that operators send with calls of their API, and with which they sign in on their page. Without it, only users with
    /// the role `HYDRA-OPERATOR` can change something, on the page.
    pub admin_token: Option<Secret>,
    /// Settings of single paths and services.
    #[serde(rename = "route")]
    pub routes: Vec<RouteRule>,
    /// How roles are called at some services.
    #[serde(rename = "role")]
    pub roles: Vec<RoleMapping>,
    /// Plain HTTP services (protocol section 8).
    #[serde(rename = "service")]
    pub services: Vec<PlainService>,
    /// The table of an application, which the application reads itself.
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub app: IgnoredAny,
    /// The table of the compiler, which the compiler reads itself.
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub compile: IgnoredAny,
    /// The table of `hydra serve`, which that command reads itself.
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub serve: IgnoredAny,
    /// Hints about settings that should be written in another way. [`Gateway::new`](crate::Gateway::new) logs them.
    #[serde(skip)]
    pub warnings: Vec<String>,
}

/// Which attributes services of protocol 1 get from a page of protocol 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Protocol1Attributes {
    /// All of them.
    #[default]
    Pass,
    /// None.
    Drop,
}

/// A web service that knows nothing of Hydra, and is called with plain HTTP.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PlainService {
    /// The name of the service on pages.
    pub name: String,
    /// The address: `http://host:port` or `https://host:port`.
    pub url: String,
    /// The `Host` of requests to the service. Default: the service's own if it is called over https, otherwise the
    /// visitor's.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub host: Option<HostHeader>,
    /// Whether the service is called over HTTP/2: over http with prior knowledge, over https as TLS agrees. WebSockets keep HTTP/1.1.
    #[serde(default)]
    pub http2: bool,
    /// A path that answers 2xx while the service is healthy. Without it, the service always counts as active.
    #[serde(default)]
    pub health: Option<String>,
    /// The path patterns that are routed to the service.
    #[serde(default)]
    pub endpoints: Vec<String>,
    /// The path of each fragment, by `ref`.
    #[serde(default)]
    pub fragments: BTreeMap<String, String>,
    /// The paths to which the forms of each fragment are sent, by `ref`: `{ banner = ["/subscribe"] }`.
    #[serde(default)]
    pub forms: BTreeMap<String, Vec<String>>,
    /// The status with which the service shows a form again. Default: 422.
    #[serde(default)]
    pub invalid: Option<u16>,
    /// The names of cookies that pass to and from the service alone, also with its fragments: `["sessionid", "csrftoken"]`.
    #[serde(default)]
    pub cookies: Vec<String>,
    /// Whether the fragments of one page are requested together over one connection, which saves CPU if the service is fast. A slow
    /// fragment delays the others, and no cache keeps them.
    #[serde(default)]
    pub pipeline: bool,
    /// How the service hears who the visitor is. Default: not at all.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<ServiceLogin>"))]
    pub login: Option<ServiceLogin>,
}

fn connection_buffer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_connection_buffer(&text).map_err(D::Error::custom)
}

impl Default for GatewayConfig {
    fn default() -> Self {
        let connections = server::ConnectionLimits::default();
        Self {
            listen: Listeners::from(SocketAddr::from(([127, 0, 0, 1], 8081))),
            admin_listen: None,
            admin_hosts: Vec::new(),
            access_log: AccessLogTarget::Off,
            debug_headers: false,
            trace_sample: Share::ALL,
            otlp_endpoint: None,
            public_key: DEFAULT_PUBLIC_KEY.to_owned(),
            private_key: None,
            second_private_key: None,
            keys: BTreeMap::new(),
            allow_unsigned: false,
            redis: None,
            redis_prefix: "hydra".to_owned(),
            channel: true,
            channel_listen: None,
            inner_address: None,
            instance_limit: Bytes(RegistryLimits::default().instance),
            service_limit: Bytes(RegistryLimits::default().service),
            registry_limit: Bytes(RegistryLimits::default().all),
            allow_hosts: Vec::new(),
            trusted_proxies: TrustedProxies::default(),
            protocol_1_attributes: Protocol1Attributes::default(),
            login_public_key: String::new(),
            login_keys: None,
            login_key_life: login::DEFAULT_KEY_LIFE,
            login_users: None,
            login_page: None,
            openid: None,
            login_over_http: false,
            cross_site: Vec::new(),
            login_max: login::DEFAULT_MAX,
            login_idle: login::DEFAULT_IDLE,
            workers: None,
            response_timeout: DEFAULT_RESPONSE_TIMEOUT,
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            upload_rate: DEFAULT_UPLOAD_BYTES_PER_SEC,
            upload_rates: BTreeMap::new(),
            max_body: None,
            max_form: Bytes(DEFAULT_FORM_BYTES),
            redirect_hosts: Vec::new(),
            rate: None,
            burst: None,
            max_requests: None,
            instance_connections: None,
            max_queue: DEFAULT_MAX_QUEUE,
            queue_timeout: DEFAULT_QUEUE_TIMEOUT,
            compress: false,
            max_connections: None,
            connection_buffer: connections.buffer,
            stall_timeout: connections.stall,
            stop_grace: connections.stop_grace,
            stop_timeout: connections.stop_timeout,
            upstream_ca: None,
            error_pages: None,
            response_headers: BTreeMap::new(),
            weights: BTreeMap::new(),
            affinity: BTreeMap::new(),
            affinity_same_site: PinSameSite::default(),
            pin_wait: PIN_WAIT,
            steering_file: None,
            admin_token: None,
            routes: Vec::new(),
            roles: Vec::new(),
            services: Vec::new(),
            app: IgnoredAny,
            compile: IgnoredAny,
            serve: IgnoredAny,
            warnings: Vec::new(),
        }
    }
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
        let unreadable = |error| ConfigError::Text(Box::new(settings_problem(text, &error)));
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

    /// How requests are observed.
    #[must_use]
    pub fn observer(&self) -> ObserverConfig<'_> {
        ObserverConfig {
            proxies: self.trusted_proxies.clone(),
            sample: self.trace_sample,
            access_log: &self.access_log,
            otlp: self.otlp_endpoint.as_deref().map(|endpoint| Otlp {
                endpoint,
                service: "hydra-gateway",
            }),
            debug_headers: self.debug_headers,
            private_key: self.private_key.as_ref().map(Secret::reveal),
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
}

#[cfg(test)]
mod tests;
