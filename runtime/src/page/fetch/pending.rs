//! The fetches of a page that are not over.
#![deny(clippy::disallowed_methods)]

use tokio::time::Instant;

use super::deadline::Deadline;
use crate::page::{answer::FetchId, cache::reservation::Reservation};

/// A fetch that is not over: one fragment that the page wants.
pub(super) struct PendingFetch {
    pub(super) id: FetchId,
    pub(super) deadline: Deadline,
    /// Its place in the cache, where its answer may be used again. Boxed, as most fetches have none.
    pub(super) reservation: Option<Box<Reservation>>,
    pub(super) stage: Stage,
}

/// Where a fetch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is to be sent, unless the cache has an answer.
    Queued,
    /// It waits for the identical request of another page.
    Waiting,
    /// Another service was asked.
    Remote,
    /// A fragment of this service is being rendered, which ends at the deadline by itself.
    Local,
    /// Time is up, and the page shows something else. An answer that still comes is only kept.
    Late,
}

impl PendingFetch {
    pub(super) fn new(id: FetchId, deadline: Deadline) -> Self {
        Self {
            id,
            deadline,
            reservation: None,
            stage: Stage::Queued,
        }
    }

    /// When the driver gives it up.
    fn ends(&self) -> Option<Instant> {
        matches!(self.stage, Stage::Queued | Stage::Waiting | Stage::Remote).then_some(self.deadline.end)
    }
}

/// The fetches of one page. Local fetches without a reservation are not among them: nothing has to be known of those.
#[derive(Default)]
pub(super) struct PendingFetches(Vec<PendingFetch>);

impl PendingFetches {
    pub(super) fn push(&mut self, fetch: PendingFetch) {
        self.0.push(fetch);
    }

    pub(super) fn take(&mut self, id: FetchId) -> Option<PendingFetch> {
        let index = self.0.iter().position(|fetch| fetch.id == id)?;
        Some(self.0.remove(index))
    }

    /// Those that are to be sent.
    pub(super) fn take_queued(&mut self) -> Vec<PendingFetch> {
        self.0
            .extract_if(.., |fetch| fetch.stage == Stage::Queued)
            .collect()
    }

    /// When the next one is late.
    pub(super) fn first_end(&self) -> Option<Instant> {
        self.0.iter().filter_map(PendingFetch::ends).min()
    }

    /// Those that are late at `now`.
    pub(super) fn take_late(&mut self, now: Instant) -> Vec<PendingFetch> {
        self.0
            .extract_if(.., |fetch| fetch.ends().is_some_and(|end| end <= now))
            .collect()
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a moment to count from")]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ids(fetches: &[PendingFetch]) -> Vec<FetchId> {
        fetches.iter().map(|fetch| fetch.id).collect()
    }

    #[test]
    fn each_stage_is_sent_and_given_up_when_it_has_to_be() {
        let start = Instant::now();
        let mut pending = PendingFetches::default();
        assert_eq!(pending.first_end(), None);
        for (id, stage) in [
            (0, Stage::Late),
            (1, Stage::Local),
            (2, Stage::Remote),
            (3, Stage::Waiting),
            (4, Stage::Queued),
            (5, Stage::Queued),
        ] {
            let seconds = 10 - u64::try_from(id).expect("small");
            let mut fetch = PendingFetch::new(id, Deadline::new(start, Duration::from_secs(seconds)));
            fetch.stage = stage;
            pending.push(fetch);
        }
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(ids(&pending.take_queued()), [4, 5]);
        assert!(pending.take_queued().is_empty());
        assert_eq!(pending.first_end(), Some(at(7)));
        assert!(pending.take_late(at(6)).is_empty());
        assert_eq!(ids(&pending.take_late(at(7))), [3]);
        assert_eq!(
            ids(&pending.take_late(at(100))),
            [2],
            "the others end by themselves, or have ended"
        );
        assert_eq!(pending.first_end(), None);
        assert!(pending.take(0).is_some() && pending.take(1).is_some());
        assert!(pending.take(0).is_none() && pending.take(2).is_none());
    }
}
