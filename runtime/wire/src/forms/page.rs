//! The page on which a form stands, as a gateway and an application without one lead back to it.
#![deny(clippy::disallowed_methods)]

use http::{HeaderMap, HeaderValue, Uri, uri::PathAndQuery};

use super::{FORM_PARAMETER, without_seal};
use crate::{
    cookies,
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

/// The HTML of a fragment whose forms keep the query of the page: the address at which the visitor sees it has another one.
#[must_use]
pub fn with_query(html: &str, query: Option<&str>) -> String {
    let Some(query) = query.filter(|query| !query.is_empty()) else {
        return html.to_owned();
    };
    let query = query.replace('&', "&amp;").replace('"', "%22");
    html.replacen(
        &format!("action=\"?{FORM_PARAMETER}="),
        &format!("action=\"?{query}&amp;{FORM_PARAMETER}="),
        MAX_RETRIED_FORMS,
    )
}

/// The `Cache-Control` of a page that shows a form again to the visitor with these headers. No cache gives it to others. The
/// visitor's own browser keeps it, so that "back" shows it and does not ask whether the form is to be sent again, but not what a
/// user has seen who logs out later.
#[must_use]
pub fn kept(visitor: &HeaderMap) -> HeaderValue {
    HeaderValue::from_static(match cookies::login(visitor) {
        Some(_) => "private, no-store",
        None => "private, no-cache",
    })
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
    fn only_visitors_who_are_not_logged_in_find_their_form_in_the_history() {
        for (cookie, expected) in [
            ("", "private, no-cache"),
            ("basket=mint", "private, no-cache"),
            ("basket=mint; HYDRA-SSO=token", "private, no-store"),
        ] {
            let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_static(cookie))]);
            assert_eq!(kept(&headers), expected, "{cookie}");
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
