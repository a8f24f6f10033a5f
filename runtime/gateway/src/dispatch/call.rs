//! One POST to a service, of either protocol of Hydra.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use http::{
    HeaderValue, Method, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE},
};
use hydra_runtime_wire::{
    Attributes, FragmentRequest, FragmentsRequest, OrderedMap, Outcome, ResolvedFragments,
};
use serde::Serialize;

use super::{
    CallContext,
    plan::ServiceCall,
    reply::{self, RequestedFragment},
};
use crate::{
    Gateway,
    limits::{MAX_ANSWER_BYTES, MAX_INSTANCES_TRIED, MIN_FAIR_CONNECT_TIME},
    registry::instance::{FragmentProtocol, Instance, breaker::Work, load::Load},
    routing::snapshot::Choice,
    upstream::{Answer, CallError, CallRequest},
};

/// Why a call gave no fragments.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CallFailure(pub(super) Outcome, pub(super) String);

impl CallFailure {
    pub(super) fn failed(reason: impl Into<String>) -> Self {
        Self(Outcome::Failed, reason.into())
    }
}

/// The instances that a call may go to, and the batch that it belongs to.
#[derive(Clone, Copy)]
pub(super) struct CallTarget<'a> {
    pub(super) service: &'a str,
    /// Only instances of this protocol can read the call.
    pub(super) protocol: &'a FragmentProtocol,
    pub(super) context: &'a CallContext,
}

/// The body of a call to a protocol 1 service (protocol section 2).
#[derive(Serialize)]
struct Protocol1Body<'a> {
    attributes: &'a Attributes,
    requests: &'a [FragmentRequest],
}

