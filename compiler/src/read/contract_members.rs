//! Says what is wrong in a contract file in the file's words: which member, and what may stand there.
#![deny(clippy::disallowed_methods)]

use hydra_contract::Type;
use serde_json::Value;

use crate::{fragment::short, suggest::nearest};

/// What may stand in one place of the file.
enum Shape {
    Text,
    Flag,
    Type,
    Texts,
    /// A type, or an object with these members.
    Import(&'static [Member]),
    Object(&'static [Member]),
    /// An object whose members have names of the user's choice.
    Named(&'static Shape),
    List(&'static Shape),
    Anything,
}

/// A member with a name of its own, and whether it must be there.
struct Member {
    name: &'static str,
    shape: Shape,
    is_required: bool,
}

const fn required(name: &'static str, shape: Shape) -> Member {
    Member {
        name,
        shape,
        is_required: true,
    }
}

const fn optional(name: &'static str, shape: Shape) -> Member {
    Member {
        name,
        shape,
        is_required: false,
    }
}

static CONTRACT: Shape = Shape::Object(&[
    required("service", Shape::Text),
    optional("fragments", Shape::Named(&FRAGMENT)),
    optional("asks", Shape::List(&ASK)),
    optional("sessions", Shape::Flag),
    optional("actionSessions", Shape::Flag),
    optional("draft", Shape::Flag),
]);
static FRAGMENT: Shape = Shape::Object(&[
    optional("imports", Shape::Named(&IMPORT)),
    optional("exports", Shape::Named(&Shape::Type)),
    optional("provides", Shape::Texts),
    optional("styles", Shape::Texts),
    optional("scripts", Shape::Texts),
    optional("actions", Shape::Named(&ACTION)),
]);
static ACTION: Shape = Shape::Object(&[
    optional("fields", Shape::Named(&Shape::Text)),
    optional("open", Shape::Flag),
]);
static IMPORT: Shape = Shape::Import(&[
    optional("type", Shape::Type),
    optional("default", Shape::Anything),
]);
static ASK: Shape = Shape::Object(&[
    required("service", Shape::Text),
    required("ref", Shape::Text),
    optional("imports", Shape::Named(&Shape::Type)),
    optional("exports", Shape::Named(&Shape::Type)),
    optional("required", Shape::Flag),
    optional("pages", Shape::Texts),
]);

/// What is wrong in a file that is JSON.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The names that lead to the member.
    pub(super) path: Vec<String>,
    /// What may stand there.
    pub(super) reason: String,
}

impl Wrong {
    fn new(path: &[&str], reason: String) -> Self {
        let path = path.iter().map(|name| (*name).to_owned()).collect();
        Self { path, reason }
    }
}

/// What is wrong in a file that is JSON and not a contract. `None`: nothing that this module knows.
pub(super) fn wrong(text: &str) -> Option<Wrong> {
    let file: Value = serde_json::from_str(text).ok()?;
    check(&file, &CONTRACT, &mut Vec::new())
}

/// The first member of a file that contracts do not have and whose name is nearly that of one of theirs, with that name.
pub(super) fn misspelled(text: &str) -> Option<(Vec<String>, &'static str)> {
    let file: Value = serde_json::from_str(text).ok()?;
    near(&file, &CONTRACT, &mut Vec::new())
}

fn near<'v>(value: &'v Value, shape: &Shape, path: &mut Vec<&'v str>) -> Option<(Vec<String>, &'static str)> {
    match (shape, value) {
        (Shape::Object(members) | Shape::Import(members), Value::Object(object)) => {
            let known = |name: &str| members.iter().find(|member| member.name == name);
            let unknown = object.keys().filter(|name| known(name).is_none());
            let names = || members.iter().map(|member| member.name);
            let mut misspelled = unknown.filter_map(|name| Some((name, nearest(name, names())?)));
            if let Some((name, meant)) = misspelled.next() {
                let path = path.iter().copied().chain([name.as_str()]).map(str::to_owned);
                return Some((path.collect(), meant));
            }
            let mut inner = object
                .iter()
                .filter_map(|(name, value)| Some((name, value, known(name)?)));
            inner
                .find_map(|(name, value, member)| within(path, name, |path| near(value, &member.shape, path)))
        }
        (Shape::Named(inner), Value::Object(named)) => named
            .iter()
            .find_map(|(name, value)| within(path, name, |path| near(value, inner, path))),
        _ => None,
    }
}

fn check<'v>(value: &'v Value, shape: &Shape, path: &mut Vec<&'v str>) -> Option<Wrong> {
    let is_fitting = match (shape, value) {
        (Shape::Anything, _) | (Shape::Text, Value::String(_)) | (Shape::Flag, Value::Bool(_)) => true,
        (Shape::Type | Shape::Import(_), Value::String(text)) => match text.parse::<Type>() {
            Ok(_) => true,
            Err(error) => return Some(Wrong::new(path, format!("{}: {error}", place(path)))),
        },
        (Shape::Texts, Value::Array(items)) => items.iter().all(Value::is_string),
        (Shape::Object(members) | Shape::Import(members), Value::Object(_)) => {
            return members
                .iter()
                .find_map(|member| check_member(value, member, path));
        }
        (Shape::Named(inner), Value::Object(named)) => {
            return named
                .iter()
                .find_map(|(name, value)| within(path, name, |path| check(value, inner, path)));
        }
        (Shape::List(inner), Value::Array(items)) => {
            return items.iter().find_map(|item| check(item, inner, path));
        }
        _ => false,
    };
    (!is_fitting).then(|| {
        let reason = format!(
            "{} must be {}, and is {}",
            place(path),
            wanted(shape),
            found(value)
        );
        Wrong::new(path, reason)
    })
}

fn check_member<'v>(object: &'v Value, member: &Member, path: &mut Vec<&'v str>) -> Option<Wrong> {
    match object.get(member.name) {
        Some(value) => within(path, member.name, |path| check(value, &member.shape, path)),
        None if member.is_required => {
            let (place, wanted) = (place(path), wanted(&member.shape));
            let reason = format!("{place} lacks `{}`, which must be {wanted}", member.name);
            Some(Wrong::new(path, reason))
        }
        None => None,
    }
}

