//! Methods of other languages' values, as the filters, tests and signs that take their place.

use super::{
    filters::arguments,
    tokens::{Token, joined, tokens},
};

/// How many methods of one expression are looked at.
const MOST: usize = 8;

/// Methods without arguments, and the filter that does the same.
const PLAIN: [(&str, &str); 36] = [
    ("upper", "upper"),
    ("toUpperCase", "upper"),
    ("to_uppercase", "upper"),
    ("upcase", "upper"),
    ("lower", "lower"),
    ("toLowerCase", "lower"),
    ("to_lowercase", "lower"),
    ("downcase", "lower"),
    ("length", "length"),
    ("size", "length"),
    ("len", "length"),
    ("count", "length"),
    ("trim", "trim"),
    ("strip", "trim"),
    ("trimStart", "trim_start"),
    ("lstrip", "trim_start"),
    ("trimEnd", "trim_end"),
    ("rstrip", "trim_end"),
    ("keys", "keys"),
    ("values", "values"),
    ("items", "pairs"),
    ("entries", "pairs"),
    ("title", "title"),
    ("capitalize", "capitalize"),
    ("first", "first"),
    ("last", "last"),
    ("reverse", "reverse"),
    ("reversed", "reverse"),
    ("sort", "sort"),
    ("unique", "unique"),
    ("abs", "abs"),
    ("round", "round"),
    ("toString", "str"),
    ("to_string", "str"),
    ("to_s", "str"),
    ("to_i", "int"),
];

/// An expression whose methods are written as Tera has them. `None`: it has none, or none that is known.
pub(super) fn written(text: &str) -> Option<String> {
    let mut new = text.to_owned();
    let mut changed = false;
    for _ in 0..MOST {
        let Some(next) = first(&new) else { break };
        new = next;
        changed = true;
    }
    changed.then_some(new)
}

/// The name of the first method that an expression calls, and the value before it.
pub(super) fn called(text: &str) -> Option<(String, String)> {
    let found = tokens(text);
    let (dot, start) = call(&found)?;
    Some((joined(&found[start..dot]), found[dot + 1].text.to_owned()))
}

/// The expression with its first method written as Tera has it.
fn first(text: &str) -> Option<String> {
    let found = tokens(text);
    let (dot, start) = call(&found)?;
    let value = joined(&found[start..dot]);
    let (given, end) = arguments(&found, dot + 2);
    let given: Vec<&str> = given.iter().map(String::as_str).collect();
    let new = here(&value, found[dot + 1].text, &given)?;
    let before: String = found[..start]
        .iter()
        .flat_map(|token| [token.space, token.text])
        .collect();
    let behind: String = found[end..]
        .iter()
        .flat_map(|token| [token.space, token.text])
        .collect();
    let space = found[start].space;
    // A filter or a test binds weaker than a sign behind it.
    let is_alone = behind.trim().is_empty() || behind.trim_start().starts_with(['|', ')', ',']);
    let is_simple = !new.contains(' ');
    Some(match is_alone || is_simple {
        true => format!("{before}{space}{new}{behind}"),
        false => format!("{before}{space}({new}){behind}"),
    })
}

/// Where the dot of the first called method stands, and where its value begins.
fn call(found: &[Token<'_>]) -> Option<(usize, usize)> {
    let is_name = |token: &Token<'_>| token.text.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let dot = (1..found.len().saturating_sub(2)).find(|at| {
        let [dot, name, open] = [found[*at], found[at + 1], found[at + 2]];
        dot.text == "." && is_name(&name) && open.text == "(" && open.space.is_empty()
    })?;
    // Tera has calls of its own at the beginning of a chain.
    let mut start = dot;
    let mut depth = 0_i32;
    while start > 0 {
        let token = found[start - 1];
        let closes = matches!(token.text, ")" | "]");
        depth += i32::from(closes) - i32::from(matches!(token.text, "(" | "["));
        let is_part = closes || depth > 0 || matches!(token.text, "." | "?." | "(" | "[") || {
            let first = token.text.chars().next().unwrap_or(' ');
            first.is_alphanumeric() || matches!(first, '_' | '"' | '\'' | '$')
        };
        if depth < 0 || !is_part {
            break;
        }
        start -= 1;
        if depth == 0 && !found[start].space.is_empty() {
            break;
        }
    }
    (start < dot).then_some((dot, start))
}

/// What a method of a value is here.
fn here(value: &str, method: &str, given: &[&str]) -> Option<String> {
    // A filter behind another needs no brackets.
    let bare = value
        .strip_prefix('(')
        .and_then(|inside| inside.strip_suffix(')'));
    let value = bare
        .filter(|inside| inside.contains(" | ") && !inside.contains(['(', ')']))
        .unwrap_or(value);
    let is_text = value.starts_with(['"', '\'']);
    Some(match (method, given) {
        ("replace" | "replaceAll" | "gsub" | "sub", [from, to]) => {
            format!("{value} | replace(from={from}, to={to})")
        }
        ("split", [at]) => format!("{value} | split(pat={at})"),
        ("startswith" | "startsWith" | "starts_with", [with]) => {
            format!("{value} is starting_with(pat={with})")
        }
        ("endswith" | "endsWith" | "ends_with", [with]) => format!("{value} is ending_with(pat={with})"),
        ("includes" | "contains" | "has" | "indexOf" | "has_key" | "hasOwnProperty", [item]) => {
            format!("{item} in {value}")
        }
        ("join", [list]) if is_text => format!("{list} | join(sep={value})"),
        ("join", [separator]) => format!("{value} | join(sep={separator})"),
        ("join", []) => format!("{value} | join(sep=\",\")"),
        ("toFixed", [digits]) => format!("{value} | round(precision={digits})"),
        ("slice" | "substring", [from, to]) => format!("{value}[{from}:{to}]"),
        ("slice" | "substring", [from]) => format!("{value}[{from}:]"),
        ("get", [key]) => format!("{value}[{key}]"),
        ("get", [key, other]) => format!("{value}[{key}] or {other}"),
        ("at" | "charAt" | "nth", [index]) => format!("{value}[{index}]"),
        ("isEmpty" | "is_empty" | "empty?", []) => format!("{value} | length == 0"),
        (method, []) => {
            let (_, filter) = PLAIN.iter().find(|(name, _)| *name == method)?;
            format!("{value} | {filter}")
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::written;

    #[test]
    fn methods_become_what_takes_their_place() {
        for (text, expected) in [
            ("a.upper()", Some("a | upper")),
            ("a.b.trim().lower()", Some("a.b | trim | lower")),
            ("a.replace('x', \"y\")", Some("a | replace(from='x', to=\"y\")")),
            ("\", \".join(a)", Some("a | join(sep=\", \")")),
            ("a.join('-')", Some("a | join(sep='-')")),
            ("a.includes(b) and c", Some("(b in a) and c")),
            ("a.length() > 0", Some("(a | length) > 0")),
            ("x == a.slice(0, 3)", Some("x == a[0:3]")),
            ("a[0].get('k')", Some("a[0]['k']")),
            ("f(a.size())", Some("f(a | length)")),
            ("a.map(b)", None),
            ("a.b", None),
            ("f(a)", None),
            ("", None),
            ("a.", None),
            (".b()", None),
        ] {
            assert_eq!(written(text).as_deref(), expected, "{text}");
        }
    }
}
