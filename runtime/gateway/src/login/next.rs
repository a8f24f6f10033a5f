//! Where a visitor goes after the login: always a path on this site.
#![deny(clippy::disallowed_methods)]

use aws_lc_rs::hmac;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue};
use hydra_runtime_wire::{paths::reserved::is_reserved, signing::derived};
use url::Url;

use crate::{
    edge::headers,
    limits::{MAX_NEXT_BYTES, NEXT_LIFE_SECS},
};

/// The cookie with the path that a visitor requested before the login.
const COOKIE: &str = "HYDRA-NEXT";
/// The cookie in which clients of protocol 1 leave that path.
const PROTOCOL_1_COOKIE: &str = "Referer";

/// A site: the scheme, host and port at which a visitor reaches the gateway.
#[derive(Clone, Debug)]
pub(crate) struct Site(Url);

impl Site {
    /// The site of a request for `host`.
    pub(crate) fn new(scheme: &str, host: &HeaderValue) -> Option<Self> {
        let url = Url::parse(&format!("{scheme}://{}/", host.to_str().ok()?)).ok()?;
        // Nothing but a host and a port.
        let is_bare = url.path() == "/"
            && url.query().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        (is_bare && url.has_host()).then_some(Self(url))
    }

    /// The path and query of an address on this site, as browsers resolve it (WHATWG URL standard). `None`: it is too long,
    /// on another site, or one of the gateway's own paths.
    pub(crate) fn local(&self, address: &str) -> Option<String> {
        if address.is_empty() || address.len() > MAX_NEXT_BYTES {
            return None;
        }
        if let Some(path) = plain_path(address) {
            return Some(path.to_owned());
        }
        let url = self.resolved(address)?;
        let local = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        // `http://this.site//other.site` is on this site, and its path alone is not.
        let again = self.resolved(&local)?;
        let is_same = again.path() == url.path() && again.query() == url.query();
        let is_plain = local.starts_with('/')
            && !local.starts_with("//")
            && local.bytes().all(|byte| byte.is_ascii_graphic());
        (is_same && is_plain && local.len() <= 3 * MAX_NEXT_BYTES && !is_reserved(url.path()))
            .then_some(local)
    }

    /// The scheme, host and port: `https://shop.example`.
    pub(crate) fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// An address as browsers resolve it on this site. `None`: it is on another one.
    pub(crate) fn resolved(&self, address: &str) -> Option<Url> {
        let url = self.0.join(address).ok()?;
        let is_here =
            url.origin() == self.0.origin() && url.username().is_empty() && url.password().is_none();
        is_here.then_some(url)
    }

    /// Whether a redirect leads to exactly the login page: `/login`, relative or on this site.
    pub(crate) fn is_login(&self, location: &HeaderValue) -> bool {
        let location = location.to_str().ok();
        let url = location
            .filter(|text| text.len() <= MAX_NEXT_BYTES)
            .and_then(|text| self.resolved(text));
        url.is_some_and(|url| url.path() == "/login" && url.query().is_none() && url.fragment().is_none())
    }
}

/// A path, perhaps with a query, that browsers resolve to itself on every site, as far as it is none of the gateway's own. `None`: it
/// may be one that they change, so [`Site::local`] must decide. Most redirects are plain, and resolving them twice costs as much
/// as a twentieth of a form.
pub(crate) fn plain_path(address: &str) -> Option<&str> {
    let is_in_path = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_~.".contains(&byte);
    let is_in_query = |byte: u8| is_in_path(byte) || b"=&".contains(&byte);
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let is_plain = path.starts_with('/')
        && !path.starts_with("//")
        && path.bytes().all(is_in_path)
        // Segments of dots lead elsewhere.
        && !path.contains("/.")
        && query.bytes().all(is_in_query);
    (is_plain && address.len() <= MAX_NEXT_BYTES && !is_reserved(path)).then_some(address)
}

/// Reads and writes the cookie with the path that a visitor requested.
pub(crate) struct NextCookies {
    key: hmac::Key,
}

