//! What there is to say about the registration: one line in the log for each change, none for each try.
#![deny(clippy::disallowed_methods)]

/// What became of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
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
pub(super) enum Mood {
    /// Nothing was tried yet.
    #[default]
    New,
    Registered,
    Refused(String),
    Forgotten,
    Away,
}

impl Mood {
    /// Takes a step in. Gives the new mood where it is another one.
    pub(super) fn after(&mut self, step: &Step) -> Option<&Mood> {
        let next = match step {
            Step::Registered | Step::CutOff => Mood::Registered,
            Step::Refused(reason) => Mood::Refused(reason.clone()),
            Step::Forgotten => Mood::Forgotten,
            Step::Away(_) => Mood::Away,
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
        let away = |reason: &str| Step::Away(reason.to_owned());
        let refused = |reason: &str| Step::Refused(reason.to_owned());
        let steps = [
            (away("refused"), true),
            (away("timed out"), false),
            (Step::Registered, true),
            (Step::Forgotten, true),
            (Step::Registered, true),
            (away("refused"), true),
            (refused("400"), true),
            (refused("400"), false),
            (refused("401"), true),
        ];
        let mut mood = Mood::default();
        for (step, news) in steps {
            assert_eq!(mood.after(&step).is_some(), news, "{step:?}");
        }
    }
}
