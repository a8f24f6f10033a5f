//! Calls to a service of protocol 2 (protocol section 6), and `exchange`, with which the calls of all protocols choose an
//! instance, try further ones, and get the answer.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use http::{
    HeaderValue, Method, StatusCode,
    header::{ACCEPT, CONTENT_TYPE, COOKIE},
};
use hydra_runtime_wire::{FragmentsRequest, OrderedMap, Outcome, ResolvedFragments};

use super::{
    CallContext,
    alarm::TooLate,
    plan::{ServiceCall, longest_deadline},
    reply::{self, RequestedFragment},
};
use crate::{
    Gateway, channels,
    limits::{MAX_ANSWER_BYTES, MAX_INSTANCES_TRIED, MIN_FAIR_CONNECT_TIME},
    registry::instance::{FragmentProtocol, Instance, breaker::Work, load::Load},
    routing::snapshot::Choice,
    upstream::{Answer, CallError, CallRequest},
};

/// The reason of a failure if all instances have as many connections in use as they may.
const ALL_FULL: &str = "each instance has as many connections in use as `instance_connections` allows";

/// Why a call gave no fragments.
#[derive(Debug)]
pub(super) struct CallFailure {
    pub(super) outcome: Outcome,
    pub(super) reason: String,
    /// The instance, if it answered with status 200, and the rest of its answer can't be read.
    pub(super) unreadable: Option<Arc<Instance>>,
}

impl CallFailure {
    pub(super) fn new(outcome: Outcome, reason: impl Into<String>) -> Self {
        Self {
            outcome,
            reason: reason.into(),
            unreadable: None,
        }
    }

    pub(super) fn failed(reason: impl Into<String>) -> Self {
        Self::new(Outcome::Failed, reason)
    }
}

/// The instances that a call may go to, and the batch that it belongs to.
#[derive(Clone, Copy)]
pub(super) struct CallTarget<'a> {
    pub(super) service: &'a str,
    /// Only instances of this protocol can read the call.
    pub(super) protocol: &'a FragmentProtocol,
    /// The only instance that may get the call. `None`: any.
    pub(super) only: Option<&'a Arc<Instance>>,
    pub(super) context: &'a CallContext,
}

/// Calls a service of protocol 2 for its part of a batch. Whatever happens, the result has an answer for each id.
pub(super) async fn call(
    gateway: Gateway,
    mut call: ServiceCall,
    context: Arc<CallContext>,
) -> ResolvedFragments {
    let asked: Vec<RequestedFragment> = call.items.iter().map(RequestedFragment::of).collect();
    let left = context.until.saturating_duration_since(Instant::now());
    let timeout = longest_deadline(&call.items).map_or(left, |timeout| timeout.min(left));
    for item in &mut call.items {
        item.service.clone_from(&call.service);
        let own = item
            .deadline
            .map_or(timeout, |own| timeout.min(Duration::from_millis(own)));
        item.deadline = u64::try_from(own.as_millis()).ok();
    }
    let service = call.service.clone();
    let first = asked.first().map(|one| one.id.as_str());
    match answer(&gateway, call, first, timeout, &context).await {
        Ok(body) => reply::read(&body, &service, &asked),
        Err(CallFailure { outcome, reason, .. }) => {
            let answer = reply::all(&asked, outcome, &reason);
            reply::log_failed(&service, &asked, &answer.fragments);
            answer
        }
    }
}

async fn answer(
    gateway: &Gateway,
    call: ServiceCall,
    id: Option<&str>,
    timeout: Duration,
    context: &CallContext,
) -> Result<Vec<u8>, CallFailure> {
    let service = call.service.clone();
    let body = body(call).map_err(|error| CallFailure::failed(error.to_string()))?;
    let mut headers = vec![
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (ACCEPT, HeaderValue::from_static("application/json, */*")),
    ];
    headers.extend(context.cookies.clone().map(|cookies| (COOKIE, cookies)));
    headers.extend(context.trace_headers());
    let call_request = CallRequest {
        method: Method::POST,
        target: gateway.fragments_path().clone(),
        visitors_host: None,
        headers,
        body: &body,
        wanted: &[],
        limit: MAX_ANSWER_BYTES,
        repeated: id,
        pipelines: None,
    };
    let target = CallTarget {
        service: &service,
        protocol: &FragmentProtocol::Protocol2,
        only: None,
        context,
    };
    let (answer, _) = exchange(gateway, target, timeout, &call_request).await?;
    match answer.status {
        StatusCode::OK => Ok(answer.body),
        status => Err(CallFailure::failed(reply::status(status))),
    }
}

