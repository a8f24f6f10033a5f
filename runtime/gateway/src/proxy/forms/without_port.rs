//! Passes a form on to an owner that has no port, over its channel (protocol section 9).

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header::CONTENT_TYPE, uri::PathAndQuery};
use hydra_runtime_net::bodies;
use hydra_runtime_wire::{
    forms::channel::{ChannelForm, ChannelFormAnswer},
    limits::MAX_CHANNEL_FORM_BYTES,
    lines::cut,
};
use tokio::time::Instant;

use crate::{
    channels::call::send_form,
    edge::failure::RequestFailure,
    limits::{MAX_ANSWER_BYTES, MAX_INSTANCES_TRIED},
    proxy::sending::Sending,
    registry::instance::{Instance, breaker::Work, load::Load},
    upstream::{Answer, CallError, CallRequest},
};

/// The instance for a form, if that one has no port.
pub(super) fn chosen(sending: &Sending<'_>) -> Option<Arc<Instance>> {
    let mut active = sending.service.active.iter();
    // Otherwise nothing is chosen here: a choice may be the probe of an instance.
    if active.all(|instance| instance.has_port()) {
        return None;
    }
    let (instance, _) = sending.choose(Work::Request, &[])?;
    (!instance.has_port()).then_some(instance)
}

/// Sends a form to `first`, or if that can't be reached, to another instance without a port. The status and the body of the
/// owner's answer. `headers`: what the owner learns of the visitor.
///
/// # Errors
/// A check refuses the form, or the owner gives no usable answer. The failure says whether the owner may have the form, because such
/// a form is not sent again.
pub(super) async fn send(
    mut sending: Sending<'_>,
    first: Arc<Instance>,
    seal: &str,
    mut headers: HeaderMap,
    request: Request<Body>,
) -> Result<(StatusCode, Vec<u8>), RequestFailure> {
    let kind = request.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.to_owned();
    let body = whole(&mut sending, request).await?;
    let form = serde_json::to_vec(&ChannelForm::new(seal, &kind, &body));
    drop(body);
    let unclear = |reason: &str| unclear(&sending.service.name, reason);
    let form = form.map_err(|error| unclear(&error.to_string()))?;
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let answer = send_to_one(&sending, first, headers, &form).await?;
    let answer: ChannelFormAnswer = bodies::read_json(&answer.body).map_err(|reason| unclear(&reason))?;
    let status = StatusCode::from_u16(answer.status);
    let status = status.map_err(|error| unclear(&error.to_string()))?;
    Ok((status, answer.answer.to_string().into_bytes()))
}

/// All that the visitor sends, as fast as visitors must.
async fn whole(sending: &mut Sending<'_>, mut request: Request<Body>) -> Result<Bytes, RequestFailure> {
    let most = MAX_CHANNEL_FORM_BYTES as u64;
    let most = sending
        .settings
        .max_body
        .map_or(most, |max_body| max_body.min(most));
    sending.settings.max_body = Some(most);
    let pace = sending.pace(&mut request);
    let limit = usize::try_from(most).unwrap_or(usize::MAX);
    let body = bodies::read_paced(request.body_mut(), limit).await;
    body.map_err(|problem| match problem {
        _ if pace.is_slow() => RequestFailure::SlowBody,
        problem if pace.is_large() || problem.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            let service = &*sending.service.name;
            tracing::warn!(
                service,
                most,
                "a form is too long: a channel takes 4 MiB, and `max_form` or the `max_body` of a `[[route]]` may allow less"
            );
            RequestFailure::TooLarge
        }
        _ => RequestFailure::BadBody,
    })
}

/// Sends a form to one instance after another until one takes it.
async fn send_to_one(
    sending: &Sending<'_>,
    first: Arc<Instance>,
    mut headers: HeaderMap,
    form: &[u8],
) -> Result<Answer, RequestFailure> {
    let (gateway, service) = (sending.gateway, sending.service);
    let until = Instant::now() + sending.settings.response_timeout;
    let with_port = service.active.iter().filter(|instance| instance.has_port());
    let mut tried: Vec<_> = with_port.cloned().collect();
    let mut next = Some(first);
    for attempt in 0..MAX_INSTANCES_TRIED {
        let Some(instance) = next else { break };
        sending
            .visitor
            .prepare(gateway, &mut headers, &instance, attempt > 0);
        let named = headers.iter().map(|(name, value)| (name.clone(), value.clone()));
        let call = CallRequest {
            method: Method::POST,
            target: PathAndQuery::from_static("/"),
            visitors_host: None,
            headers: named.collect(),
            body: form,
            wanted: &[],
            limit: MAX_ANSWER_BYTES,
            repeated: None,
            pipelines: None,
        };
        if let Some(_load) = Load::within(&instance, sending.settings.instance_connections) {
            match send_form(gateway, &instance, &call, until).await {
                Ok(answer) => return Ok(answer),
                Err(CallError::NotSent(reason)) => {
                    let (service, reason) = (&*service.name, cut(&reason.reason));
                    tracing::warn!(service, instance = %instance.id, reason, "an instance cannot be reached");
                }
                Err(error) => return Err(unclear(&service.name, &error.to_string())),
            }
        }
        tried.push(instance);
        next = sending
            .choose(Work::Request, &tried)
            .map(|(instance, _)| instance);
    }
    Err(RequestFailure::FormUnsent)
}

/// The failure of an answer that can't be used.
fn unclear(service: &str, reason: &str) -> RequestFailure {
    let reason = cut(reason);
    tracing::warn!(service, reason, "the answer to a form can't be read");
    RequestFailure::FormUnclear
}
