//! Discovery: registrations, heartbeats, and the overview of active services.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Query, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use hydra_runtime_net::{bodies::read_json, contracts::log as log_problems};
use hydra_runtime_wire::{
    Alive, LeftOut, Overview, OverviewQuery, RegistrationResponse,
    headers::{AWAY, REGISTRY},
    lines,
};

use super::{CallOrigin, PathKey, admit};
use crate::{
    Gateway,
    api::responses::{empty, refused},
    limits::{MAX_HEARTBEAT_BYTES, MAX_PROTOCOL_1_ANSWER_BYTES, MAX_REGISTRATION_BYTES},
    registry::{
        contracts, instance,
        state::{Event, HeartbeatSender, RegistrationDenied},
    },
};

/// The reason for refusing a registration that would be treated as one of the gateway's own machine although its
/// origin is unknown.
const HIDDEN: &str = "the call came through a proxy on the gateway's machine, and the gateway does not know from where: register \
                      directly, or name the proxy in the gateway's `trusted_proxies` and let it send X-Forwarded-For";
/// The route hash, sent with each heartbeat's answer, so that a service notices a change without another call.
const ROUTE_HASH: HeaderName = HeaderName::from_static("hydra-route-hash");

/// `POST /h/discovery/{K}/registration`
pub(crate) async fn registration(
    State(gateway): State<Gateway>,
    key: PathKey,
    caller: CallOrigin,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let limit = MAX_REGISTRATION_BYTES.max(gateway.config().limits().instance);
    let call = match admit(&gateway, &key, &headers, body, limit).await {
        Ok(call) => call,
        Err(response) => return response,
    };
    let registration = match read_json(&call.body) {
        Ok(registration) => registration,
        Err(reason) => return refused(StatusCode::BAD_REQUEST, &reason),
    };
    if caller.is_hidden_by_a_local_proxy() {
        return refused(StatusCode::BAD_REQUEST, HIDDEN);
    }
    match instance::check(registration, caller.address, &gateway.rules()) {
        Ok(instance) => match call.refusal_for(&instance.service) {
            None => register(&gateway, instance).await,
            Some(refusal) => refusal,
        },
        Err(reason) => refused(StatusCode::BAD_REQUEST, &reason.to_string()),
    }
}

async fn register(gateway: &Gateway, instance: instance::Instance) -> Response {
    if gateway.is_configured(&instance.service) {
        return refused(
            StatusCode::BAD_REQUEST,
            "the name belongs to a service of the gateway's configuration",
        );
    }
    let instance = Arc::new(instance);
    let publisher = gateway.publisher();
    if let Err(denied) = publisher.apply(Event::Register(Arc::clone(&instance))).await {
        let status = match denied {
            RegistrationDenied::Quota(_) => StatusCode::SERVICE_UNAVAILABLE,
            RegistrationDenied::AddressTaken(_) => StatusCode::CONFLICT,
        };
        return refused(status, &denied.to_string());
    }
    let snapshot = publisher.snapshot();
    let left_out: Vec<_> = instance
        .left_out
        .iter()
        .chain(snapshot.conflicts(&instance.service))
        .cloned()
        .collect();
    // The problems are those of the whole service, as in the overview, so that they do not depend on the instance
    // that registers.
    let problems = contracts::problems_of(&instance.service, snapshot.contracts());
    log(&instance.service, &left_out);
    log_problems(&contracts::problems(&instance, snapshot.contracts()));
    tracing::info!(service = &*instance.service, instance = %instance.id, "registered");
    let speaks_2 = instance.fragment_protocol == instance::FragmentProtocol::Protocol2;
    let mut answer = RegistrationResponse {
        public_key: gateway.config().login_public_key.clone(),
        services: snapshot.overview(),
        left_out: speaks_2.then_some(left_out),
        contract_problems: speaks_2.then_some(problems),
        keys: speaks_2.then(|| gateway.keys().clone()),
        hash: speaks_2.then(|| snapshot.hash.clone()),
        ..RegistrationResponse::default()
    };
    if !speaks_2 {
        shorten(&mut answer, &instance.service);
    }
    with_registry(gateway, Json(answer).into_response())
}

