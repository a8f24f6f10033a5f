//! The proxy: passes a visitor's request on to the service that holds its path, and the answer back, streaming both
//! ways.

mod admission;
mod hops;
mod upgrade;
mod upload_pace;
mod upload_rate;
mod visitor;

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
    time::Duration,
};

use axum::{body::Body, response::Response};
use http::{
    HeaderMap, HeaderValue, Method, Request, Uri, Version,
    header::{
        ACCEPT, CONNECTION, CONTENT_LENGTH, EXPECT, HOST, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
        SET_COOKIE, TRANSFER_ENCODING, UPGRADE,
    },
    uri::PathAndQuery,
};
use http_body::Body as _;
use hydra_runtime_net::{
    observe::{RequestRecord, Served},
    proxies::Origin,
    server::Connection,
};
use hydra_runtime_wire::{
    cookies::VERSION,
    headers::HYDRA_PATH,
    lines,
    routes::{RouteKind, RouteMatch},
};

use crate::{
    Gateway,
    edge::{
        compress::Compression, error_pages, failure::RequestFailure, headers, in_flight::Place, no_length,
        observed_body::ObservedBody,
    },
    limits::MAX_INSTANCES_TRIED,
    login::Visit,
    registry::instance::{Instance, breaker::Work, load::Load},
    route_rules::RouteSettings,
    routing::{
        snapshot::{Choice, Service},
        version_cookie::VersionSeed,
    },
    upstream::{self, Expectation, SendError, UpstreamBody},
};
use upgrade::VisitorUpgrade;
use upload_pace::UploadPace;
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
    // In this order: what is complete now is in every later snapshot.
    let is_complete = gateway.publisher().is_complete();
    let snapshot = gateway.publisher().snapshot();
    let route = match snapshot.table().find(request.uri().path()) {
        RouteMatch::Route(route) => route,
        // Another gateway may know the service that holds the path.
        RouteMatch::NotFound if !is_complete => return Err(RequestFailure::Starting),
        RouteMatch::NotFound => return Err(RequestFailure::NotFound),
        RouteMatch::BadPath => return Err(RequestFailure::BadPath),
    };
    let service = snapshot.holder(route).ok_or(RequestFailure::NotFound)?;
    let record = request.extensions().get::<Arc<RequestRecord>>().cloned();
    if let Some(record) = &record {
        record.answered_by(|| service.name.shared());
        // Replaced once an instance has answered.
        record.served(|| Served {
            route: route.key.to_string(),
            ..Served::default()
        });
    }
    let preview = previewed.previews.version_of(&service.name);
    if !service.is_opened_by(preview, &route.key) {
        if !service.is_open() {
            return Err(RequestFailure::Inactive);
        }
        if service.is_closed(&route.key) {
            return Err(RequestFailure::NotFound);
        }
    }
    admission::admit_to(gateway, &service.name, &request)?;
    let path = request.uri().path();
    let settings = gateway
        .route_rules()
        .settings(gateway.config(), path, &service.name);
    if settings.max_body.is_some_and(|most| is_longer(&request, most)) {
        return Err(RequestFailure::TooLarge);
    }
    let origin = gateway.origin_of(request.extensions(), request.headers());
    let visit = Visit::begin(gateway, &mut request, &origin)?;
    let compression = settings.compress.then(|| Compression::of(request.headers()));
    // HTTP/1.0 has no protocol switch (RFC 9110 section 7.8), and a WebSocket begins with GET (RFC 6455 section 4.1).
    let may_switch = *request.method() == Method::GET && request.version() == Version::HTTP_11;
    let wanted = headers::wanted_upgrade(request.headers()).filter(|_| may_switch);
    let visitors_side = wanted.map(|protocol| {
        let connection = request.extensions().get::<Connection>().cloned();
        let upgrade = hyper::upgrade::on(&mut request);
        VisitorUpgrade {
            protocol,
            upgrade,
            connection,
        }
    });
    let seed = VersionSeed::of(
        gateway.version_cookies(),
        snapshot.is_split(),
        request.headers(),
        random,
    );
    let is_secure = origin.is_secure();
    let (is_head, expects) = (
        *request.method() == Method::HEAD,
        upstream::expects_continue(&request),
    );
    if preview.is_some() {
        without_conditions(request.headers_mut());
    }
    let request = outgoing(
        request,
        route.kind,
        &service.name,
        origin,
        visitors_side.as_ref().map(|visitor| &visitor.protocol),
    )?;
    let visitor = Visitor {
        seed,
        previewed,
        visit: &visit,
    };
    let sent = send(gateway, service, &route.key, &visitor, settings, request, expects).await?;
    let load = sent.load;
    if let Some(record) = &record {
        record.served(|| Served {
            route: route.key.to_string(),
            instance: load.instance().id.to_string(),
            version: load.instance().version.to_string(),
        });
    }
    let mut response = upgrade::answer(sent.response, load, visitors_side);
    response = no_length::keep_unknown(response, is_head);
    if let Some(expectation) = sent.expectation {
        response = response.map(|body| Body::new(ObservedBody::new(body, Some(expectation))));
    }
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