/// Calls a service for its part of a batch. Whatever happens, the result has an answer for each id.
pub(super) async fn call(gateway: Gateway, mut call: ServiceCall, context: CallContext) -> ResolvedFragments {
    let asked: Vec<RequestedFragment> = call.items.iter().map(RequestedFragment::of).collect();
    let left = context.until.saturating_duration_since(Instant::now());
    let timeout = call.timeout().map_or(left, |timeout| timeout.min(left));
    for item in &mut call.items {
        item.service.clone_from(&call.service);
        if call.shared.is_none() {
            let own = item
                .deadline
                .map_or(timeout, |own| timeout.min(Duration::from_millis(own)));
            item.deadline = u64::try_from(own.as_millis()).ok();
        }
    }
    let service = call.service.clone();
    let first = asked.first().map(|one| one.id.as_str());
    match answer(&gateway, call, first, timeout, &context).await {
        Ok(body) => reply::read(&body, &service, &asked),
        Err(CallFailure(outcome, reason)) => {
            tracing::warn!(service, ?outcome, reason, "a service gave no fragments");
            reply::all(&asked, outcome, &reason)
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
    let (service, protocol) = (call.service.clone(), call.fragment_protocol());
    // Services of protocol 1 do not know logins and signatures, and could use them against other services.
    let is_protocol_2 = protocol == FragmentProtocol::Protocol2;
    let signer = gateway.signer().filter(|_| is_protocol_2);
    let body = body(call).map_err(|error| CallFailure::failed(error.to_string()))?;
    let signature = signer.and_then(|signer| signer.sign("hydra", &body, SystemTime::now()));
    let mut headers = vec![
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (ACCEPT, HeaderValue::from_static("application/json, */*")),
    ];
    if let (Some(cookies), true) = (&context.cookies, is_protocol_2) {
        headers.push((COOKIE, cookies.clone()));
    }
    headers.extend(signature.map(|signature| (AUTHORIZATION, signature)));
    let call_request = CallRequest {
        method: Method::POST,
        target: gateway.fragments_path().clone(),
        visitors_host: None,
        headers,
        body: &body,
        wanted: &[],
        limit: MAX_ANSWER_BYTES,
        repeated: id,
    };
    let target = CallTarget {
        service: &service,
        protocol: &protocol,
        context,
    };
    let answer = exchange(gateway, target, timeout, &call_request).await?;
    match answer.status {
        StatusCode::OK => Ok(answer.body),
        status => Err(CallFailure::failed(format!("the service answered {status}"))),
    }
}

fn body(call: ServiceCall) -> Result<Vec<u8>, serde_json::Error> {
    match call.shared {
        Some(attributes) => {
            let mut items = call.items;
            for item in &mut items {
                // Services of protocol 1 do not know these members.
                (item.deadline, item.call_chain) = (None, Vec::new());
            }
            serde_json::to_vec(&Protocol1Body {
                attributes: &attributes,
                requests: &items,
            })
        }
        None => {
            let sessions: BTreeMap<_, _> = call
                .session
                .into_iter()
                .map(|session| (call.service.clone(), session))
                .collect();
            let requests = OrderedMap(vec![(call.service, call.items)]);
            let body = FragmentsRequest {
                protocol: Some(2),
                requests,
                sessions,
                ..FragmentsRequest::default()
            };
            serde_json::to_vec(&body)
        }
    }
}

/// Sends a request to one instance of the protocol after another, until one accepts it, and reads the answer; all
/// within the timeout. If that instance ends before its answer begins, one more instance gets the request, provided
/// that the request may be repeated.
pub(super) async fn exchange(
    gateway: &Gateway,
    target: CallTarget<'_>,
    timeout: Duration,
    call_request: &CallRequest<'_>,
) -> Result<Answer, CallFailure> {
    let CallTarget {
        service,
        protocol,
        context,
    } = target;
    let publisher = gateway.publisher();
    let until = tokio::time::Instant::now() + timeout;
    let snapshot = publisher.snapshot();
    let Some(found) = snapshot.service(service) else {
        return Err(CallFailure(
            Outcome::Inactive,
            format!("`{service}` is not registered"),
        ));
    };
    let mut tried: Vec<Arc<Instance>> = Vec::new();
    let mut reason = "no instance can be reached".to_owned();
    let mut may_repeat = call_request.method.is_safe();
    while tried.len() < MAX_INSTANCES_TRIED {
        let rotation = publisher.next_rotation();
        let choice = Choice {
            seed: context.seed,
            rotation,
            key: None,
            work: Work::Request,
            fragment_protocol: Some(protocol),
            now: publisher.now(),
        };
        let Some(instance) = found.choose(choice, &tried) else {
            break;
        };
        let _load = Load::on(&instance);
        let once = async {
            let _permit = instance.concurrency.acquire(context.from).await;
            let is_fair =
                until.saturating_duration_since(tokio::time::Instant::now()) >= MIN_FAIR_CONNECT_TIME;
            let calls = gateway.pool().calls();
            (is_fair, calls.call(&instance.address, call_request, until).await)
        };
        match tokio::time::timeout_at(until, once).await {
            Ok((_, Ok(answer))) => {
                instance.breaker.succeeded();
                return Ok(answer);
            }
            Ok((is_fair, Err(CallError::NotSent(why)))) => {
                tracing::warn!(service, instance = %instance.id, reason = why.reason, "an instance cannot be reached");
                if is_fair && !why.is_ours {
                    instance.breaker.failed(publisher.now());
                }
                reason = why.reason;
                if until <= tokio::time::Instant::now() {
                    return Err(late(timeout));
                }
            }
            Ok((_, Err(CallError::Lost(why)))) if may_repeat => {
                tracing::warn!(service, instance = %instance.id, reason = why, "an instance ended before it answered");
                may_repeat = false;
                reason = why;
            }
            Ok((_, Err(error @ CallError::Lost(_)))) => return Err(CallFailure::failed(error.to_string())),
            // One bad fragment must not open the breaker of the whole instance: only failed connects count.
            Ok((_, Err(CallError::Broken(why)))) => return Err(CallFailure::failed(why)),
            Err(_) => return Err(late(timeout)),
        }
        tried.push(instance);
    }
    Err(CallFailure::failed(reason))
}

fn late(timeout: Duration) -> CallFailure {
    CallFailure(
        Outcome::Late,
        format!("no answer within {} ms", timeout.as_millis()),
    )
}
