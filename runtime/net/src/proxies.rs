//! Proxies in front, which are believed where they say for whom a request is (RFC 7239, and the older `X-Forwarded-*`).
#![deny(clippy::disallowed_methods)]

mod forwarded;
mod rewrite;

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Uri};
use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::server::{Peer, authority::is_host};
use forwarded::{Hop, forwarded, x_forwarded};

/// The addresses that a request came through.
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The scheme of the visitor's request.
pub const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// The host of the visitor's request.
pub const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The addresses and networks of the proxies that are believed where they say for whom a request is. All others are not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// How a visitor reached the first of the trusted proxies, or this process if the request came through none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// `None`: the request came over no connection, or over one of a foreign server that does not tell.
    pub address: Option<IpAddr>,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The host that was asked for, if a trusted proxy says it.
    pub host: Option<HeaderValue>,
}

impl Origin {
    /// Of a request about which only its connection is known.
    fn of_peer(address: Option<IpAddr>) -> Self {
        Self {
            address,
            scheme: "http",
            host: None,
        }
    }

    /// Whether cookies for this visitor need an encrypted connection.
    pub fn is_secure(&self) -> bool {
        self.scheme == "https"
    }

    /// The value of `Forwarded` for a request of this origin (RFC 7239 section 4). `host` is the one that the request was for.
    pub fn forwarded(&self, host: Option<&HeaderValue>) -> Option<HeaderValue> {
        let mut parts = Vec::with_capacity(3);
        match self.address {
            Some(IpAddr::V4(ip)) => parts.push(format!("for={ip}")),
            Some(IpAddr::V6(ip)) => parts.push(format!("for=\"[{ip}]\"")),
            None => {}
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
        let host = host.and_then(|host| host.to_str().ok());
        if let Some(host) = host.filter(|host| host.chars().all(is_plain)) {
            parts.push(format!("host=\"{host}\""));
        }
        parts.push(format!("proto={}", self.scheme));
        HeaderValue::try_from(parts.join(";")).ok()
    }
}

/// The network that a text names. The standard library reads the address: unlike that of `ipnet`, its parser refuses `010.0.0.0`,
/// which is 8.0.0.0 to some programs and 10.0.0.0 to others.
fn network(text: &str) -> Option<IpNet> {
    let Some((address, prefix)) = text.split_once('/') else {
        return Some(IpNet::from(text.parse::<IpAddr>().ok()?));
    };
    let is_number = prefix.bytes().all(|byte| byte.is_ascii_digit());
    let prefix = prefix.parse().ok().filter(|_| is_number)?;
    IpNet::new(address.parse().ok()?, prefix).ok()
}

impl TrustedProxies {
    /// Reads addresses (`10.0.0.7`) and networks (`10.0.0.0/8`, `fd00::/8`).
    ///
    /// # Errors
    /// The first text that is neither, with what to write.
    pub fn parse<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, String> {
        let nets = texts.into_iter().map(|text| {
            let text = text.trim();
            network(text).map(canonical).ok_or_else(|| {
                format!("`{text}` is not an address or a network: write 10.0.0.7 or 10.0.0.0/8")
            })
        });
        nets.collect::<Result<_, _>>().map(Self)
    }

    /// The same from one text, with commas between them. An empty text names none.
    ///
    /// # Errors
    /// As [`TrustedProxies::parse`].
    pub fn parse_list(text: &str) -> Result<Self, String> {
        Self::parse(text.split(',').filter(|one| !one.trim().is_empty()))
    }

