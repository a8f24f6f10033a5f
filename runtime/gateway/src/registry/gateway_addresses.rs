//! The gateway's own addresses: no service may register them.

use std::{
    fmt, fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::{Arc, OnceLock},
};

use uuid::Uuid;

/// The addresses on which the gateway listens, and those of its machine.
#[derive(Clone)]
pub(crate) struct GatewayAddresses {
    listening: Arc<[SocketAddr]>,
    is_local: fn(IpAddr) -> bool,
}

impl GatewayAddresses {
    /// The addresses of a gateway that listens on these.
    pub(crate) fn listening_on(listening: &[SocketAddr]) -> Self {
        Self {
            listening: listening.into(),
            is_local,
        }
    }

    #[cfg(test)]
    pub(crate) fn with(address: SocketAddr, is_local: fn(IpAddr) -> bool) -> Self {
        Self {
            listening: [address].into(),
            is_local,
        }
    }

    /// Whether a service at `host` and `port` would be this gateway. Host names are not resolved, except `localhost`:
    /// if a name leads here, the first request that comes back ends the circle.
    pub(crate) fn contains(&self, host: &str, port: u16) -> bool {
        let mut own = self.listening.iter().filter(|address| address.port() == port);
        own.any(|own| self.is_at(*own, host))
    }

    fn is_at(&self, own: SocketAddr, host: &str) -> bool {
        let own = own.ip().to_canonical();
        let is_on_loopback = own.is_loopback() || own.is_unspecified();
        let Ok(ip) = host.parse::<IpAddr>().map(|ip| ip.to_canonical()) else {
            return is_on_loopback && host == "localhost";
        };
        ip == own || (is_on_loopback && ip.is_loopback()) || (own.is_unspecified() && (self.is_local)(ip))
    }
}

impl fmt::Debug for GatewayAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GatewayAddresses({:?})", self.listening)
    }
}

/// Identifies the machine whose loopback addresses this process reaches: containers on one machine have their own. If
/// the system does not tell, each process counts as a machine.
pub(crate) fn machine() -> &'static str {
    static MACHINE: OnceLock<String> = OnceLock::new();
    MACHINE.get_or_init(|| {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id");
        let network = fs::read_link("/proc/self/ns/net");
        match (boot, network) {
            (Ok(boot), Ok(network)) => format!("{} {}", boot.trim(), network.display()),
            _ => Uuid::new_v4().to_string(),
        }
    })
}

/// Whether an address belongs to this machine. Nothing is sent.
pub(crate) fn is_local(ip: IpAddr) -> bool {
    // An address reserved for documentation, which no machine has.
    let nobodys = match ip {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
    };
    if binds(nobodys) {
        // A machine that takes over for others may bind foreign addresses: then binding proves nothing.
        return reaches_itself(ip);
    }
    binds(ip)
}

fn binds(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).is_ok()
}

/// Whether the route to an address begins at that address, which is true for a machine's own ones.
fn reaches_itself(ip: IpAddr) -> bool {
    let any = match ip {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let begins = || {
        let socket = UdpSocket::bind((any, 0)).ok()?;
        socket.connect((ip, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    begins() == Some(ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(address: &str) -> GatewayAddresses {
        let is_local = |ip: IpAddr| ip == IpAddr::from([10, 0, 0, 7]) || ip == IpAddr::from([10, 0, 0, 8]);
        GatewayAddresses::with(address.parse().expect("an address"), is_local)
    }

    #[test]
    fn a_gateway_on_all_interfaces_is_at_every_address_of_its_machine() {
        for own in [own("0.0.0.0:8081"), own("[::]:8081")] {
            for host in [
                "127.0.0.1",
                "127.0.1.1",
                "::1",
                "localhost",
                "10.0.0.7",
                "10.0.0.8",
                "::ffff:10.0.0.8",
            ] {
                assert!(own.contains(host, 8081), "{host}");
                assert!(!own.contains(host, 8080), "{host}");
            }
            for host in ["10.0.0.9", "gateway.example", "2001:db8::7"] {
                assert!(!own.contains(host, 8081), "{host}");
            }
        }
    }

    #[test]
    fn a_gateway_on_one_address_is_there_only() {
        let own = own("10.0.0.7:8081");
        assert!(own.contains("10.0.0.7", 8081));
        for other in ["10.0.0.8", "10.0.0.9", "127.0.0.1", "::1", "localhost"] {
            assert!(!own.contains(other, 8081), "{other}");
        }
    }

    #[test]
    fn a_gateway_on_loopback_is_at_every_address_of_it() {
        let own = own("127.0.0.1:8081");
        for host in ["127.0.0.1", "127.0.1.1", "::1", "localhost"] {
            assert!(own.contains(host, 8081), "{host}");
        }
        assert!(!own.contains("10.0.0.7", 8081));
    }

    #[test]
    fn the_system_says_which_addresses_are_this_machines() {
        for (ip, expected) in [("127.0.0.1", true), ("127.9.9.9", true), ("192.0.2.77", false)] {
            assert_eq!(is_local(ip.parse().expect("an address")), expected, "{ip}");
        }
        assert!(reaches_itself(IpAddr::from([127, 0, 0, 1])));
        assert!(!reaches_itself(IpAddr::from([192, 0, 2, 77])));
    }
}
