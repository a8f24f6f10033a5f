//! Reads what a service sets in a visitor's cookies (RFC 6265 section 5.2), and writes it for the site.
#![deny(clippy::disallowed_methods)]

use http::{HeaderMap, HeaderValue};

use crate::edge::headers::replace_cookie;

/// The name and the value that a `Set-Cookie` sets. `None`: it sets none.
pub(super) fn pair(set: &HeaderValue) -> Option<(&str, &str)> {
    let (name, value) = parts(set)?.next()?.split_once('=')?;
    Some((name.trim(), value.trim()))
}

/// The same `Set-Cookie` under another name, for all paths of the site and for no other host. `None`: it can't be read.
pub(super) fn renamed(set: &HeaderValue, name: &str) -> Option<HeaderValue> {
    let (_, value) = pair(set)?;
    let mut text = format!("{name}={value}; Path=/");
    let is_kept = |part: &&str| !["path", "domain"].iter().any(|other| is_attribute(part, other));
    for part in parts(set)?.skip(1).map(str::trim).filter(is_kept) {
        text.push_str("; ");
        text.push_str(part);
    }
    HeaderValue::try_from(text).ok()
}

/// Does to the cookies of a request what a browser would do that gets this `Set-Cookie`. Dates are not read: services that
/// remove a cookie send `Max-Age=0` too.
pub(super) fn apply(set: &HeaderValue, cookies: &mut HeaderMap) {
    let Some((name, value)) = pair(set) else { return };
    let is_over = |part: &str| {
        let age = part.trim().split_once('=').map(|(_, age)| age.trim());
        is_attribute(part, "max-age") && age.is_some_and(|age| age == "0" || age.starts_with('-'))
    };
    let is_removed = parts(set).is_some_and(|mut parts| parts.any(is_over));
    let pair = HeaderValue::try_from(format!("{name}={value}")).ok();
    replace_cookie(cookies, name, pair.as_ref().filter(|_| !is_removed));
}

fn parts(set: &HeaderValue) -> Option<impl Iterator<Item = &str>> {
    set.to_str().ok().map(|text| text.split(';'))
}

fn is_attribute(part: &str, name: &str) -> bool {
    let stated = part.split('=').next().unwrap_or_default();
    stated.trim().eq_ignore_ascii_case(name)
}

#[cfg(test)]
mod tests {
    use http::header::COOKIE;

    use super::*;

    fn value(text: &str) -> HeaderValue {
        HeaderValue::from_str(text).expect("a value")
    }

    #[test]
    fn a_cookie_gets_another_name_and_the_whole_site() {
        for (set, expected) in [
            ("a=1", Some("P=1; Path=/")),
            ("a=", Some("P=; Path=/")),
            ("a=x=y", Some("P=x=y; Path=/")),
            (" a = 1 ;HttpOnly; Secure", Some("P=1; Path=/; HttpOnly; Secure")),
            (
                "a=1; Domain=.shop.example; Path=/old; SameSite=Lax; Max-Age=7",
                Some("P=1; Path=/; SameSite=Lax; Max-Age=7"),
            ),
            (
                "a=1; PATH=/x; domain=evil.example; path = /y; expires=Wed, 21 Oct 2015 07:28:00 GMT",
                Some("P=1; Path=/; expires=Wed, 21 Oct 2015 07:28:00 GMT"),
            ),
            ("a", None),
            ("", None),
            ("; a=1", None),
        ] {
            let found = renamed(&value(set), "P");
            assert_eq!(found.as_ref(), expected.map(value).as_ref(), "{set}");
        }
        let bytes = HeaderValue::from_bytes(b"a=\xff").expect("a value");
        assert_eq!(renamed(&bytes, "P"), None);
    }

    #[test]
    fn what_was_set_is_in_the_next_request() {
        for (before, set, after) in [
            ("x=1", "a=2; Path=/", Some("x=1; a=2")),
            ("a=1; x=1", "a=2", Some("x=1; a=2")),
            ("a=1; x=1", "a=; Max-Age=0", Some("x=1")),
            ("a=1", "a=; max-age = -1; Path=/", None),
            ("a=1", "a=2; Max-Age=10", Some("a=2")),
            ("a=1", "a", Some("a=1")),
        ] {
            let mut cookies = HeaderMap::from_iter([(COOKIE, value(before))]);
            apply(&value(set), &mut cookies);
            let found = cookies.get(COOKIE).map(|found| found.to_str().expect("text"));
            assert_eq!(found, after, "{before} {set}");
        }
    }
}
