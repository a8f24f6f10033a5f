//! Previews: a visitor who opened a signed link, or sends its token, gets a version that ordinary visitors do not get
//! (design section 6, Weights).

use std::time::{SystemTime, UNIX_EPOCH};

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use http::{
    HeaderMap, HeaderValue, Method, Request, StatusCode, Uri,
    header::{ACCEPT, CACHE_CONTROL, LOCATION, SET_COOKIE},
};
use hydra_runtime_net::link_query;
use hydra_runtime_wire::{cookies::PREVIEW, headers::HYDRA_PREVIEW};

use crate::{
    Gateway,
    edge::{error_pages, failure::RequestFailure, headers},
    routing::previews::{self, PreviewKey, Previews},
};

/// The member of a query that opens or leaves previews.
const QUERY_NAME: &str = "hydra-preview";
/// The value of that member that leaves all previews.
const OFF: &str = "off";

impl Gateway {
    /// What the visitor with these request headers previews. Without a private key, there are no previews.
    #[must_use]
    pub fn previews(&self, headers: &HeaderMap) -> Previews {
        match self.preview_key() {
            Some(key) if previews::has_some(headers) => key.read(previews::texts(headers), now()),
            _ => Previews::NONE,
        }
    }

    /// The answer to a visitor who opens a link to a preview, or leaves all previews. `None`: the request does neither.
    #[must_use]
    pub fn open_preview(&self, request: &Request<Body>) -> Option<Response> {
        let key = self.preview_key()?;
        let query = request.uri().query()?;
        if *request.method() != Method::GET || !query.contains(QUERY_NAME) {
            return None;
        }
        let is_secure = self
            .origin_of(request.extensions(), request.headers())
            .is_secure();
        let known = self.previews(request.headers());
        Some(match visit(key, request.uri(), &known, now(), is_secure)? {
            Ok((location, cookie)) => {
                let no_store = HeaderValue::from_static("no-store");
                let headers = [
                    (LOCATION, location),
                    (SET_COOKIE, cookie),
                    (CACHE_CONTROL, no_store),
                ];
                (StatusCode::SEE_OTHER, headers).into_response()
            }
            Err(failure) => error_pages::response(failure, request.headers().get(ACCEPT), self.error_pages()),
        })
    }

    /// What a visitor previews, for the bar of a page: the value of the header `Hydra-Preview`. `None`: nothing.
    #[must_use]
    pub fn preview_state(&self, previews: &Previews) -> Option<HeaderValue> {
        if previews.is_empty() {
            return None;
        }
        let snapshot = self.publisher().snapshot();
        previews.state(|service, version| {
            let service = snapshot.service(service);
            service.is_some_and(|service| service.has_preview(version))
        })
    }

    /// Tells the visitor what this response previews, and keeps it out of all caches. `state` is the
    /// [`Gateway::preview_state`] that the page was made with, so that header and bar agree. Without it, nothing changes.
    pub fn tell_previews(state: Option<HeaderValue>, response: &mut HeaderMap) {
        let Some(state) = state else {
            return;
        };
        response.insert(HYDRA_PREVIEW, state);
        response.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
        for name in headers::FOR_CACHES_IN_FRONT {
            response.remove(name);
        }
    }
}

