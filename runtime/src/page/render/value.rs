//! Values between Tera and JSON, without a pass through a serializer.
#![deny(clippy::disallowed_methods)]

use std::hash::{Hash, Hasher};

use serde_json::{Map, Number, Value as Json};
use tera::value::{Key, Value, ValueKind};

use crate::limits::MAX_VALUE_DEPTH;

/// A value nests deeper than any peer accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a value nests deeper than {MAX_VALUE_DEPTH} levels")]
pub(crate) struct TooDeep;

/// The JSON of a Tera value. What JSON can't say (`NaN`, a missing value) is null; bytes become text.
pub(crate) fn to_json(value: &Value) -> Result<Json, TooDeep> {
    to_json_at(value, MAX_VALUE_DEPTH)
}

fn to_json_at(value: &Value, depth: usize) -> Result<Json, TooDeep> {
    let depth = depth.checked_sub(1).ok_or(TooDeep)?;
    Ok(match value.kind() {
        ValueKind::Bool => Json::Bool(value.is_truthy()),
        ValueKind::U64 | ValueKind::I64 | ValueKind::U128 | ValueKind::I128 => integer(value),
        ValueKind::F64 => value
            .as_f64()
            .and_then(Number::from_f64)
            .map_or(Json::Null, Json::Number),
        ValueKind::String => Json::String(value.as_str().unwrap_or_default().to_owned()),
        ValueKind::Bytes => {
            Json::String(String::from_utf8_lossy(value.as_bytes().unwrap_or_default()).into_owned())
        }
        ValueKind::Array => {
            let items = value.as_array().unwrap_or_default();
            Json::Array(
                items
                    .iter()
                    .map(|item| to_json_at(item, depth))
                    .collect::<Result<_, _>>()?,
            )
        }
        ValueKind::Map => {
            let members = value.as_map().into_iter().flatten();
            Json::Object(
                members
                    .map(|(key, value)| Ok((key.to_string(), to_json_at(value, depth)?)))
                    .collect::<Result<Map<_, _>, _>>()?,
            )
        }
        _ => Json::Null,
    })
}

/// A whole number. One that does not fit into 64 bits becomes a text of its digits, so that it is not rounded silently.
fn integer(value: &Value) -> Json {
    if let Some(number) = value.as_i64() {
        Json::from(number)
    } else if let Some(number) = value.as_u64() {
        Json::from(number)
    } else {
        Json::String(value.to_string())
    }
}

/// The Tera value of a JSON value. Null is `none`.
pub(crate) fn from_json(value: &Json) -> Result<Value, TooDeep> {
    from_json_at(value, MAX_VALUE_DEPTH)
}

fn from_json_at(value: &Json, depth: usize) -> Result<Value, TooDeep> {
    let depth = depth.checked_sub(1).ok_or(TooDeep)?;
    Ok(match value {
        Json::Null => Value::none(),
        Json::Bool(value) => Value::from(*value),
        Json::Number(number) => from_number(number),
        Json::String(text) => Value::normal_string(text),
        Json::Array(items) => Value::from(
            items
                .iter()
                .map(|item| from_json_at(item, depth))
                .collect::<Result<Vec<_>, _>>()?,
        ),
        Json::Object(members) => {
            let mut map = tera::Map::with_capacity(members.len());
            for (name, value) in members {
                map.insert(Key::from(name.clone()), from_json_at(value, depth)?);
            }
            Value::from(map)
        }
    })
}

fn from_number(number: &Number) -> Value {
    if let Some(number) = number.as_u64() {
        Value::from(number)
    } else if let Some(number) = number.as_i64() {
        Value::from(number)
    } else {
        number.as_f64().map_or_else(Value::none, Value::from)
    }
}

/// The member at the end of `path` below `value`; undefined where a member is missing.
pub(crate) fn follow(value: Value, path: &[String]) -> Value {
    let mut at = &value;
    for member in path {
        match at.as_map().and_then(|map| map.get(&Key::Str(member))) {
            Some(value) => at = value,
            None => return Value::undefined(),
        }
    }
    at.clone()
}

/// Hashes a value such that equal values of one kind have equal hashes.
pub(crate) fn hash(value: &Value, hasher: &mut impl Hasher) {
    value.kind().hash(hasher);
    match value.kind() {
        ValueKind::String => value.as_str().hash(hasher),
        // Only the length is hashed: equal values still have equal hashes, and a deep value can't overflow the stack.
        ValueKind::Array | ValueKind::Map | ValueKind::Bytes => value.len().hash(hasher),
        ValueKind::Bool => value.is_truthy().hash(hasher),
        ValueKind::F64 => value.as_f64().map(f64::to_bits).hash(hasher),
        _ => value.as_i128().hash(hasher),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_and_tera_say_the_same() {
        let value = json!({
            "text": "a", "long": "x".repeat(50), "none": null, "yes": true, "no": false, "int": -3,
            "big": u64::MAX, "float": 1.5, "list": [1, [2, {"a": []}]], "map": {"é": {"": 0}},
        });
        assert_eq!(from_json(&value).and_then(|tera| to_json(&tera)), Ok(value));
    }

    #[test]
    fn what_json_can_not_say_is_null_or_text() {
        assert_eq!(to_json(&Value::from(f64::NAN)), Ok(Json::Null));
        assert_eq!(to_json(&Value::undefined()), Ok(Json::Null));
        assert_eq!(
            to_json(&Value::from(u128::MAX)),
            Ok(json!("340282366920938463463374607431768211455"))
        );
        assert_eq!(to_json(&Value::bytes([0xff])), Ok(json!("\u{fffd}")));
        let by_number: Value = std::collections::BTreeMap::from([(1u128, "a"), (2, "b")]).into();
        assert_eq!(to_json(&by_number), Ok(json!({"1": "a", "2": "b"})));
    }

    #[test]
    fn a_value_that_nests_too_deep_is_refused_both_ways() {
        let mut tera = Value::from(1u64);
        let mut json = json!(1);
        for _ in 0..MAX_VALUE_DEPTH {
            tera = Value::from(vec![tera]);
            json = Json::Array(vec![json]);
        }
        assert_eq!(to_json(&tera), Err(TooDeep));
        assert_eq!(from_json(&json), Err(TooDeep));
    }

    #[test]
    fn a_path_is_followed_by_member_and_ends_undefined_where_one_is_missing() {
        let value = from_json(&json!({"a": {"b": 7}})).unwrap();
        let path = |members: &[&str]| members.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(follow(value.clone(), &path(&["a", "b"])), Value::from(7u64));
        assert!(follow(value.clone(), &path(&["a", "c"])).is_undefined());
        assert!(follow(value.clone(), &path(&["a", "b", "c"])).is_undefined());
        assert_eq!(follow(value.clone(), &[]), value);
    }
}
