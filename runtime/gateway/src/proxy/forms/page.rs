//! The page on which a form stands, with the owner's answer in the place of the fragment.

use std::time::SystemTime;

use axum::{body::Body, response::Response};
use futures_util::future::BoxFuture;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri,
    header::{
        ACCEPT_ENCODING, ACCEPT_RANGES, AGE, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH,
        CONTENT_TYPE, ETAG, EXPECT, EXPIRES, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
        IF_UNMODIFIED_SINCE, LAST_MODIFIED, ORIGIN, RANGE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
    },
    request::Parts,
    uri::PathAndQuery,
};
use hydra_runtime_net::ReplacedBody;
use hydra_runtime_wire::{
    forms::{
        AnsweredFragment, InvalidForm, Replacer,
        page::{is_secret, kept},
    },
    headers::{FORM_PLACED, HYDRA_FORM, HYDRA_FORM_SIGNATURE, HYDRA_SESSION},
    signing::{Call, GATEWAY},
};
use uuid::Uuid;

use crate::{
    Gateway,
    edge::headers::FOR_CACHES_IN_FRONT,
    proxy::{pass_on, visitor::Previewed},
    routing::snapshot::Service,
};

/// Headers of a form that do not belong to the request for its page.
const OF_THE_FORM: [HeaderName; 14] = [
    ACCEPT_ENCODING,
    CONNECTION,
    EXPECT,
    IF_MATCH,
    IF_MODIFIED_SINCE,
    IF_NONE_MATCH,
    IF_RANGE,
    IF_UNMODIFIED_SINCE,
    ORIGIN,
    RANGE,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];
/// Headers that speak of a whole page as others get it.
const OF_THE_PAGE: [HeaderName; 6] = [ACCEPT_RANGES, AGE, CONTENT_LENGTH, ETAG, EXPIRES, LAST_MODIFIED];

/// The pages of this process, for forms on them.
pub trait OwnPages: Send + Sync {
    /// Whether there is a page at the path, which is encoded.
    fn has_page(&self, path: &str) -> bool;

    /// The page that a request asks for, with a fragment that has its answer already: the marker stands in the place of
    /// the fragment, and the response has the header `hydra-form: placed`.
    fn page_with(&self, request: Parts, answered: AnsweredFragment) -> BoxFuture<'_, Response>;
}

/// The request for the page on which a form stands that a visitor sends.
pub(super) fn request(sent: &Request<Body>) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = sent.uri().clone();
    *request.extensions_mut() = sent.extensions().clone();
    let headers = sent.headers().iter();
    let headers =
        headers.filter(|(name, _)| !OF_THE_FORM.contains(name) && !name.as_str().starts_with("content-"));
    for (name, value) in headers {
        request.headers_mut().append(name.clone(), value.clone());
    }
    // The marker is searched for in what the service writes.
    let identity = HeaderValue::from_static("identity");
    request.headers_mut().insert(ACCEPT_ENCODING, identity);
    request
}

/// Leads a request to the page at this path and query.
pub(super) fn lead_to(request: &mut Request<Body>, page: &PathAndQuery) {
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = Some(page.clone());
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_else(|_| page.clone().into());
}

/// What the service of a page is told about a form: a header that is signed. A request extension.
#[derive(Clone)]
pub(in crate::proxy) struct ForPage {
    name: HeaderName,
    value: HeaderValue,
}

impl ForPage {
    /// A fragment has its answer already.
    fn fragment(value: HeaderValue) -> Self {
        let name = HYDRA_FORM;
        Self { name, value }
    }

    /// The session of the fragment's owner is asked for, or has changed.
    pub(super) fn session(value: HeaderValue) -> Self {
        let name = HYDRA_SESSION;
        Self { name, value }
    }

    /// Writes the headers into a request for this service. One that does not make pages of fragments gets none.
    pub(in crate::proxy) fn write(self, gateway: &Gateway, service: &Service, request: &mut Request<Body>) {
        if !service.makes_pages() {
            return;
        }
        let call = Call {
            to: &service.name,
            method: &Method::GET,
            path: request.uri().path_and_query().map_or("/", PathAndQuery::as_str),
            body: self.value.as_bytes(),
        };
        let signed = gateway
            .signer()
            .and_then(|signer| signer.sign(GATEWAY, call, SystemTime::now()));
        let headers = request.headers_mut();
        for (_, signature) in signed.into_iter().flatten() {
            headers.append(HYDRA_FORM_SIGNATURE, signature);
        }
        headers.insert(self.name, self.value);
    }
}

