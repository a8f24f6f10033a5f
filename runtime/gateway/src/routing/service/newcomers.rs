//! The turns of new visitors: none of the instances of a version gets more than twice its even share.
#![deny(clippy::disallowed_methods)]

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How far the clock of a version moves with each new visitor. An instance that takes one must wait for as many steps as the
/// version has instances, so that it takes at most two of as many visitors.
const STEP: u64 = 2;

/// The turns of one service. Updates from several threads at a time may let one instance take a visitor more.
#[derive(Debug, Default)]
pub(super) struct Newcomers {
    /// By the position of the version.
    clocks: Box<[AtomicU64]>,
    /// By the position of the instance: when it may take the next one, if it has taken its share by then.
    next: Box<[AtomicU64]>,
}

impl Newcomers {
    /// For so many versions and instances.
    pub(super) fn of(versions: usize, instances: usize) -> Self {
        let zeros = |count: usize| (0..count).map(|_| AtomicU64::new(0)).collect();
        Self {
            clocks: zeros(versions),
            next: zeros(instances),
        }
    }

    /// The turn of the next new visitor of a version, which is not taken.
    pub(super) fn next_turn(&self, version: usize) -> u64 {
        let clock = self.clocks.get(version);
        clock.map_or(0, |clock| clock.load(Relaxed)) / STEP
    }

    /// Takes the turn of a new visitor of a version.
    pub(super) fn turn(&self, version: usize) -> u64 {
        let clock = self.clocks.get(version);
        clock.map_or(0, |clock| clock.fetch_add(STEP, Relaxed)) / STEP
    }

    /// Whether an instance may take the visitor of this turn.
    pub(super) fn may_take(&self, instance: usize, turn: u64) -> bool {
        let next = self.next.get(instance);
        next.is_none_or(|next| next.load(Relaxed) < (turn + 1) * STEP)
    }

    /// Records that an instance, one of `count`, takes the visitor of this turn.
    pub(super) fn take(&self, instance: usize, turn: u64, count: usize) {
        if let Some(next) = self.next.get(instance) {
            let since = next.load(Relaxed).max(turn * STEP);
            next.store(since + count as u64, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_always_comes_first_gets_twice_its_even_share_and_no_more() {
        for count in 1..=10 {
            let newcomers = Newcomers::of(1, count);
            let mut taken = vec![0; count];
            for visitors in 1..=1_000_usize {
                let turn = newcomers.turn(0);
                let first = (0..count).find(|one| newcomers.may_take(*one, turn));
                let first = first.expect("one of them may");
                newcomers.take(first, turn, count);
                taken[first] += 1;
                let most = (2 * visitors).div_ceil(count);
                assert!(taken[first] <= most, "{taken:?} of {visitors}");
            }
            let even = 1_000 / count;
            assert!(taken[0] + 2 >= (2 * even).min(1_000), "{taken:?}");
        }
    }

    #[test]
    fn a_share_that_was_not_taken_is_not_kept_for_later() {
        let newcomers = Newcomers::of(1, 4);
        for _ in 0..1_000 {
            let turn = newcomers.turn(0);
            let other = (1..4).find(|one| newcomers.may_take(*one, turn));
            newcomers.take(other.expect("one of them may"), turn, 4);
        }
        let mut taken = 0;
        for _ in 0..100 {
            let turn = newcomers.turn(0);
            let first = (0..4)
                .find(|one| newcomers.may_take(*one, turn))
                .expect("one may");
            newcomers.take(first, turn, 4);
            taken += usize::from(first == 0);
        }
        assert_eq!(taken, 50);
    }
}
