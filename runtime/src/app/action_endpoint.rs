//! `POST /h/action/{K}`: the gateway passes on a form that a visitor sent (protocol section 9).

use std::{sync::Arc, time::SystemTime};

use axum::{
    Json,
    body::Body,
    extract::{Path, Request, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use http::{StatusCode, header::WWW_AUTHENTICATE, request::Parts, uri::PathAndQuery};
use hydra_runtime_net::{bodies, observe::OTHER};
use hydra_runtime_wire::{
    forms::{ActionAnswer, ActionFailure, DoneForm, SEAL_PARAMETER, session::OwnerSession},
    headers::HYDRA_SESSION,
    lines::cut,
    signing::{BadSignature, Call, GATEWAY},
};

use super::{
    actions::{self, ActionEnd},
    endpoint::{EndpointState, called},
};

/// Answers a form.
pub(super) async fn answer(
    State(state): State<Arc<EndpointState>>,
    key: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let of_another = || StatusCode::NOT_FOUND.into_response();
    called(state, key, request, of_another, answer_form).await
}

async fn answer_form(state: Arc<EndpointState>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if let Err(error) = check(&state, &parts) {
        // Otherwise the caller, which sends all of it first, does not read the answer.
        bodies::discard(body).await;
        let reason = error.to_string();
        let refused = refused(
            StatusCode::UNAUTHORIZED,
            ActionFailure {
                reason,
                ..ActionFailure::default()
            },
        );
        // Other than an action that needs a login, which answers 401 without this header.
        return ([(WWW_AUTHENTICATE, "Bearer")], refused).into_response();
    }
    ran(&state, seal_of(&parts), &parts, body).await
}

/// Runs the action of a form that a gateway has passed on. The answer for the gateway.
pub(super) async fn ran(state: &EndpointState, seal: &str, parts: &Parts, body: Body) -> Response {
    let context = &state.context;
    let session = parts
        .headers
        .get(HYDRA_SESSION)
        .and_then(OwnerSession::from_header);
    let session = session.filter(|session| *session.service == *context.service);
    let sessions = context
        .actions
        .sessions_of_gateway(session.and_then(|session| session.session));
    // The gateway counts it.
    let (end, record) = actions::run(context, seal, &parts.headers, body, sessions.clone()).await;
    let session = sessions.take_own_change();
    match end {
        ActionEnd::Done { form, done } => Json(ActionAnswer::Done(DoneForm {
            reference: form.reference,
            action: form.action,
            to: done.to,
            anchor: done.anchor,
            session,
        }))
        .into_response(),
        ActionEnd::Invalid(mut invalid) => {
            invalid.session = session;
            Json(ActionAnswer::Invalid(invalid)).into_response()
        }
        ActionEnd::Failed(failed) => refused(
            failed.status,
            ActionFailure {
                reason: failed.reason,
                reference: named(record.reference),
                action: named(record.action),
                refused: failed.is_own,
            },
        ),
    }
}

/// A name for the gateway. Empty: there is none.
fn named(name: String) -> String {
    Some(name).filter(|name| name != OTHER).unwrap_or_default()
}

/// Checks the signature of the call. Its body is not signed, since it is still arriving.
fn check(state: &EndpointState, parts: &Parts) -> Result<(), BadSignature> {
    let Some(signer) = &state.signer else {
        return Ok(());
    };
    let call = Call {
        to: &state.context.service,
        method: &parts.method,
        path: parts.uri.path_and_query().map_or("/", PathAndQuery::as_str),
        body: &[],
    };
    let signed = signer.check_streamed(&parts.headers, call, SystemTime::now())?;
    match signed.issuer == GATEWAY {
        true => Ok(()),
        false => Err(BadSignature::Issuer),
    }
}

fn seal_of(parts: &Parts) -> &str {
    let query = parts.uri.query().unwrap_or_default();
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let seal = pairs.find(|(name, _)| *name == SEAL_PARAMETER);
    seal.map_or("", |(_, seal)| seal)
}

fn refused(status: StatusCode, failure: ActionFailure) -> Response {
    tracing::warn!(%status, reason = cut(&failure.reason), "a form is refused");
    (status, Json(failure)).into_response()
}
