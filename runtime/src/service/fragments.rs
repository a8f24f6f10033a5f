//! The gateway as the source of other services' fragments: one call for each batch.

use std::{sync::Arc, time::Duration};

use futures_util::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use hydra_runtime_net::{
    fragment_source::{Caller, FragmentSource},
    limits::{ANSWER_BYTES_PER_FRAGMENT, ANSWER_SHARED_BYTES},
};
use hydra_runtime_wire::{
    FragmentsRequest, Outcome, RenderedFragment, ResolvedFragment, ResolvedFragments, paths,
};
use tokio::time::Instant;

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
            client
                .post_anywhere(&path, &batch, &headers, limits)
                .await
                .unwrap_or_else(|error| none(batch, &error))
        })
        .boxed()
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
