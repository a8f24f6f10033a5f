//! Answers to services as JSON.
#![deny(clippy::disallowed_methods)]

use bytes::Bytes;
use hydra_runtime_net::channel::{Refusal, RefusalKind};
use serde::Serialize;

pub(super) fn json(value: &impl Serialize) -> Result<Bytes, Refusal> {
    let failed = |error: serde_json::Error| Refusal::new(RefusalKind::Failed, error.to_string());
    serde_json::to_vec(value).map(Bytes::from).map_err(failed)
}
