//! Checks the host of a request (RFC 9112 section 3.2, RFC 9113 section 8.3.1).
#![deny(clippy::disallowed_methods)]

use std::net::SocketAddr;

use http::{HeaderValue, Request, Version, header::HOST};

use crate::limits::MAX_HOST_BYTES;

/// Why the host of a request is refused, as a sentence for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadHost {
    #[error("The request has no Host header.")]
    Missing,
    #[error("The request has more than one Host header.")]
    Several,
    #[error("The host of the request is not a name or an address, with or without a port.")]
    Malformed,
    #[error("The Host header and the target of the request name different hosts.")]
    Contradicting,
}

/// Checks that the request names one valid host. `here` is the address at which it arrived: a request of HTTP/1.0,
/// which needs no host, gets it as its own.
pub(super) fn check<B>(request: &mut Request<B>, here: SocketAddr) -> Result<(), BadHost> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (host, second) = (hosts.next(), hosts.next());
    if second.is_some() {
        return Err(BadHost::Several);
    }
    if host.is_some_and(|host| !is_host(host.as_bytes())) {
        return Err(BadHost::Malformed);
    }
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    if authority.is_some_and(|authority| !is_host(authority.as_bytes())) {
        return Err(BadHost::Malformed);
    }
    match (host, authority, request.version()) {
        (Some(host), Some(authority), Version::HTTP_2 | Version::HTTP_3)
            if !host.as_bytes().eq_ignore_ascii_case(authority.as_bytes()) =>
        {
            Err(BadHost::Contradicting)
        }
        (Some(_), _, _) | (None, Some(_), Version::HTTP_2 | Version::HTTP_3) => Ok(()),
        (None, None, Version::HTTP_09 | Version::HTTP_10) => {
            if let Ok(here) = HeaderValue::try_from(here.to_string()) {
                request.headers_mut().insert(HOST, here);
            }
            Ok(())
        }
        (None, Some(_), Version::HTTP_09 | Version::HTTP_10) => Ok(()),
        (None, _, _) => Err(BadHost::Missing),
    }
}

/// Whether the text is a valid host: a name of letters, digits, `-`, `.` and `_`, or an IP address, with or without a
/// port. RFC 3986 section 3.2.2 allows more characters in names, but names that resolve contain none of them, and
/// many have another meaning in a URL or a list.
pub fn is_host(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else {
        return false;
    };
    if text.len() > MAX_HOST_BYTES {
        return false;
    }
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            if address.parse::<std::net::Ipv6Addr>().is_err() {
                return false;
            }
            match port.strip_prefix(':') {
                Some(port) => return is_port(port),
                None => return port.is_empty(),
            }
        }
        None => text.split_once(':').unwrap_or((text, "")),
    };
    let is_in_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    !host.is_empty() && host.bytes().all(is_in_name) && host.bytes().any(|byte| byte != b'.') && is_port(port)
}

/// A port may be empty (RFC 3986 section 3.2.3).
fn is_port(text: &str) -> bool {
    text.is_empty() || (text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address() {
        for good in [
            "a.test",
            "A.test:80",
            "localhost",
            "127.0.0.1:8081",
            "[::1]",
            "[::1]:80",
            "my_host",
            "a.test.",
            "a.test:",
            "xn--caf-dma.test",
            "1",
        ] {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            " ",
            "a.test/evil?x=@b",
            "a@b",
            "user:pw@a.test",
            "a b",
            "a.test,b.test",
            "a.test#x",
            "a.test?x",
            "a\\b",
            "a.test:x",
            "a.test:99999",
            "a.test:80:80",
            "::1",
            "[::1",
            "[::1]x",
            "[x]",
            ":80",
            "a.test:-1",
            "a.test:+1",
            "é.test",
            "a%2fb",
            "<script>",
            "a;b",
            ".",
            "a'b",
            "[::1]:80/x",
        ] {
            assert!(!is_host(bad.as_bytes()), "{bad}");
        }
        assert!(!is_host(b"a\xff.test"));
        assert!(!is_host("a".repeat(300).as_bytes()));
    }

    #[test]
    fn a_request_names_one_host() {
        let here = SocketAddr::from(([127, 0, 0, 1], 8081));
        let check = |version, uri: &str, hosts: &[&'static str], expected| {
            let mut request = Request::builder().version(version).uri(uri);
            for host in hosts {
                request = request.header(HOST, *host);
            }
            let mut request = request.body(()).expect("a request");
            let checked = super::check(&mut request, here);
            let host = request
                .headers()
                .get(HOST)
                .map(|host| host.to_str().expect("text").to_owned());
            assert_eq!(
                checked.map(|()| host.as_deref()),
                expected,
                "{version:?} {uri} {hosts:?}"
            );
        };
        let (old, one, two) = (Version::HTTP_10, Version::HTTP_11, Version::HTTP_2);
        check(one, "/", &["a.test"], Ok(Some("a.test")));
        check(one, "/", &[], Err(BadHost::Missing));
        check(one, "http://a.test/", &[], Err(BadHost::Missing));
        check(one, "/", &["a.test", "a.test"], Err(BadHost::Several));
        check(one, "/", &["a.test", "b.test"], Err(BadHost::Several));
        check(one, "/", &["a.test/evil?x=@b"], Err(BadHost::Malformed));
        check(one, "/", &[""], Err(BadHost::Malformed));
        check(one, "http://u@a.test/", &["a.test"], Err(BadHost::Malformed));
        // The target counts, not the header (RFC 9112 section 3.2.2).
        check(one, "http://a.test/", &["b.test"], Ok(Some("b.test")));
        check(old, "/", &[], Ok(Some("127.0.0.1:8081")));
        check(old, "/", &["a.test"], Ok(Some("a.test")));
        check(old, "/", &["a/b"], Err(BadHost::Malformed));
        check(old, "/", &["a", "b"], Err(BadHost::Several));
        check(two, "http://a.test/", &[], Ok(None));
        check(two, "http://a.test/", &["A.test"], Ok(Some("A.test")));
        check(two, "http://a.test/", &["b.test"], Err(BadHost::Contradicting));
        check(two, "/", &[], Err(BadHost::Missing));
        check(two, "/", &["a.test"], Ok(Some("a.test")));
    }
}
