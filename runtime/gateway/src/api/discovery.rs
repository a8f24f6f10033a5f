//! Discovery: registrations, heartbeats, and the overview of active services.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Query, State},
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, StatusCode, request::Parts};
use hydra_runtime_net::{bodies::read_json, contracts::log as log_problems};
use hydra_runtime_wire::{
    ActiveService, Alive, LeftOut, Overview, OverviewQuery, RegistrationResponse,
    headers::{AWAY, REGISTRY},
    lines,
};

use super::{AdmittedCall, CallOrigin, PathKey, admit};
use crate::{
    Gateway,
    api::{
        refusal_log::{Refusal, name_in},
        responses::{empty, refusal, refused},
    },
    config::service_login::roles_at,
    limits::{MAX_HEARTBEAT_BYTES, MAX_PROTOCOL_1_ANSWER_BYTES, MAX_REGISTRATION_BYTES},
    login::GivenKeys,
    registry::{
        contracts,
        instance::{self, FragmentProtocol, Instance, channel_place::ChannelPlace},
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
    parts: Parts,
    body: Body,
) -> Response {
    let limit = MAX_REGISTRATION_BYTES.max(gateway.config().limits().instance);
    let call = match admit(&gateway, &key, caller, &parts, body, limit).await {
        Ok(call) => call,
        Err(response) => return response,
    };
    if let Some(refusal) = call.refusal_if_replayed(&gateway, caller).await {
        return refusal;
    }
    match registered(&gateway, caller, call, None).await {
        Ok(registered) => with_registry(&gateway, Json(registered.answer).into_response()),
        Err(response) => response,
    }
}

/// A registration over a channel.
pub(crate) struct OverChannel<'a> {
    /// Where the channel ends.
    pub(crate) place: ChannelPlace,
    /// The service to which the channel belongs.
    pub(crate) service: &'a str,
    /// The instance to which the channel belongs.
    pub(crate) instance: &'a str,
}

/// A registration that was taken.
pub(crate) struct Registered {
    pub(crate) answer: RegistrationResponse,
    pub(crate) instance: Arc<Instance>,
}

/// Registers an instance. An error is the response that refuses it.
pub(crate) async fn registered(
    gateway: &Gateway,
    caller: CallOrigin,
    call: AdmittedCall,
    channel: Option<OverChannel<'_>>,
) -> Result<Registered, Response> {
    let refuse = |name: Option<&str>, reason: &str| {
        gateway.log_refusal(name, caller.address, Refusal::Registration, reason);
        refusal(StatusCode::BAD_REQUEST, reason)
    };
    let registration = match read_json::<ActiveService>(&call.body) {
        // Only the configuration says whose cookies the gateway passes on.
        Ok(registration) => ActiveService {
            cookies: None,
            ..registration
        },
        Err(reason) => return Err(refuse(name_in(&call.body).as_deref(), &reason)),
    };
    let name = registration.name.clone();
    let refuse = |reason: &str| refuse(name.as_deref(), reason);
    if caller.is_hidden_by_a_local_proxy() {
        return Err(refuse(HIDDEN));
    }
    let is_over_channel = channel.is_some();
    if let Some(channel) = &channel {
        if registration.name.as_deref() != Some(channel.service) {
            return Err(refuse("the channel belongs to another service"));
        }
        if registration.instance.as_deref() != Some(channel.instance) {
            return Err(refuse("the channel belongs to another instance"));
        }
    }
    let place = channel.map(|channel| channel.place);
    let checked = instance::check_with_channel(registration, place, caller.address, &gateway.rules());
    let mut instance = checked.map_err(|reason| refuse(&reason.to_string()))?;
    if gateway.is_configured(&instance.service) {
        return Err(refuse(
            "the name belongs to a service of the gateway's configuration",
        ));
    }
    if is_over_channel && instance.fragment_protocol != FragmentProtocol::Protocol2 {
        return Err(refuse("protocol 1 has no channel"));
    }
    if let Some(refusal) = call.refusal_for(gateway, caller, &instance.service) {
        return Err(refusal);
    }
    let keys = gateway.keys_for(&instance.fragment_protocol);
    instance.login_key.clone_from(&keys.id);
    let visitor_keys = call.signed.as_ref().and_then(|_| gateway.visitor_keys());
    register(gateway, instance, keys, visitor_keys).await
}