fn within<'v, T>(path: &mut Vec<&'v str>, name: &'v str, inside: impl FnOnce(&mut Vec<&'v str>) -> T) -> T {
    path.push(name);
    let result = inside(path);
    path.pop();
    result
}

/// A member by the names that lead to it.
fn place(path: &[&str]) -> String {
    if path.is_empty() {
        return "the file".to_owned();
    }
    let names: Vec<_> = path.iter().map(|name| short(name).to_string()).collect();
    format!("`{}`", names.join("."))
}

fn wanted(shape: &Shape) -> &'static str {
    match shape {
        Shape::Text => "a text, such as \"orderService\"",
        Shape::Flag => "`true` or `false`",
        Shape::Type => "a type, such as \"string\" or \"list<integer>\"",
        Shape::Texts => "a list of texts, such as [\"one\", \"two\"]",
        Shape::Import(_) => {
            "a type, such as \"string\", or an object, such as {\"type\": \"string\", \"default\": \"\"}"
        }
        Shape::Object(_) => "an object, such as {\"service\": \"orderService\", \"fragments\": {}}",
        Shape::Named(_) => "an object: each key is a name",
        Shape::List(_) => "a list of objects",
        Shape::Anything => "any value",
    }
}

fn found(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "`true` or `false`",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use hydra_contract::Contract;

    use super::*;

    #[test]
    fn each_member_says_what_may_stand_there() {
        for (text, expected) in [
            ("[]", "the file must be an object"),
            ("7", "the file must be an object"),
            ("{}", "the file lacks `service`, which must be a text"),
            (
                r#"{"service": 1}"#,
                "`service` must be a text, such as \"orderService\", and is a number",
            ),
            (r#"{"service": null}"#, "`service` must be a text"),
            (
                r#"{"service": "a", "fragments": []}"#,
                "`fragments` must be an object: each key is a name, and is a list",
            ),
            (
                r#"{"service": "a", "fragments": null}"#,
                "`fragments` must be an object",
            ),
            (
                r#"{"service": "a", "fragments": {"f": "x"}}"#,
                "`fragments.f` must be an object",
            ),
            (
                r#"{"service": "a", "fragments": {"f": {"imports": ["x"]}}}"#,
                "`fragments.f.imports` must be an object",
            ),
            (
                r#"{"service": "a", "fragments": {"f": {"imports": {"x": 1}}}}"#,
                "`fragments.f.imports.x` must be a type, such as \"string\", or an object",
            ),
            (
                r#"{"service": "a", "fragments": {"f": {"imports": {"x": "strng"}}}}"#,
                "`fragments.f.imports.x`: `strng` is not a type",
            ),
            (
                r#"{"service": "a", "fragments": {"f": {"imports": {"x": {"type": "strng"}}}}}"#,
                "`fragments.f.imports.x.type`: `strng` is not a type",
            ),
            (
                r#"{"service": "a", "fragments": {"f": {"imports": {"x": {"type": 1}}}}}"#,
                "`fragments.f.imports.x.type` must be a type",
            ),
            (
                r#"{"service": "a", "fragments": {"f": {"exports": "x"}}}"#,
                "`fragments.f.exports` must be an object",
            ),
            (
                r#"{"service": "a", "fragments": {"f": {"exports": {"x": {}}}}}"#,
                "`fragments.f.exports.x` must be a type",
            ),
            (
                r#"{"service": "a", "fragments": {"f": {"provides": {}}}}"#,
                "`fragments.f.provides` must be a list of texts",
            ),
            (
                r#"{"service": "a", "fragments": {"f": {"styles": [1]}}}"#,
                "`fragments.f.styles` must be a list of texts",
            ),
            (
                r#"{"service": "a", "fragments": {"f": {"scripts": "x"}}}"#,
                "`fragments.f.scripts` must be a list of texts",
            ),
            (
                r#"{"service": "a", "sessions": "yes"}"#,
                "`sessions` must be `true` or `false`, and is a text",
            ),
            (
                r#"{"service": "a", "draft": 1}"#,
                "`draft` must be `true` or `false`",
            ),
            (
                r#"{"service": "a", "asks": {}}"#,
                "`asks` must be a list of objects",
            ),
            (r#"{"service": "a", "asks": ["x"]}"#, "`asks` must be an object"),
            (
                r#"{"service": "a", "asks": [{"ref": "x"}]}"#,
                "`asks` lacks `service`",
            ),
            (
                r#"{"service": "a", "asks": [{"service": "b"}]}"#,
                "`asks` lacks `ref`",
            ),
            (
                r#"{"service": "a", "asks": [{"service": "b", "ref": 1}]}"#,
                "`asks.ref` must be a text",
            ),
            (
                r#"{"service": "a", "asks": [{"service": "b", "ref": "f", "imports": {"x": {}}}]}"#,
                "`asks.imports.x` must be a type",
            ),
            (
                r#"{"service": "a", "asks": [{"service": "b", "ref": "f", "exports": []}]}"#,
                "`asks.exports` must be an object",
            ),
            (
                r#"{"service": "a", "asks": [{"service": "b", "ref": "f", "required": 1}]}"#,
                "`asks.required` must be",
            ),
            (
                r#"{"service": "a", "asks": [{"service": "b", "ref": "f", "pages": "x"}]}"#,
                "`asks.pages` must be a list of texts",
            ),
        ] {
            assert!(serde_json::from_str::<Contract>(text).is_err(), "{text}");
            let found = wrong(text).map_or_else(String::new, |wrong| wrong.reason);
            assert!(found.starts_with(expected), "{text}: {found}");
        }
    }

    #[test]
    fn what_is_a_contract_is_not_wrong() {
        for text in [
            r#"{"service": "a"}"#,
            r#"{"service": "a", "draft": true, "sessions": false, "unknown": 1, "fragments": {"f": {"unknown": 1,
                "imports": {"short": "list<string>", "long": {"type": "integer", "default": null}, "any": {}},
                "exports": {"x": "any"}, "provides": ["p"], "styles": [], "scripts": ["s.js"]}},
                "asks": [{"service": "b", "ref": "f", "imports": {"x": "date"}, "required": true, "pages": ["p.html"]}]}"#,
        ] {
            serde_json::from_str::<Contract>(text).expect("a contract");
            assert_eq!(wrong(text), None);
        }
        assert_eq!(wrong("{"), None, "not JSON");
    }
}
