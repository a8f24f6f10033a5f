//! The request that a service gets in place of the visitor's.

use axum::body::Body;
use http::{
    HeaderValue, Request, Uri, Version,
    header::{CONNECTION, CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING, UPGRADE},
    uri::PathAndQuery,
};
use http_body::Body as _;
use hydra_runtime_net::proxies::Origin;
use hydra_runtime_wire::routes::RouteKind;

use crate::edge::{failure::RequestFailure, headers};

/// The request for the service.
pub(super) fn outgoing(
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
    let received = std::mem::replace(request.version_mut(), Version::HTTP_11);
    let is_empty = request.body().is_end_stream();
    let outgoing = request.headers_mut();
    headers::to_service(outgoing, service, &origin, host);
    headers::add_via(outgoing, received);
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
