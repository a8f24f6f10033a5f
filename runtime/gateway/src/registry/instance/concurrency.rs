//! Limits the concurrent calls for fragments to one instance, so that no caller takes all of them.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use crate::limits::{MAX_CALLS_PER_CALLER, MAX_CALLS_PER_INSTANCE, MAX_REMEMBERED_CALLERS};

/// The concurrency limit of one instance.
#[derive(Debug)]
pub(crate) struct ConcurrencyLimit {
    all: Semaphore,
    /// The permits of each calling address. The lock is held for one step, never across an await.
    of_address: Mutex<HashMap<IpAddr, Arc<Semaphore>>>,
}

/// Permission for one call, until it is dropped.
#[derive(Debug)]
pub(crate) struct CallPermit<'a> {
    _all: Option<SemaphorePermit<'a>>,
    _own: Option<OwnedSemaphorePermit>,
}

impl Default for ConcurrencyLimit {
    fn default() -> Self {
        Self {
            all: Semaphore::new(MAX_CALLS_PER_INSTANCE),
            of_address: Mutex::default(),
        }
    }
}

impl ConcurrencyLimit {
    /// Waits for a permit. `from` is the address that requested the fragments; `None` for pages of this process.
    pub(crate) async fn acquire(&self, from: Option<IpAddr>) -> CallPermit<'_> {
        let own = match from {
            // The semaphore is never closed, so this error cannot occur.
            Some(address) => self.of(address).acquire_owned().await.ok(),
            None => None,
        };
        CallPermit {
            _own: own,
            _all: self.all.acquire().await.ok(),
        }
    }

    fn of(&self, address: IpAddr) -> Arc<Semaphore> {
        let mut all = self.of_address.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_REMEMBERED_CALLERS && !all.contains_key(&address) {
            // Each permit and each waiting call holds its semaphore.
            all.retain(|_, own| Arc::strong_count(own) > 1);
        }
        let own = all
            .entry(address)
            .or_insert_with(|| Arc::new(Semaphore::new(MAX_CALLS_PER_CALLER)));
        Arc::clone(own)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn address(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([10, 0, 0, last]))
    }

    /// The turns that come without waiting, `most` at most.
    fn taken(turns: &ConcurrencyLimit, from: Option<IpAddr>, most: usize) -> Vec<CallPermit<'_>> {
        (0..most)
            .map_while(|_| turns.acquire(from).now_or_never())
            .collect()
    }

    #[test]
    fn one_caller_has_a_quarter_of_the_turns_at_most() {
        let turns = ConcurrencyLimit::default();
        for (taken_by, expected) in [
            (&[(address(1), 9_999)][..], &[MAX_CALLS_PER_CALLER][..]),
            (
                &[(address(1), 9_999), (address(2), 9)],
                &[MAX_CALLS_PER_CALLER, 9],
            ),
            (&[(None, 300), (address(2), 9)], &[300, 9]),
            (
                &[
                    (address(1), 9_999),
                    (address(2), 9_999),
                    (address(3), 9_999),
                    (address(4), 9_999),
                    (address(5), 1),
                ],
                &[
                    MAX_CALLS_PER_CALLER,
                    MAX_CALLS_PER_CALLER,
                    MAX_CALLS_PER_CALLER,
                    MAX_CALLS_PER_CALLER,
                    0,
                ],
            ),
        ] {
            let held: Vec<_> = taken_by
                .iter()
                .map(|(from, most)| taken(&turns, *from, *most))
                .collect();
            let counts: Vec<_> = held.iter().map(Vec::len).collect();
            assert_eq!(counts, expected, "{taken_by:?}");
        }
        assert_eq!(
            turns.all.available_permits(),
            MAX_CALLS_PER_INSTANCE,
            "all came back"
        );
    }

    #[test]
    fn a_call_that_waits_gets_the_turn_that_another_gives_back() {
        let turns = ConcurrencyLimit::default();
        let mut held = taken(&turns, address(1), MAX_CALLS_PER_CALLER);
        let mut waits = Box::pin(turns.acquire(address(1)));
        assert!(waits.as_mut().now_or_never().is_none());
        held.pop();
        assert!(waits.as_mut().now_or_never().is_some());
    }

    #[test]
    fn addresses_without_calls_are_forgotten_and_others_keep_their_bound() {
        let turns = ConcurrencyLimit::default();
        let held = taken(&turns, address(255), MAX_CALLS_PER_CALLER);
        for last in 0..200 {
            assert_eq!(taken(&turns, address(last), 1).len(), 1);
        }
        assert!(turns.of_address.lock().expect("not poisoned").len() <= MAX_REMEMBERED_CALLERS);
        assert!(turns.acquire(address(255)).now_or_never().is_none());
        drop(held);
    }
}
