//! Whether a visitor's request is admitted: by the rates of its client address, and by the number of requests in flight.

use std::sync::Arc;

use axum::body::Body;
use http::Request;
use hydra_runtime_net::observe::{RequestRecord, Served};
use hydra_runtime_wire::routes::RouteMatch;

use crate::{
    Gateway,
    edge::{failure::RequestFailure, in_flight::Place},
    measures,
};

/// Counts a request, and waits for a place if their number is limited. Where it is refused, its record names the
/// service and the route that it would have had.
pub(super) async fn admit(
    gateway: &Gateway,
    request: Request<Body>,
) -> Result<(Option<Place>, Request<Body>), RequestFailure> {
    if let Err(failure) = count(gateway, &request) {
        name(gateway, &request);
        return Err(failure);
    }
    match gateway.limits().place().await {
        Ok(place) => Ok((place, request)),
        Err(failure) => {
            name(gateway, &request);
            Err(failure)
        }
    }
}

/// Counts a request.
fn count(gateway: &Gateway, request: &Request<Body>) -> Result<(), RequestFailure> {
    let rules = gateway.route_rules();
    // A request without a connection comes from a test.
    if rules.has_limits()
        && let Some(client) = gateway.origin_of(request.extensions(), request.headers()).address
    {
        let admitted = rules.admit(request.uri().path(), client);
        return admitted.map_err(measures::refused);
    }
    Ok(())
}

/// Tells the record of a request which service and route hold its path.
fn name(gateway: &Gateway, request: &Request<Body>) {
    let Some(record) = request.extensions().get::<Arc<RequestRecord>>() else {
        return;
    };
    let snapshot = gateway.publisher().snapshot();
    let RouteMatch::Route(route) = snapshot.table().find(request.uri().path()) else {
        return;
    };
    if let Some(service) = snapshot.holder(route) {
        record.answered_by(|| service.name.shared());
        record.served(|| Served {
            route: route.key.to_string(),
            ..Served::default()
        });
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
        return rules.admit_to(service, path, client).map_err(measures::refused);
    }
    Ok(())
}
