//! Whether a visitor's request is admitted: by the rates of its client address, and by the number of requests in flight.

use axum::body::Body;
use http::Request;

use crate::{
    Gateway,
    edge::{
        failure::RequestFailure,
        in_flight::{Full, Place},
    },
};

/// Counts a request.
pub(super) fn admit(gateway: &Gateway, request: &Request<Body>) -> Result<(), RequestFailure> {
    let rules = gateway.route_rules();
    // A request without a connection comes from a test.
    if rules.has_limits()
        && let Some(client) = gateway.origin_of(request.extensions(), request.headers()).address
    {
        return rules.admit(request.uri().path(), client).map_err(refused);
    }
    Ok(())
}

/// Waits for a place, if their number is limited.
pub(super) async fn place(gateway: &Gateway) -> Result<Option<Place>, RequestFailure> {
    let Some(in_flight) = gateway.in_flight() else {
        return Ok(None);
    };
    match in_flight.enter().await {
        Ok(place) => Ok(Some(place)),
        Err(Full) => Err(refused(RequestFailure::Full)),
    }
}

/// Counts a request for a service.
pub(super) fn admit_to(
    gateway: &Gateway,
    service: &str,
    request: &Request<Body>,
) -> Result<(), RequestFailure> {
    let rules = gateway.route_rules();
    if rules.has_limits()
        && let Some(client) = gateway.origin_of(request.extensions(), request.headers()).address
    {
        let path = request.uri().path();
        return rules.admit_to(service, path, client).map_err(refused);
    }
    Ok(())
}

/// Counts the refusal.
fn refused(failure: RequestFailure) -> RequestFailure {
    let reason = match failure {
        RequestFailure::Full => "full",
        _ => "rate",
    };
    metrics::counter!("hydra_requests_refused_total", "reason" => reason).increment(1);
    failure
}
