//! Proxies in front, which are believed where they say for whom a request is (RFC 7239, and the older `X-Forwarded-*`).
#![deny(clippy::disallowed_methods)]

mod said;

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;

use crate::server::authority::is_host;
use said::{Hop, forwarded, x_forwarded};

pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(crate) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(crate) const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The proxies whose word counts. Of all others, what they say of a visitor does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// How a visitor reached the first of the trusted proxies, or this process where there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) address: IpAddr,
    /// `http` or `https`.
    pub(crate) scheme: &'static str,
    /// The host that was asked for, where a proxy says it.
    pub(crate) host: Option<HeaderValue>,
}

impl TrustedProxies {
    /// Reads addresses (`10.0.0.7`) and networks (`10.0.0.0/8`, `fd00::/8`).
    ///
    /// # Errors
    /// A text that is neither: what to write.
    pub fn parse<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, String> {
        let nets = texts.into_iter().map(|text| {
            let text = text.trim();
            let net = text.parse().or_else(|_| text.parse().map(|ip: IpAddr| IpNet::from(ip)));
            net.map_err(|_| format!("`{text}` is not an address or a network: write 10.0.0.7 or 10.0.0.0/8"))
        });
        nets.collect::<Result<_, _>>().map(Self)
    }

    /// This machine and the networks that are nobody's on the internet (RFC 1918, RFC 4193).
    pub(crate) fn near() -> Self {
        let near = ["127.0.0.0/8", "::1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"];
        Self::parse(near).unwrap_or_default()
    }

    fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|net| net.contains(&address))
    }

    /// For whom the request is that came from `peer` with these headers.
    ///
    /// Each trusted proxy adds the address that it heard from at the right: the visitor's is the first from there that is no
    /// trusted proxy's. Where `Forwarded` and `X-Forwarded-*` contradict each other, a proxy sets one of them only, and the other is
    /// the visitor's: then nothing is believed.
    pub(crate) fn origin(&self, peer: IpAddr, headers: &HeaderMap) -> Origin {
        let itself = Origin {
            address: peer,
            scheme: "http",
            host: None,
        };
        if self.0.is_empty() || !self.trusts(peer) {
            return itself;
        }
        let new = forwarded(headers).map(|hops| self.walk(peer, &hops));
        let old = x_forwarded(headers).map(|hops| self.walk(peer, &hops));
        match (new, old) {
            (Some(new), Some(old)) if agree(&new, &old) => Origin {
                host: new.host.or(old.host),
                ..old
            },
            (Some(_), Some(_)) => itself,
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => itself,
        }
    }

    /// Goes from the right to the first hop that no trusted proxy is.
    fn walk(&self, peer: IpAddr, hops: &[Hop<'_>]) -> Origin {
        let mut origin = Origin {
            address: peer,
            scheme: "http",
            host: None,
        };
        for hop in hops.iter().rev() {
            origin.scheme = if hop.proto.is_some_and(|proto| proto.eq_ignore_ascii_case("https")) {
                "https"
            } else {
                "http"
            };
            let host = hop.host.filter(|host| is_host(host.as_bytes()));
            origin.host = host.and_then(|host| HeaderValue::from_str(host).ok());
            // A proxy that hides whom it heard from, or writes what is no address, is the last that is known.
            let Some(address) = hop.address else { break };
            origin.address = address.to_canonical();
            if !self.trusts(address) {
                break;
            }
        }
        origin
    }

    /// Makes what the headers say of the visitor into what is believed.
    pub(crate) fn rewrite(&self, peer: IpAddr, headers: &mut HeaderMap) {
        let origin = self.origin(peer, headers);
        let is_said = |name: &HeaderName| {
            let name = name.as_str();
            name == "forwarded" || name == "x-real-ip" || name.starts_with("x-forwarded-")
        };
        let said: Vec<HeaderName> = headers.keys().filter(|name| is_said(name)).cloned().collect();
        for name in said {
            headers.remove(name);
        }
        if let Ok(address) = HeaderValue::try_from(origin.address.to_string()) {
            headers.insert(X_FORWARDED_FOR, address);
        }
        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(origin.scheme));
        if let Some(host) = origin.host {
            headers.insert(X_FORWARDED_HOST, host);
        }
    }
}

