//! The gateway of Hydra: services register with it, visitors connect to it, and pages get the fragments of other
//! services through it (design section 6).
//!
//! [`Gateway`] is built from a [`GatewayConfig`]. [`Gateway::serve`] serves one port. A program with several ports, or with
//! pages beside the gateway, serves [`Gateway::router`] itself and runs [`Gateway::run_maintenance`] once.
//!
//! ```no_run
//! use hydra_runtime_gateway::{Gateway, GatewayConfig};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let config = GatewayConfig::from_toml("public_key = 'my-shop'")?;
//! let listener = tokio::net::TcpListener::bind(config.listen.first()).await?;
//! Gateway::new(config)?.serve(listener, std::future::pending()).await;
//! # Ok(())
//! # }
//! ```
//!
//! # Concepts
//!
//! - **Registry.** A pure state machine over registrations, heartbeats and time. Each running instance of a service
//!   is one entry. It is kept in memory, or in a Redis that several gateways share.
//! - **Snapshot.** An immutable copy of the registry with its route table. Each change publishes a new one; requests
//!   read it without a lock.
//! - **Proxy.** Passes a request for a path on to the service that holds the path.
//! - **Dispatch.** Splits the fragments of a page by service, and calls all services at the same time.
//!
//! # Modules
//!
//! - `router`: all routes, and where a layer around every request belongs.
//! - `api`: the calls of services and operators. `proxy`: the requests of visitors. `dispatch`: the fragments of
//!   pages.
//! - `channel`: the channels that services open. `channels`: those that end here, and calls for fragments over them.
//! - `edge`: headers, hosts and error pages.
//! - `call_keys`: the keys that sign calls between services and gateways.
//! - `steer`: the calls of operators that change weights of versions, and drain instances and services. `preview`: links to
//!   versions that ordinary visitors do not get.
//! - `stated_weights`: how operators share visitors among versions, in the configuration or at run time.
//! - `own_pages`: what pages in the same process need of the gateway.
//! - `route_rules`: the settings of single routes. `page_limits`: limits of pages in the same process.
//! - `registry`: instances and their state, quotas and contracts. `store`: where the registry is kept.
//! - `routing`: snapshots, route tables, and the choice of an instance.
//! - `upstream`: connections to services.
//! - `flows`: which pages and fragments request which fragments.
//! - `login`: the login of visitors. `operators`: who may use the operators' side.
//! - `admin`: the operators' side. `measures`: metrics.
//! - `plain_cookies`: the cookies that visitors keep for plain services. `sealing`: encrypts what leaves and comes back.
//! - `pins`: the keys with which visitors stay with one instance. `moments`: moments, as this gateway and as all gateways count.
//! - `reload`: new settings for a running gateway.
//! - `limits`: every limit with its reason.
//!
//! # Features
//!
//! - `bench`: opens the inside for this crate's benchmark.
//! - `schema`: `GatewayConfig` has a JSON schema.
//!
//! This crate is internal: there is no stability promise. Use it as `hydra_runtime::gateway`, which pins its exact
//! version.

mod admin;
mod api;
#[cfg(feature = "bench")]
#[doc(hidden)]
pub mod bench;
mod call_keys;
mod channel;
mod channels;
mod config;
mod dispatch;
mod edge;
mod flows;
mod limits;
mod login;
mod measures;
mod moments;
mod operators;
mod own_pages;
mod page_limits;
mod parts;
mod pins;
mod plain_cookies;
mod preview;
mod proxy;
mod registry;
mod reload;
mod route_rules;
mod router;
mod routing;
mod sealing;
mod sent_forms;
mod stated_weights;
mod steer;
mod store;
mod upstream;

use std::{
    future::Future,
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
};

use axum::Router;
use http::{Extensions, HeaderMap, HeaderValue, uri::PathAndQuery};
use hydra_runtime_net::{
    fragment_source::FragmentSource,
    observe::{ActionMeasures, Observer},
    proxies::Origin,
    server::{Routes, ServeRaw},
};
use hydra_runtime_wire::{forms::sent::SentCookies, paths, signing::Signer};
use serde_json::Value;
use tokio::{net::TcpListener, sync::watch};
use uuid::Uuid;

