//! Methods of other languages' values, as the filters, tests and signs that take their place.

use super::{
    filters::arguments,
    functions, lists,
    tokens::{Token, joined, rewritten, text_at, tokens, value_start},
};
use crate::within::Within;

/// Methods without arguments, and the filter that does the same.
const PLAIN: [(&str, &str); 45] = [
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
    ("titlecase", "title"),
    ("titleize", "title"),
    ("ucfirst", "capitalize"),
    ("uniq", "unique"),
    ("toFloat", "float"),
    ("to_f", "float"),
    ("nl2br", "newlines_to_br"),
    ("html_safe", "safe"),
    ("toInt", "int"),
];

/// An expression whose methods are written as Tera has them. `None`: it has none, or none that is known.
pub(super) fn written(text: &str) -> Option<String> {
    rewritten(text, first)
}

/// The name of the first method that an expression calls, and the value before it.
pub(super) fn called(text: &str) -> Option<(String, String)> {
    let found = tokens(text);
    let (dot, start) = call(&found)?;
    Some((
        joined(found.within(start..dot)),
        text_at(&found, dot + 1).to_owned(),
    ))
}

/// The expression with its first method written as Tera has it.
fn first(text: &str) -> Option<String> {
    let found = tokens(text);
    let (dot, start) = call(&found)?;
    let value = joined(found.within(start..dot));
    if functions::OBJECTS.contains(&value.as_str()) {
        return None;
    }
    let (given, end) = arguments(&found, dot + 2);
    let given: Vec<&str> = given.iter().map(String::as_str).collect();
    let method = text_at(&found, dot + 1);
    let new = here(&value, method, &given)?;
    let before: String = found
        .within(..start)
        .iter()
        .flat_map(|token| [token.space, token.text])
        .collect();
    let behind: String = found
        .within(end..)
        .iter()
        .flat_map(|token| [token.space, token.text])
        .collect();
    let space = found.get(start)?.space;
    if method == "indexOf"
        && let Some(new) = found_in(&value, &given, behind.trim_start())
    {
        return Some(format!("{before}{space}{new}"));
    }
    // A filter or a test binds weaker than a sign behind it.
    let is_alone = behind.trim().is_empty() || behind.trim_start().starts_with(['|', ')', ',']);
    let is_simple = !new.contains(' ') || (new.starts_with('[') && new.ends_with(']'));
    Some(match is_alone || is_simple {
        true => format!("{before}{space}{new}{behind}"),
        false => format!("{before}{space}({new}){behind}"),
    })
}

/// `a.indexOf(b) > -1`
fn found_in(value: &str, given: &[&str], behind: &str) -> Option<String> {
    let [item] = given else { return None };
    for (compared, sign) in [
        ("> -1", "in"),
        (">= 0", "in"),
        ("!= -1", "in"),
        ("!== -1", "in"),
        ("== -1", "not in"),
        ("=== -1", "not in"),
        ("< 0", "not in"),
    ] {
        if let Some(rest) = behind.strip_prefix(compared) {
            return Some(format!("{item} {sign} {value}{rest}"));
        }
    }
    None
}

/// Where the dot of the first called method stands, and where its value begins.
fn call(found: &[Token<'_>]) -> Option<(usize, usize)> {
    let is_name = |token: &Token<'_>| token.text.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let mut calls = found.windows(3).enumerate().skip(1);
    let (dot, _) = calls.find(|(_, tokens)| match tokens {
        [dot, name, open] => dot.text == "." && is_name(name) && open.text == "(" && open.space.is_empty(),
        _ => false,
    })?;
    let start = value_start(found, dot, false);
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
        (method, []) if PLAIN.iter().any(|(name, _)| *name == method) => {
            let (_, filter) = PLAIN.iter().find(|(name, _)| *name == method)?;
            format!("{value} | {filter}")
        }
        _ => return of_rust(value, method, given).or_else(|| of_list(value, method, given)),
    })
}

/// Methods of Rust, Java and others around a value that may be missing, and those that change nothing here.
fn of_rust(value: &str, method: &str, given: &[&str]) -> Option<String> {
    Some(match (method, given) {
        (
            "iter" | "into_iter" | "iter_mut" | "clone" | "cloned" | "copied" | "unwrap" | "as_str"
            | "as_ref" | "as_deref" | "to_owned" | "collect" | "borrow" | "toArray" | "to_a" | "all"
            | "orElseThrow",
            [],
        ) => value.to_owned(),
        ("is_some" | "isPresent", []) => format!("{value} is not none"),
        ("is_none", []) => format!("{value} is none"),
        ("unwrap_or" | "or" | "orElse" | "getOrElse", [other]) => format!("{value} or {other}"),
        ("unwrap_or_default", []) => format!("{value} or \"\""),
        ("concat", [other]) => format!("{value} ~ {other}"),
        ("substr", [from, length]) => format!("{value}[{from}:{from} + {length}]"),
        ("equals", [other]) => format!("{value} == {other}"),
        _ => return None,
    })
}

/// Methods that go through a list.
fn of_list(value: &str, method: &str, given: &[&str]) -> Option<String> {
    Some(match (method, given) {
        ("map", [function]) if function.contains("=>") => {
            lists::list("map", value, &[(*function).to_owned()])?
        }
        ("map", [function]) if function.starts_with('|') => {
            let (name, body) = function.within(1..).split_once('|')?;
            lists::list("map", value, &[format!("{name} => {body}")])?
        }
        ("filter", [function]) if function.contains("=>") => {
            lists::list("filter", value, &[(*function).to_owned()])?
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
            ("a.iter()", Some("a")),
            (
                "a.map(x => x.b).join(', ')",
                Some("[x.b for x in a] | join(sep=', ')"),
            ),
            ("a.unwrap_or(b)", Some("a or b")),
            ("a.is_some() and b", Some("(a is not none) and b")),
            ("a.indexOf(b) > -1 and c", Some("b in a and c")),
            ("a.indexOf(b) === -1", Some("b not in a")),
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
