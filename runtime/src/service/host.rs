//! Finds the host at which the gateway reaches this application.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use http::Uri;
use tokio::{net::lookup_host, time::timeout};

use crate::limits::LOOK_UP_TIMEOUT;

/// The host at which the gateway reaches an application that listens on `ip`. If that is all interfaces, the address of
/// the interface towards the gateway.
pub(super) async fn reachable_host(ip: IpAddr, gateway: &Uri) -> String {
    if !ip.is_unspecified() {
        return ip.to_string();
    }
    let towards = towards(ip, gateway).await;
    towards.unwrap_or(IpAddr::from([127, 0, 0, 1])).to_string()
}

async fn towards(ip: IpAddr, gateway: &Uri) -> Option<IpAddr> {
    // A URL has an IPv6 address in brackets, which a look-up does not accept.
    let host = gateway.host()?.trim_start_matches('[').trim_end_matches(']');
    let looked_up = lookup_host((host, gateway.port_u16().unwrap_or(80)));
    let found = timeout(LOOK_UP_TIMEOUT, looked_up).await.ok()?.ok()?;
    // An application that listens on all IPv6 addresses is reached over IPv4 too, but not the other way round.
    found
        .filter(|gateway| ip.is_ipv6() || gateway.is_ipv4())
        .find_map(own_address_towards)
}

/// The address of this machine from which `there` is reached.
fn own_address_towards(there: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = match there {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    // Connecting a datagram socket sends nothing: the system only chooses the route.
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(there).ok()?;
    Some(socket.local_addr().ok()?.ip())
}
