//! Calls for fragments, and forms, that another gateway has for an instance whose channel ends here. They make one hop only: what does
//! not end here is refused.

use std::time::SystemTime;

use axum::{
    body::Body,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
    routing::{MethodRouter, post},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::CONTENT_TYPE, request::Parts};
use hydra_runtime_net::{
    bodies::{discard, read},
    limits::MAX_CALL_BYTES,
};
use hydra_runtime_wire::signing::{BadSignature, GATEWAY};

use crate::{
    Gateway,
    api::{self, PathKey, caller::CallOrigin, refusal_log::Refusal, responses},
    channels::call::pass_on,
    registry::instance::channel_place::ChannelId,
};

/// `POST /h/channel/{K}/{route}?channel=…`, for one route of channels. The gateway that calls signs the channel with the address.
pub(crate) fn relay(route: &'static str) -> MethodRouter<Gateway> {
    post(
        move |State(gateway): State<Gateway>, key: PathKey, caller: CallOrigin, parts: Parts, body: Body| {
            passed_on(gateway, key, caller, parts, body, route)
        },
    )
}

/// Passes a request on over the channel that its address names, on this route.
async fn passed_on(
    gateway: Gateway,
    key: PathKey,
    caller: CallOrigin,
    parts: Parts,
    body: Body,
    route: &'static str,
) -> Response {
    let config = gateway.config();
    if !config.channel || !key.as_ref().is_ok_and(|Path(key)| *key == config.public_key) {
        discard(body).await;
        return responses::empty(StatusCode::NOT_FOUND);
    }
    let body = match read(body, MAX_CALL_BYTES).await {
        Ok(body) => body,
        Err(problem) => return responses::refused(problem.status(), &problem.to_string()),
    };
    if let Some(signer) = gateway.signer() {
        let problem = match signer.check(&parts.headers, api::call(&parts, &body), SystemTime::now()) {
            Ok(signed) if signed.issuer == GATEWAY => None,
            Ok(_) => Some(BadSignature::Issuer),
            Err(problem) => Some(problem),
        };
        if let Some(problem) = problem {
            let reason = problem.to_string();
            gateway.log_refusal(None, caller.address(), Refusal::Signature, &reason);
            return responses::refusal(StatusCode::UNAUTHORIZED, &reason);
        }
    }
    let id = parts.uri.query().and_then(|query| query.strip_prefix("channel="));
    let channel = id.and_then(|id| gateway.channels().get(&ChannelId::from(id.to_owned())));
    let Some(channel) = channel.filter(|channel| !channel.is_leaving()) else {
        return responses::refusal(StatusCode::NOT_FOUND, "the channel does not end here");
    };
    metrics::counter!("hydra_channel_relayed_total").increment(1);
    match pass_on(&channel, route, passed(&parts.headers), body).await {
        Ok(body) => {
            let json = HeaderValue::from_static("application/json");
            ([(CONTENT_TYPE, json)], body).into_response()
        }
        Err((status, reason)) => responses::refusal(status, &reason),
    }
}

/// The headers that the service gets: cookies, the id of the request, its trace, and the session for an action.
fn passed(headers: &HeaderMap) -> HeaderMap {
    let names = [
        "cookie",
        "traceparent",
        "tracestate",
        "x-request-id",
        "hydra-session",
    ];
    let names = names.map(HeaderName::from_static);
    let kept = names.into_iter().filter_map(|name| {
        let value = headers.get(&name)?.clone();
        Some((name, value))
    });
    kept.collect()
}
