//! Expressions of Freemarker and of Java's expression language, as in `${user.name!"guest"}` and `${empty list}`.

use super::{
    expression::rewritten,
    tokens::{joined, names, split, tokens},
};

/// Freemarker's built-ins without arguments, and the filter that does the same. An empty one: the value itself.
const BUILT_INS: [(&str, &str); 27] = [
    ("upper_case", "upper"),
    ("lower_case", "lower"),
    ("cap_first", "capitalize"),
    ("capitalize", "title"),
    ("html", ""),
    ("c", ""),
    ("esc", ""),
    ("string", ""),
    ("no_esc", "safe"),
    ("size", "length"),
    ("length", "length"),
    ("trim", "trim"),
    ("first", "first"),
    ("last", "last"),
    ("keys", "keys"),
    ("values", "values"),
    ("reverse", "reverse"),
    ("sort", "sort"),
    ("round", "round"),
    ("abs", "abs"),
    ("int", "int"),
    ("number", "float"),
    ("index", "loop.index0"),
    ("counter", "loop.index"),
    ("has_next", "not loop.last"),
    ("is_first", "loop.first"),
    ("is_last", "loop.last"),
];

/// Functions of Thymeleaf's and JSTL's objects.
const OF_OBJECTS: [(&str, &str); 12] = [
    ("isEmpty", "not "),
    ("length", "length"),
    ("size", "length"),
    ("toUpperCase", "upper"),
    ("toLowerCase", "lower"),
    ("capitalize", "capitalize"),
    ("trim", "trim"),
    ("escapeXml", "escape"),
    ("format", "date"),
    ("contains", "in"),
    ("join", "join"),
    ("split", "split"),
];

/// The expression as Tera writes it.
pub(super) fn written(text: &str) -> String {
    let text = text.trim();
    if let Some(found) = of_object(text) {
        return found;
    }
    if let Some(rest) = text.strip_prefix("not empty ") {
        return chosen(rest, "");
    }
    if let Some(rest) = text.strip_prefix("empty ") {
        return chosen(rest, "not ");
    }
    built_in(text).unwrap_or_else(|| plain(text))
}

/// `a ? b : c` behind `empty`.
fn chosen(rest: &str, not: &str) -> String {
    let found = tokens(rest);
    match split(&found, "?").as_slice() {
        [condition, rest] => match split(rest, ":").as_slice() {
            [yes, no] => format!(
                "{} if {not}{} else {}",
                joined(yes),
                joined(condition),
                joined(no)
            ),
            _ => format!("{not}{}", joined(condition)),
        },
        _ => format!("{not}{}", plain(rest)),
    }
}

fn plain(text: &str) -> String {
    let text = names(&text.replace(['$', '@'], ""));
    rewritten(&text, true).unwrap_or(text)
}

/// `fn:length(a)` and `#strings.toUpperCase(a)`
fn of_object(text: &str) -> Option<String> {
    let rest = text.strip_prefix("fn:").or_else(|| {
        let (_, rest) = text.strip_prefix('#')?.split_once('.')?;
        Some(rest)
    })?;
    let (name, rest) = rest.split_once('(')?;
    let (_, here) = OF_OBJECTS.iter().find(|(there, _)| *there == name)?;
    let given = rest.trim_end().strip_suffix(')')?;
    let found = tokens(given);
    let given: Vec<String> = split(&found, ",").into_iter().map(joined).collect();
    let first = given.first()?;
    Some(match (*here, given.get(1)) {
        ("not ", _) => format!("not {first}"),
        ("in", Some(other)) => format!("{other} in {first}"),
        ("join", Some(other)) => format!("{first} | join(sep={other})"),
        ("split", Some(other)) => format!("{first} | split(pat={other})"),
        ("date", Some(other)) => format!("{first} | date(format={other})"),
        (filter, _) => format!("{first} | {filter}"),
    })
}