async fn register(
    gateway: &Gateway,
    instance: Instance,
    keys: GivenKeys,
    visitor_keys: Option<Vec<String>>,
) -> Result<Registered, Response> {
    let instance = Arc::new(instance);
    let publisher = gateway.publisher();
    if let Err(denied) = publisher.apply(Event::Register(Arc::clone(&instance))).await {
        let status = match denied {
            RegistrationDenied::Quota(_) => StatusCode::SERVICE_UNAVAILABLE,
            RegistrationDenied::AddressTaken(_) => StatusCode::CONFLICT,
        };
        let (name, reason) = (&*instance.service, denied.to_string());
        gateway.log_refusal(Some(name), instance.from, Refusal::Registry, &reason);
        return Err(refusal(status, &reason));
    }
    gateway.end_drain_of_former_process(&instance).await;
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
    let speaks_2 = instance.fragment_protocol == FragmentProtocol::Protocol2;
    let mut answer = RegistrationResponse {
        // A client of protocol 1 fails to read an empty key, and accepts null.
        public_key: keys.public_key.or_else(|| speaks_2.then(String::new)),
        services: snapshot.overview(),
        role_mappings: roles_at(&gateway.config().roles, &instance.service),
        left_out: speaks_2.then_some(left_out),
        contract_problems: speaks_2.then_some(problems),
        keys: speaks_2.then_some(keys.set),
        visitor_keys: visitor_keys.filter(|_| speaks_2),
        hash: speaks_2.then(|| snapshot.hash.clone()),
        protocol: speaks_2.then_some(2),
        channels: (speaks_2 && gateway.config().channel).then_some(1),
        ..RegistrationResponse::default()
    };
    if !speaks_2 {
        shorten(&mut answer, &instance.service);
    }
    Ok(Registered { answer, instance })
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
    left = left.saturating_sub(answer.public_key.as_ref().map_or(0, String::len));
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
    parts: Parts,
    body: Body,
) -> Response {
    let call = match admit(&gateway, &key, caller, &parts, body, MAX_HEARTBEAT_BYTES).await {
        Ok(call) => call,
        Err(response) => return response,
    };
    if let Some(refusal) = call.refusal_if_replayed(&gateway, caller).await {
        return refusal;
    }
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
    if let Some(refusal) = call.refusal_for(&gateway, caller, &name) {
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
    if gateway.publisher().apply(Event::Heartbeat(who.clone())).await != Ok(true) {
        return empty(StatusCode::NOT_FOUND);
    }
    // The heartbeat has counted, so that the service stays active. With 404 it registers again, and gets the new keys.
    if needs_keys(&gateway, &who) {
        return empty(StatusCode::NOT_FOUND);
    }
    let mut response = with_registry(&gateway, Json(true).into_response());
    if let Ok(hash) = HeaderValue::from_str(&gateway.publisher().snapshot().hash) {
        response.headers_mut().insert(ROUTE_HASH, hash);
    }
    response
}

/// Whether an instance for which a heartbeat counts has old keys.
fn needs_keys(gateway: &Gateway, sender: &HeartbeatSender) -> bool {
    if gateway.logins().is_none() && gateway.signer().is_none() {
        return false;
    }
    let snapshot = gateway.publisher().snapshot();
    let (name, is_sender): (&str, &dyn Fn(&Instance) -> bool) = match sender {
        HeartbeatSender::Instance { name, instance } => (name, &|known: &Instance| {
            known.registration.instance.as_ref() == Some(instance)
        }),
        HeartbeatSender::ServiceName { name, from } => (name, &|known: &Instance| known.from == *from),
        HeartbeatSender::Configured(_) | HeartbeatSender::Held(_) => return false,
    };
    let instances = snapshot.service(name).map_or(&[][..], |service| &service.active);
    instances
        .iter()
        .any(|known| is_sender(known) && gateway.has_old_keys(known))
}

/// `GET /h/discovery/{K}/overview?hash=…&service=…`: only `{"hash": …}` if the caller's hash is current; otherwise
/// also `services`, and the contract problems of `service`.
pub(crate) async fn overview(
    State(gateway): State<Gateway>,
    key: PathKey,
    caller: CallOrigin,
    parts: Parts,
) -> Response {
    if let Err(response) = admit(&gateway, &key, caller, &parts, Body::empty(), 0).await {
        return response;
    }
    let Ok(Query(query)) = Query::<OverviewQuery>::try_from_uri(&parts.uri) else {
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
        ..Overview::default()
    })
    .into_response()
}
