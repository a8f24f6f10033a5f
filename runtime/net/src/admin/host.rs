//! The host of a request to operators' pages. A page of another site can make a browser resolve a name of that site to
//! an address of ours (DNS rebinding): then the request has that name, which is refused.
#![deny(clippy::disallowed_methods)]

use std::net::IpAddr;

/// Whether a request for `host`, with or without a port, is for this listener: for an IP address, for `localhost`, or
/// for one of the stated `names`. No name of a stranger is an IP address.
#[must_use]
pub fn is_allowed(host: &str, names: &[String]) -> bool {
    let name = without_port(host);
    let is_address = |text: &str| text.parse::<IpAddr>().is_ok();
    let inner = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if is_address(inner.unwrap_or(name)) {
        return true;
    }
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || names.iter().any(|allowed| allowed.eq_ignore_ascii_case(&name))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // The colons of an address without brackets are not before a port.
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_strangers_are_refused() {
        let names = ["metrics.internal".to_owned()];
        for host in [
            "localhost",
            "localhost:8082",
            "LocalHost:1",
            "localhost.:8082",
            "hydra.localhost",
            "127.0.0.1:8082",
            "10.1.2.3",
            "[::1]:8082",
            "[fd00::7]",
            "metrics.internal:8082",
            "Metrics.Internal",
        ] {
            assert!(is_allowed(host, &names), "{host}");
        }
        for host in [
            "",
            ":8082",
            "attacker.example",
            "attacker.example:8082",
            "127.0.0.1.attacker.example",
            "localhost.attacker.example",
            "notlocalhost",
            "metrics.internal.attacker.example",
            "0x7f000001",
            "127.1",
            "2130706433",
        ] {
            assert!(!is_allowed(host, &names), "{host}");
        }
    }
}
