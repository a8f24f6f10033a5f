//! Functions of other languages, as the filters, tests and signs that take their place.

use super::tokens::{Token, before, joined, rewritten, split, tokens};
use crate::within::Within;

/// Functions of one value, and the filter that does the same. An empty one: the value itself.
const PLAIN: [(&str, &str); 42] = [
    ("len", "length"),
    ("count", "length"),
    ("strlen", "length"),
    ("sizeof", "length"),
    ("mb_strlen", "length"),
    ("str", "str"),
    ("String", "str"),
    ("strval", "str"),
    ("int", "int"),
    ("Number", "int"),
    ("parseInt", "int"),
    ("intval", "int"),
    ("float", "float"),
    ("parseFloat", "float"),
    ("floatval", "float"),
    ("abs", "abs"),
    ("round", "round"),
    ("sorted", "sort"),
    ("reversed", "reverse"),
    ("array_reverse", "reverse"),
    ("array_keys", "keys"),
    ("array_values", "values"),
    ("array_unique", "unique"),
    ("ucfirst", "capitalize"),
    ("ucwords", "title"),
    ("htmlspecialchars", "escape"),
    ("htmlentities", "escape"),
    ("escape", "escape"),
    ("strtoupper", "upper"),
    ("upper", "upper"),
    ("strtolower", "lower"),
    ("lower", "lower"),
    ("trim", "trim"),
    ("ltrim", "trim_start"),
    ("rtrim", "trim_end"),
    ("nl2br", "newlines_to_br"),
    ("raw", "safe"),
    ("list", ""),
    ("dump", ""),
    ("var_dump", ""),
    ("Some", ""),
    ("e", ""),
];

/// Objects whose functions stand behind their name: `Math.round(a)`, `Str::upper(a)`.
pub(super) const OBJECTS: [&str; 8] = ["Math", "Object", "Array", "Number", "Str", "str", "fn", "String"];

/// An expression whose functions are written as Tera has them. `None`: it has none that is known.
pub(super) fn written(text: &str) -> Option<String> {
    rewritten(text, first)
}

/// The expression with its first known function written as Tera has it.
fn first(text: &str) -> Option<String> {
    let found = tokens(text);
    let opens = (1..found.len()).filter(|at| {
        let open = found.get(*at);
        open.is_some_and(|open| open.text == "(" && open.space.is_empty())
    });
    opens.into_iter().find_map(|open| call(&found, open))
}

