//! How many pins of an instance came back in the last minutes. A first request says nothing: it may be that of a crawler, which
//! never comes back with its cookie.
#![deny(clippy::disallowed_methods)]

use std::{
    array,
    sync::{
        OnceLock,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
};

use crate::{
    Millis,
    limits::{COMEBACK_BITS, COMEBACK_PERIOD_MS},
};

const WORDS: usize = COMEBACK_BITS / 64;

/// Counts different pins by linear counting: each pin sets one bit, and the number of set bits grows with the number of pins. It
/// takes no memory before the first pin came back, and 4 KiB then. A reader may be late by one update, which does no harm.
#[derive(Debug, Default)]
pub(crate) struct Comebacks(OnceLock<Box<Periods>>);

/// The bits of the current period and of the one before, which change places.
#[derive(Debug)]
struct Periods {
    current: AtomicU64,
    bits: [[AtomicU64; WORDS]; 2],
    /// How many bits are set in one of both at least.
    set: AtomicU32,
}

impl Comebacks {
    /// Records that the pin with these random bits came back.
    pub(crate) fn add(&self, bits: u64, now: Millis) {
        let periods = self.0.get_or_init(Periods::new);
        let [current, former] = periods.at(now);
        let (word, bit) = ((bits / 64) as usize % WORDS, 1 << (bits % 64));
        // Nearly all requests find their bit set, and write nothing.
        if current[word].load(Relaxed) & bit != 0 || current[word].fetch_or(bit, Relaxed) & bit != 0 {
            return;
        }
        if former[word].load(Relaxed) & bit == 0 {
            periods.set.fetch_add(1, Relaxed);
        }
    }

    /// A number that grows with the number of pins which came back in the last one or two periods, and is equal to it while
    /// that is small.
    pub(crate) fn count(&self, now: Millis) -> u32 {
        let Some(periods) = self.0.get() else { return 0 };
        periods.at(now);
        periods.set.load(Relaxed)
    }
}

impl Periods {
    fn new() -> Box<Self> {
        Box::new(Self {
            current: AtomicU64::new(0),
            bits: array::from_fn(|_| array::from_fn(|_| AtomicU64::new(0))),
            set: AtomicU32::new(0),
        })
    }

    /// The bits of the period of this moment, and those of the one before.
    fn at(&self, now: Millis) -> [&[AtomicU64; WORDS]; 2] {
        let period = now.0 / COMEBACK_PERIOD_MS;
        let [even, odd] = &self.bits;
        let places = if period.is_multiple_of(2) {
            [even, odd]
        } else {
            [odd, even]
        };
        let last = self.current.load(Relaxed);
        if last < period
            && self
                .current
                .compare_exchange(last, period, Relaxed, Relaxed)
                .is_ok()
        {
            // What was current is former now, unless more time has passed.
            let ended = if last + 1 == period { &places[..1] } else { &places };
            for word in ended.iter().copied().flatten() {
                word.store(0, Relaxed);
            }
            let left = places[1].iter().map(|word| word.load(Relaxed).count_ones());
            self.set.store(left.sum(), Relaxed);
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::weights::mixed;

    #[test]
    fn a_pin_counts_once_until_it_stays_away_for_two_periods() {
        let comebacks = Comebacks::default();
        let at = |periods: u64| Millis(periods * COMEBACK_PERIOD_MS);
        assert_eq!(comebacks.count(at(0)), 0);
        for pin in [1, 2, 3, 3, 2] {
            comebacks.add(pin, at(0));
        }
        assert_eq!(comebacks.count(at(0)), 3);
        comebacks.add(3, at(1));
        comebacks.add(4, at(1));
        assert_eq!(comebacks.count(at(1)), 4);
        assert_eq!(comebacks.count(at(2)), 2, "1 and 2 stayed away");
        comebacks.add(3, at(2));
        assert_eq!(comebacks.count(at(3)), 1);
        assert_eq!(comebacks.count(at(9)), 0);
        comebacks.add(5, at(9));
        assert_eq!(comebacks.count(at(9)), 1);
        assert_eq!(comebacks.count(at(8)), 1, "time that goes backwards");
    }

    #[test]
    fn more_pins_are_a_higher_number_for_a_bounded_memory() {
        let comebacks = Comebacks::default();
        let mut last = 0;
        for thousand in 0..60 {
            for pin in 0..1_000 {
                comebacks.add(mixed(thousand * 1_000 + pin + 1), Millis(0));
            }
            let count = comebacks.count(Millis(0));
            assert!(count > last, "{thousand}: {count}");
            last = count;
        }
        assert!(last <= COMEBACK_BITS as u32);
    }
}
