//! The inner address of this gateway, at which other gateways reach it.
#![deny(clippy::disallowed_methods)]

use std::net::SocketAddr;

use crate::config::GatewayConfig;

/// The inner address, `host:port`: the stated one, or else the first on which the gateway listens for plain HTTP, if it is that of one
/// interface. `listening` are in the order of the settings.
pub(crate) fn inner_address(config: &GatewayConfig, listening: &[SocketAddr]) -> Option<String> {
    if let Some(stated) = &config.inner_address {
        let host = stated.strip_prefix("http://").unwrap_or(stated);
        return Some(host.trim_end_matches('/').to_owned());
    }
    let is_plain = |at: usize| {
        let listener = config.listen.iter().nth(at);
        listener.is_none_or(|listener| listener.certificate.is_none() && !listener.proxy_protocol)
    };
    let mut usable = listening.iter().enumerate();
    usable
        .find(|(at, address)| is_plain(*at) && !address.ip().is_unspecified())
        .map(|(_, address)| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stated_address_or_the_first_that_others_can_use() {
        let tls = "listen = [{ address = '10.0.0.1:443', certificate = 'c', key = 'k' }, '10.0.0.1:80']";
        let behind =
            "trusted_proxies = ['10.0.0.9']\nlisten = [{ address = '10.0.0.1:80', proxy_protocol = true }]";
        for (toml, listening, expected) in [
            ("", &["127.0.0.1:8081"][..], Some("127.0.0.1:8081")),
            ("", &["0.0.0.0:80"], None),
            ("", &["[::]:80", "10.0.0.1:81"], Some("10.0.0.1:81")),
            ("", &["[2001:db8::1]:80"], Some("[2001:db8::1]:80")),
            ("", &[], None),
            (tls, &["10.0.0.1:443", "10.0.0.1:80"], Some("10.0.0.1:80")),
            (tls, &["10.0.0.1:443"], None),
            (behind, &["10.0.0.1:80"], None),
            (
                "inner_address = 'http://gateway-1:8081'",
                &["0.0.0.0:80"],
                Some("gateway-1:8081"),
            ),
            (
                "inner_address = 'http://[::1]:1/'",
                &["10.0.0.1:80"],
                Some("[::1]:1"),
            ),
        ] {
            let config = GatewayConfig::from_toml(toml).expect("good");
            let listening: Vec<SocketAddr> = listening
                .iter()
                .map(|one| one.parse().expect("an address"))
                .collect();
            assert_eq!(
                inner_address(&config, &listening).as_deref(),
                expected,
                "{toml} {listening:?}"
            );
        }
    }
}
