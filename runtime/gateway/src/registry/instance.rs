//! A running instance of a service, made of its registration (protocol sections 1 and 4).
#![deny(clippy::disallowed_methods)]

pub(crate) mod breaker;
pub(crate) mod concurrency;
pub(crate) mod load;

use std::{borrow::Cow, collections::BTreeMap, fmt, net::IpAddr, sync::Arc};

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
use concurrency::ConcurrencyLimit;

/// What makes an instance the same as before: name, protocol, host and ports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct InstanceId(Arc<str>);

impl InstanceId {
    /// The id as text, for a store.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Of a configured service: several may be at one address.
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

    /// The host and port in the text of an id. Empty where that is none of a registered instance.
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

/// How a service takes fragment requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FragmentProtocol {
    Protocol1,
    Protocol2,
    /// A plain HTTP service, with the path of each fragment by `ref` (protocol section 8).
    Plain(Arc<BTreeMap<String, String>>),
}

/// Who named an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddressSource {
    /// The gateway's configuration.
    Configuration,
    /// A registration that came from there. `None`: it is not known from where.
    Registration(Option<IpAddr>),
}

/// Where an instance is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// `host:port`, as URLs write it.
    pub(crate) authority: Arc<str>,
    pub(crate) is_https: bool,
    /// Decides whether it may be on the gateway's own machine.
    pub(crate) source: AddressSource,
    /// The `Host` of requests to it.
    pub(crate) host_rule: HostRule,
    /// The authority and the source.
    pool_address: Arc<str>,
}

/// What tells addresses apart: a connection to one is never used for another. It was judged for one source only.
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
            source: AddressSource::Configuration,
        }
    }

    /// The same, for requests that bear the host that the configuration says. Its own is written without the default port of
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

    /// The same, named by a registration that came from there.
    fn registered_from(mut self, from: Option<IpAddr>) -> Self {
        self.source = AddressSource::Registration(from);
        let from = from.map_or_else(|| "an unknown address".to_owned(), |from| from.to_string());
        self.pool_address = format!("{} named by {from}", self.authority).into();
        self
    }
}

/// A host as URLs write it: an IPv6 address stands in brackets.
fn in_url(host: &str) -> Cow<'_, str> {
    if host.contains(':') {
        format!("[{host}]").into()
    } else {
        host.into()
    }
}

fn header(host: &str) -> HeaderValue {
    // A host that passed its check is plain ASCII. Without a host the header is empty (RFC 9112 section 3.2).
    HeaderValue::from_str(host).unwrap_or(const { HeaderValue::from_static("") })
}

/// A running instance of a service, as it registered.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) id: InstanceId,
    pub(crate) service: ServiceName,
    pub(crate) address: Address,
    pub(crate) fragment_protocol: FragmentProtocol,
    pub(crate) contract: Option<Contract>,
    /// The same for instances that state the same.
    pub(crate) contract_hash: u64,
    /// Sorted by key; each key once.
    pub(crate) paths: Box<[Path]>,
    /// Paths that cannot be routed at all.
    pub(crate) left_out: Vec<LeftOut>,
    /// The registration itself, for the overview. Its contract is in `contract`.
    pub(crate) registration: ActiveService,
    /// From where it registered: a protocol 1 `alive` says no more than a name.
    pub(crate) from: Option<IpAddr>,
    /// A hash of the whole registration.
    pub(crate) fingerprint: u64,
    /// About what it takes in memory, in bytes.
    bytes: usize,
    pub(crate) breaker: Breaker,
    /// A turn for each call for fragments that is under way to it.
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

    /// What it takes of the registry.
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

    /// Whether it registered from the address that it names as its own.
    pub(crate) fn is_from_its_address(&self) -> bool {
        // A call from within the process is believed.
        let Some(from) = self.from.map(|from| from.to_canonical()) else {
            return true;
        };
        match self.address.host.parse::<IpAddr>() {
            Ok(own) => own.to_canonical() == from || (own.is_loopback() && from.is_loopback()),
            Err(_) => is_loopback(&self.address.host) && from.is_loopback(),
        }
    }

    /// Whether it serves the path with this key.
    pub(crate) fn serves(&self, key: &str) -> bool {
        self.paths.binary_search_by(|path| (*path.key).cmp(key)).is_ok()
    }
}

/// What the operator allows and forbids.
#[derive(Clone, Debug, Default)]
pub(crate) struct RegistrationRules {
    /// Hosts that may be used although they are link-local, a metadata service and so on.
    pub(crate) allow_hosts: Vec<String>,
    /// Where this gateway is: nobody may register it.
    pub(crate) gateway_addresses: Option<GatewayAddresses>,
    /// How much registrations may take.
    pub(crate) limits: RegistryLimits,
}

impl RegistrationRules {
    /// The longest record of an instance in the shared registry, in bytes.
    pub(crate) fn longest_record(&self) -> usize {
        // Beside the registration stands a claim for each of its paths, of 20 digits at most.
        let claims = (2 * MAX_REGISTRATION_ENTRIES + 1) * 21;
        self.limits.instance.saturating_add(claims + 1_024)
    }
}

/// Checks a registration, and makes an instance of it. `from` is the address that it came from.
pub(crate) fn check(
    registration: ActiveService,
    from: Option<IpAddr>,
    rules: &RegistrationRules,
) -> Result<Instance, RegistrationError> {
    let limits = RegistrationLimits {
        allow_hosts: &rules.allow_hosts,
        is_gateway: &|host, port| {
            rules
                .gateway_addresses
                .is_some_and(|own| own.contains(host, port))
        },
        max_bytes: rules.limits.instance,
    };
    Ok(instance(registration::check(registration, from, limits)?, from))
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
    // One word of contracts is for pages: whether they need a cookie before a fragment has come.
    let may_begin_sessions = || contract.as_ref().is_none_or(Contract::may_begin_sessions);
    registration.sessions = is_new.then(may_begin_sessions);
    Instance {
        id: InstanceId::of(&service, &registration, &host),
        service,
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
        breaker: Breaker::default(),
        concurrency: ConcurrencyLimit::default(),
    }
}

/// About what an instance takes in memory: the texts, some of them twice, and what stands around each.
fn bytes(checked: &CheckedRegistration) -> usize {
    /// Of an instance without any content.
    const INSTANCE: usize = 1_000;
    /// Of a text, a menu item and the like.
    const ENTRY: usize = 64;
    /// Of a path, with its entry in the route table.
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
