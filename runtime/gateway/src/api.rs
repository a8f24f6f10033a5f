//! The gateway's own API: discovery, fragments, health (protocol sections 1 and 6).

pub(crate) mod caller;
pub(crate) mod contracts;
pub(crate) mod discovery;
pub(crate) mod fragments;
pub(crate) mod refusal_log;
mod refused_calls;
mod response_budget;
pub(crate) mod responses;
pub(crate) mod wrong_keys;

use std::time::SystemTime;

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{Path, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header::AUTHORIZATION, request::Parts, uri::PathAndQuery};
use hydra_runtime_net::bodies::{discard, read, read_beginning};
use hydra_runtime_wire::{
    Health,
    headers::{AWAY, REGISTRY},
    signing::{BadSignature, Call, GATEWAY, SignedCall},
};

use crate::{Gateway, limits::MAX_UNSIGNED_BODY_BYTES};
use caller::CallOrigin;
use refusal_log::{Refusal, name_in};
use responses::{empty, refusal, refused};

pub(crate) async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// `GET /_h/services`: everything about the active services for operators, and only their names for other callers.
pub(crate) async fn services(State(gateway): State<Gateway>, caller: CallOrigin, parts: Parts) -> Response {
    let snapshot = gateway.publisher().snapshot();
    let outage = gateway.publisher().outage();
    let (services, registry) = if is_operator(&gateway, &caller, &parts) {
        let told = outage.map(|text| HeaderValue::from_str(&text).unwrap_or(AWAY));
        (snapshot.by_name(), told)
    } else {
        (snapshot.names(), outage.map(|_| AWAY))
    };
    let mut response = Json(services).into_response();
    let registry = registry.unwrap_or(HeaderValue::from_static("ok"));
    response.headers_mut().insert(REGISTRY, registry);
    response
}

/// Whether a caller may see addresses: one that signs with the private key, or, in an installation without a key, one
/// on this machine.
fn is_operator(gateway: &Gateway, caller: &CallOrigin, parts: &Parts) -> bool {
    match gateway.signer() {
        Some(signer) => signer
            .check(&parts.headers, call(parts, b""), SystemTime::now())
            .is_ok(),
        None => caller.is_on_this_machine(),
    }
}

/// A call to this gateway, as it came.
pub(crate) fn call<'a>(parts: &'a Parts, body: &'a [u8]) -> Call<'a> {
    Call {
        to: GATEWAY,
        method: &parts.method,
        path: parts.uri.path_and_query().map_or("/", PathAndQuery::as_str),
        body,
    }
}

/// The `{K}` of a path.
pub(crate) type PathKey = Result<Path<String>, PathRejection>;

/// A call with the right public key, and the right signature where one is needed.
pub(crate) struct AdmittedCall {
    body: Bytes,
    /// Who signed the call. `None`: the call is not signed, and need not be.
    signed: Option<SignedCall>,
}

impl AdmittedCall {
    /// A call over a channel, whose SETUP has this signature.
    pub(crate) fn over_channel(body: Bytes, signed: Option<SignedCall>) -> Self {
        Self { body, signed }
    }

    /// The error response for a call that another service signed than the one that it is about.
    fn refusal_for(&self, gateway: &Gateway, caller: CallOrigin, service: &str) -> Option<Response> {
        let reason = match &self.signed {
            Some(signed) if signed.issuer == service => return None,
            Some(_) => BadSignature::Issuer,
            // Unsigned calls may be allowed, but not in the name of a service that can sign.
            None if gateway.signer().is_some_and(|signer| signer.has_own_key(service)) => {
                BadSignature::Missing
            }
            None => return None,
        };
        let reason = &reason.to_string();
        gateway.log_refusal(Some(service), caller.address, Refusal::Signature, reason);
        Some(refusal(StatusCode::UNAUTHORIZED, reason))
    }

    /// The error response for a signed call that another gateway of the same registry has accepted. While the registry
    /// can't be reached, each gateway knows only the calls that it accepted itself.
    async fn refusal_if_replayed(&self, gateway: &Gateway, caller: CallOrigin) -> Option<Response> {
        let signed = self.signed.as_ref()?;
        if gateway.publisher().claim_call(&signed.id).await {
            return None;
        }
        let reason = BadSignature::Again.to_string();
        gateway.log_refusal(Some(&signed.issuer), caller.address, Refusal::Signature, &reason);
        Some(refusal(StatusCode::UNAUTHORIZED, &reason))
    }
}

/// Reads the body of a call with the right public key and signature. A call with the wrong key gets 404 without a
/// body, so that a stranger can't tell whether the installation exists.
async fn admit(
    gateway: &Gateway,
    key: &PathKey,
    caller: CallOrigin,
    parts: &Parts,
    body: Body,
    limit: usize,
) -> Result<AdmittedCall, Response> {
    let config = gateway.config();
    // A key that is not UTF-8 is wrong like any other.
    if !key.as_ref().is_ok_and(|Path(key)| *key == config.public_key) {
        discard(body).await;
        gateway.log_wrong_key(key.as_ref().map_or("", |Path(key)| key));
        return Err(empty(StatusCode::NOT_FOUND));
    }
    let turned_away = |body: &[u8], problem: BadSignature| {
        let (name, reason) = (name_in(body), problem.to_string());
        gateway.log_refusal(name.as_deref(), caller.address, Refusal::Signature, &reason);
        refusal(StatusCode::UNAUTHORIZED, &reason)
    };
    let must_be_signed = gateway.signer().is_some() && !config.allow_unsigned;
    if must_be_signed && !parts.headers.contains_key(AUTHORIZATION) {
        let beginning = read_beginning(body, MAX_UNSIGNED_BODY_BYTES).await;
        return Err(turned_away(&beginning, BadSignature::Missing));
    }
    let body = read(body, limit)
        .await
        .map_err(|problem| refused(problem.status(), &problem.to_string()))?;
    let unsigned = |body| AdmittedCall { body, signed: None };
    let Some(signer) = gateway.signer() else {
        return Ok(unsigned(body));
    };
    match signer.check(&parts.headers, call(parts, &body), SystemTime::now()) {
        Ok(signed) => Ok(AdmittedCall {
            body,
            signed: Some(signed),
        }),
        Err(BadSignature::Missing) if config.allow_unsigned => Ok(unsigned(body)),
        Err(problem) => Err(turned_away(&body, problem)),
    }
}
