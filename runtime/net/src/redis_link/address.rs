//! Parses the addresses of Redis.
#![deny(clippy::disallowed_methods)]

use percent_encoding::percent_decode_str;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _};

use crate::limits::MAX_REDIS_SERVERS;

/// The default port of Sentinel.
const SENTINEL_PORT: u16 = 26379;
/// The query option with the password of the Sentinels themselves.
const SENTINEL_PASSWORD: &str = "sentinel_password";

/// A text that is not an address of Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "write redis://[[user]:password@]host[:port][/db], redis+unix:///path, \
     redis+sentinel://[[user]:password@]host[:port][,host…]/master[/db][?sentinel_password=…] \
     or redis+cluster://[[user]:password@]host[:port][,host…]; rediss in the place of redis is with TLS"
)]
pub struct BadAddress;

/// The address of Redis. It has no `Debug`, since it may contain a password.
#[derive(Clone)]
pub(super) enum Address {
    One(ConnectionInfo),
    Sentinel(SentinelMaster),
    /// Some servers of a cluster, which know the others.
    Cluster(Vec<ConnectionInfo>),
}

/// A master and the Sentinels that know its server.
#[derive(Clone)]
pub(super) struct SentinelMaster {
    pub(super) sentinels: Vec<ConnectionInfo>,
    /// The name of the master.
    pub(super) name: String,
    /// How to log in at the master. Its host has no meaning.
    login: ConnectionInfo,
}

impl SentinelMaster {
    /// The server at this host and port, with the master's login.
    pub(super) fn server(&self, host: String, port: u16) -> ConnectionInfo {
        let address = match self.login.addr() {
            ConnectionAddr::TcpTls {
                insecure, tls_params, ..
            } => ConnectionAddr::TcpTls {
                host,
                port,
                insecure: *insecure,
                tls_params: tls_params.clone(),
            },
            _ => ConnectionAddr::Tcp(host, port),
        };
        self.login.clone().set_addr(address)
    }
}

/// The parts of a URL with several hosts.
struct Parts<'a> {
    scheme: &'static str,
    /// The login with its `@`, or empty.
    login: &'a str,
    hosts: Vec<&'a str>,
    path: &'a str,
    query: &'a str,
}

impl Address {
    /// Reads an address.
    pub(super) fn parse(url: &str) -> Result<Self, BadAddress> {
        for (prefix, scheme) in [("redis+sentinel://", "redis"), ("rediss+sentinel://", "rediss")] {
            if let Some(rest) = url.strip_prefix(prefix) {
                return sentinel(&Parts::of(scheme, rest)?);
            }
        }
        for (prefix, scheme) in [("redis+cluster://", "redis"), ("rediss+cluster://", "rediss")] {
            if let Some(rest) = url.strip_prefix(prefix) {
                return cluster(&Parts::of(scheme, rest)?);
            }
        }
        info(url).map(Address::One)
    }
}

impl<'a> Parts<'a> {
    fn of(scheme: &'static str, rest: &'a str) -> Result<Self, BadAddress> {
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        // A password may contain anything but these, which it writes as `%2F` and `%40`.
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let start = authority.rfind('@').map_or(0, |at| at + 1);
        let (login, hosts) = authority.split_at(start);
        let hosts: Vec<&str> = hosts.split(',').collect();
        if hosts.len() > MAX_REDIS_SERVERS || hosts.iter().any(|host| host.is_empty()) {
            return Err(BadAddress);
        }
        Ok(Self {
            scheme,
            login,
            hosts,
            path,
            query,
        })
    }

    /// The URL of one of the servers.
    fn server(&self, login: &str, host: &str, path: &str) -> Result<ConnectionInfo, BadAddress> {
        info(&format!("{}://{login}{host}/{path}", self.scheme))
    }
}

fn sentinel(parts: &Parts<'_>) -> Result<Address, BadAddress> {
    let (name, db) = parts.path.split_once('/').unwrap_or((parts.path, ""));
    let name = percent_decode_str(name).decode_utf8().map_err(|_| BadAddress)?;
    if name.is_empty() || db.contains('/') {
        return Err(BadAddress);
    }
    let login = match parts.query.split_once('=') {
        None if parts.query.is_empty() => String::new(),
        Some((SENTINEL_PASSWORD, password)) if !password.contains(['&', '@', '/']) => format!(":{password}@"),
        _ => return Err(BadAddress),
    };
    let sentinels = parts.hosts.iter().map(|host| {
        // The part after the last `]` of an IPv6 address, or the whole of a name.
        let has_port = host.rsplit(']').next().is_some_and(|rest| rest.contains(':'));
        let host = if has_port {
            (*host).to_owned()
        } else {
            format!("{host}:{SENTINEL_PORT}")
        };
        parts.server(&login, &host, "")
    });
    Ok(Address::Sentinel(SentinelMaster {
        sentinels: sentinels.collect::<Result<_, _>>()?,
        name: name.into_owned(),
        login: parts.server(parts.login, "master", db)?,
    }))
}

fn cluster(parts: &Parts<'_>) -> Result<Address, BadAddress> {
    // A cluster has only one database.
    if !matches!(parts.path, "" | "0") || !parts.query.is_empty() {
        return Err(BadAddress);
    }
    let nodes = parts.hosts.iter().map(|host| parts.server(parts.login, host, ""));
    Ok(Address::Cluster(nodes.collect::<Result<_, _>>()?))
}

fn info(url: &str) -> Result<ConnectionInfo, BadAddress> {
    // The client's error could show the password in the address.
    url.into_connection_info().map_err(|_| BadAddress)
}
