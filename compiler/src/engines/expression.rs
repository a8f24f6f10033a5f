//! Expressions as other languages write them.

use super::{
    filters::filters,
    methods,
    signs::{comparison, signs},
    tokens::{Token, joined, split, tokens},
};

/// Whether an expression has a constant of Python's, or compares with one of another engine.
pub(crate) fn has_constant(expression: &str) -> bool {
    let found = tokens(expression);
    let is_constant = |at: usize| {
        let before = at.checked_sub(1).map(|before| found[before].text);
        let is_compared = matches!(before, Some("==" | "!="));
        match found[at].text {
            "None" | "True" | "False" => !matches!(before, Some("." | "?." | "|")),
            "nil" | "null" | "undefined" | "blank" | "empty" => is_compared,
            _ => false,
        }
    };
    (0..found.len()).any(is_constant)
}

/// Whether an expression adds to a text, which Tera refuses when the page is rendered.
pub(crate) fn joins_with_plus(expression: &str) -> bool {
    let found = tokens(expression);
    let is_text = |token: Option<&Token<'_>>| token.is_some_and(|token| token.text.starts_with(['"', '\'']));
    found.iter().enumerate().any(|(at, token)| {
        token.text == "+"
            && (is_text(at.checked_sub(1).and_then(|before| found.get(before))) || is_text(found.get(at + 1)))
    })
}

/// The expression as Tera writes it. `None`: nothing in it is of another engine. `compares`: whether `=` compares.
pub(super) fn rewritten(text: &str, compares: bool) -> Option<String> {
    let same = tidy(&joined(&tokens(text)));
    let text = methods::written(text).unwrap_or_else(|| text.to_owned());
    let found = tokens(&text);
    let new = tidy(&all(&found, compares));
    (new != same && !new.is_empty()).then_some(new)
}

fn tidy(text: &str) -> String {
    text.trim().trim_end_matches(';').trim_end().to_owned()
}

