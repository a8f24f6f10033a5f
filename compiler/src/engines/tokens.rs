//! The tokens of an expression.

use crate::within::Within;

/// How many parts of one expression are rewritten.
const MAX_REWRITES: usize = 8;

/// A token, with the white space before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'t> {
    /// The white space before it.
    pub(super) space: &'t str,
    /// The token.
    pub(super) text: &'t str,
}

/// The expression after `first` has rewritten one part after another. `None`: there was nothing to rewrite.
pub(super) fn rewritten(text: &str, first: impl Fn(&str) -> Option<String>) -> Option<String> {
    let rewrites = std::iter::successors(first(text), |text| first(text));
    rewrites.take(MAX_REWRITES).last()
}

/// Cuts an expression into words, numbers, strings and signs.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    const SIGNS: [&str; 19] = [
        "===", "!==", "...", "..=", "&&", "||", "==", "!=", "<>", "<=", ">=", "??", "?:", "?.", "->", "=>",
        "::", "..", "//",
    ];
    let mut found = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let trimmed = rest.trim_start();
        let space = rest.within(..rest.len() - trimmed.len());
        let Some(first) = trimmed.chars().next() else {
            break;
        };
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '@');
        let length = match first {
            '"' | '\'' | '`' => trimmed.within(1..).find(first).map_or(trimmed.len(), |at| at + 2),
            c if c.is_ascii_digit() => {
                let end = trimmed
                    .find(|c: char| !(c.is_ascii_digit() || c == '.'))
                    .unwrap_or(trimmed.len());
                trimmed.within(..end).find("..").unwrap_or(end)
            }
            c if is_word(c) => trimmed.find(|c| !is_word(c)).unwrap_or(trimmed.len()),
            _ => {
                let sign = SIGNS.iter().find(|sign| trimmed.starts_with(**sign));
                sign.map_or(first.len_utf8(), |sign| sign.len())
            }
        };
        found.push(Token {
            space,
            text: trimmed.within(..length),
        });
        rest = trimmed.within(length..);
    }
    found
}

/// The text of the token at `at`: empty where there is none.
pub(super) fn text_at<'t>(found: &[Token<'t>], at: usize) -> &'t str {
    found.get(at).map_or("", |token| token.text)
}

/// The text of the token before `at`.
pub(super) fn before<'t>(found: &[Token<'t>], at: usize) -> Option<&'t str> {
    found.get(at.checked_sub(1)?).map(|token| token.text)
}

/// Tokens as a text.
pub(super) fn joined(tokens: &[Token<'_>]) -> String {
    let all: String = tokens
        .iter()
        .flat_map(|token| [token.space, token.text])
        .collect();
    all.trim().to_owned()
}

/// The texts between `separator`s that stand in no bracket.
pub(super) fn split<'a, 't>(tokens: &'a [Token<'t>], separator: &str) -> Vec<&'a [Token<'t>]> {
    let mut found = Vec::new();
    let mut depth = 0_i32;
    let mut start = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            text if text == separator && depth == 0 => {
                found.push(tokens.within(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(tokens.within(start..));
    found
}

/// Where the value begins that ends before `end`: a name or a literal, with the members and brackets behind it.
/// `with_filters`: and the filters.
pub(super) fn value_start(found: &[Token<'_>], end: usize, with_filters: bool) -> usize {
    let mut start = end;
    let mut depth = 0_i32;
    while let Some(token) = start.checked_sub(1).and_then(|before| found.get(before)) {
        let closes = matches!(token.text, ")" | "]" | "}");
        let opens = matches!(token.text, "(" | "[" | "{");
        depth += i32::from(closes) - i32::from(opens);
        let is_bar = with_filters && token.text == "|";
        let is_part = closes || depth > 0 || is_bar || opens || matches!(token.text, "." | "?.") || {
            let first = token.text.chars().next().unwrap_or(' ');
            let is_word = matches!(token.text, "and" | "or" | "not" | "in" | "is" | "if" | "else");
            !is_word && (first.is_alphanumeric() || matches!(first, '_' | '"' | '\'' | '$'))
        };
        if depth < 0 || !is_part {
            break;
        }
        start -= 1;
        let next_is_bar = |at: usize| found.get(at).is_some_and(|token| token.text == "|");
        let goes_on = with_filters && (is_bar || (start > 0 && next_is_bar(start - 1)));
        if depth == 0 && !token.space.is_empty() && !goes_on {
            break;
        }
    }
    start
}

/// Names without the dots and signs that Go begins them with.
pub(super) fn names(text: &str) -> String {
    let mut new = String::new();
    let mut before = ' ';
    for c in text.chars() {
        if !(matches!(c, '.' | '$') && !before.is_alphanumeric() && !matches!(before, ')' | ']' | '_' | '?'))
        {
            new.push(c);
        }
        before = c;
    }
    new
}
