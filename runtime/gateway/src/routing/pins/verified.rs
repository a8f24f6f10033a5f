//! Pins whose marks were verified already: a visitor's browser sends the same pin with each request of a page.
#![deny(clippy::disallowed_methods)]

use std::sync::{Mutex, TryLockError};

use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::Pin;
use crate::{limits::VERIFIED_PINS, routing::weights::mixed};

/// How many bytes of a cookie's value are the numbers; the mark follows.
const NUMBERS: usize = 32;

/// Remembers some of the pins that one key signed, in a fixed number of places. A place keeps the newest pin that belongs there.
pub(super) struct VerifiedPins(Box<[Mutex<Option<Verified>>]>);

struct Verified {
    service: Box<str>,
    value: Box<[u8]>,
    pin: Pin,
}

impl VerifiedPins {
    pub(super) fn new() -> Self {
        Self((0..VERIFIED_PINS).map(|_| Mutex::default()).collect())
    }

    /// The pin of this service with this value, if it is remembered. Another thread that looks at the same place is not waited
    /// for.
    pub(super) fn find(&self, service: &str, value: &[u8]) -> Option<Pin> {
        let place = match self.place(value)?.try_lock() {
            Ok(place) => place,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        let known = place.as_ref()?;
        let (numbers, mark) = known.value.split_at_checked(NUMBERS)?;
        let (said, said_mark) = value.split_at_checked(NUMBERS)?;
        let is_same = numbers == said && *known.service == *service;
        // How long a comparison takes must not tell how much of a guessed mark is right.
        (is_same && verify_slices_are_equal(mark, said_mark).is_ok()).then_some(known.pin)
    }

    /// Remembers a pin whose mark is right.
    pub(super) fn add(&self, service: &str, value: &[u8], pin: Pin) {
        if let Some(Ok(mut place)) = self.place(value).map(Mutex::try_lock) {
            let (service, value) = (service.into(), value.into());
            *place = Some(Verified { service, value, pin });
        }
    }

    /// The place of a value, which begins with the digits of random bits.
    fn place(&self, value: &[u8]) -> Option<&Mutex<Option<Verified>>> {
        let digits = u64::from_le_bytes(*value.first_chunk()?);
        self.0.get((mixed(digits) % VERIFIED_PINS as u64) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(bits: u64, mark: char) -> String {
        format!("{bits:016x}{:016x}{}", 7, mark.to_string().repeat(32))
    }

    fn pin(bits: u64) -> Pin {
        Pin { bits, tag: 7 }
    }

    #[test]
    fn only_the_same_value_of_the_same_service_is_found() {
        let pins = VerifiedPins::new();
        let good = value(1, 'a');
        pins.add("shop", good.as_bytes(), pin(1));
        assert_eq!(pins.find("shop", good.as_bytes()), Some(pin(1)));
        for (service, wrong) in [
            ("blog", good.clone()),
            ("shop", value(1, 'b')),
            ("shop", value(2, 'a')),
            ("shop", good[..good.len() - 1].to_owned()),
            ("shop", format!("{good}0")),
            ("shop", good[..8].to_owned()),
            ("shop", good[..32].to_owned()),
            ("shop", String::new()),
        ] {
            assert_eq!(pins.find(service, wrong.as_bytes()), None, "{service} {wrong}");
        }
    }

    #[test]
    fn the_newest_pins_are_found_and_their_number_is_bounded() {
        let pins = VerifiedPins::new();
        let bits = |nth: u64| mixed(nth + 1);
        let count = 10 * VERIFIED_PINS as u64;
        for nth in 0..count {
            pins.add("shop", value(bits(nth), 'a').as_bytes(), pin(bits(nth)));
            let newest = pins.find("shop", value(bits(nth), 'a').as_bytes());
            assert_eq!(newest, Some(pin(bits(nth))));
        }
        let found = (0..count).filter(|nth| pins.find("shop", value(bits(*nth), 'a').as_bytes()).is_some());
        let found = found.count();
        assert!(found <= VERIFIED_PINS && found > VERIFIED_PINS / 2, "{found}");
    }
}
