//! Which visitors moved last, so that a move counts once although requests in parallel all make it, and no late answer takes it
//! back.
#![deny(clippy::disallowed_methods)]

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::Pin;
use crate::{limits::REMEMBERED_MOVES, routing::weights::mixed};

/// The last moves of some visitors, in a fixed number of places. A place keeps the newest move that belongs there.
pub(crate) struct Moves(Box<[AtomicU64]>);

impl Moves {
    pub(crate) fn new() -> Self {
        Self((0..REMEMBERED_MOVES).map(|_| AtomicU64::new(0)).collect())
    }

    /// Records that the visitor with this pin moves away from its instance. Whether that was not known yet.
    pub(crate) fn add(&self, pin: Pin) -> bool {
        let place = self.place(pin);
        place.is_none_or(|place| place.swap(number(pin), Relaxed) != number(pin))
    }

    /// Whether the visitor with this pin has moved away from its instance, as far as that is remembered.
    pub(crate) fn has_left(&self, pin: Pin) -> bool {
        let place = self.place(pin);
        place.is_some_and(|place| place.load(Relaxed) == number(pin))
    }

    fn place(&self, pin: Pin) -> Option<&AtomicU64> {
        self.0.get((pin.bits % REMEMBERED_MOVES as u64) as usize)
    }
}

/// A number for the visitor and the instance, which is not 0.
fn number(pin: Pin) -> u64 {
    mixed(pin.bits ^ mixed(pin.tag)) | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_counts_once_and_the_way_back_is_another_one() {
        let moves = Moves::new();
        let at = |tag| Pin { bits: 5, tag };
        assert!(!moves.has_left(at(1)));
        assert!(moves.add(at(1)) && !moves.add(at(1)) && moves.has_left(at(1)));
        assert!(!moves.has_left(at(2)));
        assert!(moves.add(at(2)), "the visitor moves back");
        assert!(!moves.has_left(at(1)) && moves.has_left(at(2)));
        assert!(moves.add(at(1)), "and moves once more");
    }

    #[test]
    fn moves_of_other_visitors_take_the_place_of_older_ones_only() {
        let moves = Moves::new();
        let visitor = |bits| Pin { bits, tag: 1 };
        let count = REMEMBERED_MOVES as u64;
        assert!((0..count).all(|bits| moves.add(visitor(bits))));
        assert!((0..count).all(|bits| moves.has_left(visitor(bits)) && !moves.add(visitor(bits))));
        assert!(moves.add(visitor(count)) && !moves.has_left(visitor(0)));
        assert!(moves.has_left(visitor(1)));
    }
}
