//! Filters of other engines that are an expression of their own here, and not another filter.

use super::{
    interpolation,
    lists::{joined_members, list, text},
};

/// An expression in place of a filter.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Form {
    /// The expression.
    pub(super) text: String,
    /// Whether it can stand in another expression without brackets.
    pub(super) is_tight: bool,
}

impl Form {
    fn tight(text: String) -> Option<Self> {
        Some(Self { text, is_tight: true })
    }

    fn loose(text: String) -> Option<Self> {
        Some(Self {
            text,
            is_tight: false,
        })
    }
}

/// What `value | filter(given)` is here. `None`: nothing but a filter.
pub(super) fn form(filter: &str, value: &str, given: &[String]) -> Option<Form> {
    if let Some(list) = list(filter, value, given) {
        return Form::tight(list);
    }
    if filter == "join"
        && let Some(joined) = joined_members(value, given)
    {
        return Form::tight(joined);
    }
    let first = given.first().map_or("", String::as_str);
    let alone = given.len() == 1;
    match filter {
        "slice" => slice(value, given).and_then(Form::tight),
        "first" | "last" if alone => Form::tight(match filter {
            "first" => format!("{value}[:{first}]"),
            _ => format!("{value}[-{first}:]"),
        }),
        "get_item" | "attr" | "dict_get" | "lookup" | "key" if alone => {
            Form::tight(format!("{value}[{first}]"))
        }
        "merge" | "concat" | "union" if alone => Form::tight(merged(value, argument(first))),
        "cut" | "remove" | "remove_first" if alone => {
            Form::tight(format!("{value} | replace(from={first}, to=\"\")"))
        }
        "ceil" | "floor" if given.is_empty() => Form::tight(format!("{value} | round(method=\"{filter}\")")),
        "max" | "min" if given.is_empty() => {
            let end = if filter == "max" { "last" } else { "first" };
            Form::tight(format!("{value} | sort | {end}"))
        }
        "int" | "float" if given.iter().any(|argument| !argument.starts_with("base")) => {
            Form::tight(format!("{value} | {filter}"))
        }
        "replace" if alone && first.starts_with('{') => replaced(value, first).and_then(Form::tight),
        "list" | "to_a" | "async" if given.is_empty() => Form::tight(value.to_owned()),
        "escape" | "e" if alone => Form::tight(match text(first) {
            Some("none") => format!("{value} | safe"),
            _ => format!("{value} | escape"),
        }),
        "printf" | "sprintf" if alone => {
            Form::loose(interpolation::written(&format!("printf({first}, {value})"))?)
        }
        "format" if !given.is_empty() => Form::loose(interpolation::written(&format!(
            "printf({value}, {})",
            given.join(", ")
        ))?),
        "divisibleby" | "divisible_by" if alone => Form::loose(format!(
            "{value} is divisible_by(divisor={})",
            text(first).unwrap_or(first)
        )),
        "at_least" if alone => Form::loose(format!("{first} if {value} < {first} else {value}")),
        "at_most" if alone => Form::loose(format!("{first} if {value} > {first} else {value}")),
        "yesno" => yes_or_no(value, first).and_then(Form::loose),
        "pluralize" if alone => plural(value, first).and_then(Form::tight),
        "dictsort" | "sort_by" | "sort_natural" if alone && text(first).is_some() => {
            Form::tight(format!("{value} | sort(attribute={first})"))
        }
        "sort" | "reverse" if first.contains("=>") || given.iter().any(|argument| is_reversed(argument)) => {
            sorted(value, given).and_then(Form::tight)
        }
        "sort" if given.len() == 3 => Form::tight(format!("{value} | sort(attribute={})", given.last()?)),
        "number" if alone => {
            let digits = text(first)?.rsplit(['.', '-']).next()?;
            Form::tight(format!("{value} | round(precision={digits})"))
        }
        _ => None,
    }
}

/// An argument without its name.
fn argument(argument: &str) -> &str {
    let is_name = |name: &str| name.trim().chars().all(|c| c.is_alphanumeric() || c == '_');
    match argument.split_once('=') {
        Some((name, value)) if is_name(name) && !value.starts_with('=') => value.trim(),
        _ => argument,
    }
}

/// `slice(1, 5)` of Twig, `slice: 0, 3` of Liquid, `slice:":2"` of Django, `slice:0:3` of Angular, `slice(start=1)` of Tera 1.
fn slice(value: &str, given: &[String]) -> Option<String> {
    let named = |name: &str| {
        let mut found = given.iter().filter_map(|argument| argument.split_once('='));
        found
            .find(|(given, _)| given.trim() == name)
            .map(|(_, value)| value.trim())
    };
    let (start, end) = (named("start"), named("end"));
    if start.is_some() || end.is_some() {
        return Some(format!(
            "{value}[{}:{}]",
            start.unwrap_or_default(),
            end.unwrap_or_default()
        ));
    }
    match given {
        [range] if range.contains(':') => Some(format!("{value}[{}]", text(range).unwrap_or(range))),
        [start] => Some(format!("{value}[{start}:]")),
        [start, length] => {
            let numbers = start.parse::<i64>().ok().zip(length.parse::<i64>().ok());
            let end = match numbers.and_then(|(start, length)| start.checked_add(length)) {
                Some(end) => end.to_string(),
                None => format!("{start} + {length}"),
            };
            Some(format!("{value}[{start}:{end}]"))
        }
        _ => None,
    }
}

