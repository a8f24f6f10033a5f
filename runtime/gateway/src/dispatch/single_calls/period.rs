//! Counts a service's fragments, and its calls for single ones, over the last seconds.
#![deny(clippy::disallowed_methods)]

use crate::{
    Millis,
    limits::{FRAGMENTS_PER_SINGLE_CALL, MAX_SINGLE_CALLS_PER_PERIOD, SINGLE_CALL_PERIOD_SECS},
};

#[allow(clippy::cast_possible_truncation, reason = "10 fits")]
const SECONDS: usize = SINGLE_CALL_PERIOD_SECS as usize;

/// The counts of the last seconds, one place for each.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Period {
    seconds: [Second; SECONDS],
    /// Where the next list of fragments begins.
    turn: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Second {
    /// Which second since the gateway started, counted from 1; 0: none yet.
    number: u64,
    items: usize,
    calls: usize,
}

impl Period {
    pub(super) fn count_items(&mut self, items: usize, now: Millis) {
        let second = self.second(now);
        second.items = second.items.saturating_add(items);
    }

    /// See [`SingleCalls::take`](super::SingleCalls::take).
    pub(super) fn take(&mut self, wanted: usize, now: Millis) -> (usize, usize) {
        let begin = self.turn;
        let (mut items, mut calls) = (0_usize, 0);
        for second in self.recent(now) {
            items = items.saturating_add(second.items);
            calls += second.calls;
        }
        let most = MAX_SINGLE_CALLS_PER_PERIOD.max(items / FRAGMENTS_PER_SINGLE_CALL);
        let taken = wanted.min(most.saturating_sub(calls));
        self.second(now).calls += taken;
        self.turn = self.turn.wrapping_add(taken);
        (taken, begin)
    }

    /// Whether nothing was counted lately.
    pub(super) fn is_over(&self, now: Millis) -> bool {
        self.recent(now).next().is_none()
    }

    fn recent(&self, now: Millis) -> impl Iterator<Item = &Second> {
        let number = number(now);
        let is_recent = move |second: &&Second| second.number + SINGLE_CALL_PERIOD_SECS > number;
        self.seconds
            .iter()
            .filter(|second| second.number > 0)
            .filter(is_recent)
    }

    fn second(&mut self, now: Millis) -> &mut Second {
        let number = number(now);
        #[allow(clippy::cast_possible_truncation, reason = "it is less than 10")]
        let second = &mut self.seconds[(number % SINGLE_CALL_PERIOD_SECS) as usize];
        if second.number != number {
            *second = Second {
                number,
                ..Second::default()
            };
        }
        second
    }
}

fn number(now: Millis) -> u64 {
    now.0 / 1_000 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_calls_in_ten_seconds_or_a_tenth_of_the_fragments() {
        let mut period = Period::default();
        let mut take = |items, wanted, now| {
            period.count_items(items, Millis(now));
            period.take(wanted, Millis(now)).0
        };
        for (items, wanted, now, taken) in [
            (5, 10, 0, 10),
            (5, 10, 500, 6),
            (5, 10, 9_999, 0),
            // The first second is over.
            (5, 20, 10_000, 16),
            (200, 20, 10_001, 5),
            (0, 20, 10_002, 0),
            (1_000, 16, 19_000, 16),
            (0, 1_000, 19_001, 83),
            (0, 1_000, 60_000, 16),
        ] {
            assert_eq!(take(items, wanted, now), taken, "{items} {wanted} {now}");
        }
    }

    #[test]
    fn the_next_list_begins_where_the_last_one_ended() {
        let mut period = Period::default();
        assert_eq!(period.take(10, Millis(0)), (10, 0));
        assert_eq!(period.take(10, Millis(0)), (6, 10));
        assert_eq!(period.take(10, Millis(10_000)), (10, 16));
    }
}
