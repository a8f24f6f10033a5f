//! `POST /h/fragment/{K}/requestFragment`: other services ask for fragments of this one (protocol sections 2 and 6).

mod body;
mod channel;
mod shared_attributes;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::{
    Json,
    body::Body,
    extract::{Path, Request, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use futures_util::future::join_all;
use http::{HeaderMap, StatusCode, request::Parts, uri::PathAndQuery};
use hydra_runtime_net::{
    bodies,
    fragment_source::Caller,
    limits::{MAX_BATCH_FRAGMENTS, MAX_CALL_BYTES},
    observe,
};
use hydra_runtime_wire::{
    FragmentRequest, Outcome, RenderedFragment, ResolvedFragment, ResolvedFragments,
    copy_budget::BudgetSpent,
    lines::{self, cut},
    signing::{BadSignature, Call, GATEWAY, Signer},
};

pub(super) use self::channel::over_channel;
use self::{
    body::{CallBody, FragmentsCall, Protocol},
    shared_attributes::SharedAttributes,
};
use super::context::{RenderContext, travelling};
use crate::{
    page::{FragmentAnswer, FragmentCall},
    service::Client,
    session::{Sessions, may_be_kept},
};

/// The state of the endpoint.
pub(crate) struct EndpointState {
    pub(crate) context: Arc<RenderContext>,
    /// The installation's public key: the `{K}` of the path.
    pub(crate) public_key: String,
    /// Checks the signatures of calls. `None`: they are not signed.
    pub(crate) signer: Option<Arc<Signer>>,
    /// The client of the gateway, if the settings allow calls without a signature from a gateway of protocol 1.
    pub(crate) unsigned_gateway: Option<Arc<Client>>,
}

impl EndpointState {
    /// Whether calls without a signature are answered, since the gateway can't sign them.
    fn takes_unsigned(&self) -> bool {
        let gateway = self.unsigned_gateway.as_ref();
        gateway.is_some_and(|gateway| gateway.is_at_protocol_1())
    }
}

/// Answers a call for fragments.
pub(crate) async fn answer(
    State(state): State<Arc<EndpointState>>,
    key: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let of_another = || (StatusCode::NOT_FOUND, Json(Vec::<RenderedFragment>::new())).into_response();
    called(state, key, request, of_another, answer_call).await
}

/// Answers a call for the installation with this key by `answer`, and one for another installation by `of_another`. Its id and trace
/// are those of the request for which the caller works.
pub(super) async fn called<A: Future<Output = Response>>(
    state: Arc<EndpointState>,
    key: Result<Path<String>, PathRejection>,
    request: Request,
    of_another: fn() -> Response,
    answer: impl FnOnce(Arc<EndpointState>, Request) -> A,
) -> Response {
    let observer = state.context.observer.clone();
    let answer = async |request| {
        observe::with_current(|record| record.answered_by(|| state.context.service.clone()));
        // A key that is not UTF-8 is as wrong as any other.
        match key.is_ok_and(|Path(key)| key == state.public_key) {
            true => answer(state, request).await,
            false => of_another(),
        }
    };
    observer.call(request, answer).await
}

async fn answer_call(state: Arc<EndpointState>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let call = match read(&state, &parts, body).await {
        Ok(call) => call,
        Err((status, reason)) => {
            tracing::warn!(%status, reason = cut(&reason), "a call for fragments is refused");
            return (status, reason).into_response();
        }
    };
    rendered(&state, &parts.headers, call).await
}

/// Renders the fragments of a call that was admitted.
async fn rendered(state: &EndpointState, headers: &HeaderMap, call: FragmentsCall) -> Response {
    let headers = travelling(headers);
    let protocol = call.protocol;
    let unknown = match protocol {
        Protocol::One => unknown_items(state, &call),
        Protocol::Two => Vec::new(),
    };
    if !unknown.is_empty() {
        log(&state.context.contract.service, &unknown);
        return (
            StatusCode::INTERNAL_SERVER_ERROR,
            "a fragment that is asked for is not offered",
        )
            .into_response();
    }
    let answers = render_all(&state.context, call, headers).await;
    let missing: Vec<_> = answers
        .iter()
        .filter(|(_, answer)| answer.fragment.html.is_none())
        .map(|(reference, answer)| NotRendered {
            reference,
            outcome: answer.fragment.outcome,
            reason: answer.fragment.reason.as_deref().unwrap_or_default(),
        })
        .collect();
    log(&state.context.contract.service, &missing);
    let answers: Vec<_> = answers.into_iter().map(|(_, answer)| answer).collect();
    match protocol {
        Protocol::One => Json(answers.into_iter().map(old_answer).collect::<Vec<_>>()).into_response(),
        Protocol::Two => Json(combine(answers)).into_response(),
    }
}

/// Reads a call. An error is the status and text of the response.
async fn read(
    state: &EndpointState,
    parts: &Parts,
    body: Body,
) -> Result<FragmentsCall, (StatusCode, String)> {
    let bytes = bodies::read(body, MAX_CALL_BYTES)
        .await
        .map_err(|problem| (problem.status(), problem.to_string()))?;
    if let Some(signer) = &state.signer {
        let call = Call {
            to: &state.context.service,
            method: &parts.method,
            path: parts.uri.path_and_query().map_or("/", PathAndQuery::as_str),
            body: &bytes,
        };
        let signed = match signer.check(&parts.headers, call, SystemTime::now()) {
            Ok(signed) if signed.issuer != GATEWAY => Err(BadSignature::Issuer),
            Err(BadSignature::Missing) if state.takes_unsigned() => Ok(()),
            signed => signed.map(drop),
        };
        signed.map_err(|error| (StatusCode::UNAUTHORIZED, error.to_string()))?;
    }
    let body: CallBody = bodies::read_json(&bytes).map_err(|reason| (StatusCode::BAD_REQUEST, reason))?;
    Ok(body.into())
}

/// A fragment of a call that this service does not give, for the log.
struct NotRendered<'a> {
    reference: &'a str,
    outcome: Outcome,
    reason: &'a str,
}

/// Logs why this service gives no fragments: the page that asks learns it too, and logs its own place.
fn log(service: &str, missing: &[NotRendered<'_>]) {
    let more = lines::first(missing, |one| {
        let (reference, outcome, reason) = (cut(one.reference), one.outcome, cut(one.reason));
        tracing::warn!(
            service,
            r#ref = reference,
            ?outcome,
            reason,
            "fragment not rendered for another service"
        );
    });
    if more > 0 {
        tracing::warn!(more, "more fragments of the same call were not rendered");
    }
}

/// The items of a call that this service does not offer. An item without a name fails by itself.
fn unknown_items<'a>(state: &EndpointState, call: &'a FragmentsCall) -> Vec<NotRendered<'a>> {
    let offers = &state.context.offers;
    let references = call.requests.iter().map(|request| request.reference.as_str());
    references
        .filter(|reference| !reference.is_empty() && !offers.contains(*reference))
        .map(|reference| NotRendered {
            reference,
            outcome: Outcome::Failed,
            reason: "this service does not offer it",
        })
        .collect()
}