/// The expression with the call whose bracket is at `open` written as Tera has it.
fn call(found: &[Token<'_>], open: usize) -> Option<String> {
    let name = before(found, open)?;
    let mut start = open - 1;
    let first = start.checked_sub(1).and_then(|at| before(found, at));
    match (first, before(found, start)) {
        (Some(object), Some("." | "::" | ":")) if OBJECTS.contains(&object) => start -= 2,
        (_, Some("." | "?." | "->" | "|" | "is" | "::" | "@")) => return None,
        _ => {}
    }
    let mut depth = 0_i32;
    let length = found.within(open..).iter().position(|token| {
        depth += i32::from(token.text == "(") - i32::from(token.text == ")");
        depth == 0
    })?;
    let close = open + length;
    let given: Vec<String> = split(found.within(open + 1..close), ",")
        .into_iter()
        .map(joined)
        .collect();
    let given: Vec<&str> = given
        .iter()
        .map(String::as_str)
        .filter(|given| !given.is_empty())
        .collect();
    let new = here(name, &given)?;
    let (before, behind) = (found.within(..start), found.within(close + 1..));
    let is_last = |token: Option<&Token<'_>>| token.is_none_or(|token| matches!(token.text, ")" | "," | "]"));
    let is_first = before
        .last()
        .is_none_or(|token| matches!(token.text, "(" | "," | "[" | "=" | "if" | "in" | "else"));
    let is_filter = new.contains(" | ") && behind.first().is_some_and(|token| token.text == "|");
    let is_alone = !new.contains(' ') || (is_first && (is_last(behind.first()) || is_filter));
    let new = if is_alone { new } else { format!("({new})") };
    let text = |tokens: &[Token<'_>]| -> String {
        tokens
            .iter()
            .flat_map(|token| [token.space, token.text])
            .collect()
    };
    Some(format!(
        "{}{}{new}{}",
        text(before),
        found.get(start)?.space,
        text(behind)
    ))
}

/// What a function says here.
fn here(name: &str, given: &[&str]) -> Option<String> {
    if given.iter().any(|argument| is_named(argument)) {
        return (name == "dict").then(|| map(given));
    }
    Some(match (name, given) {
        ("isset" | "defined", [value]) => format!("{value} is defined"),
        ("is_null" | "isNull", [value]) => format!("{value} is none"),
        ("is_array" | "isArray", [value]) => format!("{value} is array"),
        ("is_string", [value]) => format!("{value} is string"),
        ("is_numeric" | "isInteger" | "is_int", [value]) => format!("{value} is number"),
        ("empty" | "isEmpty", [value]) => format!("not {value}"),
        ("isinstance", [value, kind]) => format!("{value} is {}", kind_of(kind)?),
        ("hasattr", [value, name]) => format!("{value}[{name}] is defined"),
        ("in_array", [item, list]) => format!("{item} in {list}"),
        ("array_key_exists", [key, map]) => format!("{key} in ({map} | keys)"),
        ("round" | "number_format", [value, digits, ..]) => format!("{value} | round(precision={digits})"),
        ("ceil" | "floor", [value]) => format!("{value} | round(method=\"{name}\")"),
        ("max" | "min", [one, other]) => {
            format!(
                "{one} if {one} {} {other} else {other}",
                if name == "max" { ">" } else { "<" }
            )
        }
        ("max" | "min", [list]) => {
            format!("{list} | sort | {}", if name == "max" { "last" } else { "first" })
        }
        (name, [value]) if PLAIN.iter().any(|(known, _)| *known == name) => {
            let (_, filter) = PLAIN.iter().find(|(known, _)| *known == name)?;
            match filter.is_empty() {
                true => (*value).to_owned(),
                false => format!("{value} | {filter}"),
            }
        }
        _ => return of_texts(name, given),
    })
}

/// The same for functions of texts, lists and maps.
fn of_texts(name: &str, given: &[&str]) -> Option<String> {
    Some(match (name, given) {
        ("implode" | "join", [separator, list]) => format!("{list} | join(sep={separator})"),
        ("explode", [separator, text]) => format!("{text} | split(pat={separator})"),
        ("split", [text, separator]) => format!("{text} | split(pat={separator})"),
        ("str_replace", [from, to, text]) => format!("{text} | replace(from={from}, to={to})"),
        ("replace", [text, from, to]) => format!("{text} | replace(from={from}, to={to})"),
        ("substr" | "substring" | "mb_substr", [text, start, length]) => {
            format!("{text}[{start}:{}]", end_of(start, length))
        }
        ("substr" | "substring" | "mb_substr", [text, start]) => format!("{text}[{start}:]"),
        ("array_slice", [list, start, length]) => format!("{list}[{start}:{}]", end_of(start, length)),
        ("str_contains" | "contains", [text, part]) => format!("{part} in {text}"),
        ("str_starts_with" | "startsWith", [text, part]) => format!("{text} is starting_with(pat={part})"),
        ("str_ends_with" | "endsWith", [text, part]) => format!("{text} is ending_with(pat={part})"),
        ("array_merge", [one, other]) => format!("[...{one}, ...{other}]"),
        ("keys", [map]) => format!("{map} | keys"),
        ("values", [map]) => format!("{map} | values"),
        ("entries", [map]) => format!("{map} | pairs"),
        ("toUpperCase" | "toLowerCase", [value]) => {
            format!(
                "{value} | {}",
                if name == "toUpperCase" { "upper" } else { "lower" }
            )
        }
        ("length" | "size", [value]) => format!("{value} | length"),
        _ => return None,
    })
}

fn is_named(argument: &str) -> bool {
    tokens(argument).get(1).is_some_and(|second| second.text == "=")
}

/// `dict(a=1)`
fn map(given: &[&str]) -> String {
    let pairs = given.iter().filter_map(|argument| argument.split_once('='));
    let pairs: Vec<String> = pairs
        .map(|(name, value)| format!("\"{}\": {}", name.trim(), value.trim()))
        .collect();
    format!("{{{}}}", pairs.join(", "))
}

fn kind_of(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "str" => "string",
        "int" => "integer",
        "float" => "float",
        "bool" => "bool",
        "list" | "tuple" => "array",
        "dict" => "map",
        _ => return None,
    })
}

/// Where a part ends that begins at `start`.
fn end_of(start: &str, length: &str) -> String {
    let numbers = start.parse::<i64>().ok().zip(length.parse::<i64>().ok());
    match numbers.and_then(|(start, length)| start.checked_add(length)) {
        Some(end) => end.to_string(),
        None => format!("{start} + {length}"),
    }
}

#[cfg(test)]
mod tests {
    use super::written;

    #[test]
    fn functions_become_what_takes_their_place() {
        for (text, expected) in [
            ("len(a)", "a | length"),
            ("len(a) > 0", "(a | length) > 0"),
            ("isset(a) and b", "(a is defined) and b"),
            ("Math.round(a)", "a | round"),
            ("Object.keys(a)", "a | keys"),
            ("round(a, 2)", "a | round(precision=2)"),
            ("implode(', ', a)", "a | join(sep=', ')"),
            ("nl2br(e(a))", "a | newlines_to_br"),
            ("substr(a, 1, 3)", "a[1:4]"),
            ("isinstance(a, str)", "a is string"),
            ("dict(a=1, b='c')", "{\"a\": 1, \"b\": 'c'}"),
            ("strtoupper(a) | trim", "a | upper | trim"),
            ("a | round(precision=1)", ""),
            ("range(end=5)", ""),
            ("a.count(b)", ""),
            ("len(a", ""),
            ("f(x)", ""),
            ("(a)", ""),
            ("", ""),
        ] {
            assert_eq!(written(text).unwrap_or_default(), expected, "{text}");
        }
    }
}
