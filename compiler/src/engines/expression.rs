//! Expressions as other languages write them.

use super::{
    comparisons,
    filters::filters,
    functions, interpolation, methods, prefix,
    signs::signs,
    tokens::{Token, before, joined, split, text_at, tokens},
    turns,
};

/// Whether an expression has a constant of Python's, or compares with one of another engine.
pub(crate) fn has_constant(expression: &str) -> bool {
    let found = tokens(expression);
    let is_constant = |at: usize| {
        let last = before(&found, at);
        let is_compared = matches!(last, Some("==" | "!="));
        match text_at(&found, at) {
            // Behind an `is`, it is a test that Tera does not know.
            "None" | "True" | "False" => match last {
                Some("." | "?." | "|" | "is") => false,
                Some("not") => before(&found, at - 1) != Some("is"),
                _ => true,
            },
            "nil" | "null" | "undefined" | "blank" | "empty" => is_compared,
            _ => false,
        }
    };
    (0..found.len()).any(is_constant)
}

/// Whether an expression adds to a text, which Tera refuses when the page is rendered.
pub(crate) fn joins_with_plus(expression: &str) -> bool {
    let found = tokens(expression);
    let is_text = |text: &str| text.starts_with(['"', '\'', '`']);
    found.iter().enumerate().any(|(at, token)| {
        token.text == "+" && (before(&found, at).is_some_and(is_text) || is_text(text_at(&found, at + 1)))
    })
}

/// The expression as Tera writes it. `None`: nothing in it is of another engine. `compares`: whether `=` compares.
pub(super) fn rewritten(text: &str, compares: bool) -> Option<String> {
    let same = joined(&tokens(text));
    // PHP reaches into its values by an arrow.
    let same_with_dots = match same.contains('$') {
        true => same.replace("->", ".").replace(" . ", " ~ "),
        false => same.clone(),
    };
    let steps = [
        without_owner,
        interpolation::written,
        turns::written,
        methods::written,
        functions::written,
    ];
    let text = steps
        .iter()
        .fold(tidy(&same_with_dots), |text, step| step(&text).unwrap_or(text));
    let found = tokens(&text);
    let new = tidy(&all(&found, compares));
    (new != same && !new.is_empty()).then_some(new)
}

/// An expression without `self.` and `this.` before the names of the page.
fn without_owner(text: &str) -> Option<String> {
    let found = tokens(text);
    let is_owner = |at: usize| {
        let is_first = !matches!(before(&found, at), Some("." | "?." | "->" | "|"));
        let is_called = text_at(&found, at + 3) == "(";
        let is_member = text_at(&found, at + 1) == "." && !text_at(&found, at + 2).is_empty();
        matches!(text_at(&found, at), "self" | "this") && is_first && is_member && !is_called
    };
    let owners: Vec<bool> = (0..found.len()).map(is_owner).collect();
    let owner_at = |at: Option<usize>| at.and_then(|at| owners.get(at)).is_some_and(|is_owner| *is_owner);
    let kept = found
        .iter()
        .enumerate()
        .filter(|(at, _)| !owner_at(Some(*at)) && !owner_at(at.checked_sub(1)));
    let new: String = kept
        .flat_map(|(at, token)| {
            let owner = at.checked_sub(2).filter(|owner| owner_at(Some(*owner)));
            let space = owner
                .and_then(|owner| found.get(owner))
                .map_or(token.space, |owner| owner.space);
            [space, token.text]
        })
        .collect();
    owners.contains(&true).then_some(new)
}

fn tidy(text: &str) -> String {
    text.trim().trim_end_matches(';').trim_end().to_owned()
}

fn all(tokens: &[Token<'_>], compares: bool) -> String {
    if let Some(chosen) = ternary(tokens, compares) {
        return chosen;
    }
    if let Some(moved) = sign_first(tokens)
        .or_else(|| comparisons::written(tokens, |rest| all(rest, compares)))
        .or_else(|| type_tested(tokens))
        .or_else(|| emptied(tokens))
        .or_else(|| several(tokens))
    {
        return moved;
    }
    let mut words = signs(tokens, compares);
    if !compares {
        words.extend(other_value(tokens).map(str::to_owned));
    }
    filters(&words.concat())
}

/// What `a if b` and `a if b else` lack.
fn other_value(tokens: &[Token<'_>]) -> Option<&'static str> {
    let mut depth = 0_i32;
    let mut condition = false;
    for (at, token) in tokens.iter().enumerate() {
        depth += i32::from(matches!(token.text, "(" | "[" | "{"))
            - i32::from(matches!(token.text, ")" | "]" | "}"));
        match token.text {
            "if" if depth == 0 && at > 0 && at + 1 < tokens.len() => condition = true,
            "else" if depth == 0 && at + 1 == tokens.len() => return condition.then_some(" \"\""),
            "else" if depth == 0 => return None,
            _ => {}
        }
    }
    condition.then_some(" else \"\"")
}

/// `eq a b`, `and (not a) b`: Go and Handlebars write signs before the values.
fn sign_first(tokens: &[Token<'_>]) -> Option<String> {
    let [first, second, ..] = tokens else { return None };
    // A `not` stands first here, too.
    let is_own = first.text == "not" && !matches!(second.text, "." | "$");
    (!is_own).then(|| prefix::written(&joined(tokens))).flatten()
}

/// `(1, 2)` of Python.
fn several(tokens: &[Token<'_>]) -> Option<String> {
    let [open, inside @ .., close] = tokens else {
        return None;
    };
    let is_list = open.text == "(" && close.text == ")" && split(inside, ",").len() > 1;
    let is_one = !inside.iter().any(|token| matches!(token.text, "(" | ")"));
    (is_list && is_one).then(|| format!("[{}]", joined(inside)))
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
        ("==" | "===", "undefined") => format!("{value} is undefined"),
        ("!=" | "!==", "undefined") => format!("{value} is defined"),
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
    let part = |tokens: &[Token<'_>]| all(tokens, false).trim().to_owned();
    match split(rest, ":").as_slice() {
        // `a?` of Rust and Swift.
        [[]] => Some(part(condition)),
        [yes] => Some(format!("{} if {} else \"\"", part(yes), part(condition))),
        [yes, no] => Some(format!("{} if {} else {}", part(yes), part(condition), part(no))),
        _ => None,
    }
}
