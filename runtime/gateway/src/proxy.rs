//! The proxy: passes a visitor's request on to the service that holds its path, and the answer back, streaming both
//! ways.

mod admission;
mod hops;
mod outgoing;
pub(crate) mod pinning;
mod sending;
mod upgrade;
mod upload_pace;
mod upload_rate;
mod visitor;

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
};

use axum::{body::Body, response::Response};
use http::{
    HeaderMap, Method, Request, StatusCode, Version,
    header::{ACCEPT, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, SET_COOKIE},
};
use http_body::Body as _;
use hydra_runtime_net::{
    observe::{RequestRecord, Served},
    server::Connection,
};
use hydra_runtime_wire::{
    cookies::{PIN_PREFIX, VERSION},
    headers::HYDRA_PATH,
    lines,
    routes::{Route, RouteMatch},
};

use crate::{
    Gateway,
    edge::{
        compress::Compression, error_pages, failure::RequestFailure, headers, in_flight::Place, no_length,
        observed_body::ObservedBody,
    },
    login::{OpenLogin, Visit},
    route_rules::RouteSettings,
    routing::{
        snapshot::{Service, Snapshot},
        version_cookie::VersionSeed,
    },
    upstream,
};
use outgoing::outgoing;
use pinning::Pinning;
use sending::{Sending, Sent, send};
use upgrade::VisitorUpgrade;
use visitor::{Previewed, Visitor};

/// Answers a request for a page of the gateway itself, within the limits on requests.
pub(crate) async fn within_limits(
    gateway: &Gateway,
    request: Request<Body>,
    answer: impl AsyncFnOnce(Request<Body>, Option<Place>) -> Result<Response, RequestFailure>,
) -> Response {
    let accept = request.headers().get(ACCEPT).cloned();
    let answered = match admission::admit(gateway, request).await {
        Ok((place, request)) => answer(request, place).await,
        Err(failure) => Err(failure),
    };
    answered.unwrap_or_else(|failure| error_pages::response(failure, accept.as_ref(), gateway.error_pages()))
}

/// Answers a request for a path that is not the gateway's own.
pub(crate) async fn forward(gateway: Gateway, mut request: Request<Body>) -> Response {
    if let Some(answer) = hops::ends_here(&mut request) {
        return answer;
    }
    let accept = request.headers().get(ACCEPT).cloned();
    let failed = |failure| error_pages::response(failure, accept.as_ref(), gateway.error_pages());
    let (place, request) = match admission::admit(&gateway, request).await {
        Ok(admitted) => admitted,
        Err(failure) => return failed(failure),
    };
    if let Some(answer) = gateway.open_preview(&request) {
        return answer;
    }
    let previews = gateway.previews(request.headers());
    let state = gateway.preview_state(&previews);
    let previewed = Previewed {
        previews: &previews,
        state: state.as_ref(),
    };
    let mut response = pass_on(&gateway, request, previewed).await.unwrap_or_else(failed);
    Gateway::tell_previews(state, response.headers_mut());
    match place {
        Some(place) => place.until_end_of(response),
        None => response,
    }
}

