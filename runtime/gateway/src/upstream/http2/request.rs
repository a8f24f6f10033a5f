//! The head of a request in the form of HTTP/2 (RFC 9113 section 8.3.1).
#![deny(clippy::disallowed_methods)]

use http::{
    HeaderMap, HeaderValue, Request, Uri, Version,
    header::{AUTHORIZATION, COOKIE, HOST},
    request::Parts,
    uri::{Authority, PathAndQuery, Scheme},
};

use crate::{edge::headers::remove_hop_by_hop, registry::instance::Address};

/// The head of a request in origin form, for `address`. The `Host` becomes the authority, and headers of one connection are removed.
///
/// # Errors
/// The path or the host can't be written in HTTP/2.
pub(super) fn head(parts: &Parts, address: &Address) -> Result<Request<()>, &'static str> {
    let mut headers = parts.headers.clone();
    let authority = authority(headers.remove(HOST).as_ref(), address)?;
    remove_hop_by_hop(&mut headers);
    keep_out_of_tables(&mut headers);
    let path = parts.uri.path_and_query().cloned();
    let scheme = if address.is_https {
        Scheme::HTTPS
    } else {
        Scheme::HTTP
    };
    let uri = Uri::builder()
        .scheme(scheme)
        .authority(authority)
        .path_and_query(path.unwrap_or(PathAndQuery::from_static("/")));
    let mut head = Request::new(());
    *head.method_mut() = parts.method.clone();
    *head.version_mut() = Version::HTTP_2;
    *head.uri_mut() = uri.build().map_err(|_| "its path can't be sent over HTTP/2")?;
    *head.headers_mut() = headers;
    Ok(head)
}

fn authority(host: Option<&HeaderValue>, address: &Address) -> Result<Authority, &'static str> {
    let named = host.filter(|host| !host.is_empty()).map(HeaderValue::as_bytes);
    Authority::try_from(named.unwrap_or(address.authority.as_bytes()))
        .map_err(|_| "its host can't be sent over HTTP/2")
}

/// Marks secrets of visitors, so that they are never put into the table of headers that all visitors of a connection share: their
/// lengths would tell about each other (RFC 7541 section 7.1.3).
fn keep_out_of_tables(headers: &mut HeaderMap) {
    for name in [COOKIE, AUTHORIZATION] {
        if let http::header::Entry::Occupied(mut values) = headers.entry(name) {
            values.iter_mut().for_each(|value| value.set_sensitive(true));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(is_https: bool) -> Address {
        Address::new("10.0.0.7".to_owned(), 9100, is_https)
    }

    fn check(
        target: &str,
        headers: &[(&str, &str)],
        is_https: bool,
    ) -> Result<(String, Vec<String>), &'static str> {
        let mut request = Request::builder().method("GET").uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let head = head(&parts, &address(is_https))?;
        let line = |(name, value): (&http::HeaderName, &HeaderValue)| {
            let secret = if value.is_sensitive() { " (secret)" } else { "" };
            format!("{name}: {}{secret}", value.to_str().expect("ASCII"))
        };
        Ok((head.uri().to_string(), head.headers().iter().map(line).collect()))
    }

    #[test]
    fn a_head_becomes_one_of_http_2() {
        for (target, headers, is_https, uri, expected) in [
            ("/a?b=c", &[][..], false, "http://10.0.0.7:9100/a?b=c", &[][..]),
            ("/a", &[("host", "")], true, "https://10.0.0.7:9100/a", &[]),
            (
                "/a",
                &[("host", "site.test:81")],
                true,
                "https://site.test:81/a",
                &[],
            ),
            (
                "/a",
                &[
                    ("host", "x"),
                    ("connection", "keep-alive, x-own"),
                    ("keep-alive", "1"),
                    ("x-own", "1"),
                    ("transfer-encoding", "chunked"),
                    ("proxy-connection", "close"),
                    ("upgrade", "h2c"),
                    ("te", "gzip, trailers"),
                    ("expect", "100-continue"),
                ],
                false,
                "http://x/a",
                &["te: trailers", "expect: 100-continue"],
            ),
            (
                "/a",
                &[
                    ("host", "x"),
                    ("cookie", "a=b; c=d"),
                    ("authorization", "Bearer x"),
                    ("accept", "*/*"),
                ],
                false,
                "http://x/a",
                &[
                    "cookie: a=b; c=d (secret)",
                    "authorization: Bearer x (secret)",
                    "accept: */*",
                ],
            ),
        ] {
            let (came, mut all) = check(target, headers, is_https).expect(target);
            assert_eq!(came, uri);
            let mut expected: Vec<_> = expected.iter().map(|line| (*line).to_owned()).collect();
            all.sort();
            expected.sort();
            assert_eq!(all, expected);
        }
    }

    #[test]
    fn a_host_that_is_none_is_refused() {
        assert!(check("/a", &[("host", "a b")], false).is_err());
    }
}