/// Renders all fragments concurrently, in the task of the call, so that all work ends when the caller disconnects. Returns
/// each with its `ref`.
async fn render_all(
    context: &RenderContext,
    mut call: FragmentsCall,
    headers: HeaderMap,
) -> Vec<(String, FragmentAnswer)> {
    if call.protocol == Protocol::Two {
        drop_unnamed(&mut call.requests);
    }
    keep_own_session(&mut call.sessions, &context.service);
    let requests = std::mem::take(&mut call.requests);
    let mut shared = SharedAttributes::new(std::mem::take(&mut call.attributes));
    let engine = context.engine.now();
    let answers = requests.into_iter().enumerate().map(|(index, request)| {
        let reference = request.reference.clone();
        let call = match index < MAX_BATCH_FRAGMENTS {
            true => {
                fragment_call(context, &call, &mut shared, &headers, request).map_err(|id| (id, no_room()))
            }
            false => Err((request.id, beyond_limit())),
        };
        let engine = &engine;
        async move {
            let answer = match call {
                Ok(call) => engine.fragment(call).await,
                Err((id, reason)) => refused(id, reason),
            };
            (reference, answer)
        }
    });
    join_all(answers).await
}

/// Drops the attributes that the tags do not name. The gateway has dropped them too, unless the call did not come from
/// it.
fn drop_unnamed(requests: &mut [FragmentRequest]) {
    let count: usize = requests.iter_mut().map(FragmentRequest::keep_imports).sum();
    if count > 0 {
        metrics::counter!("hydra_attributes_dropped_total").increment(count as u64);
        tracing::warn!(count, "attributes dropped that no tag names");
    }
}