/// The page that `request` asks for, with the fragment in its place. It may be one of `pages`. `None`: the page can't be had, or has no place for it.
pub(super) async fn with(
    gateway: &Gateway,
    pages: Option<&dyn OwnPages>,
    previewed: Previewed<'_>,
    mut request: Request<Body>,
    form: &InvalidForm,
    owner: &str,
) -> Option<Response> {
    let answered = AnsweredFragment {
        service: owner.to_owned(),
        reference: form.reference.clone(),
        imports: form.imports.clone(),
        marker: Uuid::new_v4().simple().to_string(),
        exports: form.exports.clone(),
        assets: form.assets.clone(),
    };
    let (service, reference) = (owner, &*form.reference);
    let Some(header) = answered.to_header() else {
        tracing::warn!(
            service,
            r#ref = reference,
            "the exports of an answer to a form are too long: the answer is shown without its page"
        );
        return None;
    };
    let marker = Replacer::of_marker(&answered.marker, form.html.clone().into());
    // On the heap: replacers are large, and the futures around this one contain all that waits here.
    let replacers = [Some(marker), Replacer::of_forms(request.uri().query())];
    let replacers: Vec<_> = replacers.into_iter().flatten().collect();
    let is_of_user = is_secret(request.headers());
    let own = pages.filter(|pages| pages.has_page(request.uri().path()));
    let page = match own {
        Some(pages) => Ok(pages.page_with(request.into_parts().0, answered).await),
        None => {
            request.extensions_mut().insert(ForPage::fragment(header));
            // Boxed: few requests come here.
            Box::pin(pass_on(gateway, request, previewed)).await
        }
    };
    let page = match page {
        Ok(page) => page,
        Err(failure) => {
            tracing::warn!(
                service,
                r#ref = reference,
                ?failure,
                "the page of a form can't be had"
            );
            return None;
        }
    };
    if !has_place(page.status(), page.headers()) {
        let status = page.status();
        tracing::warn!(service, r#ref = reference, %status, "the page of a form has no place for the answer to it");
        return None;
    }
    let (mut head, body) = page.into_parts();
    let kept = kept(is_of_user || is_secret(&head.headers));
    head.status = StatusCode::UNPROCESSABLE_ENTITY;
    for name in OF_THE_PAGE
        .iter()
        .chain(&FOR_CACHES_IN_FRONT)
        .chain([&HYDRA_FORM])
    {
        head.headers.remove(name);
    }
    head.headers.insert(CACHE_CONTROL, kept);
    Some(Response::from_parts(
        head,
        Body::new(ReplacedBody::new(body, replacers)),
    ))
}

/// Whether an answer is a page in which the marker stands.
fn has_place(status: StatusCode, headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let is_html = kind.is_some_and(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("text/html")
    });
    let is_encoded = headers
        .get(CONTENT_ENCODING)
        .is_some_and(|coding| coding != "identity");
    status == StatusCode::OK && is_html && !is_encoded && headers.get(HYDRA_FORM) == Some(&FORM_PLACED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_requested_as_the_visitor_requested_it_and_without_what_belongs_to_the_form() {
        let sent = Request::post("http://shop.example/pay?hydra-form=a.b")
            .header("cookie", "a=1")
            .header("cookie", "b=2")
            .header("accept-language", "de")
            .header("content-type", "text/plain")
            .header("content-length", "4")
            .header("content-md5", "x")
            .header("expect", "100-continue")
            .header("if-none-match", "x")
            .header("origin", "http://shop.example")
            .header("accept-encoding", "br")
            .body(Body::from("form"))
            .expect("a request");
        let mut request = request(&sent);
        lead_to(&mut request, &PathAndQuery::from_static("/pay?y=2"));
        assert_eq!(*request.method(), Method::GET);
        assert_eq!(request.uri(), "http://shop.example/pay?y=2");
        let headers: Vec<_> = request
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().expect("text")))
            .collect();
        assert_eq!(
            headers,
            [
                "cookie: a=1",
                "cookie: b=2",
                "accept-language: de",
                "accept-encoding: identity"
            ]
        );
    }

    #[test]
    fn only_a_page_that_says_so_has_a_place() {
        let good = [
            ("content-type", "text/html; charset=utf-8"),
            ("hydra-form", "placed"),
        ];
        for (status, more, expected) in [
            (200, None, true),
            (200, Some(("content-encoding", "identity")), true),
            (200, Some(("content-encoding", "gzip")), false),
            (200, Some(("content-type", "text/plain")), false),
            (200, Some(("hydra-form", "?")), false),
            (404, None, false),
            (302, None, false),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in good.into_iter().chain(more) {
                headers.insert(name, HeaderValue::from_static(value));
            }
            let status = StatusCode::from_u16(status).expect("a status");
            assert_eq!(has_place(status, &headers), expected, "{status} {more:?}");
        }
        assert!(!has_place(StatusCode::OK, &HeaderMap::new()));
    }
}
