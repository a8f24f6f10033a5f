//! An application takes the forms of its own pages itself, and without a gateway in front those of its own fragments, too (protocol
//! section 9).

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::{Html, IntoResponse, Response},
};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, StatusCode, Uri,
    header::{CACHE_CONTROL, CONTENT_ENCODING, HOST, REFERER},
    request::Parts,
    uri::PathAndQuery,
};
use hydra_runtime_net::{ReplacedBody, bodies, proxies::Origin};
use hydra_runtime_wire::{
    cross_site::{is_cross_site, is_origin},
    forms::{
        FormFailure, InvalidForm, Replacer, has_seal_parameter, is_form,
        page::{is_like_host, of_form, of_fragment, with_query},
        page_action, seal_in, without_seal,
    },
    headers::{FORM_PLACED, HYDRA_FORM, HYDRA_PATH},
};

use super::{
    actions::{self, ActionEnd},
    form_responses::{Front, done_with, failed, failed_action, made_again, see_other},
    measured_action::Measured,
    page::PendingPage,
    page_forms,
};
use crate::{
    page::{Answer, PrefilledSlot},
    session::RequestSessions,
};

/// How the visitor reached this site, as far as trusted proxies say: an extension of the request.
#[derive(Clone)]
pub(super) struct Visited(pub(super) Origin);

/// The site that the visitor uses.
struct Site {
    scheme: &'static str,
    /// With its port. `None`: the request names none.
    host: Option<HeaderValue>,
}

impl Site {
    fn of(request: &Parts) -> Self {
        let visited = request.extensions.get::<Visited>();
        let by_proxy = visited.and_then(|visited| visited.0.host.clone());
        // With HTTP/2, the host is a part of the address.
        let in_address = || HeaderValue::try_from(request.uri.authority()?.as_str()).ok();
        let host = by_proxy.or_else(in_address);
        Self {
            scheme: visited.map_or("http", |visited| visited.0.scheme),
            host: host.or_else(|| request.headers.get(HOST).cloned()),
        }
    }

    /// Whether an address with scheme and host leads to this site.
    fn has(&self, address: &Uri) -> bool {
        let origin = address.scheme_str().zip(address.authority());
        let origin =
            origin.and_then(|(scheme, host)| HeaderValue::try_from(format!("{scheme}://{host}")).ok());
        let here = origin.as_ref().zip(self.host.as_ref());
        here.is_some_and(|(origin, host)| is_origin(origin, self.scheme, host))
    }
}

/// The layer around the pages of an application that has actions.
pub(super) async fn forms(State(front): State<Arc<Front>>, request: Request, next: Next) -> Response {
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
    let seal = seal_in(query).unwrap_or_default().to_owned();
    match *request.method() {
        // Whatever the seal is: the form must not reach the page's handler.
        Method::POST if has_seal_parameter(query) => match is_like_host(path) {
            true => refused(&front, FormFailure::Unreadable, request.into_body()).await,
            false => sent(&front, &seal, request).await,
        },
        // The visitor loads the page anew that showed what was wrong.
        Method::GET | Method::HEAD if is_form(&seal) && !is_like_host(path) => {
            let page = of_form(request.uri(), || None);
            see_other(page.as_str()).unwrap_or_else(|| StatusCode::BAD_REQUEST.into_response())
        }
        _ => next.run(request).await,
    }
}

async fn sent(front: &Front, seal: &str, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let site = Site::of(&parts);
    if is_of_another_site(&parts, &site) {
        tracing::warn!("a form that another site sent is refused");
        return refused(front, FormFailure::CrossSite, body).await;
    }
    if parts.headers.contains_key(CONTENT_ENCODING) {
        return refused(front, FormFailure::Kind, body).await;
    }
    let page = page_of(&parts.uri, &parts.headers, &site);
    let (context, is_secure) = (&front.context, site.scheme == "https");
    if let Some(action) = page_action(seal) {
        let sent = page_forms::Sent {
            parts,
            page: &page,
            is_secure,
        };
        return page_forms::answer(front, action, sent, body).await;
    }
    let sessions = parts.extensions.get::<Arc<RequestSessions>>().cloned();
    let sessions = sessions.unwrap_or_else(|| context.actions.sessions_of_gateway(None));
    let (end, record) = actions::run(context, seal, &parts.headers, body, sessions).await;
    front.count(&record);
    match end {
        ActionEnd::Done { done, .. } => done_with(front, &done, &page, is_secure),
        ActionEnd::Invalid(invalid) => {
            let response = made_again(front, parts, &page).await;
            shown_again(front, response, *invalid, &page)
        }
        ActionEnd::Failed(action) => failed_action(&action),
    }
}

fn is_of_another_site(request: &Parts, site: &Site) -> bool {
    // A gateway has refused it already, and knows better which site it is. Other sites can't have browsers send this header.
    let by_gateway = request.headers.contains_key(HYDRA_PATH);
    let host = site.host.as_ref();
    !by_gateway && is_cross_site(&request.method, false, &request.headers, site.scheme, host)
}

/// Refuses a form before its seal is read, and counts it.
async fn refused(front: &Front, failure: FormFailure, body: Body) -> Response {
    // Otherwise a browser that still sends it does not read the answer.
    bodies::discard(body).await;
    let measured = Measured::begin(&front.context, None);
    front.count(&measured.end(failure.into()));
    failed(failure)
}