/// Whether two ways of saying it do not contradict each other.
fn agree(one: &Origin, other: &Origin) -> bool {
    let hosts = (&one.host, &other.host);
    one.address == other.address
        && one.scheme == other.scheme
        && !matches!(hosts, (Some(one), Some(other)) if one != other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(peer: &str, headers: &[(&'static str, &str)], expected: (&str, &str, Option<&str>)) {
        let proxies = TrustedProxies::parse(["10.0.0.0/8", "fd00::/8", "192.0.2.7"]).expect("networks");
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).expect("a header"));
        }
        let origin = proxies.origin(peer.parse().expect("an address"), &map);
        let host = origin.host.as_ref().map(|host| host.to_str().expect("text"));
        let address = origin.address.to_string();
        assert_eq!((address.as_str(), origin.scheme, host), expected, "{peer} {headers:?}");
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let said = [("x-forwarded-for", "1.2.3.4"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "a.test")];
        check("10.0.0.1", &said, ("1.2.3.4", "https", Some("a.test")));
        check("192.0.2.7", &said, ("1.2.3.4", "https", Some("a.test")));
        check("fd00::1", &said, ("1.2.3.4", "https", Some("a.test")));
        check("::ffff:10.0.0.1", &said, ("1.2.3.4", "https", Some("a.test")));
        check("192.0.2.8", &said, ("192.0.2.8", "http", None));
        check("127.0.0.1", &said, ("127.0.0.1", "http", None));
        check("10.0.0.1", &[], ("10.0.0.1", "http", None));
        let new = [("forwarded", "for=1.2.3.4;proto=https;host=a.test")];
        check("10.0.0.1", &new, ("1.2.3.4", "https", Some("a.test")));
        check("192.0.2.8", &new, ("192.0.2.8", "http", None));
    }

    #[test]
    fn addresses_are_walked_from_the_right() {
        for (said, expected) in [
            ("6.6.6.6, 1.2.3.4", "1.2.3.4"),
            ("6.6.6.6, 1.2.3.4, 10.0.0.9", "1.2.3.4"),
            ("6.6.6.6,1.2.3.4,10.0.0.9,192.0.2.7", "1.2.3.4"),
            ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
            ("6.6.6.6, unknown, 10.0.0.9", "10.0.0.9"),
            ("6.6.6.6, <script>", "10.0.0.1"),
            ("1.2.3.4:5678", "1.2.3.4"),
            ("[2001:db8::1]:80", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:1.2.3.4", "1.2.3.4"),
            ("", "10.0.0.1"),
            (",,", "10.0.0.1"),
        ] {
            check("10.0.0.1", &[("x-forwarded-for", said)], (expected, "http", None));
        }
        // Several lines are one list.
        let lines = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "1.2.3.4, 10.0.0.9")];
        check("10.0.0.1", &lines, ("1.2.3.4", "http", None));
        for (said, expected) in [
            ("for=6.6.6.6, for=1.2.3.4", "1.2.3.4"),
            ("for=6.6.6.6, For=1.2.3.4 ; proto=http, for=10.0.0.9", "1.2.3.4"),
            ("for=\"[2001:db8::1]:4711\"", "2001:db8::1"),
            ("for=\"1.2.3.4:80\"", "1.2.3.4"),
            ("for=_hidden", "10.0.0.1"),
            ("for=6.6.6.6, for=unknown", "10.0.0.1"),
            ("by=10.0.0.2", "10.0.0.1"),
            ("for=\"6.6.6.6, for=1.2.3.4", "10.0.0.1"),
            ("for=6.6.6.6;for=1.2.3.4", "10.0.0.1"),
        ] {
            check("10.0.0.1", &[("forwarded", said)], (expected, "http", None));
        }
    }

    #[test]
    fn the_scheme_and_the_host_are_those_of_the_same_hop() {
        let of = |list: &str, protos: &str, expected| {
            check("10.0.0.1", &[("x-forwarded-for", list), ("x-forwarded-proto", protos)], ("1.2.3.4", expected, None));
        };
        of("1.2.3.4", "https", "https");
        of("1.2.3.4", "HTTPS", "https");
        of("1.2.3.4", "wss", "http");
        of("6.6.6.6, 1.2.3.4", "https, http", "http");
        of("6.6.6.6, 1.2.3.4", "http, https", "https");
        of("1.2.3.4, 10.0.0.2", "https, http", "https");
        // One for all, as a proxy writes that does not append.
        of("6.6.6.6, 1.2.3.4, 10.0.0.2", "https", "https");
        // What no list of addresses explains: the nearest proxy's word.
        of("1.2.3.4", "https, http", "http");
        let new = "for=6.6.6.6;proto=http;host=evil.test, for=1.2.3.4;proto=https;host=a.test";
        check("10.0.0.1", &[("forwarded", new)], ("1.2.3.4", "https", Some("a.test")));
        for host in ["a/b", "a b", "u@a", ""] {
            check("10.0.0.1", &[("x-forwarded-for", "1.2.3.4"), ("x-forwarded-host", host)], ("1.2.3.4", "http", None));
        }
        // A proxy that sets the scheme alone.
        check("10.0.0.1", &[("x-forwarded-proto", "https")], ("10.0.0.1", "https", None));
    }

    #[test]
    fn two_ways_of_saying_it_must_agree() {
        let old = ("x-forwarded-for", "1.2.3.4");
        check("10.0.0.1", &[old, ("forwarded", "for=1.2.3.4")], ("1.2.3.4", "http", None));
        check("10.0.0.1", &[old, ("forwarded", "for=6.6.6.6")], ("10.0.0.1", "http", None));
        check("10.0.0.1", &[old, ("forwarded", "for=1.2.3.4;proto=https")], ("10.0.0.1", "http", None));
    }

    #[test]
    fn what_is_not_believed_is_rewritten() {
        let proxies = TrustedProxies::parse(["10.0.0.0/8"]).expect("a network");
        for (peer, expected) in [("10.0.0.1", ("1.2.3.4", "https")), ("9.9.9.9", ("9.9.9.9", "http"))] {
            let mut headers = HeaderMap::new();
            for (name, value) in [
                ("forwarded", "for=1.2.3.4;proto=https"),
                ("x-forwarded-for", "1.2.3.4"),
                ("x-forwarded-proto", "https"),
                ("x-forwarded-user", "root"),
                ("x-real-ip", "1.2.3.4"),
            ] {
                headers.insert(name, HeaderValue::from_static(value));
            }
            proxies.rewrite(peer.parse().expect("an address"), &mut headers);
            let get = |name: &HeaderName| headers[name].to_str().expect("text");
            assert_eq!((get(&X_FORWARDED_FOR), get(&X_FORWARDED_PROTO)), expected, "{peer}");
            assert_eq!(headers.len(), 2, "{headers:?}");
        }
    }

    #[test]
    fn proxies_are_addresses_and_networks() {
        assert!(TrustedProxies::parse(["10.0.0.0/8", " ::1 ", "192.0.2.7"]).is_ok());
        for wrong in ["", "10.0.0.0/33", "10.0.0", "proxy.test", "10.0.0.0/8/8", "*"] {
            let error = TrustedProxies::parse([wrong]).expect_err(wrong);
            assert!(error.contains("10.0.0.0/8"), "{error}");
        }
        assert!(TrustedProxies::near().trusts("192.168.1.1".parse().expect("an address")));
    }
}
