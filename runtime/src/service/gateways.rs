//! Decides which gateway an application tries next.
#![deny(clippy::disallowed_methods)]

use super::state::StepResult;

/// One round through the gateways.
#[derive(Debug)]
pub(super) struct GatewayRound {
    /// How many gateways there are.
    gateways: usize,
    /// How many attempts in a row failed.
    away: usize,
    /// How many attempts in a row were of no use, counted from a gateway that is cut off from the registry.
    cut_off: usize,
}

/// What to do after an attempt to register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NextStep {
    /// Stay at this gateway.
    Stay,
    /// Stay for a while: all gateways are cut off from the registry.
    StayForAWhile,
    /// Switch to the next gateway, which may reach the registry.
    NextGateway,
    /// Try again at once.
    AgainNow,
    /// Try again after a pause.
    AgainLater,
}

impl GatewayRound {
    pub(super) fn new(gateways: usize) -> Self {
        Self {
            gateways,
            away: 0,
            cut_off: 0,
        }
    }

    /// Takes in the result of an attempt to register. `is_cut_off`: the gateway took the registration, and is cut off
    /// from the registry.
    pub(super) fn tried(&mut self, step: &StepResult, is_cut_off: bool) -> NextStep {
        if *step != StepResult::Registered {
            self.away += 1;
            self.cut_off += usize::from(self.cut_off > 0);
            // Within one round the next gateway is tried at once. After a round in which all are away there is a pause.
            let is_next_new = matches!(step, StepResult::Away(_)) && !self.away.is_multiple_of(self.gateways);
            return if is_next_new {
                NextStep::AgainNow
            } else {
                NextStep::AgainLater
            };
        }
        self.away = 0;
        if !is_cut_off {
            self.cut_off = 0;
            return NextStep::Stay;
        }
        self.cut_off += 1;
        if self.cut_off < self.gateways {
            NextStep::NextGateway
        } else {
            NextStep::StayForAWhile
        }
    }

    /// Takes in why a stay at a gateway ended.
    pub(super) fn left(&mut self, step: &StepResult) {
        self.cut_off = usize::from(*step == StepResult::CutOff);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_that_reaches_the_registry_is_looked_for_once_at_each() {
        let away = || (StepResult::Away("refused".to_owned()), false);
        let ok = || (StepResult::Registered, false);
        let cut_off = || (StepResult::Registered, true);
        let refused = || (StepResult::Refused("400".to_owned()), false);
        for (gateways, steps) in [
            (1, vec![(ok(), NextStep::Stay)]),
            (1, vec![(cut_off(), NextStep::StayForAWhile)]),
            (
                1,
                vec![(away(), NextStep::AgainLater), (away(), NextStep::AgainLater)],
            ),
            (
                2,
                vec![(cut_off(), NextStep::NextGateway), (ok(), NextStep::Stay)],
            ),
            (
                2,
                vec![
                    (cut_off(), NextStep::NextGateway),
                    (cut_off(), NextStep::StayForAWhile),
                ],
            ),
            (
                3,
                vec![
                    (cut_off(), NextStep::NextGateway),
                    (cut_off(), NextStep::NextGateway),
                    (cut_off(), NextStep::StayForAWhile),
                ],
            ),
            (
                3,
                vec![
                    (away(), NextStep::AgainNow),
                    (away(), NextStep::AgainNow),
                    (away(), NextStep::AgainLater),
                ],
            ),
            (
                3,
                vec![
                    (cut_off(), NextStep::NextGateway),
                    (away(), NextStep::AgainNow),
                    (cut_off(), NextStep::StayForAWhile),
                ],
            ),
            (2, vec![(refused(), NextStep::AgainLater), (ok(), NextStep::Stay)]),
            (
                2,
                vec![
                    (cut_off(), NextStep::NextGateway),
                    (refused(), NextStep::AgainLater),
                    (cut_off(), NextStep::StayForAWhile),
                ],
            ),
        ] {
            let mut round = GatewayRound::new(gateways);
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
        let mut round = GatewayRound::new(2);
        assert_eq!(round.tried(&StepResult::Registered, false), NextStep::Stay);
        round.left(&StepResult::CutOff);
        assert_eq!(
            round.tried(&StepResult::Registered, true),
            NextStep::StayForAWhile
        );
        round.left(&StepResult::Forgotten);
        assert_eq!(round.tried(&StepResult::Registered, true), NextStep::NextGateway);
    }
}
