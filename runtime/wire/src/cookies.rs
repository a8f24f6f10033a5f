//! Reads the cookies of a request, and says which of them are passed on to the owners of fragments. Other cookies stay with the
//! service that set them.
#![deny(clippy::disallowed_methods)]

use std::iter;

use http::{HeaderMap, HeaderValue, header::COOKIE};

/// The prefix of Hydra's own cookies.
pub const OURS: &str = "HYDRA-";
/// The cookie with the login.
pub(crate) const LOGIN: &str = "HYDRA-SSO";
/// The cookie that keeps a visitor on one set of versions.
pub const VERSION: &str = "HYDRA-VERSION";
/// The cookie that names a visitor's sessions. Only the service of the page gets it.
pub const SESSION: &str = "HYDRA-SESSION";
/// The prefix of the cookies that keep a visitor with one instance of a service. They end at the gateway.
pub const PIN_PREFIX: &str = "HYDRA-AT-";
/// The cookie with the previews of a visitor.
pub const PREVIEW: &str = "HYDRA-PREVIEW";
/// The cookie of a visitor who has just sent a form.
pub const SENT: &str = "HYDRA-SENT";
/// The prefix of the cookies that visitors keep for plain services. After it stand a hash of the service's name, and the name
/// of the cookie at that service.
pub const KEPT_PREFIX: &str = "HYDRA-COOKIE-";
/// The cookie with which a page's service hands those cookies back to a gateway, which encrypted them.
pub const SEALED: &str = "HYDRA-COOKIES";
/// The cookies that go to services of protocol 2. Services of protocol 1 do not know what a login is, and could use
/// it against others.
const TRAVELLING: [&str; 4] = [LOGIN, VERSION, PREVIEW, SENT];

/// The cookies of a visitor's headers that go along with a request for fragments, from a gateway to the owner.
pub fn travelling(headers: &HeaderMap) -> Option<HeaderValue> {
    kept(headers, &TRAVELLING)
}

/// The same from a page's service to its gateway.
pub fn to_gateway(headers: &HeaderMap) -> Option<HeaderValue> {
    let [login, version, preview, sent] = TRAVELLING;
    kept(headers, &[login, version, preview, sent, SEALED])
}

/// The login of a visitor, for which addresses of lazy fragments are sealed.
pub fn login(headers: &HeaderMap) -> Option<HeaderValue> {
    kept(headers, &[LOGIN])
}

/// The login tokens of a visitor. There is more than one if cookies of several paths have the name.
pub fn login_tokens(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    values(headers, LOGIN).filter_map(|token| std::str::from_utf8(token).ok())
}

/// The cookies of a request, each as `name=value`, in all headers: HTTP/2 splits them (RFC 9113 section 8.2.3). There may be
/// spaces around them, and empty ones.
pub fn pairs(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|value| parts(value.as_bytes()))
}

/// The values of all cookies with this name.
pub fn values<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    pairs(headers).filter_map(move |pair| value_of(pair, name))
}

/// The value of a cookie, if it has this name.
pub fn value_of<'a>(pair: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let rest = pair.trim_ascii_start().strip_prefix(name.as_bytes())?;
    rest.strip_prefix(b"=").map(<[u8]>::trim_ascii_end)
}

/// What stands between semicolons. Each request is read so several times, and its cookies may be long, so that the
/// semicolons are searched for as fast as the machine can.
fn parts(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    iter::from_fn(move || {
        let text = rest?;
        let (part, behind) = match memchr::memchr(b';', text) {
            Some(at) => (text.get(..at)?, text.get(at + 1..)),
            None => (text, None),
        };
        rest = behind;
        Some(part)
    })
}

/// The cookies with these names.
fn kept(headers: &HeaderMap, names: &[&str]) -> Option<HeaderValue> {
    let kept: Vec<&[u8]> = pairs(headers)
        .map(<[u8]>::trim_ascii)
        .filter(|pair| names.iter().any(|name| value_of(pair, name).is_some()))
        .collect();
    if kept.is_empty() {
        None
    } else {
        HeaderValue::from_bytes(&kept.join(&b"; "[..])).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_found_in_all_headers_however_they_are_split() {
        for (texts, expected) in [
            (&["a=1"][..], &["1"][..]),
            (&["a=1;a=2 ; a=3;"], &["1", "2", "3"]),
            (&["b=0; a=1", "a=2"], &["1", "2"]),
            (&["; ;a=", ""], &[""]),
            (&["xa=1; ab=2; a; A=3; b=a=4"], &[]),
            (&["a==;a=\"1; 2\""], &["=", "\"1"]),
            (&[], &[]),
        ] {
            let mut headers = HeaderMap::new();
            for text in texts {
                headers.append(COOKIE, HeaderValue::from_static(text));
            }
            let found: Vec<&[u8]> = values(&headers, "a").collect();
            let expected: Vec<&[u8]> = expected.iter().map(|text| text.as_bytes()).collect();
            assert_eq!(found, expected, "{texts:?}");
        }
    }

    #[test]
    fn only_cookies_that_owners_of_fragments_may_read_travel() {
        let mut headers = HeaderMap::new();
        for text in [
            "theme=dark; HYDRA-SSO=abc; HYDRA-SESSION=1; HYDRA-OTHER=2",
            "x=HYDRA-SSO=1; HYDRA-VERSION=7; HYDRA-PREVIEW=8; HYDRA-SSO; HYDRA-SENT=5",
        ] {
            headers.append(COOKIE, HeaderValue::from_static(text));
        }
        assert_eq!(login_tokens(&headers).collect::<Vec<_>>(), ["abc"]);
        headers.append("authorization", HeaderValue::from_static("secret"));
        let expected =
            HeaderValue::from_static("HYDRA-SSO=abc; HYDRA-VERSION=7; HYDRA-PREVIEW=8; HYDRA-SENT=5");
        assert_eq!(travelling(&headers), Some(expected.clone()));
        assert_eq!(to_gateway(&headers), Some(expected));
        headers.append(
            COOKIE,
            HeaderValue::from_static("HYDRA-COOKIES=9; HYDRA-COOKIE-a-b=10"),
        );
        let expected = HeaderValue::from_static(
            "HYDRA-SSO=abc; HYDRA-VERSION=7; HYDRA-PREVIEW=8; HYDRA-SENT=5; HYDRA-COOKIES=9",
        );
        assert_eq!(to_gateway(&headers), Some(expected));
        assert_eq!(travelling(&HeaderMap::new()), None);
    }
}
