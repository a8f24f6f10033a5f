//! The random name of a page, by which the script recognises the marks that the page itself wrote.
#![deny(clippy::disallowed_methods)]

use std::fmt;

/// The random name of a page. Fragments can't know it, so that the script takes none of their HTML for a mark.
pub(crate) struct Token(u64);

impl Token {
    /// `None` only where the platform has no randomness.
    pub(crate) fn random() -> Option<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).ok()?;
        Some(Self(u64::from_le_bytes(random)))
    }

    /// The token made from `seed`.
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