/// The request for the service.
fn outgoing(
    mut request: Request<Body>,
    kind: RouteKind,
    service: &str,
    mut origin: Origin,
    upgrade: Option<&HeaderValue>,
) -> Result<Request<Body>, RequestFailure> {
    let said = origin.host.take();
    let host = said.or_else(|| headers::visitors_host(request.uri(), request.headers()));
    let uri = rewritten(request.uri(), kind).ok_or(RequestFailure::BadPath)?;
    *request.uri_mut() = uri;
    *request.version_mut() = Version::HTTP_11;
    let is_empty = request.body().is_end_stream();
    let outgoing = request.headers_mut();
    headers::to_service(outgoing, service, &origin, host);
    // Set again where the body waits.
    outgoing.remove(EXPECT);
    if !is_empty && !outgoing.contains_key(CONTENT_LENGTH) {
        // Otherwise the client takes a GET for one without a body.
        outgoing.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    if let Some(protocol) = upgrade {
        outgoing.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        outgoing.insert(UPGRADE, protocol.clone());
    }
    Ok(request)
}

/// The path at the service (protocol section 4), in origin form, still encoded as the visitor wrote it.
fn rewritten(uri: &Uri, kind: RouteKind) -> Option<Uri> {
    let path_and_query = uri.path_and_query()?;
    let without_name = || {
        path_and_query
            .as_str()
            .strip_prefix('/')
            .and_then(|rest| rest.find('/').map(|at| &rest[at..]))
    };
    let text = match kind {
        RouteKind::Endpoint => return Some(Uri::from(path_and_query.clone())),
        RouteKind::Static => format!("/static{}", without_name()?),
        RouteKind::Socket => without_name()?.to_owned(),
    };
    Some(Uri::from(text.parse::<PathAndQuery>().ok()?))
}

/// Why an attempt to send a request to one instance failed.
enum AttemptError {
    /// Nothing of the request was sent.
    NotSent(Box<Request<Body>>, RequestFailure),
    /// The instance ended the connection before its answer began.
    Lost,
    /// Trying another instance would not help.
    Final(RequestFailure),
}

/// A request that an instance answered.
struct Sent {
    response: Response<UpstreamBody>,
    load: Load,
    /// Kept until the answer ends, if the request's body waited.
    expectation: Option<Expectation>,
}

/// Sends the request to one instance after another until one accepts it. If that instance ends the connection before
/// its answer begins, one more instance gets the request, provided that the request may be repeated.
async fn send(
    gateway: &Gateway,
    service: &Service,
    key: &str,
    visitor: &Visitor<'_>,
    settings: RouteSettings,
    mut request: Request<Body>,
    expects: bool,
) -> Result<Sent, RequestFailure> {
    let publisher = gateway.publisher();
    let visitors_host = request.headers().get(HOST).cloned();
    let preview = visitor.previewed.previews.version_of(&service.name);
    let mut tried: Vec<Arc<Instance>> = Vec::new();
    let work = match headers::wanted_upgrade(request.headers()) {
        Some(_) => Work::Socket,
        None => Work::Request,
    };
    let least = gateway.config().least_upload(&service.name);
    let pace = UploadPace::of(&mut request, least, settings.max_body);
    let expectation = expects.then(|| Expectation::of(&mut request));
    let limit = settings.response_timeout;
    let mut may_repeat = service.active.len() > 1 && is_harmless(&request);
    let end = tokio::time::Instant::now() + limit;
    // All instances that serve the path are inactive, or their breakers are open.
    let mut failure = RequestFailure::Inactive;
    while tried.len() < MAX_INSTANCES_TRIED && tokio::time::Instant::now() < end {
        let choice = Choice {
            seed: visitor.seed.number(),
            rotation: publisher.next_rotation(),
            key: Some(key),
            work,
            preview,
            fragment_protocol: None,
            now: publisher.now(),
        };
        let Some(instance) = service.choose(choice, &tried) else {
            break;
        };
        visitor.prepare(gateway, request.headers_mut(), &instance, !tried.is_empty());
        // Instances of one service may have different rules.
        let host = instance.address.host_rule.of(visitors_host.as_ref());
        headers::bear_host(request.headers_mut(), host);
        let again = may_repeat.then(|| copy(&request));
        match (attempt(gateway, &instance, request, limit, &pace).await, again) {
            (Ok((response, load)), _) => {
                if let Some(expectation) = &expectation {
                    expectation.answered();
                }
                return Ok(Sent {
                    response,
                    load,
                    expectation,
                });
            }
            (Err(AttemptError::NotSent(unsent, why)), _) => (request, failure) = (*unsent, why),
            (Err(AttemptError::Lost), Some(again)) => {
                (request, failure, may_repeat) = (again, RequestFailure::Unreachable, false);
            }
            (Err(AttemptError::Lost), None) => return Err(RequestFailure::Unreachable),
            (Err(AttemptError::Final(why)), _) => return Err(why),
        }
        tried.push(instance);
    }
    Err(failure)
}

/// Sends the request to this instance, whose answer must begin within `limit`.
async fn attempt(
    gateway: &Gateway,
    instance: &Arc<Instance>,
    request: Request<Body>,
    limit: Duration,
    pace: &UploadPace,
) -> Result<(Response<UpstreamBody>, Load), AttemptError> {
    let load = Load::on(instance);
    let until = tokio::time::Instant::now() + limit;
    let sending = gateway.pool().send(&instance.address, request, until);
    let (service, id) = (&*instance.service, &instance.id);
    match pace.within(limit, sending).await {
        Some(Ok(response)) => {
            instance.breaker.succeeded();
            Ok((response, load))
        }
        Some(Err(SendError::NotSent { reason, request })) => {
            tracing::warn!(service, instance = %id, reason = reason.reason, "an instance cannot be reached");
            if reason.is_ours {
                return Err(AttemptError::NotSent(request, RequestFailure::Overloaded));
            }
            instance.breaker.failed(gateway.publisher().now());
            Err(AttemptError::NotSent(request, RequestFailure::Unreachable))
        }
        // One bad page must not open the breaker of the whole instance: only failed connects count.
        Some(Err(error @ SendError::Lost(_))) => {
            tracing::warn!(service, instance = %id, %error, "no answer");
            Err(AttemptError::Lost)
        }
        Some(Err(SendError::BadAnswer(reason))) => {
            tracing::warn!(service, instance = %id, reason, "an answer cannot be used");
            Err(AttemptError::Final(RequestFailure::BadAnswer(reason)))
        }
        Some(Err(error @ SendError::Visitor(_))) => {
            tracing::debug!(service, %error, "a visitor's request broke off");
            Err(AttemptError::Final(match (pace.is_slow(), pace.is_large()) {
                (true, _) => RequestFailure::SlowBody,
                (_, true) => RequestFailure::TooLarge,
                _ => RequestFailure::BadBody,
            }))
        }
        None if pace.is_visitors_fault() => Err(AttemptError::Final(RequestFailure::SlowBody)),
        None => {
            tracing::warn!(service, instance = %id, "no answer in time");
            Err(AttemptError::Final(RequestFailure::Late))
        }
    }
}

/// Whether a request may be repeated and can be copied: safe methods without a body (RFC 9110 section 9.2.1).
fn is_harmless(request: &Request<Body>) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
        && request.body().is_end_stream()
        && !request.headers().contains_key(UPGRADE)
}

/// A copy of a request without a body.
fn copy(request: &Request<Body>) -> Request<Body> {
    let mut copy = Request::new(Body::empty());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    copy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_request_goes_at_its_service() {
        for (uri, kind, expected) in [
            ("/detail/%20x?q=1", RouteKind::Endpoint, "/detail/%20x?q=1"),
            ("http://shop/detail", RouteKind::Endpoint, "/detail"),
            (
                "/my%20shop/css/app.css?v=2",
                RouteKind::Static,
                "/static/css/app.css?v=2",
            ),
            ("/shop/socket?room=1", RouteKind::Socket, "/socket?room=1"),
        ] {
            let uri: Uri = uri.parse().expect("a URI");
            assert_eq!(
                rewritten(&uri, kind).map(|uri| uri.to_string()).as_deref(),
                Some(expected)
            );
        }
    }
}
