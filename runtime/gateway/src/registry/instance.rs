//! A running instance of a service, made of its registration (protocol sections 1 and 4).
#![deny(clippy::disallowed_methods)]

pub(crate) mod breaker;
pub(crate) mod channel_place;
pub(crate) mod comebacks;
pub(crate) mod concurrency;
pub(crate) mod load;

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt,
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use http::HeaderValue;
use hydra_contract::Contract;
use hydra_runtime_wire::{
    ActiveService, LeftOut,
    limits::MAX_REGISTRATION_ENTRIES,
    names::ServiceName,
    registration::{
        self, CheckedRegistration, Path, RegistrationError, RegistrationLimits, is_loopback, menu_items,
    },
};

use crate::{
    edge::host::{HostHeader, HostRule},
    limits::RegistryLimits,
    registry::{
        gateway_addresses::GatewayAddresses,
        quota::{InstanceUsage, Usage},
    },
};
use breaker::Breaker;
use channel_place::ChannelPlace;
use comebacks::Comebacks;
use concurrency::ConcurrencyLimit;

/// Identifies an instance across registrations: name, protocol, host and ports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct InstanceId(Arc<str>);

impl InstanceId {
    /// The id as text, for a store.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of a configured service: several may have one address.
    pub(crate) fn configured(name: &ServiceName, address: &Address) -> Self {
        Self(format!("{name} at {}", address.authority).into())
    }

    fn of(name: &ServiceName, registration: &ActiveService, host: &str) -> Self {
        let (scheme, port, socket) = (
            &registration.web_protocol,
            registration.port,
            registration.socket_port,
        );
        Self(format!("{scheme}://{host}:{port}#{socket} {name}").into())
    }

    /// The host and port in the text of an id. Empty if the id is not that of a registered instance.
    pub(crate) fn address_in(text: &str) -> &str {
        let address = text.split_once("://").and_then(|(_, rest)| rest.split_once('#'));
        address.map_or("", |(address, _)| address)
    }
}

impl std::borrow::Borrow<str> for InstanceId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The protocol in which a service takes requests for fragments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FragmentProtocol {
    Protocol1,
    Protocol2,
    /// Plain HTTP, with the path of each fragment by `ref` (protocol section 8).
    Plain(Arc<BTreeMap<String, String>>),
}

/// Where an address was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddressSource {
    /// The gateway's configuration.
    Configuration,
    /// A registration from this address. `None`: the address is unknown.
    Registration(Option<IpAddr>),
}

/// The address at which an instance is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// `host:port`, as URLs write it.
    pub(crate) authority: Arc<str>,
    pub(crate) is_https: bool,
    /// Whether requests go over HTTP/2.
    pub(crate) is_http2: bool,
    /// Decides whether the address may be on the gateway's own machine.
    pub(crate) source: AddressSource,
    /// The `Host` of requests to the instance.
    pub(crate) host_rule: HostRule,
    /// Whether requests of one page share a connection.
    pub(crate) pipelines: bool,
    /// The authority and the source.
    pool_address: Arc<str>,
}

/// Identifies an address for the pool of connections: its authority with its source, and whether it is https. A
/// connection is never used for another address or source, since it was judged for one source only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PoolKey {
    /// The authority and the source.
    pub(crate) address: Arc<str>,
    pub(crate) is_https: bool,
}

impl Address {
    pub(crate) fn pool_key(&self) -> PoolKey {
        PoolKey {
            address: Arc::clone(&self.pool_address),
            is_https: self.is_https,
        }
    }

    /// An address that the configuration names.
    pub(crate) fn new(host: String, port: u16, is_https: bool) -> Self {
        let authority: Arc<str> = format!("{}:{port}", in_url(&host)).into();
        Self {
            host_rule: HostRule::visitors(header(&authority)),
            host,
            port,
            pool_address: Arc::clone(&authority),
            authority,
            is_https,
            is_http2: false,
            source: AddressSource::Configuration,
            pipelines: false,
        }
    }

    /// Sets whether requests of one page share a connection.
    pub(crate) fn pipelining(self, pipelines: bool) -> Self {
        Self { pipelines, ..self }
    }

    /// Sets whether requests go over HTTP/2.
    pub(crate) fn over_http2(self, is_http2: bool) -> Self {
        Self { is_http2, ..self }
    }

