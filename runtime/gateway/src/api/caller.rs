//! Where a call to the gateway's API came from.

use std::{convert::Infallible, net::IpAddr};

use axum::extract::FromRequestParts;
use http::request::Parts;
use hydra_runtime_net::proxies;

use crate::{Gateway, registry::gateway_addresses};

/// Headers that proxies add to the requests which they pass on. A request with one of them was not made on this
/// machine, even if its connection was.
const PASSED_ON: [&str; 6] = [
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
];

/// Where a call came from, according to its connection and to trusted proxies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallOrigin {
    /// The address that limits count the call to. `None` for a call within the process.
    pub(super) address: Option<IpAddr>,
    /// Whether a proxy passed the call on.
    is_passed_on: bool,
    /// Whether the address is that of the connection itself, and was not named by a trusted proxy.
    is_connected: bool,
}

impl FromRequestParts<Gateway> for CallOrigin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, Infallible> {
        let address = gateway.origin_of(&parts.extensions, &parts.headers).address;
        Ok(Self {
            address,
            is_passed_on: PASSED_ON.iter().any(|name| parts.headers.contains_key(*name)),
            is_connected: address == proxies::peer(&parts.extensions),
        })
    }
}

impl CallOrigin {
    /// The origin of what comes over a connection from this address, without HTTP.
    pub(crate) fn connected(address: IpAddr) -> Self {
        Self {
            address: Some(address),
            is_passed_on: false,
            is_connected: true,
        }
    }

    /// The address that limits count the call to.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// Whether the call was made on this machine, or within the process.
    pub(super) fn is_on_this_machine(&self) -> bool {
        self.address.is_none_or(|address| address.is_loopback()) && !self.is_passed_on
    }

    /// Whether a proxy on this machine passed the call on, and it is unknown where the call came from. Its address
    /// alone would make it a call of this machine, which may do more than others.
    pub(super) fn is_hidden_by_a_local_proxy(&self) -> bool {
        self.is_hidden(gateway_addresses::is_local)
    }

    fn is_hidden(&self, is_of_this_machine: impl Fn(IpAddr) -> bool) -> bool {
        let is_here =
            |address: IpAddr| address.is_loopback() || (self.is_connected && is_of_this_machine(address));
        self.is_passed_on && self.address.is_some_and(is_here)
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::GatewayConfig;
    use hydra_runtime_net::server::Peer;

    #[tokio::test]
    async fn a_local_proxy_does_not_make_calls_local() {
        const LOCAL: (bool, bool) = (true, false);
        const HIDDEN: (bool, bool) = (false, true);
        const ELSEWHERE: (bool, bool) = (false, false);
        let (xff, new, via) = ("x-forwarded-for", "forwarded", "via");
        // 10.0.0.7 is another address of this machine.
        for (peer, headers, address, expected) in [
            ("127.0.0.1", &[][..], "127.0.0.1", LOCAL),
            ("127.0.0.1", &[(xff, "1.2.3.4")], "1.2.3.4", ELSEWHERE),
            ("127.0.0.1", &[(xff, "127.0.0.1, 1.2.3.4")], "1.2.3.4", ELSEWHERE),
            ("127.0.0.1", &[(new, "for=1.2.3.4")], "1.2.3.4", ELSEWHERE),
            (
                "127.0.0.1",
                &[(xff, "1.2.3.4"), (new, "for=6.6.6.6")],
                "127.0.0.1",
                HIDDEN,
            ),
            ("127.0.0.1", &[(xff, "1.2.3.4"), (new, "x")], "127.0.0.1", HIDDEN),
            ("127.0.0.1", &[(new, "for=unknown")], "127.0.0.1", HIDDEN),
            ("127.0.0.1", &[(xff, "127.0.0.1")], "127.0.0.1", HIDDEN),
            ("127.0.0.1", &[(xff, "::1")], "::1", HIDDEN),
            (
                "127.0.0.1",
                &[("x-forwarded-proto", "https")],
                "127.0.0.1",
                HIDDEN,
            ),
            ("127.0.0.1", &[(via, "1.1 cache")], "127.0.0.1", HIDDEN),
            // This one is not trusted.
            ("::1", &[(xff, "1.2.3.4")], "::1", HIDDEN),
            ("::1", &[("x-real-ip", "1.2.3.4")], "::1", HIDDEN),
            ("10.0.0.7", &[(xff, "1.2.3.4")], "10.0.0.7", HIDDEN),
            ("10.0.0.7", &[], "10.0.0.7", ELSEWHERE),
            ("10.0.0.8", &[(xff, "127.0.0.1")], "10.0.0.8", ELSEWHERE),
            ("127.0.0.1", &[(xff, "10.0.0.7")], "10.0.0.7", ELSEWHERE),
        ] {
            let config = GatewayConfig::from_toml("trusted_proxies = ['127.0.0.1']").expect("good");
            let gateway = Gateway::new(config).expect("a gateway");
            let mut request = Request::new(());
            request
                .extensions_mut()
                .insert(Peer(peer.parse().expect("an address")));
            for (name, value) in headers {
                request
                    .headers_mut()
                    .append(*name, http::HeaderValue::from_static(value));
            }
            let (mut parts, ()) = request.into_parts();
            let Ok(caller) = CallOrigin::from_request_parts(&mut parts, &gateway).await;
            let told = caller.address.expect("an address").to_string();
            let is_of_this_machine = |ip: IpAddr| ip == IpAddr::from([10, 0, 0, 7]);
            let is = (caller.is_on_this_machine(), caller.is_hidden(is_of_this_machine));
            assert_eq!((told.as_str(), is), (address, expected), "{peer} {headers:?}");
        }
        let (mut parts, ()) = Request::new(()).into_parts();
        let gateway = Gateway::new(GatewayConfig::default()).expect("a gateway");
        let Ok(caller) = CallOrigin::from_request_parts(&mut parts, &gateway).await;
        assert!(
            caller.is_on_this_machine() && !caller.is_hidden(|_| true),
            "within the process"
        );
    }
}
