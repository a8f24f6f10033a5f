//! Filters that choose or change the items of a list, which Tera writes as a list of its own: `[item.name for item in items]`.

use super::tokens::tokens;
use crate::within::Within;

/// Tera's filters and those that are named the same elsewhere: `map("upper")` of Jinja applies one to each item.
const OF_ITEMS: [&str; 9] = [
    "upper",
    "lower",
    "trim",
    "title",
    "capitalize",
    "length",
    "int",
    "float",
    "escape",
];

/// `items | map(attribute="name")` and the like as a list. `None`: it is none of them.
pub(super) fn list(filter: &str, value: &str, given: &[String]) -> Option<String> {
    let given: Vec<&str> = given.iter().map(String::as_str).collect();
    let chosen = |condition: String| format!("[item for item in {value} if {condition}]");
    Some(match (filter, given.as_slice()) {
        ("map" | "filter" | "select" | "reject" | "find", [function]) if function.contains("=>") => {
            of_function(filter, value, function)?
        }
        ("map" | "column" | "pluck", [attribute]) => changed(value, attribute)?,
        ("compact", []) => chosen("item".to_owned()),
        ("selectattr" | "where" | "filterby" | "find", [attribute]) => chosen(member(attribute)?),
        ("selectattr" | "where" | "filterby" | "filter" | "find", [attribute, other]) => {
            chosen(format!("{} == {}", member(attribute)?, argument(other)))
        }
        ("selectattr", [attribute, test, other]) => {
            chosen(format!("{} {}", member(attribute)?, tested(test, Some(other))))
        }
        ("rejectattr", [attribute]) => chosen(format!("not {}", member(attribute)?)),
        ("rejectattr", [attribute, test, other]) => chosen(format!(
            "not ({} {})",
            member(attribute)?,
            tested(test, Some(other))
        )),
        ("rejectattr", [attribute, other]) => {
            chosen(format!("{} != {}", member(attribute)?, argument(other)))
        }
        ("select", [test]) => chosen(format!("item {}", tested(test, None))),
        ("select", [test, other]) => chosen(format!("item {}", tested(test, Some(other)))),
        ("reject", [test]) => chosen(format!("not (item {})", tested(test, None))),
        _ => return None,
    })
}

/// `map("name")`: the member of each item, or a filter of each.
fn changed(value: &str, attribute: &str) -> Option<String> {
    let name = text(argument(attribute))?;
    let is_attribute = attribute.contains('=');
    Some(match OF_ITEMS.contains(&name) && !is_attribute {
        true => format!("[item | {name} for item in {value}]"),
        false => format!("[{} for item in {value}]", member(attribute)?),
    })
}

/// `x => x.name`
fn of_function(filter: &str, value: &str, function: &str) -> Option<String> {
    let (name, body) = function.split_once("=>")?;
    let name = name.trim().trim_matches(['(', ')', ' ', '$']);
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    let body = body.trim().replace('$', "");
    let list = match filter {
        "map" => format!("[{body} for {name} in {value}]"),
        "reject" => format!("[{name} for {name} in {value} if not ({body})]"),
        _ => format!("[{name} for {name} in {value} if {body}]"),
    };
    is_name.then_some(list)
}

/// `"name"` and `attribute="name"` as a member of the item.
fn member(attribute: &str) -> Option<String> {
    let name = text(argument(attribute))?;
    let is_path = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
    Some(match is_path {
        true => format!("item.{name}"),
        false => format!("item[{}]", argument(attribute)),
    })
}

/// What a test by its name says here.
fn tested(test: &str, other: Option<&str>) -> String {
    let name = text(test).unwrap_or(test);
    match (name, other) {
        ("equalto" | "eq" | "==" | "sameas", Some(other)) => format!("== {other}"),
        ("ne" | "!=", Some(other)) => format!("!= {other}"),
        ("gt" | ">" | "greaterthan", Some(other)) => format!("> {other}"),
        ("ge" | ">=", Some(other)) => format!(">= {other}"),
        ("lt" | "<" | "lessthan", Some(other)) => format!("< {other}"),
        ("le" | "<=", Some(other)) => format!("<= {other}"),
        ("in" | "contains", Some(other)) => format!("in {other}"),
        ("divisibleby", Some(other)) => format!("is divisible_by(divisor={other})"),
        (name, _) => format!("is {name}"),
    }
}

/// An argument without its name.
fn argument(argument: &str) -> &str {
    let found = tokens(argument);
    match found.as_slice() {
        [_, sign, value, ..] if sign.text == "=" => {
            let at = value.text.as_ptr() as usize - argument.as_ptr() as usize;
            argument.within(at..)
        }
        _ => argument,
    }
}

/// What stands in the quotes of an argument.
pub(super) fn text(argument: &str) -> Option<&str> {
    let quote = argument.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    argument.get(1..)?.strip_suffix(quote)
}

/// A list of `map` and `join(attribute=…)` in one.
pub(super) fn joined_members(value: &str, given: &[String]) -> Option<String> {
    let attribute = given.iter().find(|argument| argument.starts_with("attribute"))?;
    let separator = given.iter().find(|argument| !argument.starts_with("attribute"));
    let separator = separator.map_or("\"\"", |separator| argument(separator));
    let list = format!("[{} for item in {value}]", member(attribute)?);
    Some(format!("{list} | join(sep={separator})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_of_lists_become_lists() {
        for (filter, given, expected) in [
            ("map", &["attribute='name'"][..], "[item.name for item in a]"),
            ("map", &["\"name\""], "[item.name for item in a]"),
            ("map", &["'upper'"], "[item | upper for item in a]"),
            ("map", &["x => x.b"], "[x.b for x in a]"),
            ("filter", &["(x) => x.b > 1"], "[x for x in a if x.b > 1]"),
            (
                "filter",
                &["attribute=\"b\"", "value=1"],
                "[item for item in a if item.b == 1]",
            ),
            (
                "where",
                &["\"b\"", "true"],
                "[item for item in a if item.b == true]",
            ),
            ("selectattr", &["'b.c'"], "[item for item in a if item.b.c]"),
            (
                "selectattr",
                &["'b'", "'gt'", "3"],
                "[item for item in a if item.b > 3]",
            ),
            ("rejectattr", &["'b'"], "[item for item in a if not item.b]"),
            ("select", &["\"odd\""], "[item for item in a if item is odd]"),
            (
                "reject",
                &["'none'"],
                "[item for item in a if not (item is none)]",
            ),
            ("compact", &[], "[item for item in a if item]"),
            ("map", &["'a b'"], "[item['a b'] for item in a]"),
            ("map", &["b"], ""),
            ("map", &[], ""),
            ("other", &["'a'"], ""),
        ] {
            let given: Vec<String> = given.iter().map(|argument| (*argument).to_owned()).collect();
            assert_eq!(
                list(filter, "a", &given).unwrap_or_default(),
                expected,
                "{filter} {given:?}"
            );
        }
    }
}