    /// Sets the `Host` that the configuration asks for. The service's own host is written without the default port of
    /// its scheme, as in a URL (RFC 3986 section 6.2.3).
    pub(crate) fn bearing(mut self, host: &HostHeader) -> Self {
        let default_port = if self.is_https { 443 } else { 80 };
        let own = if self.port == default_port {
            header(&in_url(&self.host))
        } else {
            header(&self.authority)
        };
        self.host_rule = HostRule::new(host, own);
        self
    }

    /// Marks the address as named by a registration from `from`.
    fn registered_from(mut self, from: Option<IpAddr>) -> Self {
        self.source = AddressSource::Registration(from);
        let from = from.map_or_else(|| "an unknown address".to_owned(), |from| from.to_string());
        self.pool_address = format!("{} named by {from}", self.authority).into();
        self
    }
}

/// A host as in a URL: an IPv6 address is put in brackets.
fn in_url(host: &str) -> Cow<'_, str> {
    if host.contains(':') {
        format!("[{host}]").into()
    } else {
        host.into()
    }
}

fn header(host: &str) -> HeaderValue {
    // A host that was checked is plain ASCII. Without a host the header is empty (RFC 9112 section 3.2).
    HeaderValue::from_str(host).unwrap_or(const { HeaderValue::from_static("") })
}

/// A running instance of a service.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) id: InstanceId,
    pub(crate) service: ServiceName,
    /// The name of the version, which instances of one version share: the stated name, or else the number.
    pub(crate) version: Arc<str>,
    pub(crate) address: Address,
    pub(crate) fragment_protocol: FragmentProtocol,
    pub(crate) contract: Option<Contract>,
    /// Equal for instances that state the same contract.
    pub(crate) contract_hash: u64,
    /// Sorted by key; each key once.
    pub(crate) paths: Box<[Path]>,
    /// Paths that cannot be routed at all.
    pub(crate) left_out: Vec<LeftOut>,
    /// The registration, for the overview. Its contract is in `contract`.
    pub(crate) registration: ActiveService,
    /// The address that registered the instance: a heartbeat of protocol 1 contains only a name.
    pub(crate) from: Option<IpAddr>,
    /// Where its channel ends. `None`: it has none, and is called by POST.
    pub(crate) channel: Option<ChannelPlace>,
    /// Identifies the login keys that the instance got when it registered. `None`: it got none.
    pub(crate) login_key: Option<Arc<str>>,
    /// A hash of the whole registration.
    pub(crate) fingerprint: u64,
    /// Roughly the memory of the instance, in bytes.
    bytes: usize,
    pub(crate) breaker: Breaker,
    /// The tag by which visitors' pins name it, once it was needed.
    pin_tag: OnceLock<u64>,
    /// The pins that came back.
    pub(crate) comebacks: Comebacks,
    /// Bounds the calls for fragments to the instance.
    pub(crate) concurrency: ConcurrencyLimit,
}

impl Instance {
    /// A path of this instance as the service wrote it.
    pub(crate) fn as_written<'a>(&'a self, path: &'a Path) -> &'a str {
        let endpoint = path
            .endpoint
            .and_then(|at| self.registration.endpoints.get(at as usize));
        endpoint.map_or(&path.key, String::as_str)
    }

    /// What the instance uses of the registry.
    pub(crate) fn usage(&self) -> InstanceUsage {
        InstanceUsage {
            service: self.service.clone(),
            caller: self.from,
            size: Usage {
                instances: 1,
                paths: self.paths.len(),
                bytes: self.bytes,
            },
        }
    }

    /// Whether the instance registered from the address that it names as its own.
    pub(crate) fn is_from_its_address(&self) -> bool {
        // A call from within the process is trusted.
        let Some(from) = self.from.map(|from| from.to_canonical()) else {
            return true;
        };
        match self.address.host.parse::<IpAddr>() {
            Ok(own) => own.to_canonical() == from || (own.is_loopback() && from.is_loopback()),
            Err(_) => is_loopback(&self.address.host) && from.is_loopback(),
        }
    }

    /// The tag by which visitors' pins name it. A gateway has one key.
    pub(crate) fn pin_tag(&self, tag: impl FnOnce(&str) -> u64) -> u64 {
        *self.pin_tag.get_or_init(|| tag(self.id.as_str()))
    }

    /// Whether the instance listens on a port.
    pub(crate) fn has_port(&self) -> bool {
        self.address.port != 0
    }

    /// Whether the instance serves the path with this key.
    pub(crate) fn serves(&self, key: &str) -> bool {
        self.paths.binary_search_by(|path| (*path.key).cmp(key)).is_ok()
    }
}

