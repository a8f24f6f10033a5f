//! Says which import of a fragment does not fit its contract: the name and both types, and never a value.
#![deny(clippy::disallowed_methods)]

use std::{borrow::Cow, collections::BTreeMap};

use hydra_contract::{ImportContract, Type};
use hydra_runtime_wire::Attributes;
use serde_json::Value;

use crate::{Date, DateTime};

/// The reason why `given` does not fit the imports of a contract. `None`: the contract does not tell.
pub(super) fn reason(imports: &BTreeMap<String, ImportContract>, given: &Attributes) -> Option<String> {
    imports.iter().find_map(|(name, import)| {
        let wanted = &import.ty;
        match given.get(name) {
            None if import.default.is_some() => None,
            None => Some(format!("the import `{name}` is missing; its type is `{wanted}`")),
            Some(value) => misfit(wanted, value).map(|misfit| format!("the import `{name}` {misfit}")),
        }
    })
}

/// Why `value` is not of the type `wanted`, as the end of a sentence: both types, and never the value. `None`: it is.
pub(crate) fn misfit(wanted: &Type, value: &Value) -> Option<String> {
    if !wanted.admits(value) {
        return Some(format!("is of type `{}` instead of `{wanted}`", type_of(value)));
    }
    (!is_readable(wanted, value)).then(|| format!("is a `string` that is not a `{wanted}`"))
}

/// Whether the texts of dates are dates.
fn is_readable(wanted: &Type, value: &Value) -> bool {
    match (wanted, value) {
        (Type::Date, Value::String(text)) => text.parse::<Date>().is_ok(),
        (Type::DateTime, Value::String(text)) => text.parse::<DateTime>().is_ok(),
        (Type::List(inner), Value::Array(items)) => items.iter().all(|item| is_readable(inner, item)),
        (Type::Map(inner), Value::Object(members)) => {
            members.values().all(|member| is_readable(inner, member))
        }
        _ => true,
    }
}

/// The type of a value, in the words of contracts. For a list or a map, it says what its first value is.
fn type_of(value: &Value) -> Cow<'static, str> {
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) => "boolean".into(),
        Value::Number(number) if number.is_i64() => "integer".into(),
        Value::Number(_) => "number".into(),
        Value::String(_) => "string".into(),
        Value::Array(items) => format!("list<{}>", first(items.first())).into(),
        Value::Object(members) => format!("map<{}>", first(members.values().next())).into(),
    }
}

fn first(value: Option<&Value>) -> &'static str {
    match value {
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Number(number)) if number.is_i64() => "integer",
        Some(Value::Number(_)) => "number",
        Some(Value::String(_)) => "string",
        None | Some(Value::Null | Value::Array(_) | Value::Object(_)) => "any",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_reason_has_the_name_and_both_types_and_no_value() {
        let secret = "hunter2";
        for (contract, given, expected) in [
            (
                json!({"a": {"type": "string"}}),
                json!({}),
                Some("the import `a` is missing; its type is `string`"),
            ),
            (
                json!({"a": {}}),
                json!({}),
                Some("the import `a` is missing; its type is `any`"),
            ),
            (json!({"a": {"type": "integer", "default": 1}}), json!({}), None),
            (
                json!({"a": {"type": "integer"}}),
                json!({"a": secret}),
                Some("the import `a` is of type `string` instead of `integer`"),
            ),
            (
                json!({"a": {"type": "string"}}),
                json!({"a": null}),
                Some("the import `a` is of type `null` instead of `string`"),
            ),
            (
                json!({"a": {"type": "integer"}}),
                json!({"a": 1.5}),
                Some("the import `a` is of type `number` instead of `integer`"),
            ),
            (
                json!({"a": {"type": "list<integer>"}}),
                json!({"a": [secret]}),
                Some("the import `a` is of type `list<string>` instead of `list<integer>`"),
            ),
            (
                json!({"a": {"type": "string"}}),
                json!({"a": {secret: true}}),
                Some("the import `a` is of type `map<boolean>` instead of `string`"),
            ),
            (
                json!({"a": {"type": "date"}}),
                json!({"a": secret}),
                Some("the import `a` is a `string` that is not a `date`"),
            ),
            (
                json!({"a": {"type": "list<datetime>"}}),
                json!({"a": [secret]}),
                Some("the import `a` is a `string` that is not a `list<datetime>`"),
            ),
            (json!({"a": {"type": "date"}}), json!({"a": "2000-01-31"}), None),
        ] {
            let imports = serde_json::from_value(contract).expect("a contract");
            let given = given.as_object().expect("an object");
            let found = reason(&imports, given);
            assert_eq!(found.as_deref(), expected, "{given:?}");
            assert!(!found.unwrap_or_default().contains(secret));
        }
    }
}
