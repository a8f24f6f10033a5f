//! The gateway as the source of other services' fragments: one call for each batch.

use std::{sync::Arc, time::Duration};

use futures_util::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use http::HeaderMap;
use hydra_runtime_net::{
    channel::{ChannelRequest, Link, LinkError, REQUEST_FRAGMENT},
    fragment_source::{Caller, FragmentSource},
    limits::{ANSWER_BYTES_PER_FRAGMENT, ANSWER_SHARED_BYTES, MAX_BATCH_BYTES, MAX_CHANNEL_FRAGMENTS},
};
use hydra_runtime_wire::{
    FragmentsRequest, Outcome, RenderedFragment, ResolvedFragment, ResolvedFragments, paths,
};
use tokio::time::{Instant, timeout};

use super::{
    Client,
    client::{CallLimits, ClientError},
    protocol_1,
};
use crate::limits::{DEFAULT_BATCH_TIMEOUT, MAX_PROTOCOL_1_CALLS};

/// The gateway as a source of fragments.
pub(crate) struct GatewayFragments {
    client: Arc<Client>,
    path: Arc<str>,
}

impl GatewayFragments {
    pub(crate) fn new(client: Arc<Client>, public_key: &str) -> Self {
        let path = paths::of(paths::RESOLVE, public_key).into();
        Self { client, path }
    }
}

impl FragmentSource for GatewayFragments {
    fn resolve(&self, mut batch: FragmentsRequest, caller: Caller) -> BoxStream<'static, ResolvedFragments> {
        let (client, path) = (self.client.clone(), self.path.clone());
        if client.is_at_protocol_1() {
            return resolve_by_protocol_1(client, path, batch, caller.budget);
        }
        stream::once(async move {
            batch.protocol = Some(2);
            batch.page = caller.page.as_deref().map(str::to_owned);
            let count: usize = batch.requests.0.iter().map(|(_, requests)| requests.len()).sum();
            let limits = CallLimits {
                time: if caller.budget.is_zero() {
                    DEFAULT_BATCH_TIMEOUT
                } else {
                    caller.budget
                },
                size: ANSWER_SHARED_BYTES + count * ANSWER_BYTES_PER_FRAGMENT,
            };
            let mut headers = caller.headers;
            if let Some(record) = &caller.record {
                record.trace().write_to(&mut headers);
            }
            let until = Instant::now() + limits.time;
            if let Some(link) = client.link().filter(|_| count <= MAX_CHANNEL_FRAGMENTS) {
                match over(&*link, &batch, headers.clone(), limits).await {
                    Ok(Some(answer)) => return answer,
                    // The gateway did nothing.
                    Ok(None) => {}
                    Err(error) => return none(batch, &error),
                }
            }
            let limits = CallLimits {
                time: until.saturating_duration_since(Instant::now()),
                ..limits
            };
            client
                .post_anywhere(&path, &batch, &headers, limits)
                .await
                .unwrap_or_else(|error| none(batch, &error))
        })
        .boxed()
    }
}

/// Requests a batch over a channel. `None`: the gateway certainly did nothing, or the batch is too long for a channel.
async fn over(
    link: &dyn Link,
    batch: &FragmentsRequest,
    headers: HeaderMap,
    limits: CallLimits,
) -> Result<Option<ResolvedFragments>, ClientError> {
    let body = serde_json::to_vec(batch).map_err(|error| ClientError::Nonsense(error.to_string()))?;
    if body.len() > MAX_BATCH_BYTES {
        return Ok(None);
    }
    let request = ChannelRequest {
        headers,
        ..ChannelRequest::new(REQUEST_FRAGMENT, body)
    };
    match timeout(limits.time, link.request(request)).await {
        Err(_) => Err(ClientError::Late(limits.time)),
        Ok(Ok(answer)) => serde_json::from_slice(&answer)
            .map(Some)
            .map_err(|error| ClientError::Nonsense(error.to_string())),
        Ok(Err(LinkError::Undone(_))) => Ok(None),
        Ok(Err(error @ LinkError::Lost(_))) => Err(ClientError::Broken(error.to_string())),
        Ok(Err(LinkError::Failed(reason))) => Err(ClientError::Nonsense(reason)),
    }
}

/// Requests a batch of a gateway of protocol 1. Such a gateway does not know logins, and could use them against other
/// services: the visitor's cookies stay here.
fn resolve_by_protocol_1(
    client: Arc<Client>,
    path: Arc<str>,
    batch: FragmentsRequest,
    budget: Duration,
) -> BoxStream<'static, ResolvedFragments> {
    let time = if budget.is_zero() {
        DEFAULT_BATCH_TIMEOUT
    } else {
        budget
    };
    let until = Instant::now() + time;
    let call = move |batch: FragmentsRequest| {
        let (client, path) = (client.clone(), path.clone());
        async move {
            let limits = CallLimits {
                time: until.saturating_duration_since(Instant::now()),
                size: ANSWER_SHARED_BYTES,
            };
            let answer = client
                .post_unsigned::<Vec<RenderedFragment>>(&path, &protocol_1::Body::from(&batch), limits)
                .await;
            match answer {
                Ok(answer) => protocol_1::joined(answer),
                Err(error) => none(batch, &error),
            }
        }
    };
    stream::iter(protocol_1::split(batch))
        .map(call)
        .buffer_unordered(MAX_PROTOCOL_1_CALLS)
        .boxed()
}

/// The answer that tells for each fragment why it failed.
fn none(batch: FragmentsRequest, error: &ClientError) -> ResolvedFragments {
    let outcome = match error {
        ClientError::Late(_) => Outcome::Late,
        ClientError::Unreached(_) | ClientError::Broken(_) => Outcome::Inactive,
        ClientError::Status(..) | ClientError::Nonsense(_) => Outcome::Failed,
    };
    let reason = error.to_string();
    let asked = batch.requests.0.into_iter().flat_map(|(_, requests)| requests);
    let fragments = asked.map(|request| ResolvedFragment {
        id: request.id,
        outcome,
        reason: Some(reason.clone()),
        ..ResolvedFragment::default()
    });
    ResolvedFragments {
        fragments: fragments.collect(),
        ..ResolvedFragments::default()
    }
}
