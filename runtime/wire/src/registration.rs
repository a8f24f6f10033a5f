//! Checks what a service registers (protocol sections 1 and 4).
#![deny(clippy::disallowed_methods)]

mod paths;

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
    net::IpAddr,
};

use hydra_contract::Contract;

use crate::{
    ActiveService, LeftOut,
    limits::{MAX_INSTANCE_ID_BYTES, MAX_REGISTRATION_ENTRIES, MAX_VERSION_NAME_BYTES},
    names::{self, BadHost, BadName, ServiceName},
};
pub use paths::Path;

/// Why a registration is refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationError {
    /// The name is refused.
    #[error(transparent)]
    Name(#[from] BadName),
    /// The host is refused.
    #[error(transparent)]
    Host(#[from] BadHost),
    /// The port is missing.
    #[error("`port` is missing or 0")]
    NoPort,
    /// A service without a port can't be reached, and states paths.
    #[error(
        "a service without a port gives fragments only: it can't have `endpoints`, `staticResources` or `sockets`"
    )]
    PathsWithoutPort,
    /// The protocol is neither HTTP nor HTTPS.
    #[error("`webProtocol` is neither `http` nor `https`")]
    WebProtocol,
    /// The address leads to the gateway itself.
    #[error("the address is the gateway's own")]
    Gateway,
    /// The name of the version has other characters than [`names::is_version_name`] allows, or is too long.
    #[error(
        "`versionName` must be 1 to {MAX_VERSION_NAME_BYTES} letters, digits and `.`, `_`, `+`, `-`, and begin with a letter or a digit"
    )]
    VersionName,
    /// The member with this name has too many entries.
    #[error("`{0}` has more than {MAX_REGISTRATION_ENTRIES} entries")]
    TooMany(&'static str),
    /// The registration is too long: its length, and the limit, in bytes.
    #[error("the registration has {0} bytes as JSON: more than the gateway's `instance_limit` of {1}")]
    TooLong(usize, usize),
}

/// What a gateway allows in registrations.
#[derive(Clone, Copy)]
pub struct RegistrationLimits<'a> {
    /// Hosts that are allowed although they are link-local, a metadata service and so on.
    pub allow_hosts: &'a [String],
    /// Whether a host and a port are the gateway's own, which no service may register.
    pub is_gateway: &'a dyn Fn(&str, u16) -> bool,
    /// The most bytes of a registration as JSON.
    pub max_bytes: usize,
    /// Whether the instance may do without a port, since it has a channel.
    pub has_channel: bool,
}

impl std::fmt::Debug for RegistrationLimits<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistrationLimits")
            .field("allow_hosts", &self.allow_hosts)
            .field("max_bytes", &self.max_bytes)
            .field("has_channel", &self.has_channel)
            .finish_non_exhaustive()
    }
}

/// A checked registration.
#[derive(Clone, Debug)]
pub struct CheckedRegistration {
    /// The service.
    pub service: ServiceName,
    /// The host, as the gateway reaches it.
    pub host: String,
    /// The paths that can be routed, sorted by key; each key once.
    pub paths: Vec<Path>,
    /// The paths that cannot be routed at all.
    pub left_out: Vec<LeftOut>,
    /// The contract, if the service states one.
    pub contract: Option<Contract>,
    /// Equal for registrations that state the same contract.
    pub contract_hash: u64,
    /// The registration without its contract, for the overview: contracts are long, and the overview does not need
    /// them.
    pub registration: ActiveService,
    /// The length as JSON, in bytes.
    pub bytes: usize,
    /// A hash of the whole registration as JSON, its contract included.
    pub fingerprint: u64,
}