/// `a!"x"`, `a??` and `a?upper_case`. `None`: it is none of them.
fn built_in(text: &str) -> Option<String> {
    if let Some(value) = text.strip_suffix("??") {
        return Some(format!("{} is defined", plain(value)));
    }
    if let Some((value, other)) = text.split_once('!').filter(|(_, other)| !other.starts_with('=')) {
        let is_value = !value.is_empty()
            && value
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
        let other = match other.trim() {
            "" => "\"\"".to_owned(),
            other => plain(other),
        };
        return is_value.then(|| format!("{value} or {other}"));
    }
    let (value, calls) = text
        .split_once('?')
        .filter(|(_, calls)| !calls.starts_with(['.', ':', '?']))?;
    let mut new = plain(value);
    for call in calls.split('?') {
        let end = call
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(call.len());
        let (name, arguments) = call.split_at(end);
        new = called(&new, name, arguments.trim())?;
    }
    Some(new)
}

fn called(value: &str, name: &str, arguments: &str) -> Option<String> {
    let found = tokens(arguments);
    let inside = match found.as_slice() {
        [] => None,
        [open, inside @ .., close] if open.text == "(" && close.text == ")" => Some(inside),
        // What follows belongs to a comparison.
        _ if name == "size" || name == "length" => return Some(format!("{value} | length {arguments}")),
        _ => return None,
    };
    let given: Vec<String> = inside.map_or_else(Vec::new, |inside| {
        split(inside, ",").into_iter().map(joined).collect()
    });
    match (name, given.as_slice()) {
        ("has_content" | "exists", []) => return Some(value.to_owned()),
        ("string", [yes, no]) => return Some(format!("{yes} if {value} else {no}")),
        ("default", [other]) => return Some(format!("{value} or {other}")),
        ("join", [separator, ..]) => return Some(format!("{value} | join(sep={separator})")),
        ("split", [separator]) => return Some(format!("{value} | split(pat={separator})")),
        ("replace", [from, to]) => return Some(format!("{value} | replace(from={from}, to={to})")),
        ("contains", [part]) => return Some(format!("{part} in {value}")),
        ("starts_with", [part]) => return Some(format!("{value} is starting_with(pat={part})")),
        ("ends_with", [part]) => return Some(format!("{value} is ending_with(pat={part})")),
        ("date" | "datetime" | "time" | "string", [format]) => {
            return Some(format!("{value} | date(format={format})"));
        }
        _ => {}
    }
    let (_, here) = BUILT_INS.iter().find(|(there, _)| *there == name)?;
    Some(match *here {
        "" => value.to_owned(),
        here if here.contains("loop.") => here.to_owned(),
        here => format!("{value} | {here}"),
    })
}

#[cfg(test)]
mod tests {
    use super::written;

    #[test]
    fn expressions_of_java_are_written_as_here() {
        for (text, expected) in [
            ("a.b", "a.b"),
            ("a!\"x\"", "a or \"x\""),
            ("a!", "a or \"\""),
            ("a??", "a is defined"),
            ("a?upper_case", "a | upper"),
            ("a?trim?cap_first", "a | trim | capitalize"),
            ("a?string(\"yes\", \"no\")", "\"yes\" if a else \"no\""),
            ("a?size > 0", "a | length > 0"),
            ("x?index", "loop.index0"),
            ("empty a", "not a"),
            ("not empty a ? a : 'x'", "a if a else 'x'"),
            ("fn:length(a)", "a | length"),
            ("#lists.isEmpty(a)", "not a"),
            ("#dates.format(a, 'yyyy')", "a | date(format='yyyy')"),
            ("a != b", "a != b"),
            ("a ? b : c", "b if a else c"),
            ("a ?: b", "a or b"),
            ("a && b", "a and b"),
            ("", ""),
            ("?", "?"),
            ("a?", "a"),
        ] {
            assert_eq!(written(text), expected, "{text}");
        }
    }
}
