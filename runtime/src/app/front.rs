//! An application without a gateway in front takes the forms of its own fragments itself (protocol section 9).

use std::{sync::Arc, time::SystemTime};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::{Html, IntoResponse, Response},
};
use bytes::Bytes;
use http::{
    Extensions, HeaderMap, HeaderValue, Method, StatusCode, Uri,
    header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HOST, LOCATION, REFERER},
    uri::PathAndQuery,
};
use hydra_runtime_net::observe::{ActionMeasures, RequestRecord};
use hydra_runtime_wire::{
    cross_site::is_cross_site,
    forms::{
        InvalidForm, has_seal_parameter,
        page::{at_anchor, is_like_host, of_form, of_fragment, with_query},
        seal_in, service_of, without_seal,
    },
    headers::{FORM_PLACED, HYDRA_FORM},
    lines::cut,
    signing::seconds,
};
use tower::ServiceExt as _;

use super::{
    actions::{self, ActionEnd},
    context::RenderContext,
    page::PendingPage,
};
use crate::{
    form::Done,
    overview::PublishedOverview,
    page::{Answer, PrefilledSlot, ScriptNonce},
    session::RequestSessions,
    user::RequestLogin,
};

/// What the layer needs.
pub(super) struct Front {
    pub(super) context: Arc<RenderContext>,
    /// The pages, without this layer.
    pub(super) routes: Router,
    pub(super) measures: ActionMeasures,
}

/// Whether the visitor's connection is encrypted, as far as trusted proxies say: an extension of the request.
#[derive(Clone, Copy)]
pub(super) struct IsSecure(pub(super) bool);

/// The layer around the pages of an application that has actions.
pub(super) async fn forms(State(front): State<Arc<Front>>, request: Request, next: Next) -> Response {
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
    let seal = seal_in(query).unwrap_or_default().to_owned();
    match *request.method() {
        // Whatever the seal is: the form must not reach the page's handler.
        Method::POST if has_seal_parameter(query) => match is_like_host(path) {
            true => StatusCode::BAD_REQUEST.into_response(),
            false => sent(&front, &seal, request).await,
        },
        // The visitor loads the page anew that showed what was wrong.
        Method::GET | Method::HEAD if service_of(&seal).is_some() && !is_like_host(path) => {
            see_other(&page_of(request.uri(), &HeaderMap::new()).to_string())
        }
        _ => next.run(request).await,
    }
}

async fn sent(front: &Front, seal: &str, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let is_secure = parts.extensions.get::<IsSecure>().is_some_and(|it| it.0);
    let scheme = if is_secure { "https" } else { "http" };
    let host = parts.headers.get(HOST).cloned();
    let host = host.or_else(|| HeaderValue::try_from(parts.uri.authority()?.as_str()).ok());
    if is_cross_site(&parts.method, false, &parts.headers, scheme, host.as_ref()) {
        tracing::warn!("a form that another site sent is refused");
        return StatusCode::FORBIDDEN.into_response();
    }
    let page = page_of(&parts.uri, &parts.headers);
    let context = &front.context;
    let sessions = parts.extensions.get::<Arc<RequestSessions>>().cloned();
    let sessions = sessions.unwrap_or_else(|| context.actions.sessions_of_gateway(None));
    let (end, record) = actions::run(context, seal, &parts.headers, body, sessions).await;
    let names = [&*record.service, &record.reference, &record.action];
    front.measures.count(names, record.outcome, record.time);
    match end {
        ActionEnd::Done { done, .. } => {
            let mut response = led(&done, &page);
            let now = seconds(SystemTime::now());
            let cookies = &context.actions.sent_cookies;
            cookies.add_to(response.headers_mut(), is_secure, now);
            response
        }
        ActionEnd::Invalid(invalid) => {
            let mut again = Request::new(Body::empty());
            *again.uri_mut() = Uri::from(page.clone());
            *again.headers_mut() = parts.headers;
            for name in [CONTENT_TYPE, CONTENT_LENGTH] {
                again.headers_mut().remove(name);
            }
            *again.extensions_mut() = for_page(&parts.extensions);
            shown_again(front, again, *invalid, &page).await
        }
        ActionEnd::Failed(status, reason) => {
            tracing::warn!(%status, reason = cut(&reason), "a form is refused");
            status.into_response()
        }
    }
}

/// The extensions of a request for the page, of those that this crate gives to requests. The others may be axum's, such as the
/// values from the path, which it would add to a second time.
fn for_page(sent: &Extensions) -> Extensions {
    let mut kept = Extensions::new();
    keep::<Arc<RequestRecord>>(sent, &mut kept);
    keep::<Arc<RequestSessions>>(sent, &mut kept);
    keep::<RequestLogin>(sent, &mut kept);
    keep::<PublishedOverview>(sent, &mut kept);
    keep::<ScriptNonce>(sent, &mut kept);
    kept
}

