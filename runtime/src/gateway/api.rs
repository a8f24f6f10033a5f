//! The calls to the gateway itself: discovery, fragments, health (protocol sections 1 and 6).

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    body::{Body, Bytes},
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures_util::StreamExt;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};

use super::{
    Gateway,
    answer::{empty, refused},
    bodies::{read, read_json},
    dispatch, proxy, registration,
    registry::{Event, Who},
};
use crate::{
    server::Peer,
    source::Caller,
    wire::{
        Alive, FragmentsRequest, Health, Overview, OverviewQuery, RegistrationResponse, RenderedFragment,
        ResolvedFragment, ResolvedFragments,
    },
};

/// The longest registration.
const MAX_REGISTRATION: usize = 2 << 20;
/// The longest batch of fragments.
const MAX_BATCH: usize = 4 << 20;
/// The longest alive.
const MAX_ALIVE: usize = 1024;
/// Protocol 1 clients hold no longer answer than this.
const MAX_PROTOCOL_1_ANSWER: usize = 256 << 10;

/// The route hash, told along with `alive` so that a client sees a change without another call.
const ROUTE_HASH: HeaderName = HeaderName::from_static("hydra-route-hash");
/// `ok`, or why this gateway may know less than the others.
const REGISTRY: HeaderName = HeaderName::from_static("hydra-registry");

/// All routes of the gateway. What is not its own goes to the services.
pub(crate) fn router(gateway: Gateway) -> Router {
    Router::new()
        .route("/h/discovery/{key}/registration", post(registration))
        .route("/h/discovery/{key}/alive", post(alive))
        .route("/h/discovery/{key}/requestFragment", post(request_fragment))
        .route("/h/discovery/{key}/overview", get(overview))
        .route("/health", get(health))
        .route("/_h/services", get(services))
        // The gateway's own paths are never passed on, whatever patterns services have.
        .route("/login", axum::routing::any(nothing))
        .route("/logout", axum::routing::any(nothing))
        .route("/h", axum::routing::any(nothing))
        .route("/_h", axum::routing::any(nothing))
        .route("/h/{*rest}", axum::routing::any(nothing))
        .route("/_h/{*rest}", axum::routing::any(nothing))
        .fallback(forward)
        .with_state(gateway)
}

async fn forward(State(gateway): State<Gateway>, request: Request<Body>) -> Response {
    proxy::forward(gateway, request).await
}

async fn nothing() -> Response {
    empty(StatusCode::NOT_FOUND)
}

async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}

async fn services(State(gateway): State<Gateway>) -> Response {
    let mut response = Json(gateway.hub().snapshot().by_name()).into_response();
    let trouble = gateway.hub().trouble();
    let value = trouble
        .as_deref()
        .and_then(|text| HeaderValue::from_str(text).ok());
    response
        .headers_mut()
        .insert(REGISTRY, value.unwrap_or(HeaderValue::from_static("ok")));
    response
}

async fn registration(
    State(gateway): State<Gateway>,
    Path(key): Path<String>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let body = match admitted(&gateway, &key, &headers, body, MAX_REGISTRATION).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let said = match read_json(&body) {
        Ok(said) => said,
        Err(reason) => return refused(StatusCode::BAD_REQUEST, &reason),
    };
    let from = peer.map(|Extension(Peer(address))| address);
    match registration::check(said, from, &gateway.rules()) {
        Ok(instance) => register(&gateway, instance).await,
        Err(reason) => refused(StatusCode::BAD_REQUEST, &reason.to_string()),
    }
}

async fn register(gateway: &Gateway, instance: registration::Instance) -> Response {
    let instance = Arc::new(instance);
    let hub = gateway.hub();
    hub.apply(Event::Register(Arc::clone(&instance))).await;
    let snapshot = hub.snapshot();
    let left_out: Vec<_> = instance
        .left_out
        .iter()
        .chain(snapshot.conflicts(&instance.service))
        .cloned()
        .collect();
    for one in &left_out {
        tracing::warn!(
            service = &*instance.service,
            path = one.path,
            reason = one.reason,
            "a path is not routed"
        );
    }
    tracing::info!(service = &*instance.service, instance = %instance.id, "registered");
    let speaks_2 = instance.speaks == registration::Speaks::Protocol2;
    let mut answer = RegistrationResponse {
        public_key: gateway.config().login_public_key.clone(),
        services: snapshot.overview(),
        left_out: speaks_2.then_some(left_out),
        hash: speaks_2.then(|| snapshot.hash.clone()),
        ..RegistrationResponse::default()
    };
    if !speaks_2 {
        shorten(&mut answer, &instance.service);
    }
    Json(answer).into_response()
}