pub use config::{
    ConfigError, DEFAULT_PUBLIC_KEY, GatewayConfig, Listener, Listeners, OpenIdProvider, PinSameSite,
    PlainService, Protocol1Attributes, Rate, RoleMapping, RouteRule, Secret, ServiceKey, ServiceLogin,
};
pub use edge::{
    error_pages::ErrorPages,
    host::{BadHostHeader, HostHeader, HostName},
    response_headers::ResponseHeaders,
};
pub use hydra_runtime_net::{admin::AdminListen, observe::AccessLogTarget, proxies::TrustedProxies};
pub use hydra_runtime_wire::paths::reserved::is_reserved;
pub use login::{BadUser, KeyRecord, LoginKeyStore, UserFile, UserRecord, UserStore};
pub use own_pages::{OwnPath, PageVisit};
pub use page_limits::{PageCompression, PageLimits, PagePermit};
pub use proxy::OwnPages;
pub use reload::Reloaded;
pub use routing::previews::Previews;
pub use stated_weights::{SharingRule, StatedWeights};
pub use steer::{
    BadChange, BadPreview, InstanceState, PreviewToken, ServiceState, SteeringRequest, VersionState,
    WeightSource,
};

use api::{refusal_log::RefusalLog, wrong_keys::WrongKeyLog};
use channels::Channels;
use dispatch::{cache::FragmentCache, single_calls::SingleCalls};
use edge::cross_site::CrossSitePaths;
use limits::RegistryLimits;
use login::{Identities, Logins};
use measures::FragmentMeasures;
pub(crate) use moments::{Millis, UnixMillis};
use operators::Guard;
use own_pages::FindOwnPath;
use page_limits::Limits;
use pins::Pins;
use plain_cookies::{CookieSeal, PlainCookies};
use proxy::PlainForms;
use registry::{
    configured::{self, ConfiguredService},
    gateway_addresses::GatewayAddresses,
    instance::{Instance, RegistrationRules},
};
use routing::{previews::PreviewKey, publisher::Publisher, version_cookie::VersionCookies};
use store::{
    Store,
    memory::MemoryStore,
    redis::{RedisStore, RedisStoreConfig},
};
use upstream::{ConnectionPool, Dialer, Distrusted, Trust};

/// A gateway. Clones are the same gateway.
#[derive(Clone)]
pub struct Gateway {
    shared: Arc<Shared>,
    /// The connections to services, of one runtime.
    pool: Arc<ConnectionPool>,
}

struct Shared {
    config: GatewayConfig,
    settings: Settings,
    core: Arc<Core>,
}

/// What is made of the settings, and made again when they change.
struct Settings {
    configured_services: Vec<ConfiguredService>,
    /// The keys that verify the login tokens of another issuer, for services.
    external_login_keys: Value,
    /// The pages for visitors whom no service answers.
    error_pages: ErrorPages,
    /// The certificate authorities for services that are called over https.
    trust: Trust,
    limits: Arc<Limits>,
    cross_site: CrossSitePaths,
    plain_forms: PlainForms,
    /// The cookies that visitors keep for plain services.
    plain_cookies: PlainCookies,
    /// How plain services hear who the visitor is.
    identities: Identities,
    /// What is added to responses that lack it.
    response_headers: ResponseHeaders,
}

/// What stays while the settings change.
struct Core {
    publisher: Publisher,
    cache: FragmentCache,
    /// The fragments of protocol 1 services that are requested alone.
    single_calls: SingleCalls,
    /// The path at which services answer requests for fragments.
    fragments_path: PathAndQuery,
    /// The path at which services take forms.
    action_path: PathAndQuery,
    gateway_addresses: OnceLock<GatewayAddresses>,
    /// What the process of the gateway answers itself.
    own_paths: OnceLock<FindOwnPath>,
    /// The channels of services that end here.
    channels: Channels,
    /// The name of this gateway in the requests that it passes on, so that a circle ends.
    mark: HeaderValue,
    /// `None` if the installation has no private key.
    signer: Option<Signer>,
    /// Identifies the keys of visitors' identities that services get.
    visitor_keys_id: Option<String>,
    versions: VersionCookies,
    /// `None` if the installation has no private key.
    previews: Option<PreviewKey>,
    /// `None`: this gateway issues no logins.
    logins: Option<Logins>,
    /// Decides who is an operator.
    operators: Guard,
    /// Pins visitors to instances.
    pins: Pins,
    /// Encrypts the cookies of plain services.
    cookie_seal: CookieSeal,
    sent_cookies: SentCookies,
    /// When the log last reported a wrong public key.
    wrong_keys: WrongKeyLog,
    /// When the log last reported refused calls of services.
    refusals: RefusalLog,
    /// The services whose connections are not reused at present.
    distrusted: Arc<Distrusted>,
    /// Gives requests their ids, and counts them.
    observer: Observer,
    fragment_measures: FragmentMeasures,
    action_measures: ActionMeasures,
    /// The pools of all runtimes.
    pools: Mutex<Vec<Weak<ConnectionPool>>>,
    /// The newest settings, once they have changed.
    renewed: watch::Sender<Weak<Shared>>,
}

