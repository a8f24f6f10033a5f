//! The state of the registration. The log has a line for each change, and none for each attempt.
#![deny(clippy::disallowed_methods)]

/// The result of one attempt to register, or of a stay at a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StepResult {
    /// The gateway took the registration.
    Registered,
    /// The gateway refused the registration.
    Refused(String),
    /// The gateway speaks protocol 1, and the settings do not allow that.
    Declined,
    /// The gateway has forgotten this application.
    Forgotten,
    /// The gateway is cut off from the registry that it shares with others.
    CutOff,
    /// The gateway asked the application to move to another one.
    Moved,
    /// The gateway is called by POST, and it is time to try whether it opens a channel now.
    ChannelDue,
    /// The gateway did not answer, or its answer can't be used or is an error (5xx).
    Away(String),
}

/// The state of the registration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum RegistrationState {
    /// No attempt was made yet.
    #[default]
    New,
    Registered,
    Refused(String),
    Declined,
    Forgotten,
    Away,
}

impl RegistrationState {
    /// Takes in a result. Returns the new state if it changed.
    pub(super) fn after(&mut self, step: &StepResult) -> Option<&RegistrationState> {
        let next = match step {
            StepResult::Registered | StepResult::CutOff | StepResult::Moved | StepResult::ChannelDue => {
                RegistrationState::Registered
            }
            StepResult::Refused(reason) => RegistrationState::Refused(reason.clone()),
            StepResult::Declined => RegistrationState::Declined,
            StepResult::Forgotten => RegistrationState::Forgotten,
            StepResult::Away(_) => RegistrationState::Away,
        };
        let changed = *self != next;
        *self = next;
        changed.then_some(&*self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_change_is_news() {
        let away = |reason: &str| StepResult::Away(reason.to_owned());
        let refused = |reason: &str| StepResult::Refused(reason.to_owned());
        let steps = [
            (away("refused"), true),
            (away("timed out"), false),
            (StepResult::Registered, true),
            (StepResult::Forgotten, true),
            (StepResult::Registered, true),
            (away("refused"), true),
            (refused("400"), true),
            (refused("400"), false),
            (refused("401"), true),
        ];
        let mut state = RegistrationState::default();
        for (step, change) in steps {
            assert_eq!(state.after(&step).is_some(), change, "{step:?}");
        }
    }
}
