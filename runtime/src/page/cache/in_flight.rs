//! A request for a fragment that is under way, and its result for identical requests.
//!
//! This is the only file of the cache that waits.

use std::{future::pending, sync::Arc, time::Instant};

use hydra_runtime_wire::Outcome;
use tokio::{sync::watch, time::timeout_at};

use super::entry::CachedFragment;
use crate::page::report::reason::Reason;

/// A request that is under way, for identical requests that wait for its result.
#[derive(Clone, Debug)]
pub(crate) struct InFlight {
    result: watch::Receiver<Option<SharedResult>>,
    /// Identical requests wait until then. One of them, or the next that comes, then takes its place.
    until: Instant,
}

/// Where the owner of a request in flight puts its result. Dropping it without one abandons the request.
pub(super) type ResultSender = watch::Sender<Option<SharedResult>>;

/// How a request ended, for identical requests that waited for it.
#[derive(Clone, Debug)]
pub(crate) enum SharedResult {
    /// With an answer that all of them may show.
    Answer(Arc<CachedFragment>),
    /// The owner of the fragment gave no answer.
    Failed(Outcome, Option<Reason>),
    /// With an answer for one visitor. Each of the others sends its own request.
    Private,
    /// The request went away without a result.
    Abandoned,
    /// It has not ended in the time that others wait. Its answer may still come.
    TooLong,
}

impl InFlight {
    /// A request that keeps others waiting `until` then.
    pub(super) fn new(until: Instant) -> (ResultSender, Self) {
        let (sender, result) = watch::channel(None);
        (sender, Self { result, until })
    }

    /// Whether identical requests still wait for this one at `now`.
    pub(super) fn keeps_waiting(&self, now: Instant) -> bool {
        now < self.until
    }

    pub(super) fn belongs_to(&self, sender: &ResultSender) -> bool {
        self.result.same_channel(&sender.subscribe())
    }

    /// Waits for the result, as long as this request may keep others waiting.
    pub(crate) async fn wait(&mut self) -> SharedResult {
        let result = timeout_at(self.until.into(), self.result.wait_for(Option::is_some)).await;
        match result {
            Ok(Ok(result)) => result.clone().unwrap_or(SharedResult::Abandoned),
            Ok(Err(_)) => SharedResult::Abandoned,
            Err(_) => SharedResult::TooLong,
        }
    }

    /// Waits for an answer that all may show, however long it takes. Where the request ends without one, this never returns.
    pub(crate) async fn answer(mut self) -> Arc<CachedFragment> {
        if let Ok(result) = self.result.wait_for(Option::is_some).await
            && let Some(SharedResult::Answer(answer)) = &*result
        {
            return answer.clone();
        }
        pending().await
    }

    /// The result, where it is there.
    #[cfg(test)]
    pub(super) fn result(&self) -> Option<SharedResult> {
        self.result.borrow().clone()
    }

    /// Whether the request went away without a result.
    #[cfg(test)]
    pub(super) fn is_abandoned(&self) -> bool {
        self.result.has_changed().is_err()
    }
}