/// Adds the header that tells whether this gateway reaches the shared registry. If it does not, a service of protocol
/// 2 registers with another gateway (protocol section 6).
fn with_registry(gateway: &Gateway, mut response: Response) -> Response {
    let is_away = gateway.publisher().outage().is_some();
    let value = if is_away {
        AWAY
    } else {
        HeaderValue::from_static("ok")
    };
    response.headers_mut().insert(REGISTRY, value);
    response
}

fn log(service: &str, left_out: &[LeftOut]) {
    let more = lines::first(left_out, |LeftOut { path, reason }| {
        tracing::warn!(service, path = lines::cut(path), reason, "a path is not routed");
    });
    if more > 0 {
        tracing::warn!(service, more, "more paths of the service are not routed");
    }
}

/// Drops services from the answer until a client of protocol 1 can read it. The client's own service is kept first.
fn shorten(answer: &mut RegistrationResponse, own: &str) {
    let mut left = MAX_PROTOCOL_1_ANSWER_BYTES - 1024_usize.min(MAX_PROTOCOL_1_ANSWER_BYTES);
    left = left.saturating_sub(answer.public_key.len());
    let size = |service: &_| serde_json::to_vec(service).map_or(usize::MAX, |text| text.len() + 1);
    answer.services.sort_by_key(|service| service.service_name != own);
    answer
        .services
        .retain(|service| match left.checked_sub(size(service)) {
            Some(rest) => {
                left = rest;
                true
            }
            None => false,
        });
    answer
        .services
        .sort_by(|a, b| a.service_name.cmp(&b.service_name));
}

/// `POST /h/discovery/{K}/alive`
pub(crate) async fn alive(
    State(gateway): State<Gateway>,
    key: PathKey,
    caller: CallOrigin,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let call = match admit(&gateway, &key, &headers, body, MAX_HEARTBEAT_BYTES).await {
        Ok(call) => call,
        Err(response) => return response,
    };
    // A name cannot begin with a brace, so this is the JSON of protocol 2.
    let alive = if call.body.first() == Some(&b'{') {
        read_json(&call.body)
    } else {
        let name = String::from_utf8_lossy(&call.body).trim().to_owned();
        Ok(Alive { name, instance: None })
    };
    let Alive { name, instance } = match alive {
        Ok(alive) => alive,
        Err(reason) => return refused(StatusCode::BAD_REQUEST, &reason),
    };
    if let Some(refusal) = call.refusal_for(&name) {
        return refusal;
    }
    let who = match instance {
        Some(instance) => HeartbeatSender::Instance { name, instance },
        None => HeartbeatSender::ServiceName {
            name,
            from: caller.address,
        },
    };
    // Only registrations are refused, so an error can't occur here.
    if gateway.publisher().apply(Event::Heartbeat(who)).await != Ok(true) {
        return empty(StatusCode::NOT_FOUND);
    }
    let mut response = with_registry(&gateway, Json(true).into_response());
    if let Ok(hash) = HeaderValue::from_str(&gateway.publisher().snapshot().hash) {
        response.headers_mut().insert(ROUTE_HASH, hash);
    }
    response
}

/// `GET /h/discovery/{K}/overview?hash=…&service=…`: only `{"hash": …}` if the caller's hash is current; otherwise
/// also `services`, and the contract problems of `service`.
pub(crate) async fn overview(
    State(gateway): State<Gateway>,
    key: PathKey,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if let Err(response) = admit(&gateway, &key, &headers, Body::empty(), 0).await {
        return response;
    }
    let Ok(Query(query)) = Query::<OverviewQuery>::try_from_uri(&uri) else {
        return refused(StatusCode::BAD_REQUEST, "the query cannot be read");
    };
    let snapshot = gateway.publisher().snapshot();
    let is_known = query.hash.as_deref() == Some(&*snapshot.hash);
    let services = (!is_known).then(|| snapshot.overview());
    let asking = query.service.filter(|_| !is_known);
    Json(Overview {
        hash: snapshot.hash.clone(),
        services,
        contract_problems: asking.map_or_else(Vec::new, |service| {
            contracts::problems_of(&service, snapshot.contracts())
        }),
    })
    .into_response()
}