/// Where a visitor with this URI goes on, and the cookie to set. `None`: the query is not about previews. `known` is
/// what the visitor previews already.
fn visit(
    key: &PreviewKey,
    uri: &Uri,
    known: &Previews,
    now: u64,
    is_secure: bool,
) -> Option<Result<(HeaderValue, HeaderValue), RequestFailure>> {
    let (text, location) = link_query::taken(uri, QUERY_NAME)?;
    let (tokens, life) = match text {
        OFF => (String::new(), 0),
        text => {
            let opened = key.read([text.as_bytes()], now);
            if opened.is_empty() {
                return Some(Err(RequestFailure::BadPreview));
            }
            let Some(all) = known.with(&opened) else {
                return Some(Err(RequestFailure::TooManyPreviews));
            };
            (all.tokens(), all.end().saturating_sub(now))
        }
    };
    let secure = if is_secure { "; Secure" } else { "" };
    let cookie = format!("{PREVIEW}={tokens}; Path=/; Max-Age={life}; HttpOnly; SameSite=Lax{secure}");
    // Both consist of what a URI or a token may contain.
    let headers = HeaderValue::try_from(location).and_then(|location| {
        let cookie = HeaderValue::try_from(cookie)?;
        Ok((location, cookie))
    });
    headers.ok().map(Ok)
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_796_000_000;

    fn key() -> PreviewKey {
        PreviewKey::new("the private key of the tests")
    }

    /// Where the visitor goes on, and the cookie.
    fn visited(uri: &str, known: &Previews) -> Option<Result<(String, String), RequestFailure>> {
        let token = key().token("orders", "2", NOW + 60);
        let uri: Uri = uri.replace("TOKEN", &token).parse().expect("a URI");
        let text = |value: HeaderValue| value.to_str().expect("text").to_owned();
        let found = visit(&key(), &uri, known, NOW, true)?;
        Some(found.map(|(location, cookie)| (text(location), text(cookie).replace(&token, "TOKEN"))))
    }

    #[test]
    fn a_link_sets_a_cookie_that_ends_and_leads_to_the_page_on_this_host() {
        for (uri, expected) in [
            ("/?hydra-preview=TOKEN", "/"),
            ("/a?x=1&hydra-preview=TOKEN&y=2", "/a?x=1&y=2"),
            ("//evil.example/a?hydra-preview=TOKEN", "/evil.example/a"),
            ("http://shop.example/a?hydra-preview=TOKEN", "/a"),
        ] {
            let (location, cookie) = visited(uri, &Previews::default()).expect("a link").expect("good");
            assert_eq!(location, expected, "{uri}");
            assert_eq!(
                cookie,
                "HYDRA-PREVIEW=TOKEN; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
            );
        }
        for uri in ["/", "/?a=1", "/?hydra-preview", "/?xhydra-preview=TOKEN"] {
            assert_eq!(visited(uri, &Previews::default()), None, "{uri}");
        }
    }

    #[test]
    fn leaving_removes_the_cookie_and_the_member() {
        let left = visited("/a?b=c&hydra-preview=off", &Previews::default()).expect("a link");
        let (location, cookie) = left.expect("good");
        assert_eq!(location, "/a?b=c");
        assert!(
            cookie.starts_with("HYDRA-PREVIEW=; Path=/; Max-Age=0;"),
            "{cookie}"
        );
    }

    #[test]
    fn a_second_link_adds_its_service_and_one_too_many_is_refused() {
        let read = |tokens: &[String]| key().read([tokens.join("~").as_bytes()], NOW);
        let news = key().token("news", "5", NOW + 600);
        let known = read(std::slice::from_ref(&news));
        let (_, cookie) = visited("/?hydra-preview=TOKEN", &known)
            .expect("a link")
            .expect("good");
        assert!(
            cookie.starts_with(&format!("HYDRA-PREVIEW=TOKEN~{news}; Path=/; Max-Age=600;")),
            "{cookie}"
        );
        let many: Vec<String> = (0..8)
            .map(|n| key().token(&format!("s{n}"), "1", NOW + 9))
            .collect();
        let refused = visited("/?hydra-preview=TOKEN", &read(&many));
        assert_eq!(refused, Some(Err(RequestFailure::TooManyPreviews)));
    }

    #[test]
    fn a_link_that_is_not_valid_says_so() {
        let ended = key().token("orders", "2", NOW);
        let other = PreviewKey::new("another private key").token("orders", "2", NOW + 60);
        for text in ["", "x", "TOKENx", "OFF", "on", &ended, &other] {
            let refused = visited(&format!("/?hydra-preview={text}"), &Previews::default());
            assert_eq!(refused, Some(Err(RequestFailure::BadPreview)), "{text}");
        }
    }
}