/// Drops all sessions that this service can't have made: those of others, and one that is too long. Each item of the call gets
/// a copy of what is left.
fn keep_own_session(sessions: &mut Sessions, service: &str) {
    let own = sessions.remove_entry(service);
    sessions.clear();
    sessions.extend(own.filter(|(_, session)| may_be_kept(session)));
}

/// One item of a call, for the engine. An error is the id of an item for whose attributes there is no room.
fn fragment_call(
    context: &RenderContext,
    call: &FragmentsCall,
    shared: &mut SharedAttributes,
    headers: &HeaderMap,
    mut request: FragmentRequest,
) -> Result<FragmentCall, String> {
    let own = request.attributes.take();
    // A fragment that is asked for by protocol 1 gets what its contract names.
    let imports = match (call.protocol, own) {
        (Protocol::Two, Some(attributes)) => attributes,
        (_, Some(own)) => context.contracted(&request.reference, own),
        (_, None) => match shared.of_item(&context.contract, &context.offers, &request) {
            Ok(attributes) => attributes,
            Err(BudgetSpent) => return Err(request.id),
        },
    };
    // A deadline of zero would mean "none" to the engine.
    let budget = request
        .deadline
        .map(|ms| Duration::from_millis(ms.max(1)))
        .unwrap_or_default();
    Ok(FragmentCall {
        id: request.id,
        reference: request.reference,
        imports,
        exports: request.exports,
        sessions: call.sessions.clone(),
        form: None,
        caller: Caller {
            headers: headers.clone(),
            budget,
            call_chain: request.call_chain,
            record: observe::current(),
            ..Caller::default()
        },
        local: Some(context.local.clone()),
        source: context.source.clone(),
    })
}

fn beyond_limit() -> String {
    format!("one call may ask for {MAX_BATCH_FRAGMENTS} fragments")
}

fn no_room() -> String {
    format!("the items of one call may share {MAX_CALL_BYTES} bytes of attributes")
}

fn refused(id: String, reason: String) -> FragmentAnswer {
    let fragment = ResolvedFragment {
        id,
        outcome: Outcome::Refused,
        reason: Some(reason),
        ..ResolvedFragment::default()
    };
    FragmentAnswer {
        fragment,
        ..FragmentAnswer::default()
    }
}

fn old_answer(answer: FragmentAnswer) -> RenderedFragment {
    RenderedFragment {
        html: answer.fragment.html,
        id: answer.fragment.id,
    }
}

fn combine(answers: Vec<FragmentAnswer>) -> ResolvedFragments {
    let mut all = ResolvedFragments::default();
    for answer in answers {
        all.fragments.push(answer.fragment);
        all.sessions.extend(answer.sessions);
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Two thousand items of one call, each with a copy of the sessions, would take gigabytes.
    #[test]
    fn only_a_session_that_this_service_may_have_made_goes_to_its_fragments() {
        let long = "x".repeat(20_000);
        for (sent, kept) in [
            (json!({}), json!({})),
            (json!({"shop": {"sealed": "a"}}), json!({"shop": {"sealed": "a"}})),
            (
                json!({"shop": {"sealed": "a"}, "news": {"sealed": "b"}}),
                json!({"shop": {"sealed": "a"}}),
            ),
            (json!({"news": {"sealed": long}}), json!({})),
            (json!({"shop": {"sealed": long}}), json!({})),
            (json!({"shop": {"sealed": "a", "more": long}}), json!({})),
            (json!({"shop": vec![0; 20_000]}), json!({})),
        ] {
            let mut sessions: Sessions = serde_json::from_value(sent).expect("an object");
            keep_own_session(&mut sessions, "shop");
            assert_eq!(json!(sessions), kept);
        }
    }
}