impl NextCookies {
    /// Without a private key, `random` signs, and the cookie ends with the process.
    pub(crate) fn new(private_key: Option<&str>, random: &[u8]) -> Self {
        let key = derived(private_key.map_or(random, str::as_bytes), "hydra next");
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()),
        }
    }

    /// The header that remembers a path of this site. `now` is in seconds since 1970.
    pub(crate) fn set(&self, path: &str, is_secure: bool, now: u64) -> Option<HeaderValue> {
        let text = format!("{}.{}", BASE64_URL_SAFE_NO_PAD.encode(path), now + NEXT_LIFE_SECS);
        let tag = BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, text.as_bytes()));
        let secure = if is_secure { "; Secure" } else { "" };
        let cookie = format!(
            "{COOKIE}={text}.{tag}; Path=/login; Max-Age={NEXT_LIFE_SECS}; HttpOnly; SameSite=Lax{secure}"
        );
        HeaderValue::try_from(cookie).ok()
    }

    /// The header that forgets it.
    pub(crate) fn clear() -> HeaderValue {
        HeaderValue::from_static("HYDRA-NEXT=; Path=/login; Max-Age=0; HttpOnly; SameSite=Lax")
    }

    /// The path that was remembered.
    fn read(&self, cookies: &HeaderMap, now: u64) -> Option<String> {
        headers::cookies(cookies, COOKIE).find_map(|value| {
            let (text, tag) = std::str::from_utf8(value).ok()?.rsplit_once('.')?;
            let tag = BASE64_URL_SAFE_NO_PAD.decode(tag).ok()?;
            hmac::verify(&self.key, text.as_bytes(), &tag).ok()?;
            let (path, end) = text.split_once('.')?;
            let is_valid = end.parse::<u64>().is_ok_and(|end| now < end);
            let path = BASE64_URL_SAFE_NO_PAD.decode(path).ok().filter(|_| is_valid)?;
            String::from_utf8(path).ok()
        })
    }

    /// Where a visitor with these headers goes after the login: what the form says, or else what the gateway remembered,
    /// or else what a client of protocol 1 left.
    pub(crate) fn choose(
        &self,
        form: Option<&str>,
        cookies: &HeaderMap,
        site: &Site,
        now: u64,
    ) -> Option<String> {
        let left = headers::cookies(cookies, PROTOCOL_1_COOKIE).next();
        let left = left.and_then(|value| std::str::from_utf8(value).ok());
        let decoded =
            left.map(|text| percent_encoding::percent_decode_str(text.trim_matches('"')).decode_utf8_lossy());
        let of_form = form.and_then(|text| site.local(text));
        let remembered = || self.read(cookies, now).and_then(|path| site.local(&path));
        let left = || decoded.and_then(|text| site.local(&text));
        of_form.or_else(remembered).or_else(left)
    }
}

#[cfg(test)]
mod tests {
    use http::header::COOKIE as COOKIE_HEADER;
    use proptest::prelude::*;

    use super::*;

    fn site() -> Site {
        Site::new("https", &HeaderValue::from_static("shop.example")).expect("a site")
    }

    #[test]
    fn open_redirects() {
        for (address, expected) in [
            ("/orders", Some("/orders")),
            ("/orders?page=2&x=%20", Some("/orders?page=2&x=%20")),
            ("orders", Some("/orders")),
            ("https://shop.example/orders", Some("/orders")),
            ("https://SHOP.example:443/orders", Some("/orders")),
            ("/a b", Some("/a%20b")),
            ("/é", Some("/%C3%A9")),
            ("/orders#part", Some("/orders")),
            ("/x/../orders", Some("/orders")),
            ("/?next=//evil", Some("/?next=//evil")),
            ("?a=b", Some("/?a=b")),
            // Other sites, in every spelling that browsers understand.
            ("//evil", None),
            ("//evil.example/orders", None),
            ("/\\evil", None),
            ("\\\\evil", None),
            ("\\/evil", None),
            ("///evil", None),
            ("/\t/evil", None),
            ("/\n/evil", None),
            ("\t//evil", None),
            (" //evil", None),
            ("\u{0}//evil", None),
            ("/\r\n/evil", None),
            ("/.//evil", None),
            ("/x/..//evil", None),
            ("/%2e//evil", None),
            ("https:evil", Some("/evil")),
            ("http:evil", None),
            ("https:/evil", Some("/evil")),
            ("https://evil", None),
            ("http://shop.example/orders", None),
            ("https://shop.example:8443/", None),
            ("https://shop.example@evil/", None),
            ("https://user@shop.example/", None),
            ("https://shop.example.evil/", None),
            ("https://evil\\@shop.example/", None),
            ("javascript:alert(1)", None),
            ("data:text/html,x", None),
            ("//shop.example//evil", None),
            ("https://shop.example//evil", None),
            // The gateway's own paths.
            ("/logout", None),
            ("/login", None),
            ("/login?next=/x", None),
            ("/%6cogout", None),
            ("/x/../logout", None),
            ("/h/discovery", None),
            ("", None),
        ] {
            assert_eq!(site().local(address).as_deref(), expected, "{address:?}");
        }
        assert_eq!(site().local(&"/x".repeat(MAX_NEXT_BYTES)), None);
    }

