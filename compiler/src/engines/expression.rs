//! Expressions as other languages write them.

use super::tokens::{Token, joined, split, tokens};

/// Filters of other engines, and how the same is written here: a filter, or `~` for those that join texts.
const FILTERS: [(&str, &str); 30] = [
    ("e", "escape"),
    ("h", "escape"),
    ("raw", "safe"),
    ("html_safe", "safe"),
    ("count", "length"),
    ("size", "length"),
    ("len", "length"),
    ("upcase", "upper"),
    ("uppercase", "upper"),
    ("downcase", "lower"),
    ("lowercase", "lower"),
    ("strip", "trim"),
    ("lstrip", "trim_start"),
    ("rstrip", "trim_end"),
    ("nl2br", "newlines_to_br"),
    ("linebreaksbr", "newlines_to_br"),
    ("newline_to_br", "newlines_to_br"),
    ("capfirst", "capitalize"),
    ("ucfirst", "capitalize"),
    ("titlecase", "title"),
    ("truncatechars", "truncate(length=…)"),
    ("string", "str"),
    ("to_string", "str"),
    ("default_if_none", "default(value=…)"),
    ("concat", "~"),
    ("append", "~"),
    ("prepend", "~"),
    ("format", "~"),
    ("items", "pairs"),
    ("dictsort", "sort(attribute=…)"),
];

/// The names of the arguments of Tera's filters, functions and tests, in the order in which others write them.
const ARGUMENTS: [(&str, &[&str]); 18] = [
    ("default", &["value"]),
    ("replace", &["from", "to"]),
    ("join", &["sep"]),
    ("truncate", &["length", "end"]),
    ("round", &["precision", "method"]),
    ("split", &["pat"]),
    ("nth", &["n"]),
    ("get", &["key", "default"]),
    ("group_by", &["attribute"]),
    ("sort", &["attribute"]),
    ("trim_start", &["pat"]),
    ("trim_end", &["pat"]),
    ("divisible_by", &["divisor"]),
    ("starting_with", &["pat"]),
    ("ending_with", &["pat"]),
    ("containing", &["pat"]),
    ("indent", &["width"]),
    ("pluralize", &["singular", "plural"]),
];

/// Tests of other engines, and how the same is written here.
const TESTS: [(&str, &str); 16] = [
    ("object", "is map"),
    ("mapping", "is map"),
    ("dict", "is map"),
    ("list", "is array"),
    ("sequence", "is array"),
    ("boolean", "is bool"),
    ("null", "is none"),
    ("nil", "is none"),
    ("sameas", "=="),
    ("equalto", "=="),
    ("eq", "=="),
    ("matching", "is containing(pat=…)"),
    ("divisibleby", "is divisible_by(divisor=…)"),
    ("startswith", "is starting_with(pat=…)"),
    ("empty", "| length == 0"),
    ("text", "is string"),
];

/// How a test of another engine is written here.
pub(crate) fn test_here(name: &str) -> Option<String> {
    let (_, here) = TESTS.iter().find(|(there, _)| *there == name)?;
    Some(format!("here it is `{here}`"))
}

