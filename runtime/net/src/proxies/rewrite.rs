//! Rewrites the headers of a request to what is trusted about its visitor.
#![deny(clippy::disallowed_methods)]

use http::{
    Extensions, HeaderMap, HeaderName, HeaderValue,
    header::{FORWARDED, HOST},
};

use super::{Origin, TrustedProxies, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO, peer};

/// Headers that only proxies set, besides `X-Forwarded-*`.
const OTHERS: [&str; 3] = ["forwarded-for", "x-forwarded", "x-real-ip"];

impl TrustedProxies {
    /// Leaves at most one address, one scheme and one host in the headers of a request: those of its origin, which is
    /// returned.
    ///
    /// Other `X-Forwarded-*` headers stay only if they come from a trusted proxy. If the address at the other end of
    /// the connection is unknown, all of them are removed.
    pub fn rewrite(&self, extensions: &Extensions, headers: &mut HeaderMap) -> Origin {
        let origin = self.origin_of(extensions, headers);
        let peer = peer(extensions);
        let had_forwarded = headers.remove(FORWARDED).is_some();
        remove_claims(headers, peer.is_some_and(|peer| self.trusts(peer)));
        let Some(address) = origin.address else {
            return origin;
        };
        if let Ok(address) = HeaderValue::try_from(address.to_string()) {
            headers.insert(X_FORWARDED_FOR, address);
        }
        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(origin.scheme));
        if let Some(host) = &origin.host {
            headers.insert(X_FORWARDED_HOST, host.clone());
        }
        if had_forwarded
            && let Some(value) = origin.forwarded(origin.host.as_ref().or_else(|| headers.get(HOST)))
        {
            headers.insert(FORWARDED, value);
        }
        origin
    }
}

/// Removes claims about the visitor. Headers that this crate does not read stay if the proxy that sent them
/// `is_trusted`.
fn remove_claims(headers: &mut HeaderMap, is_trusted: bool) {
    for name in [X_FORWARDED_FOR, X_FORWARDED_PROTO, X_FORWARDED_HOST] {
        headers.remove(name);
    }
    if is_trusted {
        return;
    }
    let is_claim = |name: &HeaderName| {
        let name = name.as_str();
        OTHERS.contains(&name) || name.starts_with("x-forwarded-")
    };
    let claims: Vec<HeaderName> = headers.keys().filter(|name| is_claim(name)).cloned().collect();
    for name in claims {
        headers.remove(name);
    }
}
