//! Warns where the sessions of one service are kept in two places.
//!
//! The session of a fragment is kept with the page that shows it, and pages of this service keep their own. Where all
//! services keep sessions in the same Redis, that is one place. Where each service keeps them in its memory, there are
//! two, and a visitor's basket on the page of another service differs from the basket on this service's own pages.
#![deny(clippy::disallowed_methods)]

use std::sync::atomic::{AtomicU8, Ordering};

/// Handlers of this service's own pages and routes, and its fragments on its own pages.
const HERE: u8 = 1;
/// Its fragments on pages of other services.
const ELSEWHERE: u8 = 2;
/// The warning was logged.
const TOLD: u8 = 4;

/// The uses of sessions that were seen.
#[derive(Debug, Default)]
pub(crate) struct SplitWarning(AtomicU8);

impl SplitWarning {
    /// For an application whose page or fragment handlers take a session. Where both do, the second value is true: the
    /// caller warns at the start, and this does not warn again.
    pub(crate) fn at_start(pages: bool, fragments: bool) -> (Self, bool) {
        let is_split = pages && fragments;
        let seen = if is_split { TOLD } else { 0 };
        (Self(AtomicU8::new(seen)), is_split)
    }

    /// Notes that a handler takes a session. Returns whether both kinds of handlers have done so for the first time.
    pub(super) fn notices(&self, is_elsewhere: bool) -> bool {
        let new = if is_elsewhere { ELSEWHERE } else { HERE };
        let before = self.0.load(Ordering::Relaxed);
        if before & TOLD != 0 || before & new != 0 {
            return false;
        }
        let before = self.0.fetch_or(new, Ordering::Relaxed);
        (before | new) & (HERE | ELSEWHERE) == HERE | ELSEWHERE
            && self.0.fetch_or(TOLD, Ordering::Relaxed) & TOLD == 0
    }
}

/// Logs the warning.
pub(crate) fn warn() {
    tracing::warn!(
        "a visitor's session is kept in two places: fragments that pages of other services show have it there, and the pages \
         and routes of this service have another. Set `session_redis` (HYDRA_SESSION_REDIS) to one Redis for all services \
         to make it one"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_once_when_sessions_are_used_here_and_elsewhere() {
        let (here, elsewhere) = (false, true);
        for (at_start, uses, expected) in [
            // Handlers of pages and fragments, as their types tell: at the start, and not again.
            ((true, true), vec![here, elsewhere], (true, vec![false, false])),
            // Routes do not tell their types: when both were used.
            (
                (false, true),
                vec![elsewhere, here, here],
                (false, vec![false, true, false]),
            ),
            ((true, false), vec![here, elsewhere], (false, vec![false, true])),
            (
                (false, false),
                vec![here, here, here],
                (false, vec![false, false, false]),
            ),
            (
                (false, true),
                vec![elsewhere, elsewhere],
                (false, vec![false, false]),
            ),
        ] {
            let (split_warning, is_told) = SplitWarning::at_start(at_start.0, at_start.1);
            let told: Vec<_> = uses
                .iter()
                .map(|elsewhere| split_warning.notices(*elsewhere))
                .collect();
            assert_eq!((is_told, told), expected, "{at_start:?} {uses:?}");
        }
    }
}