/// The page with the fragment as it was filled in. `response`: what handles the page gave.
fn shown_again(
    front: &Front,
    mut response: Response,
    invalid: InvalidForm,
    address: &PathAndQuery,
) -> Response {
    if response.extensions().get::<PendingPage>().is_none() {
        return alone(&invalid.html, address.query());
    }
    let prefilled = PrefilledSlot {
        service: front.context.service.to_string(),
        reference: invalid.reference,
        imports: invalid.imports,
        answer: Answer {
            html: Some(invalid.html.into()),
            exports: invalid.exports,
            assets: invalid.assets.into_boxed_slice(),
            // Nothing of it may be used again.
            max_age: Some(0),
            ..Answer::default()
        },
    };
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    response.extensions_mut().insert(Box::new(prefilled));
    response.extensions_mut().insert(FormPage(address.clone()));
    response
}

/// The address of a page that shows a form again: an extension of the response.
#[derive(Clone)]
struct FormPage(PathAndQuery);

/// `shown` is the page with the fragment `html` that was filled in, or, where it has no place for it, the fragment alone. The forms
/// of the page keep its query.
pub(super) fn placed(mut shown: Response, html: Bytes) -> Response {
    let page = shown.extensions_mut().remove::<FormPage>();
    let query = page.as_ref().and_then(|FormPage(page)| page.query());
    match shown.headers_mut().remove(HYDRA_FORM) {
        Some(placed) if placed == FORM_PLACED => match Replacer::of_forms(query) {
            Some(replacer) => shown.map(|body| Body::new(ReplacedBody::new(body, [replacer]))),
            None => shown,
        },
        // The page failed, or has no such fragment.
        _ => alone(&String::from_utf8_lossy(&html), query),
    }
}

/// A page of nothing but the HTML of a fragment, whose forms keep the query of their page.
fn alone(html: &str, query: Option<&str>) -> Response {
    let no_store = HeaderValue::from_static("no-store");
    (
        StatusCode::UNPROCESSABLE_ENTITY,
        [(CACHE_CONTROL, no_store)],
        Html(of_fragment(&with_query(html, query))),
    )
        .into_response()
}

/// The path and query of the page that an address with the seal of a form belongs to. The other parameters of the address are
/// the page's; without any, those of the `Referer` are, if it is the same page.
fn page_of(uri: &Uri, headers: &HeaderMap, site: &Site) -> PathAndQuery {
    let referer = || {
        let before: Uri = headers.get(REFERER)?.to_str().ok()?.parse().ok()?;
        let is_same = before.path() == uri.path() && site.has(&before);
        before.query().filter(|_| is_same).and_then(without_seal)
    };
    of_form(uri, referer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_its_own_query_or_that_of_the_page_before_if_it_is_the_same() {
        for (uri, referer, expected) in [
            ("/pay?hydra-form=a.b", "", "/pay"),
            (
                "/pay?x=1&hydra-form=a.b",
                "http://shop.example/pay?y=2",
                "/pay?x=1",
            ),
            ("/pay?hydra-form=a.b", "http://shop.example/pay?y=2", "/pay?y=2"),
            (
                "/pay?hydra-form=a.b",
                "http://shop.example/pay?hydra-form=c.d",
                "/pay",
            ),
            ("/pay?hydra-form=a.b", "http://shop.example/other?y=2", "/pay"),
            ("/pay?hydra-form=a.b", "http://other.example/pay?y=2", "/pay"),
            ("/pay?hydra-form=a.b", "/pay?y=2", "/pay"),
        ] {
            let headers = HeaderMap::from_iter([(REFERER, HeaderValue::from_static(referer))]);
            let uri: Uri = uri.parse().expect("an address");
            let site = Site {
                scheme: "http",
                host: Some(HeaderValue::from_static("shop.example")),
            };
            assert_eq!(
                page_of(&uri, &headers, &site).as_str(),
                expected,
                "{uri} {referer}"
            );
        }
    }

    #[test]
    fn the_site_is_the_one_that_the_visitor_uses() {
        let origin = |scheme, host: Option<&'static str>| Origin {
            address: None,
            scheme,
            host: host.map(HeaderValue::from_static),
        };
        for (target, header, visited, referer, expected) in [
            (
                "/pay",
                Some("shop.example"),
                origin("http", None),
                "http://shop.example/pay",
                true,
            ),
            // Over HTTP/2.
            (
                "http://shop.example/pay",
                None,
                origin("http", None),
                "http://shop.example:80/pay",
                true,
            ),
            // Behind a proxy.
            (
                "/pay",
                Some("10.0.0.7:8080"),
                origin("https", Some("shop.example")),
                "https://shop.example/pay",
                true,
            ),
            (
                "/pay",
                Some("shop.example"),
                origin("https", None),
                "http://shop.example/pay",
                false,
            ),
            (
                "/pay",
                Some("shop.example"),
                origin("http", None),
                "http://other.example/pay",
                false,
            ),
            (
                "/pay",
                None,
                origin("http", None),
                "http://shop.example/pay",
                false,
            ),
            ("/pay", Some("shop.example"), origin("http", None), "/pay", false),
        ] {
            let mut request = Request::get(target).body(()).expect("a request");
            request
                .headers_mut()
                .extend(header.map(|host| (HOST, HeaderValue::from_static(host))));
            request.extensions_mut().insert(Visited(visited));
            let site = Site::of(&request.into_parts().0);
            let referer: Uri = referer.parse().expect("an address");
            assert_eq!(site.has(&referer), expected, "{target} {header:?} {referer}");
        }
    }
}
