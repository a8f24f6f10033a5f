//! The names of types in typed lists: those of contracts, and of Rust types of the crate in `m:attributes`.
#![deny(clippy::disallowed_methods)]

use hydra_contract::Type;

use crate::{limits::MAX_TYPE_DEPTH, source::Span, suggest::nearest};

/// The types that have no type inside, to suggest.
const TYPES: [&str; 7] = [
    "string", "integer", "number", "boolean", "date", "datetime", "any",
];

/// What other languages call the types, in small letters.
const ELSEWHERE: [(&str, &str); 34] = [
    ("array", "list<any>"),
    ("bigint", "integer"),
    ("bool", "boolean"),
    ("char", "string"),
    ("decimal", "number"),
    ("dict", "map<any>"),
    ("double", "number"),
    ("enum", "string"),
    ("f32", "number"),
    ("f64", "number"),
    ("float", "number"),
    ("hash", "map<any>"),
    ("i32", "integer"),
    ("i64", "integer"),
    ("int", "integer"),
    ("int32", "integer"),
    ("int64", "integer"),
    ("json", "any"),
    ("list", "list<any>"),
    ("long", "integer"),
    ("map", "map<any>"),
    ("object", "map<any>"),
    ("real", "number"),
    ("set", "list<any>"),
    ("str", "string"),
    ("text", "string"),
    ("time", "datetime"),
    ("timestamp", "datetime"),
    ("u32", "integer"),
    ("u64", "integer"),
    ("uint", "integer"),
    ("url", "string"),
    ("uuid", "string"),
    ("value", "any"),
];

/// A Rust type that a typed list names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RustName {
    /// Its name.
    pub name: String,
    /// All of the type, as it is written: `list<Line>`.
    pub written: String,
    /// Where that stands.
    pub span: Span,
}

/// The type that was meant by a text that is none: `List<strng>` is `list<string>`. `None`: it can't be told.
pub(crate) fn meant(text: &str) -> Option<String> {
    meant_at(text, 0)
}

fn meant_at(text: &str, depth: u32) -> Option<String> {
    let text = text.trim();
    if depth > MAX_TYPE_DEPTH {
        return None;
    }
    if let Ok(ty) = text.parse::<Type>() {
        return Some(ty.to_string());
    }
    if let Some(inner) = text.strip_suffix("[]") {
        return Some(format!("list<{}>", meant_at(inner, depth + 1)?));
    }
    if let Some((outer, inner)) = text.strip_suffix('>').and_then(|text| text.split_once('<')) {
        let outer = match outer.trim().to_ascii_lowercase().as_str() {
            "list" | "array" | "vec" | "set" | "lst" | "lists" => "list",
            "map" | "dict" | "hash" | "hashmap" | "object" | "record" | "maps" => "map",
            _ => return None,
        };
        // The keys of maps are texts.
        let inner = match inner.split_once(',') {
            Some((key, value)) if outer == "map" && meant_at(key, depth + 1)? == "string" => value,
            _ => inner,
        };
        return Some(format!("{outer}<{}>", meant_at(inner, depth + 1)?));
    }
    let small = text.to_ascii_lowercase();
    match ELSEWHERE.iter().find(|(name, _)| *name == small) {
        Some((_, meant)) => Some((*meant).to_owned()),
        None => nearest(text, TYPES).map(str::to_owned),
    }
}

/// The name of a Rust type, as itself or in lists and maps, and the type with `any` in its place: `list<Line>`.
pub(super) fn rust(text: &str) -> Option<(Type, String)> {
    rust_at(text, 0)
}

fn rust_at(text: &str, depth: u32) -> Option<(Type, String)> {
    let text = text.trim();
    if depth > MAX_TYPE_DEPTH {
        return None;
    }
    if let Some((outer, inner)) = text.strip_suffix('>').and_then(|text| text.split_once('<')) {
        let (inner, name) = rust_at(inner, depth + 1)?;
        let ty = match outer.trim() {
            "list" => Type::List(Box::new(inner)),
            "map" => Type::Map(Box::new(inner)),
            _ => return None,
        };
        return Some((ty, name));
    }
    let is_name = text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && text != "Self";
    is_name.then(|| (Type::Any, text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_other_languages_have_one_that_was_meant() {
        for (text, expected) in [
            ("strng", Some("string")),
            ("String", Some("string")),
            ("int", Some("integer")),
            ("Bool", Some("boolean")),
            ("list<strng>", Some("list<string>")),
            ("List < int >", Some("list<integer>")),
            ("Vec<Map<string, f64>>", Some("list<map<number>>")),
            ("string[]", Some("list<string>")),
            ("list", Some("list<any>")),
            ("map<int, string>", None),
            ("Line", None),
            ("a; b", None),
            ("", None),
        ] {
            assert_eq!(meant(text).as_deref(), expected, "{text}");
        }
        let deep = format!("{}strng{}", "list<".repeat(1_000), ">".repeat(1_000));
        assert_eq!(meant(&deep), None);
    }

    #[test]
    fn a_rust_type_begins_with_a_capital_letter() {
        for (text, expected) in [
            ("Line", Some(("any", "Line"))),
            ("list<Line>", Some(("list<any>", "Line"))),
            (
                " map < list<Order_Line2> >",
                Some(("map<list<any>>", "Order_Line2")),
            ),
            ("line", None),
            ("Vec<Line>", None),
            ("model::Line", None),
            ("Line<T>", None),
            ("Self", None),
            ("", None),
        ] {
            let found = rust(text).map(|(ty, name)| (ty.to_string(), name));
            let found = found.as_ref().map(|(ty, name)| (ty.as_str(), name.as_str()));
            assert_eq!(found, expected, "{text}");
        }
    }
}