fn body(call: ServiceCall) -> Result<Vec<u8>, serde_json::Error> {
    let sessions: BTreeMap<_, _> = call
        .session
        .into_iter()
        .map(|session| (call.service.clone(), session))
        .collect();
    let requests = OrderedMap(vec![(call.service, call.items)]);
    serde_json::to_vec(&FragmentsRequest {
        protocol: Some(2),
        requests,
        sessions,
        ..FragmentsRequest::default()
    })
}

/// Sends a request to one instance of the protocol after another, until one accepts it, and reads the answer; all
/// within the timeout. If that instance ends before its answer begins, one more instance gets the request, provided
/// that the request may be repeated. Returns the answer with its instance.
pub(super) async fn exchange(
    gateway: &Gateway,
    target: CallTarget<'_>,
    timeout: Duration,
    call_request: &CallRequest<'_>,
) -> Result<(Answer, Arc<Instance>), CallFailure> {
    let CallTarget {
        service,
        protocol,
        only,
        context,
    } = target;
    // Services of other protocols do not know signatures.
    let is_signed = *protocol == FragmentProtocol::Protocol2;
    let publisher = gateway.publisher();
    let until = tokio::time::Instant::now() + timeout;
    let snapshot = publisher.snapshot();
    let Some(found) = snapshot.service(service) else {
        return Err(CallFailure::new(
            Outcome::Inactive,
            format!("`{service}` is not registered"),
        ));
    };
    let mut tried: Vec<Arc<Instance>> = Vec::new();
    let mut reason = Cow::Borrowed("no instance can be reached");
    let mut may_repeat = call_request.method.is_safe();
    let most = gateway
        .route_rules()
        .instance_connections(gateway.config(), service);
    while tried.len() < MAX_INSTANCES_TRIED {
        let rotation = publisher.next_rotation();
        let choice = Choice {
            seed: context.visitor.seed,
            rotation,
            key: None,
            work: Work::Request,
            preview: context.visitor.previews.version_of(service),
            fragment_protocol: Some(protocol),
            now: publisher.now(),
        };
        let chosen = match only {
            Some(only) => Some(Arc::clone(only)).filter(|_| tried.is_empty()),
            None => found.choose(choice, &tried),
        };
        let Some(instance) = chosen else {
            break;
        };
        let Some(_load) = Load::within(&instance, most) else {
            reason = Cow::Borrowed(ALL_FULL);
            tried.push(instance);
            continue;
        };
        match call_instance(gateway, &instance, context, call_request, is_signed, until).await {
            Ok(((_, by_port), Ok(answer))) => {
                if by_port {
                    instance.breaker.succeeded();
                }
                return Ok((answer, Arc::clone(&instance)));
            }
            Ok(((is_fair, by_port), Err(CallError::NotSent(why)))) => {
                tracing::warn!(service, instance = %instance.id, reason = why.reason, "an instance cannot be reached");
                if is_fair && by_port && !why.is_ours {
                    instance.breaker.failed(publisher.now());
                }
                reason = why.reason.into();
                if until <= tokio::time::Instant::now() {
                    return Err(late(timeout));
                }
            }
            Ok((_, Err(CallError::Lost(why)))) if may_repeat => {
                tracing::warn!(service, instance = %instance.id, reason = why, "an instance ended before it answered");
                may_repeat = false;
                reason = why.into();
            }
            Ok((_, Err(error @ CallError::Lost(_)))) => return Err(CallFailure::failed(error.to_string())),
            // One bad fragment must not open the breaker of the whole instance: only failed connects count.
            Ok((_, Err(CallError::Broken { reason, status }))) => {
                let mut failure = CallFailure::failed(reason);
                failure.unreadable = status
                    .filter(|status| *status == StatusCode::OK)
                    .map(|_| Arc::clone(&instance));
                return Err(failure);
            }
            Err(TooLate) => return Err(late(timeout)),
        }
        tried.push(instance);
    }
    Err(CallFailure::failed(reason))
}

/// Calls one instance until `until`. Returns also whether there was enough time for it to accept a connection, and whether
/// the call went to its port.
async fn call_instance(
    gateway: &Gateway,
    instance: &Arc<Instance>,
    context: &CallContext,
    call_request: &CallRequest<'_>,
    is_signed: bool,
    until: tokio::time::Instant,
) -> Result<((bool, bool), Result<Answer, CallError>), TooLate> {
    let call = pin!(async {
        let _permit = instance.concurrency.acquire(context.from).await;
        let left = until.saturating_duration_since(tokio::time::Instant::now());
        let called = channels::call::call(gateway, instance, call_request, is_signed, until).await;
        ((left >= MIN_FAIR_CONNECT_TIME, called.by_port), called.result)
    });
    context.alarm.within(until, call).await
}

fn late(timeout: Duration) -> CallFailure {
    CallFailure::new(
        Outcome::Late,
        format!("no answer within {} ms", timeout.as_micros().div_ceil(1_000)),
    )
}