/// What the operator allows in registrations.
#[derive(Clone, Debug, Default)]
pub(crate) struct RegistrationRules {
    /// Hosts that are allowed although they are link-local, a metadata service and so on.
    pub(crate) allow_hosts: Vec<String>,
    /// The gateway's own addresses, which no service may register.
    pub(crate) gateway_addresses: Option<GatewayAddresses>,
    /// How much of the registry registrations may use.
    pub(crate) limits: RegistryLimits,
}

impl RegistrationRules {
    /// The longest record of an instance in the shared registry, in bytes.
    pub(crate) fn longest_record(&self) -> usize {
        // Beside the registration, a record contains a claim of up to 20 digits for each path.
        let claims = (2 * MAX_REGISTRATION_ENTRIES + 1) * 21;
        self.limits.instance.saturating_add(claims + 1_024)
    }
}

/// Checks a registration, and makes an instance of it. `from` is the address that the registration came from.
pub(crate) fn check(
    registration: ActiveService,
    from: Option<IpAddr>,
    rules: &RegistrationRules,
) -> Result<Instance, RegistrationError> {
    check_with_channel(registration, None, from, rules)
}

/// The same for an instance that may have a channel: then it may do without a port.
pub(crate) fn check_with_channel(
    registration: ActiveService,
    channel: Option<ChannelPlace>,
    from: Option<IpAddr>,
    rules: &RegistrationRules,
) -> Result<Instance, RegistrationError> {
    let limits = RegistrationLimits {
        allow_hosts: &rules.allow_hosts,
        is_gateway: &|host, port| {
            rules
                .gateway_addresses
                .as_ref()
                .is_some_and(|own| own.contains(host, port))
        },
        max_bytes: rules.limits.instance,
        has_channel: channel.is_some(),
    };
    let mut instance = instance(registration::check(registration, from, limits)?, from);
    instance.channel = channel;
    Ok(instance)
}

fn instance(checked: CheckedRegistration, from: Option<IpAddr>) -> Instance {
    let bytes = bytes(&checked);
    let CheckedRegistration {
        service,
        host,
        paths,
        left_out,
        contract,
        contract_hash,
        mut registration,
        fingerprint,
        ..
    } = checked;
    let is_https = registration.web_protocol == "https";
    let is_new = registration.protocol.is_some_and(|protocol| protocol >= 2);
    // Pages need one fact of the contract: whether they need a session cookie before a fragment has answered.
    let may_begin_sessions = || contract.as_ref().is_none_or(Contract::may_begin_sessions);
    registration.sessions = is_new.then(may_begin_sessions);
    Instance {
        id: InstanceId::of(&service, &registration, &host),
        service,
        version: match &registration.version_name {
            Some(name) => name.as_str().into(),
            None => registration.version.to_string().into(),
        },
        address: Address::new(host, registration.port, is_https).registered_from(from),
        fragment_protocol: if is_new {
            FragmentProtocol::Protocol2
        } else {
            FragmentProtocol::Protocol1
        },
        contract,
        contract_hash,
        paths: paths.into_boxed_slice(),
        left_out,
        fingerprint,
        bytes,
        registration,
        from,
        channel: None,
        login_key: None,
        breaker: Breaker::default(),
        pin_tag: OnceLock::new(),
        comebacks: Comebacks::default(),
        concurrency: ConcurrencyLimit::default(),
    }
}

/// Roughly the memory of an instance: its texts, some of them twice, and the structures around them.
fn bytes(checked: &CheckedRegistration) -> usize {
    /// An instance without any content.
    const INSTANCE: usize = 1_000;
    /// A text, a menu item and the like.
    const ENTRY: usize = 64;
    /// A path, with its entry in the route table.
    const PATH: usize = 200;
    let (registration, json) = (&checked.registration, checked.bytes);
    let entries = registration.endpoints.len()
        + registration.static_resources.len()
        + menu_items(registration)
        + registration.sockets.len();
    let contract = checked.contract.as_ref().map_or(0, |_| 4 * json);
    let paths: usize = checked.paths.iter().map(|path| PATH + 2 * path.key.len()).sum();
    let left_out = checked
        .left_out
        .iter()
        .map(|one| ENTRY + one.path.len() + one.reason.len());
    INSTANCE + 2 * json + ENTRY * entries + contract + paths + left_out.sum::<usize>()
}

#[cfg(test)]
mod tests;
