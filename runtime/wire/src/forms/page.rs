//! The page on which a form stands, as a gateway and an application without one lead back to it.
#![deny(clippy::disallowed_methods)]

use http::{
    HeaderMap, HeaderValue, Uri,
    header::{CACHE_CONTROL, SET_COOKIE},
    uri::PathAndQuery,
};

use super::{FORM_PARAMETER, without_seal};
use crate::{
    cookies::{KEPT_PREFIX, LOGIN, OURS, SESSION, pairs, value_of},
    limits::{MAX_FORM_ANCHOR_BYTES, MAX_RETRIED_FORMS},
};

/// The path and query of the page that an address with the seal of a form belongs to. The other parameters of the address
/// are the page's; if there are none, its query is that of the `Referer`, which `of_referer` gives if it is the same page.
pub fn of_form(uri: &Uri, of_referer: impl FnOnce() -> Option<String>) -> PathAndQuery {
    let path = uri.path();
    let query = uri.query().and_then(without_seal).or_else(of_referer);
    let whole = query.and_then(|query| format!("{path}?{query}").parse().ok());
    whole
        .or_else(|| path.parse().ok())
        .unwrap_or_else(|| PathAndQuery::from_static("/"))
}

/// Whether browsers may take an address for one with a host, where it must be a path of this site. They drop tabs, and a tab may
/// stand between two slashes.
#[must_use]
pub fn is_like_host(path: &str) -> bool {
    !path.starts_with('/') || path.starts_with("//") || path.starts_with("/\\") || path.contains('\t')
}

/// The address of a page, at the element with this id. An id that is none is left out.
#[must_use]
pub fn at_anchor(page: &PathAndQuery, id: Option<&str>) -> String {
    let is_id = |id: &&str| {
        let mut bytes = id.bytes();
        id.len() <= MAX_FORM_ANCHOR_BYTES
            && bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic())
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    match id.filter(is_id) {
        Some(id) => format!("{page}#{id}"),
        None => page.to_string(),
    }
}

/// HTML whose forms keep the query of the page: the address at which the visitor sees them has another one.
#[must_use]
pub fn with_query(html: &str, query: Option<&str>) -> String {
    match addresses(query) {
        Some([address, with_query]) => html.replacen(&address, &with_query, MAX_RETRIED_FORMS),
        None => html.to_owned(),
    }
}

/// How the address of a form begins in a page, and how it begins with the query. `None`: there is no query.
pub(super) fn addresses(query: Option<&str>) -> Option<[String; 2]> {
    let query = query.filter(|query| !query.is_empty())?;
    let query = query.replace('&', "&amp;").replace('"', "%22");
    Some([
        format!("action=\"?{FORM_PARAMETER}="),
        format!("action=\"?{query}&amp;{FORM_PARAMETER}="),
    ])
}

/// The `Cache-Control` of a page that shows a form again. No cache gives it to others. The visitor's own browser keeps it, so that
/// "back" shows it and does not ask whether the form is to be sent again. `is_secret`: a message of which the page is made
/// [`is_secret`], so that the browser does not keep it either.
#[must_use]
pub fn kept(is_secret: bool) -> HeaderValue {
    HeaderValue::from_static(match is_secret {
        true => "private, no-store",
        false => "private, no-cache",
    })
}

/// Whether a request or an answer with these headers has to do with a login or a session, or says that it is not to be kept: who
/// uses the browser next must not find it.
#[must_use]
pub fn is_secret(headers: &HeaderMap) -> bool {
    let mut sets = headers.get_all(SET_COOKIE).iter().map(HeaderValue::as_bytes);
    let directives = headers.get_all(CACHE_CONTROL).iter();
    let mut directives = directives.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    pairs(headers).any(identifies)
        || sets.any(|set| identifies(set) || !set.starts_with(OURS.as_bytes()))
        || directives.any(|directive| directive.trim_ascii().eq_ignore_ascii_case(b"no-store"))
}

