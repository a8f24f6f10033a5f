//! Tests and comparisons that other engines write as words: `a starts with b`, `a is sameas b`, `a is gt 3`.

use super::tokens::{Token, before, joined, text_at, value_start};
use crate::within::Within;

/// A comparison in words: where it begins, how many words it has, and what it says here.
struct Worded {
    at: usize,
    length: usize,
    here: Here,
    negated: bool,
}

/// What a comparison says here.
#[derive(Clone, Copy)]
enum Here {
    /// A sign, and the one that says the opposite.
    Sign(&'static str, &'static str),
    /// A test, up to its argument.
    Test(&'static str),
    /// `not a`
    Empty,
    /// `b in a`: the argument stands first.
    Within,
}

/// The expression with its first such comparison as Tera has it, and `rest` for what stands behind it. `None`: it has none.
pub(super) fn written(tokens: &[Token<'_>], rest: impl Fn(&[Token<'_>]) -> String) -> Option<String> {
    let found = (1..tokens.len()).find_map(|at| worded(tokens, at))?;
    let start = value_start(tokens, found.at, true);
    let (before, value) = (tokens.within(..start), joined(tokens.within(start..found.at)));
    let behind = tokens.within(found.at + found.length..);
    let space = |tokens: &[Token<'_>]| tokens.first().map_or("", |token| token.space).to_owned();
    let before_text: String = before
        .iter()
        .flat_map(|token| [token.space, token.text])
        .collect();
    let gap = space(tokens.within(start..));
    if let Here::Empty = found.here {
        let not = if found.negated { "" } else { "not " };
        return Some(format!(
            "{before_text}{gap}{not}{value}{}",
            space_of(rest(behind))
        ));
    }
    let (other, behind) = argument(behind)?;
    if let Here::Within = found.here {
        return Some(format!(
            "{before_text}{gap}{other} in {value}{}",
            space_of(rest(behind))
        ));
    }
    let test = match (found.here, found.negated) {
        (Here::Sign(sign, _), false) | (Here::Sign(_, sign), true) => format!("{sign} {other}"),
        (Here::Test(test), negated) => format!("is {}{test}{other})", if negated { "not " } else { "" }),
        (Here::Empty | Here::Within, _) => return None,
    };
    Some(format!(
        "{before_text}{gap}{value} {test}{}",
        space_of(rest(behind))
    ))
}

/// A text with white space before it, if it has something.
fn space_of(text: String) -> String {
    match text.is_empty() || text.starts_with([' ', ')', ']', ',']) {
        true => text,
        false => format!(" {text}"),
    }
}

/// The comparison whose first word is at `at`.
fn worded(tokens: &[Token<'_>], at: usize) -> Option<Worded> {
    let next = |by: usize| tokens.get(at + by).map(|token| token.text);
    let word = |length: usize, here: Here| {
        Some(Worded {
            at,
            length,
            here,
            negated: false,
        })
    };
    match (text_at(tokens, at), next(1)) {
        ("starts", Some("with")) => word(2, Here::Test("starting_with(pat=")),
        ("ends", Some("with")) => word(2, Here::Test("ending_with(pat=")),
        ("contains", Some(next))
            if !matches!(next, "(" | "." | "|" | "=" | ")" | ",")
                && !matches!(before(tokens, at), Some("." | "|" | "is" | "not")) =>
        {
            word(1, Here::Within)
        }
        ("matches", Some(_)) => word(1, Here::Test("containing(pat=")),
        ("equals", Some(next)) if !matches!(next, "(" | "." | "|" | "=") => word(1, Here::Sign("==", "!=")),
        ("not", Some("==" | "=" | "===")) => word(2, Here::Sign("!=", "==")),
        ("is", Some("not")) => {
            let found = tested(next(2)?, next(3))?;
            Some(Worded {
                at,
                length: found.1 + 2,
                here: found.0,
                negated: true,
            })
        }
        ("is", Some(name)) => {
            let found = tested(name, next(2))?;
            word(found.1 + 1, found.0)
        }
        _ => None,
    }
}

/// What stands behind an `is`: what it says here, and how many words of it there are before the argument.
fn tested(name: &str, next: Option<&str>) -> Option<(Here, usize)> {
    let equal = Here::Sign("==", "!=");
    Some(match (name, next) {
        ("same", Some("as")) | ("equal", Some("to")) => (equal, 2),
        ("divisible", Some("by")) => (Here::Test("divisible_by(divisor="), 2),
        ("sameas" | "equalto" | "eq" | "equal" | "==" | "equals", Some(_)) => (equal, 1),
        ("ne" | "!=", Some(_)) => (Here::Sign("!=", "=="), 1),
        ("gt" | "greaterthan" | ">", Some(_)) => (Here::Sign(">", "<="), 1),
        ("ge" | ">=", Some(_)) => (Here::Sign(">=", "<"), 1),
        ("lt" | "lessthan" | "<", Some(_)) => (Here::Sign("<", ">="), 1),
        ("le" | "<=", Some(_)) => (Here::Sign("<=", ">"), 1),
        ("in", Some(_)) => (Here::Sign("in", "not in"), 1),
        ("divisibleby", Some(_)) => (Here::Test("divisible_by(divisor="), 1),
        ("empty" | "blank", next) if next != Some("(") => (Here::Empty, 1),
        (name, _) if name.starts_with(|c: char| matches!(c, '"' | '\'') || c.is_ascii_digit()) => (equal, 0),
        ("true" | "false" | "True" | "False", _) => (equal, 0),
        _ => return None,
    })
}

/// The argument of a comparison, with or without brackets, and what stands behind it.
fn argument<'f, 't>(found: &'f [Token<'t>]) -> Option<(String, &'f [Token<'t>])> {
    let first = found.first()?;
    let mut depth = 0_i32;
    let mut end = 0;
    for (at, token) in found.iter().enumerate() {
        let is_of_filter = token.text == "|" || before(found, at) == Some("|");
        if at > 0 && depth == 0 && !token.space.is_empty() && !is_of_filter {
            break;
        }
        depth += i32::from(matches!(token.text, "(" | "[")) - i32::from(matches!(token.text, ")" | "]"));
        if depth < 0 {
            break;
        }
        end = at + 1;
    }
    let inside = match (first.text, found.within(..end)) {
        ("(", [_, inside @ .., close]) if close.text == ")" => inside,
        (_, all) => all,
    };
    (!inside.is_empty() && depth <= 0).then(|| (joined(inside), found.within(end..)))
}

