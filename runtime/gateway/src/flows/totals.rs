//! Counts of fragments by outcome, and of their times by size.
#![deny(clippy::disallowed_methods)]

use std::{
    array,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use hydra_runtime_wire::Outcome;

/// The upper bounds of the buckets of times, in microseconds. Longer times are in one bucket more.
const BOUNDS: [u64; 15] = [
    100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000,
    2_000_000, 5_000_000,
];
const OUTCOMES: usize = Outcome::ALL.len();
const BUCKETS: usize = BOUNDS.len() + 1;

/// Counters that all threads share.
#[derive(Debug, Default)]
pub(super) struct Counts {
    outcomes: [AtomicU64; OUTCOMES],
    times: [AtomicU64; BUCKETS],
    micros: AtomicU64,
}

/// The values of the counters at one moment, or the difference of two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// In the order of [`Outcome::ALL`].
    outcomes: [u64; OUTCOMES],
    times: [u64; BUCKETS],
    micros: u64,
}

/// A time that is known by its bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// It is at most this.
    AtMost(Duration),
    /// It is longer than this.
    Over(Duration),
}

impl Counts {
    pub(super) fn count(&self, outcome: Outcome, time: Option<Duration>) {
        if let Some(counter) = self.outcomes.get(outcome as usize) {
            counter.fetch_add(1, Relaxed);
        }
        if let Some(time) = time {
            let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
            let bucket = BOUNDS.partition_point(|bound| *bound < micros);
            self.times[bucket].fetch_add(1, Relaxed);
            self.micros.fetch_add(micros, Relaxed);
        }
    }

    pub(super) fn totals(&self) -> Totals {
        Totals {
            outcomes: array::from_fn(|at| self.outcomes[at].load(Relaxed)),
            times: array::from_fn(|at| self.times[at].load(Relaxed)),
            micros: self.micros.load(Relaxed),
        }
    }
}

impl Totals {
    /// What was counted between `earlier` and these totals.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self {
            outcomes: array::from_fn(|at| self.outcomes[at].saturating_sub(earlier.outcomes[at])),
            times: array::from_fn(|at| self.times[at].saturating_sub(earlier.times[at])),
            micros: self.micros.saturating_sub(earlier.micros),
        }
    }

    /// Both together.
    pub(crate) fn plus(&self, other: &Self) -> Self {
        Self {
            outcomes: array::from_fn(|at| self.outcomes[at].saturating_add(other.outcomes[at])),
            times: array::from_fn(|at| self.times[at].saturating_add(other.times[at])),
            micros: self.micros.saturating_add(other.micros),
        }
    }

    /// How many fragments.
    pub(crate) fn count(&self) -> u64 {
        self.outcomes.iter().sum()
    }

    /// How many of them by outcome, in the order of [`Outcome::ALL`].
    pub(crate) fn by_outcome(&self) -> impl Iterator<Item = (Outcome, u64)> {
        Outcome::ALL.into_iter().zip(self.outcomes)
    }

    /// The mean time of those that were requested. `None`: none was.
    pub(crate) fn mean(&self) -> Option<Duration> {
        let mean = self.micros.checked_div(self.timed())?;
        Some(Duration::from_micros(mean))
    }

    /// The time that `percent` of the requested fragments did not exceed. `None`: none was requested.
    pub(crate) fn percentile(&self, percent: u64) -> Option<Bound> {
        let wanted = (self.timed() * percent).div_ceil(100);
        let mut seen = 0;
        let bucket = self.times.iter().position(|count| {
            seen += count;
            *count > 0 && seen >= wanted
        })?;
        Some(match BOUNDS.get(bucket) {
            Some(bound) => Bound::AtMost(Duration::from_micros(*bound)),
            None => Bound::Over(Duration::from_micros(BOUNDS[BOUNDS.len() - 1])),
        })
    }

    fn timed(&self) -> u64 {
        self.times.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(micros: impl IntoIterator<Item = u64>) -> Totals {
        let counts = Counts::default();
        for time in micros {
            counts.count(Outcome::Rendered, Some(Duration::from_micros(time)));
        }
        counts.totals()
    }

    #[test]
    fn percentiles_are_the_bounds_of_buckets() {
        let at_most = |micros| Some(Bound::AtMost(Duration::from_micros(micros)));
        let over = Some(Bound::Over(Duration::from_secs(5)));
        for (times, half, most) in [
            (vec![], None, None),
            (vec![0], at_most(100), at_most(100)),
            (vec![100], at_most(100), at_most(100)),
            (vec![101], at_most(200), at_most(200)),
            (vec![90, 90, 3_000], at_most(100), at_most(5_000)),
            (
                [vec![900; 99], vec![9_000]].concat(),
                at_most(1_000),
                at_most(1_000),
            ),
            (
                [vec![900; 98], vec![9_000; 2]].concat(),
                at_most(1_000),
                at_most(10_000),
            ),
            (vec![5_000_001], over, over),
            (vec![u64::MAX], over, over),
        ] {
            let totals = counted(times.clone());
            assert_eq!(
                (totals.percentile(50), totals.percentile(99)),
                (half, most),
                "{times:?}"
            );
        }
    }

    #[test]
    fn fragments_that_were_not_requested_have_no_time() {
        let counts = Counts::default();
        counts.count(Outcome::Cached, None);
        counts.count(Outcome::Late, Some(Duration::from_millis(4)));
        counts.count(Outcome::Rendered, Some(Duration::from_millis(2)));
        let totals = counts.totals();
        assert_eq!(
            (totals.count(), totals.mean()),
            (3, Some(Duration::from_millis(3)))
        );
        let some: Vec<_> = totals.by_outcome().filter(|(_, count)| *count > 0).collect();
        assert_eq!(
            some,
            [(Outcome::Rendered, 1), (Outcome::Cached, 1), (Outcome::Late, 1)]
        );
        assert_eq!(totals.since(&totals), Totals::default());
        assert_eq!(totals.plus(&totals).count(), 6);
    }
}