/// Whether a cookie of Hydra, which begins so, is a login or a session, at a service of Hydra or at a plain one.
fn identifies(cookie: &[u8]) -> bool {
    let cookie = cookie.trim_ascii_start();
    cookie.starts_with(KEPT_PREFIX.as_bytes())
        || [LOGIN, SESSION]
            .iter()
            .any(|name| value_of(cookie, name).is_some())
}

/// A whole page of nothing but the HTML of a fragment, where its own page can't be shown around it.
#[must_use]
pub fn of_fragment(html: &str) -> String {
    format!(
        "<!doctype html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Please check</title>\n\
         <style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:6vh auto;padding:0 1rem}}</style>\n\
         </head>\n<body>\n<main>\n{html}\n</main>\n</body>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use http::header::COOKIE;

    use super::*;

    #[test]
    fn a_page_that_has_to_do_with_a_login_or_a_session_is_not_found_in_the_history() {
        assert_eq!(kept(is_secret(&HeaderMap::new())), "private, no-cache");
        for (name, value, expected) in [
            (COOKIE, "", "private, no-cache"),
            (COOKIE, "basket=mint; HYDRA-VERSION=1", "private, no-cache"),
            (COOKIE, "basket=mint; HYDRA-SSO=token", "private, no-store"),
            (COOKIE, "basket=mint; HYDRA-SESSION=1", "private, no-store"),
            (COOKIE, "HYDRA-COOKIE-0123abcd-sessionid=1", "private, no-store"),
            (CACHE_CONTROL, "max-age=60, public", "private, no-cache"),
            (CACHE_CONTROL, "x-no-store, no-cache", "private, no-cache"),
            (CACHE_CONTROL, "private, No-Store", "private, no-store"),
            (SET_COOKIE, "HYDRA-VERSION=1; Path=/", "private, no-cache"),
            (SET_COOKIE, "HYDRA-SESSION=1; Path=/", "private, no-store"),
            (SET_COOKIE, "HYDRA-COOKIE-0123abcd-x=1", "private, no-store"),
            (SET_COOKIE, "sessionid=1", "private, no-store"),
        ] {
            let headers = HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
            assert_eq!(kept(is_secret(&headers)), expected, "{value}");
        }
    }

    #[test]
    fn a_page_is_shown_at_an_id_and_at_nothing_else() {
        let page = PathAndQuery::from_static("/pay?y=2");
        let long = "x".repeat(MAX_FORM_ANCHOR_BYTES + 1);
        for (anchor, expected) in [
            (None, "/pay?y=2"),
            (Some("pay-form_2"), "/pay?y=2#pay-form_2"),
            (Some(""), "/pay?y=2"),
            (Some("2x"), "/pay?y=2"),
            (Some("x y"), "/pay?y=2"),
            (Some("x\r\ny"), "/pay?y=2"),
            (Some("é"), "/pay?y=2"),
            (Some(long.as_str()), "/pay?y=2"),
        ] {
            assert_eq!(at_anchor(&page, anchor), expected, "{anchor:?}");
        }
    }

    #[test]
    fn a_path_is_not_like_a_host() {
        for path in ["/", "/pay", "/pay//x", "/x?next=//evil.example"] {
            assert!(!is_like_host(path), "{path}");
        }
        for path in [
            "",
            "pay",
            "//evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "https://evil.example",
        ] {
            assert!(is_like_host(path), "{path}");
        }
    }

    #[test]
    fn forms_keep_the_query_of_their_page() {
        let html = "<form action=\"?hydra-form=a.b\"><p title=\"?hydra-form=\">action=&quot;?hydra-form=";
        assert_eq!(with_query(html, None), html);
        assert_eq!(with_query(html, Some("")), html);
        assert_eq!(
            with_query(html, Some("x=1&y='2'")),
            html.replace("action=\"?", "action=\"?x=1&amp;y='2'&amp;")
        );
        assert_eq!(
            with_query(html, Some("y=\"2")),
            html.replace("action=\"?", "action=\"?y=%222&amp;")
        );
        let many = html.repeat(2 * MAX_RETRIED_FORMS);
        let longer = with_query(&many, Some("x")).len() - many.len();
        assert_eq!(longer, MAX_RETRIED_FORMS * "x&amp;".len());
    }
}