/// Checks a registration. `from` is the address that it came from.
///
/// # Errors
/// Why the registration is refused as a whole.
pub fn check(
    registration: ActiveService,
    from: Option<IpAddr>,
    limits: RegistrationLimits<'_>,
) -> Result<CheckedRegistration, RegistrationError> {
    let service = ServiceName::try_new(registration.name.as_deref().unwrap_or_default())?;
    let host = match registration.port {
        0 => host_without_port(&registration, limits.has_channel)?,
        _ => names::host(&registration.host, limits.allow_hosts)?,
    };
    if !matches!(registration.web_protocol.as_str(), "http" | "https") {
        return Err(RegistrationError::WebProtocol);
    }
    if !registration
        .version_name
        .as_deref()
        .is_none_or(names::is_version_name)
    {
        return Err(RegistrationError::VersionName);
    }
    let host = seen_from_here(host, from);
    if (limits.is_gateway)(&host, registration.port) {
        return Err(RegistrationError::Gateway);
    }
    bounded(&registration)?;
    // A body that was read from JSON can be written as JSON.
    let text = serde_json::to_string(&registration).unwrap_or_default();
    if text.len() > limits.max_bytes {
        return Err(RegistrationError::TooLong(text.len(), limits.max_bytes));
    }
    let (paths, left_out) = paths::paths(&service, &registration);
    let mut checked = CheckedRegistration {
        service,
        host,
        paths,
        left_out,
        contract: None,
        contract_hash: contract_hash(registration.contract.as_ref()),
        bytes: text.len(),
        fingerprint: fingerprint(&text),
        registration,
    };
    checked.contract = checked.registration.contract.take();
    Ok(checked)
}

/// A name that leads nowhere (RFC 6761 section 6.4) for an instance that listens on no port. Each instance has another one, so that
/// instances are told apart.
fn host_without_port(registration: &ActiveService, has_channel: bool) -> Result<String, RegistrationError> {
    let is_id = |id: &&str| {
        (1..=MAX_INSTANCE_ID_BYTES).contains(&id.len())
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let instance = registration.instance.as_deref().filter(is_id);
    let Some(instance) = instance.filter(|_| has_channel) else {
        return Err(RegistrationError::NoPort);
    };
    let has_paths = !registration.endpoints.is_empty()
        || !registration.static_resources.is_empty()
        || !registration.sockets.is_empty();
    if has_paths {
        return Err(RegistrationError::PathsWithoutPort);
    }
    Ok(format!("{}.invalid", instance.to_ascii_lowercase()))
}

/// Returns why every gateway would refuse a registration, or leave out paths because there are too many, so that an
/// application learns it before it starts. The address is not known yet, and does not matter.
#[must_use]
pub fn refusal(registration: ActiveService) -> Option<String> {
    let registration = ActiveService {
        host: "127.0.0.1".to_owned(),
        port: 1,
        ..registration
    };
    let limits = RegistrationLimits {
        allow_hosts: &[],
        is_gateway: &|_, _| false,
        // The allowed length depends on the gateway's configuration.
        max_bytes: usize::MAX,
        has_channel: false,
    };
    match check(registration, None, limits) {
        Err(refusal) => Some(refusal.to_string()),
        Ok(checked) => {
            let mut reasons = checked.left_out.into_iter().map(|left_out| left_out.reason);
            reasons.find(|reason| *reason == paths::too_many())
        }
    }
}

/// A service on another machine that believes its own host to be `127.0.1.1` is where its registration came from. In
/// that way, no other machine can name a loopback address of this one.
fn seen_from_here(host: String, from: Option<IpAddr>) -> String {
    match from {
        Some(from) if is_loopback(&host) && !from.is_loopback() => from.to_string(),
        _ => host,
    }
}

/// Whether a host is this machine, as far as its text tells.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// A hash that differs between contracts.
fn contract_hash(contract: Option<&Contract>) -> u64 {
    let mut hasher = DefaultHasher::new();
    // A contract consists of texts and numbers, which can always be written.
    serde_json::to_vec(&contract)
        .unwrap_or_default()
        .hash(&mut hasher);
    hasher.finish()
}

fn bounded(registration: &ActiveService) -> Result<(), RegistrationError> {
    let menu_items = menu_items(registration);
    let promises = registration
        .contract
        .as_ref()
        .map_or(0, |contract| contract.fragments.len() + contract.asks.len());
    let counts = [
        ("endpoints", registration.endpoints.len()),
        ("staticResources", registration.static_resources.len()),
        ("menuItems", menu_items),
        ("contract", promises),
    ];
    match counts
        .into_iter()
        .find(|(_, count)| *count > MAX_REGISTRATION_ENTRIES)
    {
        Some((member, _)) => Err(RegistrationError::TooMany(member)),
        None => Ok(()),
    }
}

/// The number of menu items and menus of a registration.
#[must_use]
pub fn menu_items(registration: &ActiveService) -> usize {
    registration.menu_items.values().map(Vec::len).sum::<usize>() + registration.menu_items.len()
}

/// The hash is the same on every gateway and after a restart: `DefaultHasher::new` has fixed keys.
fn fingerprint(registration: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    registration.hash(&mut hasher);
    hasher.finish()
}