async fn pass_on(
    gateway: &Gateway,
    mut request: Request<Body>,
    previewed: Previewed<'_>,
) -> Result<Response, RequestFailure> {
    accept(gateway, &mut request)?;
    if let Some(wait) = gateway.wait_for_pinned(&request) {
        wait.await;
    }
    // In this order: what is complete now is in every later snapshot.
    let is_complete = gateway.publisher().is_complete();
    let snapshot = gateway.publisher().snapshot();
    let (route, service) = holder(&snapshot, is_complete, request.uri().path())?;
    let record = request.extensions().get::<Arc<RequestRecord>>().cloned();
    name_holder(record.as_deref(), route, service);
    let origin = gateway.origin_of(request.extensions(), request.headers());
    let pinning = Pinning::of(gateway, service, route, &request, &origin, previewed.previews);
    headers::remove_cookies(request.headers_mut(), PIN_PREFIX);
    let preview = previewed.previews.version_of(&service.name);
    let is_opened = service.is_opened_by(preview, &route.key) || pinning.as_ref().is_some_and(Pinning::holds);
    if !is_opened {
        check_open(service, route)?;
    }
    admission::admit_to(gateway, &service.name, &request)?;
    let settings = settings(gateway, service, &request)?;
    let visit = Visit::begin(gateway, &mut request, &origin)?;
    let compression = settings.compress.then(|| Compression::of(request.headers()));
    let visitors_side = visitors_side(&mut request);
    let is_split = snapshot.is_split();
    let chance = || pinning.as_ref().and_then(Pinning::bits).unwrap_or_else(random);
    let seed = VersionSeed::of(gateway.version_cookies(), is_split, request.headers(), chance);
    let is_secure = origin.is_secure();
    let (is_head, expects) = (
        *request.method() == Method::HEAD,
        upstream::expects_continue(&request),
    );
    if preview.is_some() {
        without_conditions(request.headers_mut());
    }
    let protocol = visitors_side.as_ref().map(|visitor| &visitor.protocol);
    let request = outgoing(request, route.kind, &service.name, origin, protocol)?;
    let request = without_identity(gateway, &service.name, request);
    let visitor = Visitor {
        seed,
        previewed,
        visit: &visit,
        pinning: pinning.as_ref(),
    };
    let sending = Sending {
        gateway,
        service,
        key: &route.key,
        visitor: &visitor,
        settings,
    };
    let sent = send(&sending, request, expects).await?;
    name_instance(record.as_deref(), route, &sent);
    let open = || visit.open(gateway);
    let mut response = answered(sent, pinning.as_ref(), visitors_side, is_head, open);
    if let VersionSeed::New { seed } = seed
        && !headers::is_for_all(response.headers())
        && let Some(cookie) = gateway.version_cookies().set(seed, is_secure)
    {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    visit.end(gateway, &mut response).await;
    match compression {
        Some(compression) => Ok(compression.apply(response).await),
        None => Ok(response),
    }
}

/// A request of a visitor without what its service believes about users.
fn without_identity(gateway: &Gateway, service: &str, request: Request<Body>) -> Request<Body> {
    match gateway.identities().of(service) {
        Some(identity) => identity.clean(request),
        None => request,
    }
}

/// Checks what no service is needed for, and leaves the mark of this gateway.
fn accept(gateway: &Gateway, request: &mut Request<Body>) -> Result<(), RequestFailure> {
    if request.method() == Method::CONNECT {
        return Err(RequestFailure::BadPath);
    }
    if !upstream::codings_are_known(request.headers()) {
        return Err(RequestFailure::UnknownCoding);
    }
    if headers::has_passed(request.headers(), gateway.mark()) {
        let service = request.headers().get(HYDRA_PATH);
        let path = lines::cut(request.uri().path());
        tracing::warn!(
            ?service,
            path,
            "a request came back: the address of a service leads to this gateway"
        );
        return Err(RequestFailure::Loop);
    }
    headers::leave_mark(request.headers_mut(), gateway.mark());
    Ok(())
}

/// The route for a path, and the service that holds it.
fn holder<'s>(
    snapshot: &'s Snapshot,
    is_complete: bool,
    path: &str,
) -> Result<(&'s Route, &'s Service), RequestFailure> {
    let route = match snapshot.table().find(path) {
        RouteMatch::Route(route) => route,
        // Another gateway may know the service that holds the path.
        RouteMatch::NotFound if !is_complete => return Err(RequestFailure::Starting),
        RouteMatch::NotFound => return Err(RequestFailure::NotFound),
        RouteMatch::BadPath => return Err(RequestFailure::BadPath),
    };
    let service = snapshot.holder(route).ok_or(RequestFailure::NotFound)?;
    Ok((route, service))
}

