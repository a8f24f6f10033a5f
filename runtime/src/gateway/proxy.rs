//! Passes a visitor's request on to the service that has its path, and the answer back, streaming both ways.

mod load;
mod pace;
mod upgrade;

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
    time::Duration,
};

use axum::{body::Body, response::Response};
use http::{
    HeaderMap, HeaderValue, Method, Request, Uri, Version,
    header::{ACCEPT, CONNECTION, EXPECT, HOST, SET_COOKIE, UPGRADE},
    uri::PathAndQuery,
};

use super::{
    Gateway,
    answer::{Trouble, trouble},
    breaker::Work,
    headers::{self, Visitor},
    hops,
    registration::{Instance, Speaks},
    snapshot::{Choice, Service},
    table::{Found, RouteKind},
    upstream::{SendError, UpstreamBody},
    versions::{Seed, Versions},
};
use crate::{cookies::VERSION, lines, server::Peer};
pub(super) use load::Load;
use pace::Pace;

/// So many instances are tried before the visitor is told.
const MAX_TRIES: usize = 3;

/// Answers a request for any path that is not the gateway's own.
pub(crate) async fn forward(gateway: Gateway, mut request: Request<Body>) -> Response {
    if let Some(answer) = hops::ends_here(&mut request) {
        return answer;
    }
    let accept = request.headers().get(ACCEPT).cloned();
    pass_on(&gateway, request)
        .await
        .unwrap_or_else(|problem| trouble(problem, accept.as_ref()))
}

async fn pass_on(gateway: &Gateway, mut request: Request<Body>) -> Result<Response, Trouble> {
    if request.method() == Method::CONNECT {
        return Err(Trouble::BadPath);
    }
    if headers::has_passed(request.headers(), gateway.mark()) {
        let service = request.headers().get(headers::HYDRA_PATH);
        let path = lines::cut(request.uri().path());
        tracing::warn!(
            ?service,
            path,
            "a request came back: the address of a service leads to this gateway"
        );
        return Err(Trouble::Loop);
    }
    headers::leave_mark(request.headers_mut(), gateway.mark());
    let snapshot = gateway.hub().snapshot();
    let route = match snapshot.table().find(request.uri().path()) {
        Found::Route(route) => route,
        // Another gateway may know who holds the path.
        Found::Nothing if !gateway.hub().is_complete() => return Err(Trouble::Starting),
        Found::Nothing => return Err(Trouble::NotFound),
        Found::BadPath => return Err(Trouble::BadPath),
    };
    let service = snapshot.holder(route).ok_or(Trouble::NotFound)?;
    if service.active.is_empty() {
        return Err(Trouble::Inactive);
    }
    // HTTP/1.0 knows no switch (RFC 9110 section 7.8), and a WebSocket begins with GET (RFC 6455 section 4.1).
    let may_switch = *request.method() == Method::GET && request.version() == Version::HTTP_11;
    let wanted = headers::wanted_upgrade(request.headers()).filter(|_| may_switch);
    let visitors_side = wanted.map(|protocol| {
        let upgrade = hyper::upgrade::on(&mut request);
        (protocol, upgrade)
    });
    let seed = Seed::of(gateway.versions(), snapshot.is_split(), request.headers(), random);
    let request = outgoing(
        request,
        route.kind,
        &service.name,
        visitors_side.as_ref().map(|(protocol, _)| protocol),
    )?;
    let (response, load) = send(gateway, service, (&route.key, seed), request).await?;
    let visitors_side = visitors_side.map(|(_, upgrade)| upgrade);
    let mut response = upgrade::answer(response, load, visitors_side);
    if let Seed::New { seed } = seed
        && !headers::is_for_all(response.headers())
        && let Some(cookie) = gateway.versions().set(seed)
    {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Puts the visitor's versions into a request for an instance that asks for fragments itself: they come from the same set.
/// What a visitor claims, and this installation did not make, goes nowhere.
fn carry(headers: &mut HeaderMap, seed: Seed, speaks: &Speaks, versions: &Versions) {
    let pair = match seed {
        Seed::Known { seed } | Seed::New { seed } if *speaks == Speaks::Protocol2 => versions.pair(seed),
        _ => None,
    };
    headers::replace_cookie(headers, VERSION, pair.as_ref());
}

/// A number for a new visitor.
pub(super) fn random() -> u64 {
    // It is no secret: where the system refuses more randomness, that of this process must do.
    getrandom::u64().unwrap_or_else(|_| RandomState::new().hash_one(VERSION))
}

/// The request as the service gets it.
fn outgoing(
    mut request: Request<Body>,
    kind: RouteKind,
    service: &str,
    upgrade: Option<&HeaderValue>,
) -> Result<Request<Body>, Trouble> {
    let authority = request
        .uri()
        .authority()
        .and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    let host = authority.or_else(|| request.headers().get(HOST).cloned());
    let address = request.extensions().get::<Peer>().map(|peer| peer.0);
    let uri = rewritten(request.uri(), kind).ok_or(Trouble::BadPath)?;
    *request.uri_mut() = uri;
    *request.version_mut() = Version::HTTP_11;
    let outgoing = request.headers_mut();
    headers::to_service(
        outgoing,
        service,
        &Visitor {
            address,
            host: host.as_ref(),
            scheme: "http",
        },
    );
    // Our own server has already answered it.
    outgoing.remove(EXPECT);
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

/// Sends the request to an instance. Another one gets it only where nothing of it was sent.
async fn send(
    gateway: &Gateway,
    service: &Service,
    (key, seed): (&str, Seed),
    mut request: Request<Body>,
) -> Result<(Response<UpstreamBody>, Load), Trouble> {
    let hub = gateway.hub();
    let mut tried: Vec<Arc<Instance>> = Vec::new();
    let limit = Duration::from_millis(gateway.config().response_timeout);
    let work = match headers::wanted_upgrade(request.headers()) {
        Some(_) => Work::Socket,
        None => Work::Request,
    };
    let pace = Pace::of(&mut request);
    while tried.len() < MAX_TRIES {
        let turn = hub.turn();
        let choice = Choice {
            seed: seed.number(),
            turn,
            key: Some(key),
            work,
            speaks: None,
            now: hub.now(),
        };
        let Some(instance) = service.choose(choice, &tried) else {
            break;
        };
        carry(request.headers_mut(), seed, &instance.speaks, gateway.versions());
        let load = Load::on(&instance);
        let until = tokio::time::Instant::now() + limit;
        let sending = gateway.pool().send(&instance.address, request, until);
        match pace.within(limit, sending).await {
            Some(Ok(response)) => {
                instance.breaker.succeeded();
                return Ok((response, load));
            }
            Some(Err(SendError::NotSent {
                reason,
                request: unsent,
            })) => {
                tracing::warn!(service = &*service.name, instance = %instance.id, reason, "an instance cannot be reached");
                instance.breaker.failed(hub.now());
                request = *unsent;
            }
            Some(Err(error @ SendError::Broken(_))) => {
                tracing::warn!(service = &*service.name, instance = %instance.id, %error, "no answer");
                // One bad page must not close the whole instance: only connections count.
                return Err(Trouble::Unreachable);
            }
            None => {
                tracing::warn!(service = &*service.name, instance = %instance.id, "no answer in time");
                return Err(Trouble::Late);
            }
        }
        tried.push(instance);
    }
    // Nobody could even be tried: those that serve the path are away, or are being left alone.
    Err(if tried.is_empty() {
        Trouble::Inactive
    } else {
        Trouble::Unreachable
    })
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
