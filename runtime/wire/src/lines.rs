//! Bounds how much of a peer's text goes into logs and reasons.
#![deny(clippy::disallowed_methods)]

use crate::limits::{MAX_LOG_LINES, MAX_LOGGED_CHARS};

/// The beginning of a text.
pub fn cut(text: &str) -> &str {
    cut_to(text, MAX_LOGGED_CHARS)
}

/// The first `max` characters of a text.
pub fn cut_to(text: &str, max: usize) -> &str {
    text.char_indices().nth(max).map_or(text, |(end, _)| &text[..end])
}

/// Calls `log` for the first items of `all`, and returns how many are left.
pub fn first<T>(all: &[T], log: impl FnMut(&T)) -> usize {
    all.iter().take(MAX_LOG_LINES).for_each(log);
    all.len().saturating_sub(MAX_LOG_LINES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(cut_to("äöü", 2), "äö");
        assert_eq!(cut_to("äö", 2), "äö");
        assert_eq!(cut(&"é".repeat(1 << 20)).chars().count(), MAX_LOGGED_CHARS);
    }

    #[test]
    fn only_the_first_are_logged() {
        let mut lines = 0;
        assert_eq!(first(&[0; 1_000], |_| lines += 1), 1_000 - MAX_LOG_LINES);
        assert_eq!(lines, MAX_LOG_LINES);
        assert_eq!(first(&[0; 3], |_| lines += 1), 0);
    }
}
