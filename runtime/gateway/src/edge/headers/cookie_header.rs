//! Changes the cookies of a request.
#![deny(clippy::disallowed_methods)]

use http::{HeaderMap, HeaderValue, header::COOKIE};
use hydra_runtime_wire::cookies::{pairs, value_of, values};

/// Replaces all cookies of that name with `pair`, or removes them if there is no `pair`.
pub(crate) fn replace_cookie(headers: &mut HeaderMap, name: &str, pair: Option<&HeaderValue>) {
    if pair.is_none() && values(headers, name).next().is_none() {
        return;
    }
    filter_cookies(headers, |one| value_of(one, name).is_none(), pair);
}

/// Whether there is a cookie whose name begins so.
pub(crate) fn has_cookie_with(headers: &HeaderMap, prefix: &str) -> bool {
    pairs(headers).any(|pair| begins_with(pair, prefix))
}

/// Removes all cookies whose names begin so.
pub(crate) fn remove_cookies(headers: &mut HeaderMap, prefix: &str) {
    if has_cookie_with(headers, prefix) {
        filter_cookies(headers, |pair| !begins_with(pair, prefix), None);
    }
}

/// Joins the cookie headers: HTTP/2 splits them, while HTTP/1.1 knows only one (RFC 9113 section 8.2.3).
pub(super) fn join(headers: &mut HeaderMap) {
    if headers.get_all(COOKIE).iter().nth(1).is_none() {
        return;
    }
    let parts: Vec<&[u8]> = headers
        .get_all(COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if let Ok(joined) = HeaderValue::from_bytes(&parts.join(&b"; "[..])) {
        headers.insert(COOKIE, joined);
    }
}

/// Keeps some of the cookies, and adds `more`. Without any, the header is removed.
pub(crate) fn filter_cookies(
    headers: &mut HeaderMap,
    is_kept: impl Fn(&[u8]) -> bool,
    more: Option<&HeaderValue>,
) {
    let mut all = Vec::new();
    let kept = pairs(headers)
        .filter(|pair| is_kept(pair))
        .map(<[u8]>::trim_ascii);
    for pair in kept
        .filter(|pair| !pair.is_empty())
        .chain(more.map(HeaderValue::as_bytes))
    {
        if !all.is_empty() {
            all.extend_from_slice(b"; ");
        }
        all.extend_from_slice(pair);
    }
    match HeaderValue::try_from(all) {
        Ok(value) if !value.is_empty() => headers.insert(COOKIE, value),
        _ => headers.remove(COOKIE),
    };
}

/// Whether the name of a cookie begins so.
pub(crate) fn begins_with(pair: &[u8], prefix: &str) -> bool {
    pair.trim_ascii_start().starts_with(prefix.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::{super::tests::map, *};

    #[test]
    fn one_cookie_is_replaced_and_the_others_stay_as_they_are() {
        let pair = HeaderValue::from_static("V=new");
        let check = |before: &[(&'static str, &'static str)], pair, expected: Option<&str>| {
            let mut headers = map(before);
            replace_cookie(&mut headers, "V", pair);
            let after: Vec<_> = headers
                .get_all(COOKIE)
                .iter()
                .filter_map(|value| value.to_str().ok())
                .collect();
            assert_eq!(after, expected.into_iter().collect::<Vec<_>>(), "{before:?}");
        };
        check(&[], Some(&pair), Some("V=new"));
        check(
            &[("cookie", "a=b;V=1; c=\"d\"")],
            Some(&pair),
            Some("a=b; c=\"d\"; V=new"),
        );
        check(
            &[("cookie", "V=1"), ("cookie", "a=b; V=2")],
            Some(&pair),
            Some("a=b; V=new"),
        );
        check(
            &[("cookie", "V=1; a=b; XV=1; V1=1")],
            None,
            Some("a=b; XV=1; V1=1"),
        );
        check(&[("cookie", "V=1")], None, None);
        check(&[("cookie", "a=b;  c=d;")], None, Some("a=b;  c=d;"));
    }

    #[test]
    fn cookies_of_one_family_are_removed_and_the_others_stay() {
        for (before, expected) in [
            (&["P-1=a"][..], &[][..]),
            (&["P-1=a; P-2=b", "P-3=c"], &[]),
            (&["P-1=a;x=1;  y=2"], &["x=1; y=2"]),
            (&["x=1; P-1", "y=P-1=2"], &["x=1; y=P-1=2"]),
            (&["x=1", "p-1=2; XP-1=3"], &["x=1", "p-1=2; XP-1=3"]),
            (&["x=1;;  y=2"], &["x=1;;  y=2"]),
        ] {
            let before: Vec<_> = before.iter().map(|text| ("cookie", *text)).collect();
            let mut headers = map(&before);
            remove_cookies(&mut headers, "P-");
            let after: Vec<_> = headers.get_all(COOKIE).iter().collect();
            assert_eq!(after, expected, "{before:?}");
        }
    }
}