fn keep<T: Clone + Send + Sync + 'static>(sent: &Extensions, kept: &mut Extensions) {
    if let Some(extension) = sent.get::<T>() {
        kept.insert(extension.clone());
    }
}

/// The page with the fragment as it was filled in. What handles the page renders it.
async fn shown_again(front: &Front, page: Request, invalid: InvalidForm, address: &PathAndQuery) -> Response {
    let html = with_query(&invalid.html, address.query());
    let Ok(mut response) = front.routes.clone().oneshot(page).await;
    if response.extensions().get::<PendingPage>().is_none() {
        return alone(&html);
    }
    let prefilled = PrefilledSlot {
        service: front.context.service.to_string(),
        reference: invalid.reference,
        imports: invalid.imports,
        answer: Answer {
            html: Some(html.into()),
            exports: invalid.exports,
            assets: invalid.assets.into_boxed_slice(),
            // Nothing of it may be used again.
            max_age: Some(0),
            ..Answer::default()
        },
    };
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    response.extensions_mut().insert(Box::new(prefilled));
    response
}

/// `shown` is the page with the fragment `html` that was filled in, or, where it has no place for it, the fragment alone.
pub(super) fn placed(mut shown: Response, html: Bytes) -> Response {
    match shown.headers_mut().remove(HYDRA_FORM) {
        Some(placed) if placed == FORM_PLACED => shown,
        // The page failed, or has no such fragment.
        _ => alone(&String::from_utf8_lossy(&html)),
    }
}

/// A page of nothing but the HTML of a fragment.
fn alone(html: &str) -> Response {
    let no_store = HeaderValue::from_static("no-store");
    (
        StatusCode::UNPROCESSABLE_ENTITY,
        [(CACHE_CONTROL, no_store)],
        Html(of_fragment(html)),
    )
        .into_response()
}

/// The path and query of the page that an address with the seal of a form belongs to. The other parameters of the address are
/// the page's; without any, those of the `Referer` are, if it is the same page.
fn page_of(uri: &Uri, headers: &HeaderMap) -> PathAndQuery {
    let path = uri.path();
    let referer = || {
        let before: Uri = headers.get(REFERER)?.to_str().ok()?.parse().ok()?;
        let host = headers.get(HOST)?.to_str().ok()?;
        let is_same = before.path() == path && before.authority().is_some_and(|it| it.as_str() == host);
        before.query().filter(|_| is_same).and_then(without_seal)
    };
    of_form(uri, referer)
}

/// Where an action leads the visitor: to a path of this site.
fn led(done: &Done, page: &PathAndQuery) -> Response {
    match &done.to {
        Some(to) => see_other(to),
        None => see_other(&at_anchor(page, done.anchor.as_deref())),
    }
}

/// Leads a visitor to a path of this site by GET (RFC 9110 section 15.4.4).
fn see_other(to: &str) -> Response {
    match HeaderValue::try_from(to).ok().filter(|_| !is_like_host(to)) {
        Some(location) => {
            let no_store = HeaderValue::from_static("no-store");
            (
                StatusCode::SEE_OTHER,
                [(LOCATION, location), (CACHE_CONTROL, no_store)],
            )
                .into_response()
        }
        None => {
            tracing::error!(
                to = cut(to),
                "a form leads to an address that is not a path of this site"
            );
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
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
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static("shop.example"));
            headers.insert(REFERER, HeaderValue::from_static(referer));
            let uri: Uri = uri.parse().expect("an address");
            assert_eq!(page_of(&uri, &headers).as_str(), expected, "{uri} {referer}");
        }
    }

    #[test]
    fn visitors_are_led_to_paths_of_this_site_only() {
        let page = PathAndQuery::from_static("/pay?x=1");
        let location = |done: Done| {
            let response = led(&done, &page);
            let to = response
                .headers()
                .get(LOCATION)
                .map(|to| to.to_str().expect("a text").to_owned());
            (response.status().as_u16(), to.unwrap_or_default())
        };
        for (done, expected) in [
            (Done::to("/thanks?n=1#top"), "/thanks?n=1#top"),
            (Done::stay(), "/pay?x=1"),
            (Done::stay_at("orders"), "/pay?x=1#orders"),
            (Done::stay_at("a b"), "/pay?x=1"),
        ] {
            assert_eq!(location(done), (303, expected.to_owned()));
        }
        for elsewhere in [
            "//evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "https://evil.example",
            "thanks",
            "",
            "/\r\nx: y",
        ] {
            assert_eq!(location(Done::to(elsewhere)), (500, String::new()), "{elsewhere}");
        }
    }
}