/// A protocol 1 client cannot read a longer answer at all: better that it knows itself and some others.
fn shorten(answer: &mut RegistrationResponse, own: &str) {
    let mut left = MAX_PROTOCOL_1_ANSWER - 1024_usize.min(MAX_PROTOCOL_1_ANSWER);
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

async fn alive(
    State(gateway): State<Gateway>,
    Path(key): Path<String>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let body = match admitted(&gateway, &key, &headers, body, MAX_ALIVE).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let from = peer.map(|Extension(Peer(address))| address);
    // A name cannot begin with a brace, so this is protocol 2.
    let alive = if body.first() == Some(&b'{') {
        read_json(&body)
    } else {
        let name = String::from_utf8_lossy(&body).trim().to_owned();
        Ok(Alive { name, instance: None })
    };
    let who = match alive {
        Ok(Alive {
            name,
            instance: Some(instance),
        }) => Who::Instance { name, instance },
        Ok(Alive { name, instance: None }) => Who::Named { name, from },
        Err(reason) => return refused(StatusCode::BAD_REQUEST, &reason),
    };
    if !gateway.hub().apply(Event::Alive(who)).await {
        return empty(StatusCode::NOT_FOUND);
    }
    let mut response = Json(true).into_response();
    if let Ok(hash) = HeaderValue::from_str(&gateway.hub().snapshot().hash) {
        response.headers_mut().insert(ROUTE_HASH, hash);
    }
    response
}

/// `GET /h/discovery/{K}/overview?hash=…`: `{"hash": …}` where the caller's hash is still right, else also `services`.
async fn overview(
    State(gateway): State<Gateway>,
    Path(key): Path<String>,
    Query(query): Query<OverviewQuery>,
    headers: HeaderMap,
) -> Response {
    if let Err(response) = admitted(&gateway, &key, &headers, Body::empty(), 0).await {
        return response;
    }
    let snapshot = gateway.hub().snapshot();
    let is_known = query.hash.as_deref() == Some(&*snapshot.hash);
    let services = (!is_known).then(|| snapshot.overview());
    Json(Overview {
        hash: snapshot.hash.clone(),
        services,
    })
    .into_response()
}

async fn request_fragment(
    State(gateway): State<Gateway>,
    Path(key): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let body = match admitted(&gateway, &key, &headers, body, MAX_BATCH).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let batch: FragmentsRequest = match read_json(&body) {
        Ok(batch) => batch,
        Err(reason) => return refused(StatusCode::BAD_REQUEST, &reason),
    };
    let is_protocol_1 = batch.protocol.is_none_or(|protocol| protocol < 2);
    let ids: Vec<String> = batch
        .requests
        .0
        .iter()
        .flat_map(|(_, items)| items.iter().map(|item| item.id.clone()))
        .collect();
    let caller = Caller {
        headers,
        ..Caller::default()
    };
    let mut parts = dispatch::dispatch(&gateway, batch, &caller);
    let mut answer = ResolvedFragments::default();
    while let Some(part) = parts.next().await {
        answer.fragments.extend(part.fragments);
        answer.sessions.extend(part.sessions);
    }
    in_order(&mut answer.fragments, &ids);
    if is_protocol_1 {
        Json(protocol_1(answer.fragments)).into_response()
    } else {
        Json(answer).into_response()
    }
}

/// Brings the answers into the order of the questions.
fn in_order(fragments: &mut [ResolvedFragment], ids: &[String]) {
    let places: std::collections::HashMap<&str, usize> = ids
        .iter()
        .enumerate()
        .rev()
        .map(|(at, id)| (id.as_str(), at))
        .collect();
    fragments.sort_by_key(|fragment| places.get(fragment.id.as_str()).copied().unwrap_or(usize::MAX));
}

/// The answer of protocol 1. HTML for which the client has no room is null: it shows its fallback there.
fn protocol_1(fragments: Vec<ResolvedFragment>) -> Vec<RenderedFragment> {
    let mut left = MAX_PROTOCOL_1_ANSWER - 2;
    // Each item has to fit without its HTML in any case.
    for fragment in &fragments {
        left = left.saturating_sub(written(&fragment.id) + r#"{"renderedHTML":null,"id":},"#.len());
    }
    let fit = |fragment: ResolvedFragment| {
        let html = fragment
            .html
            .filter(|html| match left.checked_sub(written(html)) {
                Some(rest) => {
                    left = rest;
                    true
                }
                None => {
                    tracing::warn!(
                        id = fragment.id,
                        "a protocol 1 client has no room for this fragment"
                    );
                    false
                }
            });
        RenderedFragment {
            html,
            id: fragment.id,
        }
    };
    fragments.into_iter().map(fit).collect()
}

/// The length of a text in JSON.
fn written(text: &str) -> usize {
    let escaped: usize = text
        .bytes()
        .map(|b| match b {
            b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 8 | 12 => 2,
            0..=31 => 6,
            _ => 1,
        })
        .sum();
    escaped + 2
}

/// Reads the body of a call that has the right key. Whoever has not learns nothing.
async fn admitted(
    gateway: &Gateway,
    key: &str,
    _headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<Bytes, Response> {
    if key != gateway.config().public_key {
        return Err(empty(StatusCode::NOT_FOUND));
    }
    read(body, limit)
        .await
        .map_err(|problem| refused(problem.status(), &problem.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_is_what_serde_writes() {
        for text in ["", "a", "<p class=\"x\">é\n\t\u{8}\u{c}\u{1}\\</p>"] {
            assert_eq!(written(text), serde_json::to_string(text).expect("a text").len());
        }
    }

    #[test]
    fn a_protocol_1_answer_never_outgrows_its_client() {
        let html = |size: usize| Some("\"".repeat(size));
        let fragment = |id: &str, html| ResolvedFragment {
            id: id.into(),
            html,
            ..ResolvedFragment::default()
        };
        let answer = protocol_1(vec![
            fragment("a", html(100)),
            fragment("b", html(200_000)),
            fragment("c", html(130_900)),
            fragment("d", None),
        ]);
        assert!(serde_json::to_vec(&answer).expect("JSON").len() <= MAX_PROTOCOL_1_ANSWER);
        let has_html: Vec<_> = answer.iter().map(|one| one.html.is_some()).collect();
        assert_eq!(has_html, [true, false, true, false]);
    }

    #[test]
    fn answers_come_in_the_order_of_the_questions() {
        let fragment = |id: &str| ResolvedFragment {
            id: id.into(),
            ..ResolvedFragment::default()
        };
        let mut fragments = [fragment("b"), fragment("c"), fragment("a")];
        in_order(&mut fragments, &["a".into(), "b".into(), "c".into()]);
        assert_eq!(fragments.map(|one| one.id), ["a", "b", "c"]);
    }
}
