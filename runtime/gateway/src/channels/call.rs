//! How a call for fragments, or a form, reaches an instance: over its channel if that ends here, by POST, or through the gateway where the
//! channel ends (protocol section 7).

use std::time::SystemTime;

use bytes::Bytes;
use http::{
    HeaderMap, StatusCode,
    header::{ACCEPT, CONTENT_TYPE},
};
use hydra_runtime_net::channel::{ACTION, ChannelRequest, LinkError, REQUEST_FRAGMENT};
use hydra_runtime_wire::{
    lines::cut,
    signing::{Call, GATEWAY, Signatures},
};
use tokio::time::{Instant, timeout_at};

use super::OpenChannel;
use crate::{
    Gateway,
    registry::instance::{Address, Instance, channel_place::ChannelPlace},
    upstream::{Answer, CallError, CallRequest, DialError},
};

/// What became of a call.
pub(crate) struct Called {
    pub(crate) result: Result<Answer, CallError>,
    /// Whether the call went to the instance's own port, so that it tells whether that can be reached.
    pub(crate) by_port: bool,
}

/// Calls an instance. `call_request` has no signature: calls by POST are signed here if `is_signed`, and the token of a channel
/// counts for all its requests.
pub(crate) async fn call(
    gateway: &Gateway,
    instance: &Instance,
    call_request: &CallRequest<'_>,
    is_signed: bool,
    until: Instant,
) -> Called {
    let by_port = |result| Called {
        result,
        by_port: true,
    };
    let Some(place) = &instance.channel else {
        return by_port(post(gateway, instance, call_request, is_signed, until).await);
    };
    if let Some(channel) = gateway
        .channels()
        .get(&place.id)
        .filter(|channel| !channel.is_leaving())
    {
        count("channel");
        let result = over(&channel, REQUEST_FRAGMENT, call_request).await;
        let is_undone = matches!(result, Err(CallError::NotSent(_)));
        if !is_undone || !instance.has_port() {
            return Called {
                result,
                by_port: false,
            };
        }
    }
    if instance.has_port() && instance.breaker.is_closed() {
        count("post");
        let result = post(gateway, instance, call_request, is_signed, until).await;
        if !matches!(result, Err(CallError::NotSent(_))) || place.gateway.is_none() {
            return by_port(result);
        }
        instance.breaker.failed(gateway.publisher().now());
    }
    count("relay");
    Called {
        result: relay(gateway, gateway.relay_path(), place, call_request, until).await,
        by_port: false,
    }
}

/// Sends a form to an instance that has no port. The token of its channel stands for the signature.
pub(crate) async fn send_form(
    gateway: &Gateway,
    instance: &Instance,
    form: &CallRequest<'_>,
    until: Instant,
) -> Result<Answer, CallError> {
    let Some(place) = &instance.channel else {
        return Err(CallError::NotSent(DialError::from(
            "it has no channel".to_owned(),
        )));
    };
    let channel = gateway.channels().get(&place.id);
    if let Some(channel) = channel.filter(|channel| !channel.is_leaving()) {
        count("channel");
        let answer = timeout_at(until, over(&channel, ACTION, form)).await;
        return answer.unwrap_or_else(|_| Err(CallError::Lost("it took too long".to_owned())));
    }
    count("relay");
    relay(gateway, gateway.relay_action_path(), place, form, until).await
}

/// Counts a call or a form to an instance with a channel, by the way it takes.
fn count(way: &'static str) {
    metrics::counter!("hydra_channel_calls_total", "way" => way).increment(1);
}

async fn post(
    gateway: &Gateway,
    instance: &Instance,
    call_request: &CallRequest<'_>,
    is_signed: bool,
    until: Instant,
) -> Result<Answer, CallError> {
    let pool = gateway.pool();
    let signatures = is_signed.then(|| signatures(gateway, &instance.service, call_request));
    let Some(signatures) = signatures.flatten() else {
        return pool.call(&instance.address, call_request, until).await;
    };
    let mut signed = call_request.clone();
    signed.headers.extend(signatures);
    pool.call(&instance.address, &signed, until).await
}