/// Two lists or two maps as one.
fn merged(value: &str, other: &str) -> String {
    let inside = |open: char, close: char| other.strip_prefix(open)?.strip_suffix(close).map(str::trim);
    if let Some(members) = inside('{', '}') {
        return format!("{{...{value}, {members}}}");
    }
    match inside('[', ']') {
        Some(items) => format!("[...{value}, {items}]"),
        None => format!("[...{value}, ...{other}]"),
    }
}

/// `replace({"a": "b"})` of Twig.
fn replaced(value: &str, map: &str) -> Option<String> {
    let inside = map.strip_prefix('{')?.strip_suffix('}')?;
    let mut new = value.to_owned();
    for pair in inside.split(',') {
        let (from, to) = pair.split_once(':')?;
        new = format!("{new} | replace(from={}, to={})", from.trim(), to.trim());
    }
    Some(new)
}

/// `yesno:"yes,no"`
fn yes_or_no(value: &str, words: &str) -> Option<String> {
    let words = if words.is_empty() { "yes,no" } else { text(words)? };
    let mut words = words.split(',');
    let (yes, no) = (words.next()?, words.next()?);
    Some(format!("\"{yes}\" if {value} else \"{no}\""))
}

/// `pluralize:"es"` and `pluralize:"y,ies"`
fn plural(value: &str, endings: &str) -> Option<String> {
    Some(match text(endings)?.split_once(',') {
        Some((one, many)) => format!("{value} | pluralize(singular=\"{one}\", plural=\"{many}\")"),
        None => format!("{value} | pluralize(plural={endings})"),
    })
}

fn is_reversed(argument: &str) -> bool {
    let bare = argument.replace(' ', "");
    bare == "reverse=true" || bare == "reverse=True"
}

/// `sort(reverse=true)`, and `sort((a, b) => …)`, whose order can't be told.
fn sorted(value: &str, given: &[String]) -> Option<String> {
    let attribute = given.iter().find(|argument| argument.starts_with("attribute"));
    let sorted = attribute.map_or("sort".to_owned(), |attribute| format!("sort({attribute})"));
    match given.iter().any(|argument| is_reversed(argument)) {
        true => Some(format!("{value} | {sorted} | reverse")),
        false => Some(format!("{value} | sort(attribute=\"name\")")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_become_expressions() {
        for (filter, given, expected) in [
            ("slice", &["\":2\""][..], "a[:2]"),
            ("slice", &["0:3"], "a[0:3]"),
            ("slice", &["1", "5"], "a[1:6]"),
            ("slice", &["b", "c"], "a[b:b + c]"),
            ("slice", &["start=1"], "a[1:]"),
            ("slice", &["2"], "a[2:]"),
            ("merge", &["{'b': 1}"], "{...a, 'b': 1}"),
            ("merge", &["[1]"], "[...a, 1]"),
            ("concat", &["with=b"], "[...a, ...b]"),
            ("cut", &["\" \""], "a | replace(from=\" \", to=\"\")"),
            ("ceil", &[], "a | round(method=\"ceil\")"),
            ("yesno", &["\"ja,nein\""], "\"ja\" if a else \"nein\""),
            ("yesno", &[], "\"yes\" if a else \"no\""),
            (
                "pluralize",
                &["\"y,ies\""],
                "a | pluralize(singular=\"y\", plural=\"ies\")",
            ),
            ("pluralize", &["\"es\""], "a | pluralize(plural=\"es\")"),
            ("at_least", &["3"], "3 if a < 3 else a"),
            (
                "sort",
                &["reverse=true", "attribute='b'"],
                "a | sort(attribute='b') | reverse",
            ),
            (
                "join",
                &["', '", "attribute='b'"],
                "[item.b for item in a] | join(sep=', ')",
            ),
            ("first", &["2"], "a[:2]"),
            ("number", &["'1.2-2'"], "a | round(precision=2)"),
            ("replace", &["{'a': 'b'}"], "a | replace(from='a', to='b')"),
            ("int", &["0"], "a | int"),
            ("yesno", &["b"], ""),
            (
                "slice",
                &["9223372036854775807", "1"],
                "a[9223372036854775807:9223372036854775807 + 1]",
            ),
            ("upper", &[], ""),
        ] {
            let given: Vec<String> = given.iter().map(|argument| (*argument).to_owned()).collect();
            let found = form(filter, "a", &given).map(|form| form.text);
            assert_eq!(found.unwrap_or_default(), expected, "{filter} {given:?}");
        }
    }
}
