//! The own forms of pages. The service of the page is their owner, so that they are passed on as every other request.

use std::sync::{Arc, OnceLock};

use axum::{body::Body, response::Response};
use http::{
    Request, StatusCode,
    header::{SET_COOKIE, WWW_AUTHENTICATE},
};
use hydra_runtime_net::observe::RequestRecord;
use hydra_runtime_wire::forms::page::is_like_host;

use super::{address, login_page, measured::Measured, site_of};
use crate::{
    Gateway,
    edge::failure::RequestFailure,
    login::{host_of, is_of_another_site},
    proxy::{holder, pass_on, visitor::Previewed},
    routing::snapshot::Service,
};

/// Passes a form on to the service of its page, which counts it. Counts one without an answer of that service.
pub(super) async fn answer(
    gateway: &Gateway,
    request: Request<Body>,
    previewed: Previewed<'_>,
) -> Result<Response, RequestFailure> {
    let record = request.extensions().get::<Arc<RequestRecord>>().cloned();
    let is_complete = gateway.publisher().is_complete();
    let snapshot = gateway.publisher().snapshot();
    let held = holder(&snapshot, is_complete, request.uri().path()).map(|(_, service)| service);
    let service = held.as_ref().ok().copied();
    let answered = exchange(gateway, held, request, previewed).await;
    answered.map_err(|failure| Measured::refused(service, record, gateway.action_measures(), failure))
}

async fn exchange(
    gateway: &Gateway,
    held: Result<&Service, RequestFailure>,
    request: Request<Body>,
    previewed: Previewed<'_>,
) -> Result<Response, RequestFailure> {
    if is_like_host(request.uri().path()) {
        return Err(RequestFailure::BadPath);
    }
    let origin = gateway.origin_of(request.extensions(), request.headers());
    // Also at the paths of `cross_site`, as for forms of fragments.
    if is_of_another_site(&request, &origin) {
        return Err(RequestFailure::CrossSite);
    }
    let service = held.map_err(|failure| match failure {
        RequestFailure::NotFound => failure,
        other => other.of_form(),
    })?;
    // Other services have no such forms. One that is away may be of either kind.
    if !service.active.is_empty() && !service.makes_pages() {
        return Err(RequestFailure::FormUnreadable);
    }
    let host = host_of(&request, &origin);
    let site = OnceLock::new();
    let site = || site_of(&site, &origin, host.as_ref());
    let page = address::page(request.uri(), request.headers(), site);
    // Boxed: few requests come here.
    let answered = Box::pin(pass_on(gateway, request, previewed)).await;
    let answered = answered.map_err(RequestFailure::of_form)?;
    // With a challenge (RFC 9110 section 11.6.1), the service has a login of its own.
    let needs_login =
        answered.status() == StatusCode::UNAUTHORIZED && !answered.headers().contains_key(WWW_AUTHENTICATE);
    let login = needs_login.then(|| login_page(gateway, &page, site(), &origin, host.as_ref()));
    let Some(mut login) = login.flatten() else {
        return Ok(answered);
    };
    for cookie in answered.headers().get_all(SET_COOKIE) {
        login.headers_mut().append(SET_COOKIE, cookie.clone());
    }
    Ok(login)
}
