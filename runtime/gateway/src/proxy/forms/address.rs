//! The address of the page on which a form stands, and where its visitor goes next (protocol section 9).
#![deny(clippy::disallowed_methods)]

use http::{HeaderMap, Uri, header::REFERER, uri::PathAndQuery};
use hydra_runtime_wire::forms::{self, without_seal};
use url::Url;

use crate::{
    config::{forms::is_listed, openid::is_safe},
    limits::MAX_NEXT_BYTES,
    login::{Site, plain_path},
};

/// The path and query of the page that an address with the seal of a form belongs to. The other parameters of the address
/// are the page's; without any, those of the `Referer` are, if it is the same page.
pub(super) fn page<'s>(
    uri: &Uri,
    headers: &HeaderMap,
    site: impl FnOnce() -> Option<&'s Site>,
) -> PathAndQuery {
    forms::page::of_form(uri, || {
        if !headers.contains_key(REFERER) {
            return None;
        }
        let site = site()?;
        let before = referer(headers, site)?;
        let here = site.resolved(uri.path())?;
        (before.path() == here.path()).then(|| without_seal(before.query()?))?
    })
}

/// The page of this site that the `Referer` names. `None`: it names none, or one of another site.
pub(super) fn referer(headers: &HeaderMap, site: &Site) -> Option<Url> {
    let text = headers.get(REFERER)?.to_str().ok()?;
    if text.len() > MAX_NEXT_BYTES {
        return None;
    }
    // An address with its scheme: a relative one says nothing about the site.
    Url::parse(text).ok().and_then(|url| site.resolved(url.as_str()))
}

/// The `Location` for a visitor who is to go `to` an address: a path of this site, or an address at one of the hosts. `None`:
/// the address is neither, or the site is not known.
pub(super) fn location<'s>(
    to: &str,
    site: impl FnOnce() -> Option<&'s Site>,
    hosts: &[String],
) -> Option<String> {
    if to.len() > MAX_NEXT_BYTES {
        return None;
    }
    if let Some(path) = plain_path(to) {
        return Some(path.to_owned());
    }
    if let Some(local) = site()?.local(to) {
        let part = to.split_once('#').map(|(_, part)| part);
        let part = part.filter(|part| part.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'));
        return Some(match part {
            Some(part) => format!("{local}#{part}"),
            None => local,
        });
    }
    let url = Url::parse(to).ok()?;
    (is_safe(&url) && is_listed(&url, hosts)).then(|| url.into())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn site() -> Site {
        Site::new("https", &HeaderValue::from_static("shop.example")).expect("a site")
    }

    #[test]
    fn the_page_has_its_own_query_or_that_of_the_page_before_if_it_is_the_same() {
        let site = site();
        for (target, referer, expected) in [
            ("/pay?hydra-form=a.b", None, "/pay"),
            (
                "/pay?x=1&hydra-form=a.b",
                Some("https://shop.example/pay?y=2"),
                "/pay?x=1",
            ),
            (
                "/pay?hydra-form=a.b",
                Some("https://shop.example/pay?y=2"),
                "/pay?y=2",
            ),
            (
                "/pay?hydra-form=a.b",
                Some("https://shop.example/pay?y=2#part"),
                "/pay?y=2",
            ),
            (
                "/pay?hydra-form=a.b",
                Some("https://shop.example/pay?hydra-form=c.d"),
                "/pay",
            ),
            (
                "/pay?hydra-form=a.b",
                Some("https://shop.example/pay?y=2&hydra-form=c.d"),
                "/pay?y=2",
            ),
            (
                "/pay?hydra-form=a.b",
                Some("https://shop.example/other?y=2"),
                "/pay",
            ),
            (
                "/pay?hydra-form=a.b",
                Some("https://other.example/pay?y=2"),
                "/pay",
            ),
            ("/pay?hydra-form=a.b", Some("http://shop.example/pay?y=2"), "/pay"),
            ("/pay?hydra-form=a.b", Some("/pay?y=2"), "/pay"),
            ("/pay?hydra-form=a.b", Some("//shop.example/pay?y=2"), "/pay"),
            (
                "/a%20b?hydra-form=a.b",
                Some("https://shop.example/a%20b?y=2"),
                "/a%20b?y=2",
            ),
            ("/?hydra-form=a.b", Some("https://shop.example"), "/"),
        ] {
            let mut headers = HeaderMap::new();
            headers.extend(referer.map(|text| (REFERER, HeaderValue::from_static(text))));
            let found = page(&Uri::from_static(target), &headers, || Some(&site));
            assert_eq!(found.as_str(), expected, "{target} {referer:?}");
        }
        let long = format!("https://shop.example/pay?y={}", "2".repeat(MAX_NEXT_BYTES));
        let headers = HeaderMap::from_iter([(REFERER, HeaderValue::try_from(long).expect("a value"))]);
        let found = page(&Uri::from_static("/pay?hydra-form=a.b"), &headers, || Some(&site));
        assert_eq!(found.as_str(), "/pay");
    }

    #[test]
    fn visitors_go_to_this_site_or_to_a_host_of_the_settings() {
        let site = site();
        let hosts = ["pay.example", "bank.example:8443", "localhost:9000", "[::1]:9000"].map(str::to_owned);
        for (to, expected) in [
            ("/thanks", Some("/thanks")),
            ("/thanks?order=7#details", Some("/thanks?order=7#details")),
            ("https://shop.example/thanks", Some("/thanks")),
            ("/a#b#c", Some("/a")),
            ("https://pay.example/7?x=1", Some("https://pay.example/7?x=1")),
            ("https://PAY.example:443/", Some("https://pay.example/")),
            ("https://bank.example:8443/", Some("https://bank.example:8443/")),
            ("http://localhost:9000/pay", Some("http://localhost:9000/pay")),
            ("http://[::1]:9000/", Some("http://[::1]:9000/")),
            // Another port, another scheme, another host in every spelling.
            ("https://bank.example/", None),
            ("https://pay.example:8443/", None),
            ("http://pay.example/", None),
            ("ftp://pay.example/", None),
            ("https://pay.example@evil/", None),
            ("https://user@pay.example/", None),
            ("https://pay.example.evil/", None),
            ("https://evil/pay.example", None),
            ("//pay.example/", None),
            ("//evil/", None),
            ("/\\evil", None),
            ("javascript:alert(1)", None),
            ("/logout", None),
            ("", None),
        ] {
            assert_eq!(location(to, || Some(&site), &hosts).as_deref(), expected, "{to}");
        }
        assert_eq!(
            location(&"/x".repeat(MAX_NEXT_BYTES), || Some(&site), &hosts),
            None
        );
        assert_eq!(location("https://pay.example/", || Some(&site), &[]), None);
        // Without a host in the request, only what is plain is known to be on this site.
        assert_eq!(location("/thanks", || None, &hosts).as_deref(), Some("/thanks"));
        assert_eq!(location("/a%20b", || None, &hosts), None);
    }
}
