//! The session of a form's owner: the service of the page keeps it, and the owner's action gets it and may change it.

use axum::{body::Body, response::Response};
use http::{HeaderMap, HeaderValue, Request, header::SET_COOKIE, request::Parts};
use hydra_runtime_wire::{
    cookies::{SESSION, value_of},
    forms::session::OwnerSession,
    headers::HYDRA_SESSION,
};
use serde_json::Value;

use super::{SentForm, page::ForPage};
use crate::{
    edge::{failure::RequestFailure, headers},
    proxy::pass_on,
    routing::snapshot::Service,
};

/// Whether the actions of `owner` may take a session that the service of the page keeps.
pub(super) fn are_used(owner: &Service, page: Option<&Service>) -> bool {
    let takes = |owner: &Service| {
        let mut contracts = owner
            .active
            .iter()
            .filter_map(|instance| instance.contract.as_ref());
        contracts.any(|contract| contract.action_sessions)
    };
    takes(owner) && page.is_some_and(Service::makes_pages)
}

/// Asks the service of the page for the session of the visitor with `owner`, because that service keeps all sessions of the visitor.
/// `None`: the visitor has no cookie of sessions, and so no session.
///
/// # Errors
/// The service of the page does not give it: then nothing is sent to the owner.
pub(super) async fn load(
    form: &SentForm<'_>,
    owner: &str,
    for_page: &Parts,
) -> Result<Option<OwnerSession>, RequestFailure> {
    if headers::cookies(&for_page.headers, SESSION).next().is_none() {
        return Ok(None);
    }
    let asked = OwnerSession {
        service: owner.to_owned(),
        session: None,
    };
    let answer = ask(form, &asked, for_page).await?;
    let given = answer
        .headers()
        .get(HYDRA_SESSION)
        .and_then(OwnerSession::from_header);
    match given.filter(|given| given.service == owner) {
        Some(given) => Ok(Some(given).filter(|given| given.session.is_some())),
        None if answer.status().is_redirection() => Err(RequestFailure::LoginEnded),
        None => {
            let status = answer.status();
            tracing::warn!(service = owner, %status, "the page of a form does not give the session of its owner");
            Err(RequestFailure::FormUnsent)
        }
    }
}

/// Keeps the session that an action changed. The cookie of sessions for the visitor, if a new one is needed. The action is done: where
/// the session can't be kept, that is logged.
pub(super) async fn keep(
    form: &SentForm<'_>,
    owner: &str,
    session: Value,
    for_page: &Parts,
) -> Option<HeaderValue> {
    let changed = OwnerSession {
        service: owner.to_owned(),
        session: Some(session),
    };
    match ask(form, &changed, for_page).await {
        Ok(answer) if answer.headers().contains_key(HYDRA_SESSION) => {
            // The page may also have renewed a login, which the answer to the form does itself.
            let mut set = answer.headers().get_all(SET_COOKIE).iter();
            set.find(|set| value_of(set.as_bytes(), SESSION).is_some())
                .cloned()
        }
        other => {
            let reason = other.map(|answer| answer.status());
            tracing::warn!(
                service = owner,
                ?reason,
                "the session that an action changed is not kept"
            );
            None
        }
    }
}

/// Takes a new cookie of sessions into the request for the page.
pub(super) fn take_cookie(set: &HeaderValue, for_page: &mut HeaderMap) {
    let pair = set.as_bytes().split(|byte| *byte == b';').next();
    let pair = pair.and_then(|pair| HeaderValue::from_bytes(pair).ok());
    headers::replace_cookie(for_page, SESSION, pair.as_ref());
}

/// Asks the service of the page, by a request for the page.
async fn ask(
    form: &SentForm<'_>,
    session: &OwnerSession,
    for_page: &Parts,
) -> Result<Response, RequestFailure> {
    let header = session.to_header().ok_or(RequestFailure::FormUnsent)?;
    let mut request = Request::from_parts(for_page.clone(), Body::empty());
    form.lead_to_page(&mut request);
    request.extensions_mut().insert(ForPage::session(header));
    // Boxed: few requests come here.
    Box::pin(pass_on(form.gateway, request, form.previewed))
        .await
        .map_err(|failure| {
            tracing::warn!(
                service = session.service,
                ?failure,
                "the page of a form can't be had"
            );
            RequestFailure::FormUnsent
        })
}
