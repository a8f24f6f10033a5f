//! Reads the header of the PROXY protocol, version 2, with which a load balancer states the visitor's address before the
//! first byte of the visitor (the specification of HAProxy, section 2.2).

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    net::TcpStream,
};

use super::port::IsProxy;
use crate::limits::MAX_PROXY_HEADER_BYTES;

/// The first bytes of each header.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// The visitor's address of a connection from `peer`, which must be a proxy.
///
/// # Errors
/// The peer is not a trusted proxy, the header is missing or malformed, or the connection ended.
pub(super) async fn visitor(stream: &mut TcpStream, peer: IpAddr, is_proxy: &IsProxy) -> io::Result<IpAddr> {
    if !is_proxy(peer) {
        return Err(malformed("its peer is not in `trusted_proxies`"));
    }
    // A proxy that checks whether the port is open speaks for itself.
    Ok(read(stream).await?.unwrap_or(peer))
}

/// Reads one header, and nothing behind it. `None`: the proxy speaks for itself.
async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<IpAddr>> {
    let mut head = [0; 16];
    stream.read_exact(&mut head).await?;
    if head[..12] != SIGNATURE {
        return Err(malformed("it does not begin with a PROXY header of version 2"));
    }
    let (command, family) = (head[12], head[13]);
    let length = usize::from(u16::from_be_bytes([head[14], head[15]]));
    if command >> 4 != 2 || length > MAX_PROXY_HEADER_BYTES {
        return Err(malformed("its PROXY header has another version, or is too long"));
    }
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest).await?;
    match command & 0x0f {
        // LOCAL: addresses are ignored.
        0 => Ok(None),
        1 => address(family, &rest).map(Some),
        _ => Err(malformed("its PROXY header has an unknown command")),
    }
}

/// The source address. TCP only: nothing else arrives here.
fn address(family: u8, rest: &[u8]) -> io::Result<IpAddr> {
    let address = match family {
        0x11 if rest.len() >= 12 => {
            let bytes: Option<&[u8; 4]> = rest.first_chunk();
            bytes.map(|bytes| IpAddr::from(Ipv4Addr::from(*bytes)))
        }
        0x21 if rest.len() >= 36 => {
            let bytes: Option<&[u8; 16]> = rest.first_chunk();
            bytes.map(|bytes| IpAddr::from(Ipv6Addr::from(*bytes)).to_canonical())
        }
        _ => None,
    };
    address.ok_or_else(|| malformed("its PROXY header states no address of TCP"))
}

fn malformed(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header with this command and family.
    fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).expect("short");
        [&SIGNATURE[..], &[command, family], &length.to_be_bytes(), rest].concat()
    }

    const V4: [u8; 12] = [192, 0, 2, 7, 10, 0, 0, 1, 0x12, 0x34, 0, 80];

    async fn read_all(bytes: &[u8]) -> (io::Result<Option<IpAddr>>, usize) {
        let mut rest = bytes;
        let result = read(&mut rest).await;
        (result, rest.len())
    }

    #[tokio::test]
    async fn the_source_address_is_read_and_nothing_behind_the_header() {
        let v6: Vec<u8> = [
            &[0x20, 1, 0xd, 0xb8][..],
            &[0; 11],
            &[9],
            &[0; 16],
            &[0, 1, 0, 80],
        ]
        .concat();
        let mapped: Vec<u8> = [&[0; 10][..], &[255, 255, 192, 0, 2, 7], &[0; 16], &[0, 1, 0, 80]].concat();
        let extended = [&V4[..], &[3, 0, 4, 1, 2, 3, 4]].concat();
        for (bytes, expected) in [
            (header(0x21, 0x11, &V4), Some("192.0.2.7")),
            (header(0x21, 0x11, &extended), Some("192.0.2.7")),
            (header(0x21, 0x21, &v6), Some("2001:db8::9")),
            (header(0x21, 0x21, &mapped), Some("192.0.2.7")),
            (header(0x20, 0, &[]), None),
            (header(0x20, 0x11, &V4), None),
        ] {
            let followed = [&bytes[..], b"GET / HTTP/1.1\r\n"].concat();
            let (address, left) = read_all(&followed).await;
            let expected = expected.map(|text| text.parse::<IpAddr>().expect("an address"));
            assert_eq!(address.expect("a header"), expected, "{bytes:?}");
            assert_eq!(left, 16);
        }
    }

    #[tokio::test]
    async fn what_is_not_a_header_of_tcp_is_refused() {
        let mut other = header(0x21, 0x11, &V4);
        other[11] = b'x';
        for (what, bytes) in [
            ("no header", b"GET / HTTP/1.1\r\nhost: a\r\n\r\n".to_vec()),
            ("version 1", b"PROXY TCP4 192.0.2.7 10.0.0.1 1 80\r\n".to_vec()),
            ("TLS", [22, 3, 1].repeat(9)),
            ("another signature", other),
            ("another version", header(0x11, 0x11, &V4)),
            ("an unknown command", header(0x22, 0x11, &V4)),
            ("UDP", header(0x21, 0x12, &V4)),
            ("a Unix socket", header(0x21, 0x31, &[0; 216])),
            ("unspecified", header(0x21, 0, &V4)),
            ("too short for IPv4", header(0x21, 0x11, &V4[..11])),
            ("IPv4 as IPv6", header(0x21, 0x21, &V4)),
            (
                "too long",
                header(0x21, 0x11, &vec![0; MAX_PROXY_HEADER_BYTES + 1]),
            ),
            ("cut off", header(0x21, 0x11, &V4)[..20].to_vec()),
            ("nothing", Vec::new()),
        ] {
            assert!(read_all(&bytes).await.0.is_err(), "{what}");
        }
    }
}
