//! What a service says about itself, checked and typed (protocol sections 1 and 4).
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
    limits::MAX_REGISTRATION_ENTRIES,
    names::{self, BadHost, BadName, ServiceName},
};
pub use paths::Path;

/// A registration that is refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationError {
    /// Its name cannot be one.
    #[error(transparent)]
    Name(#[from] BadName),
    /// Its host cannot be one, or is not allowed.
    #[error(transparent)]
    Host(#[from] BadHost),
    /// It has no port.
    #[error("`port` is missing or 0")]
    NoPort,
    /// It speaks neither HTTP nor HTTPS.
    #[error("`webProtocol` is neither `http` nor `https`")]
    WebProtocol,
    /// It leads to the gateway itself.
    #[error("the address is the gateway's own")]
    Gateway,
    /// The member with this name is too long.
    #[error("`{0}` has more than {MAX_REGISTRATION_ENTRIES} entries")]
    TooMany(&'static str),
    /// It is too long: its length, and the limit, in bytes.
    #[error("the registration has {0} bytes as JSON: more than the gateway's `instance_limit` of {1}")]
    TooLong(usize, usize),
}

/// What a gateway allows.
#[derive(Clone, Copy)]
pub struct RegistrationLimits<'a> {
    /// Hosts that may be used although they are link-local, a metadata service and so on.
    pub allow_hosts: &'a [String],
    /// Whether a host and a port are the gateway's own: nobody may register it.
    pub is_gateway: &'a dyn Fn(&str, u16) -> bool,
    /// The most bytes of a registration as JSON.
    pub max_bytes: usize,
}

impl std::fmt::Debug for RegistrationLimits<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistrationLimits")
            .field("allow_hosts", &self.allow_hosts)
            .field("max_bytes", &self.max_bytes)
            .finish_non_exhaustive()
    }
}

/// A registration that is taken.
#[derive(Clone, Debug)]
pub struct CheckedRegistration {
    /// The service.
    pub service: ServiceName,
    /// Its host, as the gateway reaches it.
    pub host: String,
    /// The paths that can be routed, sorted by key; each key once.
    pub paths: Vec<Path>,
    /// The paths that cannot be routed at all.
    pub left_out: Vec<LeftOut>,
    /// The contract.
    pub contract: Option<Contract>,
    /// The same for registrations that state the same contract.
    pub contract_hash: u64,
    /// All else that it says, for the overview: contracts are long, and nobody there reads them.
    pub registration: ActiveService,
    /// Its length as JSON, in bytes.
    pub bytes: usize,
    /// A hash of all that it registration.
    pub fingerprint: u64,
}

/// Checks a registration. `from` is the address that it came from.
///
/// # Errors
/// Why it is refused as a whole.
pub fn check(
    registration: ActiveService,
    from: Option<IpAddr>,
    limits: RegistrationLimits<'_>,
) -> Result<CheckedRegistration, RegistrationError> {
    let service = ServiceName::try_new(registration.name.as_deref().unwrap_or_default())?;
    let host = names::host(&registration.host, limits.allow_hosts)?;
    if registration.port == 0 {
        return Err(RegistrationError::NoPort);
    }
    if !matches!(registration.web_protocol.as_str(), "http" | "https") {
        return Err(RegistrationError::WebProtocol);
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

/// Why every gateway would refuse a registration, or leave out paths since there are too many: for an application to hear
/// before it starts. Its address is not known yet, and does not matter.
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
        // How long it may be depends on the gateway's configuration.
        max_bytes: usize::MAX,
    };
    match check(registration, None, limits) {
        Err(refusal) => Some(refusal.to_string()),
        Ok(checked) => {
            let mut reasons = checked.left_out.into_iter().map(|left_out| left_out.reason);
            reasons.find(|reason| *reason == paths::too_many())
        }
    }
}

/// A service on another machine that believes to be `127.0.1.1` is where its registration came from. Nobody elsewhere
/// can name an address of this machine's own in that way.
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

/// What tells one contract from another.
fn contract_hash(contract: Option<&Contract>) -> u64 {
    let mut hasher = DefaultHasher::new();
    // Texts and numbers alone can't fail to be written.
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

/// The menu items of a registration, and its menus.
#[must_use]
pub fn menu_items(registration: &ActiveService) -> usize {
    registration.menu_items.values().map(Vec::len).sum::<usize>() + registration.menu_items.len()
}

/// The same on every gateway and after a restart: `DefaultHasher::new` has fixed keys.
fn fingerprint(registration: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    registration.hash(&mut hasher);
    hasher.finish()
}