    #[test]
    fn header_injection() {
        for address in [
            "/a\r\nSet-Cookie: x=y",
            "/a\nb",
            "/a\u{2028}b",
            "/a\u{7f}",
            "/a\u{0}b",
        ] {
            let local = site().local(address);
            assert!(
                local.is_none_or(
                    |local| HeaderValue::from_str(&local).is_ok() && !local.contains(['\r', '\n'])
                )
            );
        }
    }

    proptest! {
        #[test]
        fn whatever_is_written_leads_to_this_site(address in "[/\\\\.%a-z:@?# \t\n2e5cfEé]{0,24}") {
            if let Some(local) = site().local(&address) {
                let url = Url::parse("https://shop.example/login").expect("a URL").join(&local).expect("an address");
                prop_assert_eq!(url.host_str(), Some("shop.example"));
                prop_assert_eq!(url.scheme(), "https");
                prop_assert!(local.starts_with('/') && !local.starts_with("//"));
            }
        }
    }

    proptest! {
        #[test]
        fn a_plain_path_is_what_browsers_make_of_it(address in "/?[/.~_a-z0-9?=&%-]{0,16}") {
            if let Some(path) = plain_path(&address) {
                let url = site().resolved(path).expect("this site");
                let resolved = &url[url::Position::BeforePath..];
                prop_assert_eq!(resolved, path);
                prop_assert!(!is_reserved(url.path()));
            }
        }
    }

    #[test]
    fn only_the_login_page_is_the_login_page() {
        for (location, expected) in [
            ("/login", true),
            ("https://shop.example/login", true),
            ("login", true),
            ("/login?error", false),
            ("/login/", false),
            ("//evil/login", false),
            ("http://shop.example/login", false),
            ("/other", false),
            ("", false),
        ] {
            assert_eq!(
                site().is_login(&HeaderValue::from_static(location)),
                expected,
                "{location}"
            );
        }
    }

    #[test]
    fn what_is_no_host_is_no_site() {
        for (host, expected) in [
            ("shop.example", true),
            ("127.0.0.1:8081", true),
            ("[::1]:8081", true),
            ("", false),
            ("a/b", false),
            ("user@shop.example", false),
            ("shop.example?x", false),
            ("a b", false),
        ] {
            let host = HeaderValue::from_static(host);
            assert_eq!(Site::new("http", &host).is_some(), expected, "{host:?}");
        }
    }

    #[test]
    fn which_of_several_wishes_counts() {
        let cookies = NextCookies::new(Some("a private key for tests"), b"");
        let other = NextCookies::new(None, b"random");
        let pair = |cookies: &NextCookies, path: &str, now| {
            let set = cookies.set(path, true, now).expect("a cookie");
            set.to_str()
                .expect("ASCII")
                .split(';')
                .next()
                .expect("a pair")
                .to_owned()
        };
        let good = pair(&cookies, "/remembered?a=b", 1_000);
        let evil = good.replace("HYDRA-NEXT=", "HYDRA-NEXT=x");
        for (case, form, cookie, expected) in [
            (
                "the form first",
                Some("/form"),
                format!("{good}; Referer=/left"),
                Some("/form"),
            ),
            (
                "then the gateway",
                None,
                format!("Referer=/left; {good}"),
                Some("/remembered?a=b"),
            ),
            ("then the client", None, "Referer=/left".to_owned(), Some("/left")),
            (
                "a quoted path",
                None,
                "Referer=\"/left%20x\"".to_owned(),
                Some("/left%20x"),
            ),
            (
                "an evil form",
                Some("//evil"),
                good.clone(),
                Some("/remembered?a=b"),
            ),
            ("an evil client", None, "Referer=https://evil/".to_owned(), None),
            (
                "an encoded evil client",
                None,
                "Referer=%2F%2Fevil".to_owned(),
                None,
            ),
            ("a changed cookie", None, evil, None),
            (
                "the cookie of another installation",
                None,
                pair(&other, "/x", 1_000),
                None,
            ),
            (
                "an old cookie",
                None,
                pair(&cookies, "/x", 1_000 - NEXT_LIFE_SECS),
                None,
            ),
            (
                "an evil path that was signed",
                None,
                pair(&cookies, "//evil", 1_000),
                None,
            ),
            ("nothing", None, "a=b".to_owned(), None),
        ] {
            let value = HeaderValue::from_str(&cookie).expect("a header");
            let headers = HeaderMap::from_iter([(COOKIE_HEADER, value)]);
            assert_eq!(
                cookies.choose(form, &headers, &site(), 1_000).as_deref(),
                expected,
                "{case}"
            );
        }
    }
}
