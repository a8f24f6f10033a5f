//! Which addresses the gateway connects to. The policy is applied right before each connection, after the host was
//! resolved: a host name, or an IP address in an unusual notation, may stand for any address, and a name may resolve to
//! another one at the next look-up.
#![deny(clippy::disallowed_methods)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hydra_runtime_wire::names::forbidden_address;

use crate::registry::instance::AddressSource;

/// Returns why the gateway does not connect to an address: what kind of address it is. `is_of_this_machine` tells
/// whether an address other than a loopback one belongs to this machine.
///
/// Addresses that no service may have are always refused. This machine itself is reached only for services of the
/// configuration, and for services that registered from this machine: programs that listen here rely on being
/// reachable only from the machine.
pub(super) fn refusal(
    ip: IpAddr,
    source: AddressSource,
    is_of_this_machine: impl Fn(IpAddr) -> bool,
) -> Option<&'static str> {
    let ip = inner(ip);
    if let Some(kind) = forbidden_address(ip) {
        return Some(kind);
    }
    let is_here = |ip: IpAddr| ip.is_loopback() || is_of_this_machine(ip);
    let is_free = match source {
        AddressSource::Configuration => true,
        AddressSource::Registration(from) => !is_here(ip) || from.is_some_and(|from| is_here(inner(from))),
    };
    (!is_free).then_some("an address of the gateway's own machine, where the registration did not come from")
}

/// The IPv4 address that an IPv6 address stands for: mapped and compatible ones (RFC 4291 section 2.5.5), those of
/// NAT64 (RFC 6052 section 2.1) and of 6to4 (RFC 3056 section 2).
fn inner(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip.to_canonical() else {
        return ip.to_canonical();
    };
    let v4 = |high: u16, low: u16| {
        let bits = (u32::from(high) << 16) | u32::from(low);
        IpAddr::V4(Ipv4Addr::from_bits(bits))
    };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, high, low] if v6 != Ipv6Addr::LOCALHOST && v6 != Ipv6Addr::UNSPECIFIED => {
            v4(high, low)
        }
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        _ => IpAddr::V6(v6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    /// This machine has `10.0.0.7` and `2001:db8::7` beside its loopback addresses.
    fn is_of_this_machine(one: IpAddr) -> bool {
        [ip("10.0.0.7"), ip("2001:db8::7")].contains(&one)
    }

    #[test]
    fn this_machine_is_reached_only_for_those_who_are_on_it() {
        let near = [
            "127.0.0.1",
            "127.8.8.8",
            "::1",
            "::ffff:127.0.0.1",
            "10.0.0.7",
            "2001:db8::7",
            "::ffff:10.0.0.7",
        ];
        let far = ["10.0.0.8", "::ffff:10.0.0.8", "2001:db8::8", "192.0.2.1"];
        let embedded = [
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "64:ff9b::a00:7",
            "2002:a00:7:1::9",
        ];
        for target in near.into_iter().chain(embedded) {
            let refused = |source| refusal(ip(target), source, is_of_this_machine);
            assert_eq!(refused(AddressSource::Configuration), None, "{target}");
            for from in near {
                assert_eq!(
                    refused(AddressSource::Registration(Some(ip(from)))),
                    None,
                    "{target} from {from}"
                );
            }
            for from in far {
                let refused = refused(AddressSource::Registration(Some(ip(from))));
                assert!(
                    refused.is_some_and(|kind| kind.contains("own machine")),
                    "{target} from {from}"
                );
            }
            assert!(refused(AddressSource::Registration(None)).is_some(), "{target}");
        }
        for target in far {
            for from in near.into_iter().chain(far).map(ip).map(Some).chain([None]) {
                let refused = refusal(ip(target), AddressSource::Registration(from), is_of_this_machine);
                assert_eq!(refused, None, "{target} from {from:?}");
            }
        }
    }

    #[test]
    fn addresses_that_no_service_may_have_are_refused_to_all() {
        for target in [
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "169.254.169.254",
            "169.254.1.1",
            "::ffff:169.254.169.254",
            "fe80::1",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::",
            "::169.254.169.254",
            "100.100.100.200",
            "fd00:ec2::254",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
        ] {
            for source in [
                AddressSource::Configuration,
                AddressSource::Registration(Some(ip("127.0.0.1"))),
            ] {
                assert!(
                    refusal(ip(target), source, is_of_this_machine).is_some(),
                    "{target}"
                );
            }
        }
    }
}
