//! Expressions whose sign or function stands first, as in Go and in Handlebars: `eq .A 1`, `and (eq a b) c`.

use super::{
    interpolation,
    signs::comparison,
    tokens::{Token, joined, names, tokens},
};
use crate::within::Within;

/// How deep brackets may lie in each other.
const MOST: usize = 16;

/// Filters that are called as functions there.
const FILTERS: [(&str, &str); 12] = [
    ("len", "length"),
    ("length", "length"),
    ("count", "length"),
    ("upper", "upper"),
    ("toUpper", "upper"),
    ("uppercase", "upper"),
    ("lower", "lower"),
    ("toLower", "lower"),
    ("lowercase", "lower"),
    ("title", "title"),
    ("trim", "trim"),
    ("safeHTML", "safe"),
];

/// The expression with its signs between the values. `None`: it does not begin with a sign.
pub(super) fn written(expression: &str) -> Option<String> {
    expression_of(&tokens(expression), 0)
}

fn expression_of(found: &[Token<'_>], depth: usize) -> Option<String> {
    let (first, rest) = found.split_first()?;
    let all = items(rest)?;
    let is_apart = rest.first().is_some_and(|next| !next.space.is_empty());
    if !is_apart || depth > MOST {
        return None;
    }
    let mut values = Vec::new();
    for item in &all {
        values.push(value(item, depth)?);
    }
    called(first.text, &values)
}

/// What a call says here.
fn called(name: &str, values: &[String]) -> Option<String> {
    if let Some(sign) = comparison(name) {
        return match values {
            [one, other] => Some(format!("{one} {sign} {other}")),
            _ => None,
        };
    }
    if let Some((_, filter)) = FILTERS.iter().find(|(known, _)| *known == name) {
        return match values {
            [value] => Some(format!("{value} | {filter}")),
            _ => None,
        };
    }
    match (name, values) {
        ("and" | "or", [_, _, ..]) => Some(values.join(&format!(" {name} "))),
        ("not", [value]) => Some(format!("not {value}")),
        ("index" | "lookup" | "get", [value, keys @ ..]) if !keys.is_empty() => {
            let keys: String = keys.iter().map(|key| format!("[{key}]")).collect();
            Some(format!("{value}{keys}"))
        }
        ("slice", [value, start, end]) => Some(format!("{value}[{start}:{end}]")),
        ("print" | "println" | "concat", [_, _, ..]) => Some(values.join(" ~ ")),
        ("html", [value]) => Some(value.clone()),
        ("default", [other, value]) => Some(format!("{value} | default(value={other})")),
        ("add" | "sub" | "mul" | "div", [one, other]) => {
            let sign = match name {
                "add" => "+",
                "sub" => "-",
                "mul" => "*",
                _ => "/",
            };
            Some(format!("{one} {sign} {other}"))
        }
        ("printf", [pattern, rest @ ..]) => {
            interpolation::written(&format!("printf({pattern}, {})", rest.join(", ")))
        }
        ("ternary", [yes, no, condition]) => Some(format!("{yes} if {condition} else {no}")),
        _ => None,
    }
}

/// One value: a name, or a call in brackets.
fn value(item: &[Token<'_>], depth: usize) -> Option<String> {
    if let [open, inside @ .., close] = item
        && open.text == "("
        && close.text == ")"
    {
        let inside = expression_of(inside, depth + 1)?;
        return Some(match inside.contains(' ') {
            true => format!("({inside})"),
            false => inside,
        });
    }
    Some(names(joined(item).trim()))
}

/// Values with white space between them. `None`: there are signs between them.
fn items<'f, 't>(found: &'f [Token<'t>]) -> Option<Vec<&'f [Token<'t>]>> {
    let mut all = Vec::new();
    let mut start = 0;
    let mut depth = 0_i32;
    for (at, token) in found.iter().enumerate() {
        if depth == 0 && !token.space.is_empty() && at > start {
            all.push(found.within(start..at));
            start = at;
        }
        depth += i32::from(token.text == "(") - i32::from(token.text == ")");
        let first = token.text.chars().next().unwrap_or(' ');
        let is_value = first.is_alphanumeric()
            || matches!(
                first,
                '_' | '"' | '\'' | '`' | '$' | '@' | '(' | ')' | '.' | '[' | ']' | '-'
            );
        let is_word = matches!(token.text, "if" | "else" | "in" | "is")
            || (matches!(token.text, "and" | "or") && depth == 0);
        if !is_value || is_word || depth < 0 || token.text == ".." {
            return None;
        }
    }
    all.extend((start < found.len()).then(|| found.within(start..)));
    (depth == 0).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::written;

    #[test]
    fn signs_come_between_the_values() {
        for (text, expected) in [
            ("eq .A 1", "A == 1"),
            ("and .A .B", "A and B"),
            ("and (eq .A 1) (not .B)", "(A == 1) and (not B)"),
            ("or a b c", "a or b or c"),
            ("not .A", "not A"),
            ("slice .A 1 2", "A[1:2]"),
            ("index .M \"k\" 0", "M[\"k\"][0]"),
            ("len .A.B", "A.B | length"),
            ("print .A .B", "A ~ B"),
            ("printf \"%s!\" .A", "A ~ \"!\""),
            ("default \"x\" .A", "A | default(value=\"x\")"),
            ("not a and b", ""),
            ("eq a", ""),
            ("and(a, b)", ""),
            ("and (a", ""),
            ("a b", ""),
            ("not a | upper", ""),
            ("", ""),
        ] {
            assert_eq!(written(text).unwrap_or_default(), expected, "{text}");
        }
    }
}
