//! Trusted proxies in front: their `Forwarded` header (RFC 7239), or the older `X-Forwarded-*`, states the visitor's
//! address, scheme and host.
#![deny(clippy::disallowed_methods)]

mod forwarded;
mod rewrite;

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Uri};
use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::server::{OverTls, Peer, authority::is_host};
use forwarded::{Hop, forwarded, x_forwarded};

/// The addresses that a request came through.
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The scheme of the visitor's request.
pub const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// The host of the visitor's request.
pub const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The addresses and networks of trusted proxies. The headers of all other peers are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// How a visitor reached the first of the trusted proxies, or this process if there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The visitor's address. `None`: the request has no connection, or the server of the application does not tell
    /// its peer.
    pub address: Option<IpAddr>,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The requested host, if a trusted proxy states it.
    pub host: Option<HeaderValue>,
}

impl Origin {
    /// The origin of a request about which only the connection is known.
    fn of_peer(address: Option<IpAddr>, is_tls: bool) -> Self {
        Self {
            address,
            scheme: if is_tls { "https" } else { "http" },
            host: None,
        }
    }

    /// Whether the visitor's connection is encrypted, so that cookies must be `Secure`.
    pub fn is_secure(&self) -> bool {
        self.scheme == "https"
    }

    /// The value of `Forwarded` for a request of this origin (RFC 7239 section 4). `host` is the requested host.
    pub fn forwarded(&self, host: Option<&HeaderValue>) -> Option<HeaderValue> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
        let host = host.and_then(|host| host.to_str().ok());
        let host = host.filter(|host| host.bytes().all(is_plain));
        let mut text = String::with_capacity(host.map_or(0, str::len) + 80);
        let mut put = |parts: [&str; 3]| parts.into_iter().for_each(|part| text.push_str(part));
        match self.address {
            Some(ip @ IpAddr::V4(_)) => put(["for=", &address_text(ip), ";"]),
            Some(ip @ IpAddr::V6(_)) => put(["for=\"[", &address_text(ip), "]\";"]),
            None => {}
        }
        if let Some(host) = host {
            put(["host=\"", host, "\";"]);
        }
        put(["proto=", self.scheme, ""]);
        HeaderValue::try_from(text).ok()
    }
}

/// An address as text. For IPv4, it takes a tenth of the time of the standard library's formatter, which would be 3 % of
/// the CPU that a proxied request takes.
pub fn address_text(address: IpAddr) -> String {
    let IpAddr::V4(ip) = address else {
        return address.to_string();
    };
    let mut text = String::with_capacity("255.255.255.255".len());
    for (at, octet) in ip.octets().into_iter().enumerate() {
        if at > 0 {
            text.push('.');
        }
        if octet >= 100 {
            text.push(char::from(b'0' + octet / 100));
        }
        if octet >= 10 {
            text.push(char::from(b'0' + octet / 10 % 10));
        }
        text.push(char::from(b'0' + octet % 10));
    }
    text
}

/// Parses a network. The standard library parses the address: unlike the parser of `ipnet`, it refuses `010.0.0.0`,
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
    /// Parses addresses (`10.0.0.7`) and networks (`10.0.0.0/8`, `fd00::/8`).
    ///
    /// # Errors
    /// The first text that is neither, with what to write instead.
    pub fn parse<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, String> {
        let nets = texts.into_iter().map(|text| {
            let text = text.trim();
            network(text).map(canonical).ok_or_else(|| {
                format!("`{text}` is not an address or a network: write 10.0.0.7 or 10.0.0.0/8")
            })
        });
        nets.collect::<Result<_, _>>().map(Self)
    }

    /// Parses one text with commas between the networks. An empty text contains none.
    ///
    /// # Errors
    /// As [`TrustedProxies::parse`].
    pub fn parse_list(text: &str) -> Result<Self, String> {
        Self::parse(text.split(',').filter(|one| !one.trim().is_empty()))
    }

    /// The addresses of gateways, as far as their URLs contain them. The addresses of host names are not used: a
    /// gateway's connections may come from other ones.
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

    /// Whether no proxy is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the address is that of a trusted proxy.
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|net| net.contains(&address))
    }

    /// Whether a request with these extensions came over a connection of a trusted proxy.
    pub fn trusts_peer_of(&self, extensions: &Extensions) -> bool {
        !self.is_empty() && peer(extensions).is_some_and(|peer| self.trusts(peer))
    }

    /// The origin of a request with these extensions and headers. A server of this crate sets [`Peer`], and that of
    /// `axum` its `ConnectInfo` if it is asked to.
    pub fn origin_of(&self, extensions: &Extensions, headers: &HeaderMap) -> Origin {
        let is_tls = extensions.get::<OverTls>().is_some();
        match peer(extensions) {
            Some(peer) => self.origin(peer, is_tls, headers),
            None => Origin::of_peer(None, is_tls),
        }
    }

    /// The origin of a request from `peer` with these headers.
    ///
    /// Each trusted proxy appends the address of its own peer: the visitor's address is the first one from the right
    /// that is not a trusted proxy's. If `Forwarded` and `X-Forwarded-*` contradict each other, the proxy sets only
    /// one of them, and the other may be the visitor's: then neither is trusted.
    fn origin(&self, peer: IpAddr, is_tls: bool, headers: &HeaderMap) -> Origin {
        let itself = Origin::of_peer(Some(peer), is_tls);
        if self.0.is_empty() || !self.trusts(peer) {
            return itself;
        }
        let new = forwarded(headers).map(|hops| self.walk(peer, &hops));
        let old = x_forwarded(headers).map(|hops| self.walk(peer, &hops));
        match (new, old) {
            (Some(new), Some(old)) if (new.address, new.scheme) == (old.address, old.scheme) => Origin {
                // A host that only one of them contains may be the visitor's as well.
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
        let mut origin = Origin::of_peer(Some(peer), false);
        for hop in hops.iter().rev() {
            let is_https = hop.proto.is_some_and(|proto| proto.eq_ignore_ascii_case("https"));
            origin.scheme = if is_https { "https" } else { "http" };
            let host = hop.host.filter(|host| is_host(host.as_bytes()));
            origin.host = host.and_then(|host| HeaderValue::from_str(host).ok());
            // If a proxy hides the address of its peer, or writes something else, that proxy is the last known hop.
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

/// Turns a network of mapped addresses into one of IPv4 (RFC 4291 section 2.5.5.2).
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