impl Settings {
    fn new(config: &GatewayConfig, rules: &RegistrationRules) -> Result<Self, ConfigError> {
        let configured_services = configured::all(&config.services, rules)?;
        let error_pages = ErrorPages::of(config.error_pages.as_deref()).map_err(ConfigError::ErrorPages)?;
        let trust = Trust::new(config.upstream_ca.as_deref()).map_err(ConfigError::UpstreamCa)?;
        Ok(Self {
            configured_services,
            external_login_keys: login::external_keys(&config.login_public_key),
            error_pages,
            trust,
            limits: Arc::new(Limits::new(config)),
            cross_site: CrossSitePaths::new(&config.cross_site),
            plain_forms: PlainForms::new(&config.services),
            plain_cookies: PlainCookies::new(&config.services, &config.public_key),
            identities: Identities::new(config),
            response_headers: ResponseHeaders::of(config),
        })
    }
}

impl Shared {
    /// The configured instances.
    fn instances(&self) -> impl Iterator<Item = Arc<Instance>> {
        let services = self.settings.configured_services.iter();
        services.map(|service| Arc::clone(&service.instance))
    }
}

impl Core {
    fn new(config: &GatewayConfig, rules: &RegistrationRules) -> Result<Self, ConfigError> {
        let store: Arc<dyn Store> = match &config.redis {
            None => Arc::new(memory_store(config, rules.limits)?),
            Some(url) => {
                let store_config = RedisStoreConfig {
                    url,
                    prefix: &config.redis_prefix,
                    public_key: &config.public_key,
                    private_keys: call_keys::private_keys(config),
                };
                Arc::new(RedisStore::new(store_config, rules.clone())?)
            }
        };
        let path = |route| paths::of(route, &config.public_key).parse();
        let fragments_path = path(paths::FRAGMENTS).map_err(|_| ConfigError::PublicKey)?;
        let action_path = path(paths::ACTION).map_err(|_| ConfigError::PublicKey)?;
        let [private_key, second] = call_keys::private_keys(config);
        let mark = HeaderValue::try_from(format!("hydra-{}", Uuid::new_v4().simple()))
            .unwrap_or(HeaderValue::from_static("hydra"));
        Ok(Self {
            publisher: Publisher::new(store).with_weights(config.weights.clone()),
            cache: FragmentCache::default(),
            single_calls: SingleCalls::default(),
            fragments_path,
            action_path,
            gateway_addresses: OnceLock::new(),
            own_paths: OnceLock::new(),
            channels: Channels::new(&config.public_key),
            mark,
            signer: call_keys::signer(config),
            visitor_keys_id: call_keys::visitor_keys_id(config),
            versions: VersionCookies::new(private_key, &config.public_key).with_second_key(second),
            previews: private_key.map(|key| PreviewKey::new(key).with_second_key(second)),
            logins: Logins::new(config)?,
            operators: Guard::new(config)?,
            pins: Pins::new(config),
            cookie_seal: CookieSeal::of(private_key, second),
            sent_cookies: SentCookies::new(private_key, second),
            wrong_keys: WrongKeyLog::default(),
            refusals: RefusalLog::default(),
            distrusted: Arc::default(),
            observer: Observer::new(config.observer()).map_err(ConfigError::AccessLog)?,
            fragment_measures: FragmentMeasures::default(),
            action_measures: ActionMeasures::default(),
            pools: Mutex::default(),
            renewed: watch::Sender::new(Weak::new()),
        })
    }
}

impl Gateway {
    /// Makes a gateway. It does nothing before [`Gateway::serve`] or [`Gateway::run_maintenance`] runs.
    ///
    /// # Errors
    /// A setting has a value with which the gateway cannot work.
    pub fn new(config: GatewayConfig) -> Result<Self, ConfigError> {
        config.check()?;
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        measures::describe_all();
        let rules = RegistrationRules {
            allow_hosts: config.allow_hosts.clone(),
            gateway_addresses: None,
            limits: config.limits(),
        };
        let core = Core::new(&config, &rules)?;
        let settings = Settings::new(&config, &rules)?;
        let shared = Arc::new(Shared {
            config,
            settings,
            core: Arc::new(core),
        });
        shared.core.publisher.install(shared.instances());
        Ok(Self {
            pool: new_pool(&shared),
            shared,
        })
    }

