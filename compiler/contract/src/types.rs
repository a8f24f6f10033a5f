//! The types of attributes (design section 3.3).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::limits::MAX_TYPE_DEPTH;

/// The type of an attribute. Its text form, also in JSON, is the one that templates use: `list<string>`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Type {
    /// Text.
    String,
    /// A whole number that fits in 64 bits, signed.
    Integer,
    /// A number, whole or not.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A calendar day, `2000-01-31`.
    Date,
    /// A moment, RFC 3339: `2000-01-31T12:00:00Z`.
    DateTime,
    /// Values of one type in an order.
    List(Box<Type>),
    /// Values of one type under text keys.
    Map(Box<Type>),
    /// Not stated: any value.
    #[default]
    Any,
}

/// The text is not a type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a type: write one of string, integer, number, boolean, date, datetime, list<…>, map<…>, any"
)]
pub struct ParseTypeError(pub String);

impl Type {
    /// Whether a value of this type may stand where `wanted` is asked for.
    /// `any` fits everywhere, and an integer is a number.
    #[must_use]
    pub fn fits(&self, wanted: &Type) -> bool {
        match (self, wanted) {
            (Type::Any, _) | (_, Type::Any) | (Type::Integer, Type::Number) => true,
            (Type::List(a), Type::List(b)) | (Type::Map(a), Type::Map(b)) => a.fits(b),
            _ => self == wanted,
        }
    }

    /// Whether `value` is of this type, as far as its shape tells: a date is a text. The work is in proportion to the value,
    /// and goes no deeper than the type.
    #[must_use]
    pub fn admits(&self, value: &Value) -> bool {
        match self {
            Type::String | Type::Date | Type::DateTime => value.is_string(),
            Type::Integer => value.is_i64(),
            Type::Number => value.is_number(),
            Type::Boolean => value.is_boolean(),
            Type::List(inner) => value
                .as_array()
                .is_some_and(|items| items.iter().all(|item| inner.admits(item))),
            Type::Map(inner) => value
                .as_object()
                .is_some_and(|members| members.values().all(|member| inner.admits(member))),
            Type::Any => true,
        }
    }

    fn parse(text: &str, depth: usize) -> Option<Type> {
        let text = text.trim();
        if let Some(inner) = text.strip_suffix('>') {
            let (outer, inner) = inner.split_once('<')?;
            let inner = if depth < MAX_TYPE_DEPTH {
                Type::parse(inner, depth + 1)?
            } else {
                return None;
            };
            return match outer.trim() {
                "list" => Some(Type::List(Box::new(inner))),
                "map" => Some(Type::Map(Box::new(inner))),
                _ => None,
            };
        }
        Some(match text {
            "string" => Type::String,
            "integer" => Type::Integer,
            "number" => Type::Number,
            "boolean" => Type::Boolean,
            "date" => Type::Date,
            "datetime" => Type::DateTime,
            "any" => Type::Any,
            _ => return None,
        })
    }
}

impl FromStr for Type {
    type Err = ParseTypeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Type::parse(text, 0).ok_or_else(|| ParseTypeError(text.chars().take(80).collect()))
    }
}

impl TryFrom<String> for Type {
    type Error = ParseTypeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Type> for String {
    fn from(ty: Type) -> String {
        ty.to_string()
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::String => f.write_str("string"),
            Type::Integer => f.write_str("integer"),
            Type::Number => f.write_str("number"),
            Type::Boolean => f.write_str("boolean"),
            Type::Date => f.write_str("date"),
            Type::DateTime => f.write_str("datetime"),
            Type::List(inner) => write!(f, "list<{inner}>"),
            Type::Map(inner) => write!(f, "map<{inner}>"),
            Type::Any => f.write_str("any"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_and_type_are_one() {
        for text in [
            "string",
            "integer",
            "list<date>",
            "map<list<number>>",
            "any",
            "datetime",
        ] {
            assert_eq!(text.parse::<Type>().map(|ty| ty.to_string()).as_deref(), Ok(text));
        }
        assert_eq!(
            " list < string > ".parse::<Type>(),
            Ok(Type::List(Box::new(Type::String)))
        );
    }

    #[test]
    fn what_is_no_type_is_refused() {
        for text in [
            "",
            "text",
            "list",
            "list<",
            "list<>",
            "list<x>",
            "set<string>",
            "String",
        ] {
            assert!(text.parse::<Type>().is_err(), "{text}");
        }
        assert!("list<".repeat(10_000).parse::<Type>().is_err());
        let deep = format!("{}any{}", "list<".repeat(10_000), ">".repeat(10_000));
        assert!(deep.parse::<Type>().is_err());
    }

    #[test]
    fn a_value_has_the_shape_of_its_type() {
        let check = |ty: &str, value: Value, expected: bool| {
            let ty: Type = ty.parse().expect("a type");
            assert_eq!(ty.admits(&value), expected, "{ty}: {value}");
        };
        for (ty, good, bad) in [
            ("string", json!("a"), json!(1)),
            ("integer", json!(-1), json!(1.5)),
            ("integer", json!(i64::MAX), json!(u64::MAX)),
            ("number", json!(1.5), json!("1")),
            ("number", json!(1), json!([1])),
            ("boolean", json!(false), json!("false")),
            ("date", json!("2000-01-31"), json!(20000131)),
            ("datetime", json!("2000-01-31T12:00:00Z"), json!({})),
            ("list<string>", json!([]), json!({})),
            ("list<string>", json!(["a"]), json!(["a", null])),
            (
                "map<list<integer>>",
                json!({"a": [1]}),
                json!({"a": [1], "b": ["1"]}),
            ),
            ("list<any>", json!([{"x": null}, 1]), json!(null)),
        ] {
            check(ty, good, true);
            check(ty, bad, false);
        }
        check("any", json!(null), true);
    }

    #[test]
    fn an_integer_is_a_number_and_not_the_other_way_round() {
        assert!(Type::Integer.fits(&Type::Number));
        assert!(!Type::Number.fits(&Type::Integer));
        assert!(Type::Any.fits(&Type::Date));
        assert!(!Type::List(Box::new(Type::String)).fits(&Type::List(Box::new(Type::Date))));
    }
}
