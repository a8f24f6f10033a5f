//! Ruby's questions about a value: `a.present?`, `!a.empty?`, `user.admin?`.

use super::tokens::{Token, before, joined, rewritten, text_at, tokens, value_start};
use crate::within::Within;

/// An expression without its questions. `None`: it has none.
pub(super) fn written(text: &str) -> Option<String> {
    rewritten(text, first)
}

/// The expression without its first question.
fn first(text: &str) -> Option<String> {
    let found = tokens(text);
    let at = (1..found.len()).find(|at| is_question(&found, *at))?;
    let name = before(&found, at)?;
    let dot = at.checked_sub(2).filter(|dot| text_at(&found, *dot) == ".");
    let asks_for_nothing = matches!(name, "empty" | "blank" | "nil" | "none");
    let is_plain = matches!(name, "present" | "any" | "exists") || asks_for_nothing;
    let end = match dot {
        Some(dot) if is_plain => dot,
        _ => at,
    };
    let start = value_start(&found, end, false);
    let is_negated = asks_for_nothing && dot.is_some();
    let is_doubled = is_negated && matches!(before(&found, start), Some("!" | "not"));
    let begin = if is_doubled { start - 1 } else { start };
    let gap = found.get(begin).map_or("", |token| token.space);
    let not = if is_negated && !is_doubled { "not " } else { "" };
    let all =
        |part: &[Token<'_>]| -> String { part.iter().flat_map(|token| [token.space, token.text]).collect() };
    Some(format!(
        "{}{gap}{not}{}{}",
        all(found.within(..begin)),
        joined(found.within(start..end)),
        all(found.within(at + 1..))
    ))
}

/// Whether a `?` belongs to the name before it: one of `a ? b : c` has white space before it.
fn is_question(found: &[Token<'_>], at: usize) -> bool {
    let is_name = before(found, at).is_some_and(|name| name.starts_with(|c: char| c.is_alphabetic()));
    let is_last = found
        .get(at + 1)
        .is_none_or(|next| matches!(next.text, ")" | "&&" | "||" | "and" | "or" | "==" | "!=" | "?"));
    found
        .get(at)
        .is_some_and(|token| token.text == "?" && token.space.is_empty())
        && is_name
        && is_last
}

#[cfg(test)]
mod tests {
    use super::written;

    #[test]
    fn questions_of_ruby_become_values() {
        for (text, expected) in [
            ("a.present?", "a"),
            ("a.b.empty?", "not a.b"),
            ("!a.empty? && b", "a && b"),
            ("x and not a.nil?", "x and a"),
            ("user.admin? and user.present?", "user.admin and user"),
            ("(a.any?)", "(a)"),
            ("signed_in?", "signed_in"),
            ("a.admin? ? 'x' : 'y'", "a.admin ? 'x' : 'y'"),
            ("a ? b : c", ""),
            ("a?.b", ""),
            ("a?", "a"),
            ("?", ""),
            ("", ""),
        ] {
            assert_eq!(written(text).unwrap_or_default(), expected, "{text}");
        }
    }
}
