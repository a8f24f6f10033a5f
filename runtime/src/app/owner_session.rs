//! Gives gateways the session of a fragment's owner for the owner's actions, and keeps what actions changed (protocol section 9).

use std::time::SystemTime;

use axum::{
    extract::Request,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, StatusCode, header::CACHE_CONTROL};
use hydra_runtime_wire::{forms::session::OwnerSession, headers::HYDRA_SESSION};

use super::{context::RenderContext, signed_header::SignedHeader};
use crate::session::RequestSessions;

/// What a gateway asks about the session of one service. `None`: the request does not ask for that.
pub(super) fn asked(context: &RenderContext, request: &Request) -> Option<SignedHeader> {
    // Without a gateway, the header may be written by a visitor.
    let has_gateway = context.signer.is_some() || context.source.is_some();
    has_gateway
        .then(|| SignedHeader::of(request, &HYDRA_SESSION))
        .flatten()
}

/// Answers what a gateway asks.
pub(super) async fn answer(
    context: &RenderContext,
    header: SignedHeader,
    sessions: &RequestSessions,
) -> Response {
    let signer = context.signer.as_deref();
    let checked = header.checked(signer, &context.service, SystemTime::now());
    let checked = checked.inspect_err(|error| {
        tracing::warn!(%error, "the session of a form's owner is neither given nor kept");
    });
    let Some(asked) = checked.ok().and_then(OwnerSession::from_header) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let known = sessions.sessions().await;
    let answer = match asked.session {
        Some(changed) => {
            sessions.keep([(asked.service.clone(), changed)].into());
            None
        }
        None => known.get(&asked.service).cloned(),
    };
    let answer = OwnerSession {
        service: asked.service,
        session: answer,
    };
    let Some(header) = answer.to_header() else {
        tracing::warn!(
            service = answer.service,
            "its session is too long for its actions"
        );
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let headers = [
        (HYDRA_SESSION, header),
        (CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}
