//! The name by which the script knows what the page itself wrote.
#![deny(clippy::disallowed_methods)]

use std::fmt;

/// The random name of one page. Fragments can't know it: whatever HTML they show, none of it is taken for a mark.
pub(crate) struct Token(u64);

impl Token {
    /// `None` only where the platform has no randomness.
    pub(crate) fn random() -> Option<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).ok()?;
        Some(Self(u64::from_le_bytes(random)))
    }

    /// The one made from `seed`.
    #[cfg(test)]
    pub(crate) fn of(seed: u64) -> Self {
        Self(seed)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