fn name_holder(record: Option<&RequestRecord>, route: &Route, service: &Service) {
    if let Some(record) = record {
        record.answered_by(|| service.name.shared());
        // Replaced once an instance has answered.
        record.served(|| Served {
            route: route.key.to_string(),
            ..Served::default()
        });
    }
}

fn name_instance(record: Option<&RequestRecord>, route: &Route, sent: &Sent) {
    if let Some(record) = record {
        let instance = sent.load.instance();
        record.served(|| Served {
            route: route.key.to_string(),
            instance: instance.id.to_string(),
            version: instance.version.to_string(),
            why: sent.outcome.why(),
        });
    }
}

/// Checks that a visitor without a pin or a preview may get the path.
fn check_open(service: &Service, route: &Route) -> Result<(), RequestFailure> {
    if !service.is_open() {
        return Err(RequestFailure::Inactive);
    }
    if service.is_closed(&route.key) {
        return Err(RequestFailure::NotFound);
    }
    Ok(())
}

/// The settings for a request, whose body is not longer than they allow.
fn settings(
    gateway: &Gateway,
    service: &Service,
    request: &Request<Body>,
) -> Result<RouteSettings, RequestFailure> {
    let rules = gateway.route_rules();
    let settings = rules.settings(gateway.config(), request.uri().path(), &service.name);
    if settings.max_body.is_some_and(|most| is_longer(request, most)) {
        return Err(RequestFailure::TooLarge);
    }
    Ok(settings)
}

/// The visitor's side of a request that wants to switch to another protocol.
fn visitors_side(request: &mut Request<Body>) -> Option<VisitorUpgrade> {
    // HTTP/1.0 has no protocol switch (RFC 9110 section 7.8), and a WebSocket begins with GET (RFC 6455 section 4.1).
    let may_switch = *request.method() == Method::GET && request.version() == Version::HTTP_11;
    let protocol = headers::wanted_upgrade(request.headers()).filter(|_| may_switch)?;
    Some(VisitorUpgrade {
        protocol,
        connection: request.extensions().get::<Connection>().cloned(),
        upgrade: hyper::upgrade::on(request),
    })
}

/// The answer for the visitor, which pins the visitor to the instance where that is due.
fn answered(
    sent: Sent,
    pinning: Option<&Pinning<'_>>,
    visitors_side: Option<VisitorUpgrade>,
    is_head: bool,
    open: impl FnOnce() -> Option<OpenLogin>,
) -> Response {
    let (instance, outcome) = (Arc::clone(sent.load.instance()), sent.outcome);
    let has_switched = sent.response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let mut response = upgrade::answer(sent.response, sent.load, visitors_side, open);
    // A service that switches although the visitor did not request it gets an error of the gateway instead.
    let is_ours = has_switched && response.status() != StatusCode::SWITCHING_PROTOCOLS;
    response = no_length::keep_unknown(response, is_head);
    if let Some(expectation) = sent.expectation {
        response = response.map(|body| Body::new(ObservedBody::new(body, Some(expectation))));
    }
    if let Some(pinning) = pinning.filter(|_| !is_ours) {
        pinning.finish(outcome, &instance, &mut response);
    }
    response
}

/// Whether a request states a longer body than is allowed.
fn is_longer(request: &Request<Body>, most: u64) -> bool {
    request.body().size_hint().lower() > most
}

/// Removes the conditions under which the answer would be "not modified": the visitor's copy may be that of another
/// version (RFC 9110 section 13.1).
fn without_conditions(headers: &mut HeaderMap) {
    for name in [IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_RANGE] {
        headers.remove(name);
    }
}

/// A random number for a new visitor.
pub(crate) fn random() -> u64 {
    // The number is not a secret: if the system gives no more randomness, that of this process will do.
    getrandom::u64().unwrap_or_else(|_| RandomState::new().hash_one(VERSION))
}
