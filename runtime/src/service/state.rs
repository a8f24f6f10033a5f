//! What there is to say about the registration: one line in the log for each change, none for each try.
#![deny(clippy::disallowed_methods)]

/// What became of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StepResult {
    /// The gateway took the registration.
    Registered,
    /// It answered that it does not want it.
    Refused(String),
    /// It did not know this application any more.
    Forgotten,
    /// It does not reach the registry that it shares with others.
    CutOff,
    /// It did not answer, or with nonsense, or said that it can't (5xx).
    Away(String),
}

/// How things stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum RegistrationState {
    /// Nothing was tried yet.
    #[default]
    New,
    Registered,
    Refused(String),
    Forgotten,
    Away,
}

impl RegistrationState {
    /// Takes a step in. Gives the new mood where it is another one.
    pub(super) fn after(&mut self, step: &StepResult) -> Option<&RegistrationState> {
        let next = match step {
            StepResult::Registered | StepResult::CutOff => RegistrationState::Registered,
            StepResult::Refused(reason) => RegistrationState::Refused(reason.clone()),
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