/// Whether an expression has a constant of Python's.
pub(crate) fn has_constant(expression: &str) -> bool {
    let found = tokens(expression);
    let is_constant = |at: usize| {
        let before = at.checked_sub(1).map(|before| found[before].text);
        matches!(found[at].text, "None" | "True" | "False") && !matches!(before, Some("." | "?." | "|"))
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

/// How a filter of another engine is written here.
pub(crate) fn filter_here(name: &str) -> Option<String> {
    let (_, here) = FILTERS.iter().find(|(there, _)| *there == name)?;
    Some(match *here {
        "~" => "join texts with `~`: `a ~ \"text\"`".to_owned(),
        here => format!("Tera's filter is `{here}`"),
    })
}

/// The expression as Tera writes it. `None`: nothing in it is of another engine. `compares`: whether `=` compares.
pub(super) fn rewritten(text: &str, compares: bool) -> Option<String> {
    let found = tokens(text);
    let new = tidy(&all(&found, compares));
    let same = tidy(&joined(&found));
    (new != same && !new.is_empty()).then_some(new)
}

fn tidy(text: &str) -> String {
    text.trim().trim_end_matches(';').trim_end().to_owned()
}

fn all(tokens: &[Token<'_>], compares: bool) -> String {
    if let Some(chosen) = ternary(tokens, compares) {
        return chosen;
    }
    if let Some(moved) = prefix(tokens) {
        return moved;
    }
    let mut words = simple(tokens, compares);
    if let [.., "if", _] | [.., "if", _, _, _] = words
        .iter()
        .map(String::as_str)
        .map(str::trim)
        .collect::<Vec<_>>()
        .as_slice()
        && words.len() > 2
        && words[0].trim() != "if"
        && !words.iter().any(|word| word.trim() == "else")
        && !compares
    {
        words.push(" else \"\"".to_owned());
    }
    filters(&words.concat())
}

/// `eq a b` and `len(a)`: what Go and Python write before their values.
fn prefix(tokens: &[Token<'_>]) -> Option<String> {
    let first = tokens.first()?.text;
    let sign = match first {
        "eq" => "==",
        "ne" => "!=",
        "lt" => "<",
        "gt" => ">",
        "le" => "<=",
        "ge" => ">=",
        _ => "",
    };
    if !sign.is_empty() && tokens.len() >= 3 && !matches!(tokens[1].text, "." | "(" | "|" | "==") {
        let second = (2..tokens.len()).find(|at| !tokens[*at].space.is_empty())?;
        return Some(format!(
            "{} {sign} {}",
            joined(&tokens[1..second]),
            joined(&tokens[second..])
        ));
    }
    let filter = match first {
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

/// Signs and words, one for one.
fn simple(tokens: &[Token<'_>], compares: bool) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut skip = 0;
    // The `=` of an argument stands in brackets.
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        depth += i32::from(token.text == "(") - i32::from(token.text == ")");
        if skip > 0 {
            skip -= 1;
            continue;
        }
        let next = tokens.get(at + 1);
        let before = at.checked_sub(1).map(|at| tokens[at].text);
        let is_member = matches!(before, Some("." | "?." | "::" | "|" | "is"));
        let is_value = before.is_some_and(|before| {
            before.ends_with([')', ']', '"', '\'']) || before.chars().all(|c| c.is_alphanumeric() || c == '_')
        });
        let starts_value = next.is_some_and(|next| {
            next.text
                .starts_with(|c: char| c.is_alphanumeric() || "\"'_(".contains(c))
        });
        let is_text = |text: Option<&str>| text.is_some_and(|text| text.starts_with(['"', '\'']));
        let space = if token.space.is_empty() && !words.is_empty() {
            " "
        } else {
            token.space
        };
        let word = match token.text {
            "&&" => format!("{space}and"),
            "||" => format!("{space}or"),
            "!" => {
                let gap = if next.is_some_and(|next| next.space.is_empty()) {
                    " "
                } else {
                    ""
                };
                format!("{}not{gap}", token.space)
            }
            "===" => format!("{}==", token.space),
            "!==" | "<>" => format!("{}!=", token.space),
            "=" if compares && at > 0 && depth == 0 => format!("{}==", token.space),
            "null" | "None" | "nil" | "undefined" | "nullptr" | "NULL" if !is_member => {
                format!("{}none", token.space)
            }
            "True" | "TRUE" if !is_member => format!("{}true", token.space),
            "False" | "FALSE" if !is_member => format!("{}false", token.space),
            "eq" | "ne" | "neq" | "lt" | "gt" | "le" | "lte" | "ge" | "gte"
                if is_value && starts_value && !is_member =>
            {
                let sign = match token.text {
                    "eq" => "==",
                    "ne" | "neq" => "!=",
                    "lt" => "<",
                    "gt" => ">",
                    "le" | "lte" => "<=",
                    _ => ">=",
                };
                format!("{}{sign}", token.space)
            }
            "->" => ".".to_owned(),
            "+" if is_text(before) || is_text(next.map(|next| next.text)) => format!("{space}~"),
            "." if next.is_some_and(|next| next.text.starts_with(|c: char| c.is_ascii_digit()))
                && is_value =>
            {
                let Some(next) = next else { continue };
                skip = 1;
                let numbers = next.text.split('.').filter(|number| !number.is_empty());
                numbers.map(|number| format!("[{number}]")).collect()
            }
            "xor" | "mod" if is_value && starts_value => {
                format!("{}{}", token.space, if token.text == "mod" { "%" } else { "!=" })
            }
            text if text.starts_with('$') && text.len() > 1 => format!("{}{}", token.space, &text[1..]),
            text => format!("{}{text}", token.space),
        };
        words.push(word);
    }
    words
}

/// Filters and functions: names for arguments, and Tera's names.
fn filters(text: &str) -> String {
    let found = tokens(text);
    let mut new = String::new();
    let mut at = 0;
    while at < found.len() {
        let token = found[at];
        let is_filter = at > 0 && found[at - 1].text == "|";
        let is_test = at > 0
            && (found[at - 1].text == "is"
                || (found[at - 1].text == "not" && at > 1 && found[at - 2].text == "is"));
        let next = found.get(at + 1).map(|next| next.text);
        if is_filter
            && matches!(
                token.text,
                "add" | "plus" | "minus" | "times" | "divided_by" | "modulo"
            )
            && matches!(next, Some(":" | "("))
        {
            let (arguments, end) = arguments(&found, at + 1);
            let bar = new.trim_end().trim_end_matches('|').trim_end().len();
            new.truncate(bar);
            let sign = match token.text {
                "minus" => "-",
                "times" => "*",
                "divided_by" => "/",
                "modulo" => "%",
                _ => "+",
            };
            let argument = arguments.join(", ");
            new = format!("{new} {sign} {}", argument.trim_matches(['"', '\'']));
            at = end;
            continue;
        }
        if is_filter && matches!(token.text, "append" | "prepend" | "concat" | "format") {
            let (arguments, end) = arguments(&found, at + 1);
            let bar = new.trim_end().trim_end_matches('|').trim_end().len();
            new.truncate(bar);
            let argument = arguments.join(" ~ ");
            match token.text {
                "prepend" => new = format!("{argument} ~ {new}"),
                "format" => {
                    let cut = new.find('%').unwrap_or(new.len());
                    let quote = new.chars().find(|c| matches!(c, '"' | '\'')).unwrap_or('"');
                    new.truncate(cut);
                    new = format!("{new}{quote} ~ {argument}");
                }
                _ => new = format!("{new} ~ {argument}"),
            }
            at = end;
            continue;
        }
        new.push_str(token.space);
        let here = FILTERS
            .iter()
            .find(|(there, here)| is_filter && *there == token.text && !here.contains(['~', '…']));
        let name = match token.text {
            "divisibleby" if is_test => "divisible_by",
            "default_if_none" if is_filter => "default",
            "truncatechars" if is_filter => "truncate",
            "startswith" if is_test => "starting_with",
            "endswith" if is_test => "ending_with",
            "null" | "none" if is_test => "none",
            text => here.map_or(text, |(_, here)| here),
        };
        new.push_str(name);
        at += 1;
        let is_range = name == "range" && next == Some("(") && !is_filter;
        let is_called = next == Some("(") || (is_filter && next == Some(":"));
        if is_called && (is_filter || is_test || is_range) {
            let (given, end) = arguments(&found, at);
            let names: &[&str] = match (is_range, given.len()) {
                (true, 1) => &["end"],
                (true, _) => &["start", "end", "step_by"],
                _ => ARGUMENTS
                    .iter()
                    .find(|(known, _)| *known == name)
                    .map_or(&[], |(_, names)| names),
            };
            let is_named = |argument: &str| {
                let parts = tokens(argument);
                parts.len() > 1 && parts[1].text == "="
            };
            let named = given
                .iter()
                .enumerate()
                .map(|(index, argument)| match names.get(index) {
                    Some(name) if !is_named(argument) => format!("{name}={argument}"),
                    _ => argument.clone(),
                });
            let all: Vec<String> = named.collect();
            if all.is_empty() {
                new.push_str(if is_range { "()" } else { "" });
            } else {
                new.push_str(&format!("({})", all.join(", ")));
            }
            at = end;
        }
    }
    new
}

/// The arguments behind a name, in brackets or behind a colon, and the index behind them.
fn arguments(found: &[Token<'_>], at: usize) -> (Vec<String>, usize) {
    match found.get(at).map(|token| token.text) {
        Some("(") => {
            let mut depth = 0;
            let length = found[at..].iter().position(|token| {
                depth += i32::from(token.text == "(") - i32::from(token.text == ")");
                depth == 0
            });
            let end = length.map_or(found.len(), |length| at + length);
            let inside = &found[(at + 1).min(end)..end];
            let given = split(inside, ",")
                .into_iter()
                .map(joined)
                .filter(|given| !given.is_empty());
            (given.collect(), (end + 1).min(found.len()))
        }
        Some(":") => {
            let end = found[at..]
                .iter()
                .position(|token| token.text == "|")
                .map_or(found.len(), |end| at + end);
            let given = split(&found[at + 1..end], ",").into_iter().map(joined);
            (given.filter(|given| !given.is_empty()).collect(), end)
        }
        _ => (Vec::new(), at),
    }
}