/// The signatures of a call to this recipient, one for each valid key.
fn signatures(gateway: &Gateway, to: &str, call_request: &CallRequest<'_>) -> Option<Signatures> {
    let call = Call {
        to,
        method: &call_request.method,
        path: call_request.target.as_str(),
        body: call_request.body,
    };
    gateway.signer()?.sign(GATEWAY, call, SystemTime::now())
}

/// Calls over a channel that ends here.
async fn over(
    channel: &OpenChannel,
    route: &'static str,
    call_request: &CallRequest<'_>,
) -> Result<Answer, CallError> {
    // What the body is and whence it comes is known on a channel.
    let travels = |name: &http::HeaderName| *name != CONTENT_TYPE && *name != ACCEPT;
    let headers = call_request.headers.iter().filter(|(name, _)| travels(name));
    let request = ChannelRequest {
        route: route.into(),
        headers: headers.cloned().collect(),
        body: Bytes::copy_from_slice(call_request.body),
    };
    let body = channel.link.request(request).await.map_err(call_error)?;
    if body.len() > call_request.limit {
        return Err(broken(format!(
            "the answer is longer than {} bytes",
            call_request.limit
        )));
    }
    Ok(Answer {
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        body: body.into(),
        may_keep: true,
    })
}

/// Passes on a request of another gateway, over a channel that ends here. The body of the answer, or the status and the reason.
pub(crate) async fn pass_on(
    channel: &OpenChannel,
    route: &'static str,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Bytes, (StatusCode, String)> {
    let request = ChannelRequest {
        route: route.into(),
        headers,
        body,
    };
    channel.link.request(request).await.map_err(|error| match error {
        LinkError::Undone(reason) => (StatusCode::SERVICE_UNAVAILABLE, reason),
        lost @ LinkError::Lost(_) => (StatusCode::GATEWAY_TIMEOUT, lost.to_string()),
        LinkError::Failed(reason) => (StatusCode::BAD_GATEWAY, reason),
    })
}

/// Calls through the gateway where the channel ends.
async fn relay(
    gateway: &Gateway,
    path: &str,
    place: &ChannelPlace,
    call_request: &CallRequest<'_>,
    until: Instant,
) -> Result<Answer, CallError> {
    let not_sent = |reason: String| CallError::NotSent(DialError::from(reason));
    let address = place.gateway.as_deref().and_then(address_of);
    let Some(address) = address.filter(|_| gateway.inner_address() != place.gateway.as_deref()) else {
        return Err(not_sent("its channel has ended".to_owned()));
    };
    let mut passed = call_request.clone();
    let target = format!("{path}?channel={}", place.id.as_str());
    passed.target = target
        .parse()
        .map_err(|error: http::uri::InvalidUri| not_sent(error.to_string()))?;
    let signatures = signatures(gateway, GATEWAY, &passed);
    passed.headers.extend(signatures.into_iter().flatten());
    let answer = gateway.pool().call(&address, &passed, until).await?;
    let reason = || {
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        format!(
            "the gateway of its channel answered {}: {}",
            answer.status,
            cut(&text)
        )
    };
    match answer.status {
        StatusCode::OK => Ok(answer),
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::NOT_FOUND => Err(not_sent(reason())),
        StatusCode::GATEWAY_TIMEOUT => Err(CallError::Lost(reason())),
        _ => Err(broken(reason())),
    }
}

/// The address of a gateway, whose place in the registry a gateway wrote.
fn address_of(authority: &str) -> Option<Address> {
    let (host, port) = authority.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Some(Address::new(host.to_owned(), port.parse().ok()?, false))
}

fn call_error(error: LinkError) -> CallError {
    match error {
        LinkError::Undone(reason) => CallError::NotSent(DialError::from(reason)),
        LinkError::Lost(reason) => CallError::Lost(reason),
        LinkError::Failed(reason) => broken(reason),
    }
}

fn broken(reason: String) -> CallError {
    CallError::Broken { reason, status: None }
}