    /// The addresses of gateways, as far as their URLs hold them. What a name resolves to now need not be where a gateway's
    /// connections come from.
    pub fn of_gateways(gateways: &[Uri]) -> Self {
        let hosts = gateways.iter().filter_map(Uri::host);
        let nets = hosts.flat_map(|host| match host {
            "localhost" => vec![
                IpNet::from(IpAddr::from([127, 0, 0, 1])),
                IpNet::from(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1_u16])),
            ],
            host => {
                let ip = host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
                ip.map(|ip| IpNet::from(ip.to_canonical())).into_iter().collect()
            }
        });
        Self(nets.collect())
    }

    /// Whether none is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|net| net.contains(&address))
    }

    /// For whom a request with these extensions and headers is. A server of ours tells its [`Peer`], and that of `axum` its
    /// `ConnectInfo` if it is asked to.
    pub fn origin_of(&self, extensions: &Extensions, headers: &HeaderMap) -> Origin {
        match peer(extensions) {
            Some(peer) => self.origin(peer, headers),
            None => Origin::of_peer(None),
        }
    }

    /// For whom the request is that came from `peer` with these headers.
    ///
    /// Each trusted proxy adds the address that it heard from at the right: the visitor's is the first from there that is not a
    /// trusted proxy's. If `Forwarded` and `X-Forwarded-*` contradict each other, the proxy sets only one of them, and the
    /// other may be the visitor's: then neither is believed.
    fn origin(&self, peer: IpAddr, headers: &HeaderMap) -> Origin {
        let itself = Origin::of_peer(Some(peer));
        if self.0.is_empty() || !self.trusts(peer) {
            return itself;
        }
        let new = forwarded(headers).map(|hops| self.walk(peer, &hops));
        let old = x_forwarded(headers).map(|hops| self.walk(peer, &hops));
        match (new, old) {
            (Some(new), Some(old)) if (new.address, new.scheme) == (old.address, old.scheme) => Origin {
                // A host that only one of them has may be the visitor's as well.
                host: new.host.filter(|host| old.host.as_ref() == Some(host)),
                ..old
            },
            (Some(_), Some(_)) => itself,
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => itself,
        }
    }

    /// Goes from the right to the first hop that is not a trusted proxy.
    fn walk(&self, peer: IpAddr, hops: &[Hop<'_>]) -> Origin {
        let mut origin = Origin::of_peer(Some(peer));
        for hop in hops.iter().rev() {
            let is_https = hop.proto.is_some_and(|proto| proto.eq_ignore_ascii_case("https"));
            origin.scheme = if is_https { "https" } else { "http" };
            let host = hop.host.filter(|host| is_host(host.as_bytes()));
            origin.host = host.and_then(|host| HeaderValue::from_str(host).ok());
            // A proxy that hides the address that it heard from, or writes something else, is the last one that is known.
            let Some(address) = hop.address else { break };
            origin.address = Some(address.to_canonical());
            if !self.trusts(address) {
                break;
            }
        }
        origin
    }
}

/// The address at the other end of the connection.
pub fn peer(extensions: &Extensions) -> Option<IpAddr> {
    let ours = extensions.get::<Peer>().map(|Peer(address)| *address);
    let address = ours.or_else(|| {
        let info = extensions.get::<ConnectInfo<SocketAddr>>();
        info.map(|ConnectInfo(address)| address.ip())
    });
    address.map(|address| address.to_canonical())
}

/// A network of mapped addresses is one of IPv4 (RFC 4291 section 2.5.5.2).
fn canonical(net: IpNet) -> IpNet {
    let IpNet::V6(v6) = net else { return net };
    let mapped = v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(96));
    mapped
        .and_then(|(address, length)| Ipv4Net::new(address, length).ok())
        .map_or(net, IpNet::V4)
}

impl<'de> Deserialize<'de> for TrustedProxies {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Texts {
            One(String),
            Many(Vec<String>),
        }
        let texts = Texts::deserialize(deserializer);
        let parsed = match texts {
            Ok(Texts::One(text)) => Self::parse_list(&text),
            Ok(Texts::Many(texts)) => Self::parse(texts.iter().map(String::as_str)),
            Err(_) => Err("the value must be a list of addresses and networks, [\"10.0.0.0/8\"]".to_owned()),
        };
        parsed.map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