    /// The same gateway for another runtime: connections to services live in the runtime that opened them.
    #[must_use]
    pub fn worker(&self) -> Self {
        Self {
            pool: new_pool(&self.shared),
            shared: Arc::clone(&self.shared),
        }
    }

    /// The gateway's HTTP side: its own calls, and everything else, which is passed on to services.
    pub fn router(&self) -> Router {
        router::router(self.clone())
    }

    /// What serves all ports of the gateway, in the runtime in which it was made.
    pub fn routes(&self) -> Routes {
        router::routes(self.clone()).with_raw(self.channels_over_tcp())
    }

    /// What serves the ports of [`GatewayConfig::channel_listen`], in the runtime in which the gateway was made.
    #[must_use]
    pub fn channels_over_tcp(&self) -> Arc<ServeRaw> {
        channel::over_tcp(self.clone())
    }

    /// The gateway as a source of fragments for pages in the same process. Use it in the runtime in which it was made.
    #[must_use]
    pub fn source(&self) -> Arc<dyn FragmentSource> {
        Arc::new(dispatch::InProcess(self.clone()))
    }

    /// Watches for silent instances, the store and configured services, for ever. Exactly one of these runs per
    /// gateway.
    pub async fn run_maintenance(&self) {
        let logins = async {
            if let Some(logins) = self.logins() {
                logins.keep().await;
            }
        };
        tokio::join!(
            self.publisher().run(),
            self.keep_instances(),
            measures::keep_totals(self),
            channels::lease::keep(self),
            logins,
            self.agree_on_pin_key()
        );
    }

    /// Tells the gateway where it listens, so that no service registers its addresses. Only the first call counts.
    pub fn listens_on(&self, addresses: &[SocketAddr]) {
        // Addresses that were set before are kept.
        let _ = self
            .shared
            .core
            .gateway_addresses
            .set(GatewayAddresses::listening_on(addresses));
        self.channels().listens_on(self.config(), addresses);
    }

    /// Runs the whole gateway in the current runtime until `shutdown` is ready, then lets requests under way end.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        if let Ok(address) = listener.local_addr() {
            self.listens_on(&[address]);
        }
        tokio::select! {
            () = self.run_maintenance() => {}
            () = hydra_runtime_net::server::serve(listener, self.routes(), shutdown, self.config().connection_limits()) => {}
        }
    }

    pub(crate) fn config(&self) -> &GatewayConfig {
        &self.shared.config
    }

    /// The visitor's address, scheme and host of a request with these extensions and headers.
    pub(crate) fn origin_of(&self, extensions: &Extensions, headers: &HeaderMap) -> Origin {
        self.config().trusted_proxies.origin_of(extensions, headers)
    }

    pub(crate) fn publisher(&self) -> &Publisher {
        &self.shared.core.publisher
    }

    pub(crate) fn pool(&self) -> &Arc<ConnectionPool> {
        &self.pool
    }

    /// How many connections to services wait for their next request.
    pub(crate) fn idle_connections(&self) -> usize {
        let pools = self
            .shared
            .core
            .pools
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        pools
            .iter()
            .filter_map(Weak::upgrade)
            .map(|pool| pool.idle_count())
            .sum()
    }

    /// Gives requests their ids, and counts them.
    #[must_use]
    pub fn observer(&self) -> &Observer {
        &self.shared.core.observer
    }
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway")
            .field("config", self.config())
            .finish_non_exhaustive()
    }
}

/// The registry of a gateway without Redis.
fn memory_store(config: &GatewayConfig, limits: RegistryLimits) -> Result<MemoryStore, ConfigError> {
    let store = MemoryStore::new(limits);
    match &config.steering_file {
        Some(file) => store.kept_in(file.clone()).map_err(ConfigError::SteeringFile),
        None => Ok(store),
    }
}

/// A pool of connections for one more runtime.
fn new_pool(shared: &Shared) -> Arc<ConnectionPool> {
    let Shared {
        config,
        settings,
        core,
    } = shared;
    let dialer = Dialer {
        timeout: config.connect_timeout,
        allow_hosts: config.allow_hosts.clone().into(),
        trust: settings.trust.clone(),
    };
    let pool = ConnectionPool::new(dialer, &core.distrusted);
    let mut pools = core.pools.lock().unwrap_or_else(PoisonError::into_inner);
    pools.retain(|pool| pool.strong_count() > 0);
    pools.push(Arc::downgrade(&pool));
    pool
}
