//! Which gateway comes next.
#![deny(clippy::disallowed_methods)]

use super::mood::Step;

/// A way through the gateways.
#[derive(Debug)]
pub(super) struct Round {
    /// How many gateways there are.
    gateways: usize,
    /// How many in a row could not be reached.
    away: usize,
    /// How many in a row were of no use since one was found to be cut off from the registry.
    cut_off: usize,
}

/// What to do after a try to register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Stay at this gateway.
    Stay,
    /// Stay for a while: all gateways are cut off from the registry.
    StayAWhile,
    /// Go on to the next gateway: it may reach the registry.
    GoOn,
    /// Try again at once.
    Again,
    /// Try again after a pause.
    AgainLater,
}

impl Round {
    pub(super) fn new(gateways: usize) -> Self {
        Self {
            gateways,
            away: 0,
            cut_off: 0,
        }
    }

    /// Takes in what became of a try to register. `is_cut_off`: the gateway took it, and does not reach the registry.
    pub(super) fn tried(&mut self, step: &Step, is_cut_off: bool) -> Next {
        if *step != Step::Registered {
            self.away += 1;
            self.cut_off += usize::from(self.cut_off > 0);
            // The others are tried at once, and all of them every second.
            let is_next_new = matches!(step, Step::Away(_)) && !self.away.is_multiple_of(self.gateways);
            return if is_next_new {
                Next::Again
            } else {
                Next::AgainLater
            };
        }
        self.away = 0;
        if !is_cut_off {
            self.cut_off = 0;
            return Next::Stay;
        }
        self.cut_off += 1;
        if self.cut_off < self.gateways {
            Next::GoOn
        } else {
            Next::StayAWhile
        }
    }

    /// Takes in why the application no longer stays at a gateway.
    pub(super) fn left(&mut self, step: &Step) {
        self.cut_off = usize::from(*step == Step::CutOff);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_that_reaches_the_registry_is_looked_for_once_at_each() {
        let away = || (Step::Away("refused".to_owned()), false);
        let ok = || (Step::Registered, false);
        let cut_off = || (Step::Registered, true);
        let refused = || (Step::Refused("400".to_owned()), false);
        for (gateways, steps) in [
            (1, vec![(ok(), Next::Stay)]),
            (1, vec![(cut_off(), Next::StayAWhile)]),
            (1, vec![(away(), Next::AgainLater), (away(), Next::AgainLater)]),
            (2, vec![(cut_off(), Next::GoOn), (ok(), Next::Stay)]),
            (2, vec![(cut_off(), Next::GoOn), (cut_off(), Next::StayAWhile)]),
            (
                3,
                vec![
                    (cut_off(), Next::GoOn),
                    (cut_off(), Next::GoOn),
                    (cut_off(), Next::StayAWhile),
                ],
            ),
            (
                3,
                vec![
                    (away(), Next::Again),
                    (away(), Next::Again),
                    (away(), Next::AgainLater),
                ],
            ),
            (
                3,
                vec![
                    (cut_off(), Next::GoOn),
                    (away(), Next::Again),
                    (cut_off(), Next::StayAWhile),
                ],
            ),
            (2, vec![(refused(), Next::AgainLater), (ok(), Next::Stay)]),
            (
                2,
                vec![
                    (cut_off(), Next::GoOn),
                    (refused(), Next::AgainLater),
                    (cut_off(), Next::StayAWhile),
                ],
            ),
        ] {
            let mut round = Round::new(gateways);
            for ((step, is_cut_off), expected) in steps {
                assert_eq!(
                    round.tried(&step, is_cut_off),
                    expected,
                    "{gateways}: {step:?}, {round:?}"
                );
            }
        }
    }

    #[test]
    fn one_that_was_left_since_it_is_cut_off_is_one_of_them() {
        let mut round = Round::new(2);
        assert_eq!(round.tried(&Step::Registered, false), Next::Stay);
        round.left(&Step::CutOff);
        assert_eq!(round.tried(&Step::Registered, true), Next::StayAWhile);
        round.left(&Step::Forgotten);
        assert_eq!(round.tried(&Step::Registered, true), Next::GoOn);
    }
}