fn all(tokens: &[Token<'_>], compares: bool) -> String {
    if let Some(chosen) = ternary(tokens, compares) {
        return chosen;
    }
    if let Some(moved) = compared_first(tokens)
        .or_else(|| called(tokens))
        .or_else(|| worded(tokens, compares))
        .or_else(|| type_tested(tokens))
        .or_else(|| emptied(tokens))
    {
        return moved;
    }
    let mut words = signs(tokens, compares);
    if !compares && lacks_else(&words) {
        words.push(" else \"\"".to_owned());
    }
    filters(&words.concat())
}

/// Whether these are `a if b` or `a if b.c`, as Jinja has them, without an `else`.
fn lacks_else(words: &[String]) -> bool {
    let words: Vec<&str> = words.iter().map(|word| word.trim()).collect();
    let ends_in_if = matches!(words.as_slice(), [.., "if", _] | [.., "if", _, _, _]);
    ends_in_if && words.len() > 2 && words[0] != "if" && !words.contains(&"else")
}

/// `a starts with b`, `a matches b` and `a is sameas b`.
fn worded(tokens: &[Token<'_>], compares: bool) -> Option<String> {
    let (at, length, test) = (1..tokens.len()).find_map(|at| {
        let next = |by: usize| tokens.get(at + by).map(|token| token.text);
        Some(match (tokens[at].text, next(1)) {
            ("starts", Some("with")) => (at, 2, "starting_with(pat="),
            ("ends", Some("with")) => (at, 2, "ending_with(pat="),
            ("matches", Some(_)) => (at, 1, "containing(pat="),
            ("is", Some("sameas" | "equalto" | "eq")) if next(2) != Some("(") => (at, 2, ""),
            ("is", Some("divisibleby")) if next(2) != Some("(") && next(2).is_some() => {
                (at, 2, "divisible_by(divisor=")
            }
            _ => return None,
        })
    })?;
    let end = (at + length + 1).min(tokens.len());
    let other = joined(tokens.get(at + length..end)?);
    let before = joined(&tokens[..at]);
    let test = match test {
        "" => format!("== {other}"),
        test => format!("is {test}{other})"),
    };
    let behind = all(&tokens[end..], compares);
    Some(format!("{before} {test}{behind}"))
}

/// `a == blank` and `a != empty` of Liquid.
fn emptied(tokens: &[Token<'_>]) -> Option<String> {
    let [value @ .., sign, word] = tokens else {
        return None;
    };
    let is_one = !value.is_empty() && !value.iter().any(|token| matches!(token.text, "and" | "or"));
    let value = joined(value);
    Some(match (sign.text, word.text) {
        _ if !is_one => return None,
        ("==", "blank") => format!("not {value}"),
        ("!=", "blank") => value,
        (sign @ ("==" | "!="), "empty") => format!("{value} | length {sign} 0"),
        _ => return None,
    })
}

/// `typeof a == "string"`
fn type_tested(tokens: &[Token<'_>]) -> Option<String> {
    let [word, value @ .., sign, kind] = tokens else {
        return None;
    };
    let test = match kind.text.trim_matches(['"', '\'']) {
        "string" => "string",
        "number" => "number",
        "boolean" => "bool",
        "object" => "map",
        "undefined" => "undefined",
        _ => return None,
    };
    let not = if sign.text.starts_with('!') { "not " } else { "" };
    let is_test =
        word.text == "typeof" && !value.is_empty() && matches!(sign.text, "==" | "===" | "!=" | "!==");
    is_test.then(|| format!("{} is {not}{test}", joined(value)))
}

/// `eq a b`: Go writes what compares before the values.
fn compared_first(tokens: &[Token<'_>]) -> Option<String> {
    let sign = comparison(tokens.first()?.text)?;
    if tokens.len() < 3 || matches!(tokens[1].text, "." | "(" | "|" | "==") {
        return None;
    }
    let second = (2..tokens.len()).find(|at| !tokens[*at].space.is_empty())?;
    let (one, other) = (joined(&tokens[1..second]), joined(&tokens[second..]));
    Some(format!("{one} {sign} {other}"))
}

/// `len(a)`: a function of Python, PHP or JavaScript that is a filter here.
fn called(tokens: &[Token<'_>]) -> Option<String> {
    let filter = match tokens.first()?.text {
        "len" | "count" | "strlen" | "sizeof" => "length",
        "str" | "String" => "str",
        "int" | "Number" | "parseInt" => "int",
        "float" => "float",
        "abs" => "abs",
        "round" => "round",
        "sorted" => "sort",
        "reversed" => "reverse",
        "ucfirst" => "capitalize",
        "htmlspecialchars" => "escape",
        "strtoupper" => "upper",
        "strtolower" => "lower",
        "dump" | "var_dump" | "_" | "gettext" => "",
        _ => return None,
    };
    let [_, open, inside @ .., close] = tokens else {
        return None;
    };
    let is_call = open.text == "("
        && close.text == ")"
        && !inside.is_empty()
        && !inside.iter().any(|token| token.text == ",");
    let inside = joined(inside);
    is_call.then(|| {
        if filter.is_empty() {
            inside
        } else {
            format!("{inside} | {filter}")
        }
    })
}

/// `a ? b : c`, `a ?: c` and `a ?? c`.
fn ternary(tokens: &[Token<'_>], compares: bool) -> Option<String> {
    for sign in ["??", "?:"] {
        if let [value, other] = split(tokens, sign).as_slice() {
            return Some(format!(
                "{} or {}",
                all(value, compares).trim(),
                all(other, compares).trim()
            ));
        }
    }
    let (condition, rest) = match split(tokens, "?").as_slice() {
        [condition, rest] => (*condition, *rest),
        _ => return None,
    };
    let [yes, no] = *split(rest, ":").as_slice() else {
        return None;
    };
    let part = |tokens: &[Token<'_>]| all(tokens, false).trim().to_owned();
    Some(format!("{} if {} else {}", part(yes), part(condition), part(no)))
}