#[cfg(test)]
mod tests {
    use super::{
        super::tokens::{joined, tokens},
        written,
    };

    #[test]
    fn comparisons_in_words_become_signs_and_tests() {
        for (text, expected) in [
            ("a is sameas b", "a == b"),
            ("a is eq(1) and c", "a == 1 and c"),
            ("a is not eq 1", "a != 1"),
            ("a is gt 3", "a > 3"),
            ("a is not gt 3", "a <= 3"),
            ("a is in [1, 2]", "a in [1, 2]"),
            ("a is not in b", "a not in b"),
            ("a is same as(b)", "a == b"),
            (
                "a.b is divisible by(3) or c",
                "a.b is divisible_by(divisor=3) or c",
            ),
            ("a starts with \"x\"", "a is starting_with(pat=\"x\")"),
            ("a is empty and b", "not a and b"),
            ("b and a is not empty", "b and a"),
            ("a is \"x\"", "a == \"x\""),
            ("a is not 1", "a != 1"),
            ("a not == 1", "a != 1"),
            ("a equals b", "a == b"),
            ("a.b contains \"x\"", "\"x\" in a.b"),
            ("a == 1 or b contains c and d", "a == 1 or c in b and d"),
            ("a.contains(b)", ""),
            ("contains", ""),
            ("a contains", ""),
            ("a is defined", ""),
            ("a is not none", ""),
            ("a is", ""),
            ("is", ""),
            ("a is eq(", ""),
            ("", ""),
        ] {
            let found = written(&tokens(text), joined);
            assert_eq!(found.unwrap_or_default(), expected, "{text}");
        }
    }
}
