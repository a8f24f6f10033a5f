//! The proxy: passes a visitor's request on to the service that holds its path, and the answer back, streaming both
//! ways.

mod admission;
mod forms;
mod hops;
mod outgoing;
mod passage;
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
use http::{Method, Request, header::ACCEPT};
use http_body::Body as _;
use hydra_runtime_net::{
    boxed,
    observe::{RequestRecord, Served},
};
use hydra_runtime_wire::{
    cookies::{PIN_PREFIX, VERSION},
    headers::HYDRA_PATH,
    lines,
    routes::{Route, RouteMatch},
};

use crate::{
    Gateway,
    edge::{error_pages, failure::RequestFailure, headers, in_flight::Place},
    route_rules::RouteSettings,
    routing::snapshot::{Service, Snapshot},
    upstream,
};
pub use forms::OwnPages;
pub(crate) use forms::{FormRequest, PlainForms};
use passage::Passage;
use pinning::Pinning;
use visitor::Previewed;

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
pub(crate) fn forward(gateway: &Gateway, request: Request<Body>) -> impl Future<Output = Response> {
    forward_beside(gateway, request, None)
}

/// The same in a process that has pages, too. Only requests about forms need to know of them.
pub(crate) async fn forward_beside(
    gateway: &Gateway,
    mut request: Request<Body>,
    pages: Option<&dyn OwnPages>,
) -> Response {
    if let Some(answer) = hops::ends_here(&mut request) {
        return answer;
    }
    let accept = request.headers().get(ACCEPT).cloned();
    let failed = |failure| error_pages::response(failure, accept.as_ref(), gateway.error_pages());
    let (place, request) = match admission::admit(gateway, request).await {
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
    // Boxed: the futures around it are moved several times.
    let passed = match FormRequest::of(gateway, &request) {
        None => boxed::in_place(|| pass_on(gateway, request, previewed)).await,
        Some(form) => boxed::in_place(|| forms::answer(gateway, form, request, previewed, pages)).await,
    };
    let mut response = passed.unwrap_or_else(failed);
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
    gateway.give_cookies(service, request.headers_mut());
    let preview = previewed.previews.version_of(&service.name);
    check_open(service, route).or_else(|failure| {
        let is_opened = service.is_opened_by(preview, &route.key);
        let is_held = pinning.as_ref().is_some_and(Pinning::holds);
        if is_opened || is_held {
            Ok(())
        } else {
            Err(failure)
        }
    })?;
    admission::admit_to(gateway, &service.name, &request)?;
    let passage = Passage {
        settings: settings(gateway, service, &request)?,
        gateway,
        snapshot: &snapshot,
        route,
        service,
        record: record.as_deref(),
        previewed,
        pinning: pinning.as_ref(),
    };
    passage.pass(request, origin).await
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

/// Whether a request states a longer body than is allowed.
fn is_longer(request: &Request<Body>, most: u64) -> bool {
    request.body().size_hint().lower() > most
}

/// A random number for a new visitor.
pub(crate) fn random() -> u64 {
    // The number is not a secret: if the system gives no more randomness, that of this process will do.
    getrandom::u64().unwrap_or_else(|_| RandomState::new().hash_one(VERSION))
}
