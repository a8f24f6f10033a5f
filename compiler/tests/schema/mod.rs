//! As much of JSON Schema as the schemas of these tests use. A keyword that it does not know is a failure, so that
//! nothing passes because it was not looked at.

use serde_json::{Map, Value};

/// Keywords that demand nothing.
const ANNOTATIONS: &[&str] = &[
    "$schema",
    "$id",
    "id",
    "title",
    "description",
    "default",
    "definitions",
    "format",
];

/// What is wrong with `value`, each with its path. Empty: the schema accepts it.
pub(crate) fn validate(schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    Check {
        root: schema,
        faults: &mut faults,
    }
    .value(schema, value, "$");
    faults
}

struct Check<'a> {
    root: &'a Value,
    faults: &'a mut Vec<String>,
}

impl Check<'_> {
    fn value(&mut self, schema: &Value, value: &Value, path: &str) {
        let schema = schema.as_object().expect("a schema is an object");
        for (keyword, rule) in schema {
            let fault = match keyword.as_str() {
                "$ref" => {
                    let pointer = rule
                        .as_str()
                        .and_then(|to| to.strip_prefix('#'))
                        .expect("a local reference");
                    let target = self.root.pointer(pointer).expect("the reference leads somewhere");
                    self.value(target, value, path);
                    None
                }
                "properties" => self.properties(rule, value, path),
                "additionalProperties" => self.additional(schema, rule, value, path),
                "items" => self.items(rule, value, path),
                "anyOf" | "oneOf" => self.choice(keyword, rule, value),
                keyword if ANNOTATIONS.contains(&keyword) => None,
                keyword => simple(keyword, rule, value),
            };
            self.faults.extend(fault.map(|fault| format!("{path}: {fault}")));
        }
    }

    fn properties(&mut self, rule: &Value, value: &Value, path: &str) -> Option<String> {
        for (name, schema) in rule.as_object()? {
            if let Some(member) = value.get(name) {
                self.value(schema, member, &format!("{path}.{name}"));
            }
        }
        None
    }

    fn additional(
        &mut self,
        schema: &Map<String, Value>,
        rule: &Value,
        value: &Value,
        path: &str,
    ) -> Option<String> {
        let known = |name: &String| {
            schema
                .get("properties")
                .is_some_and(|known| known.get(name).is_some())
        };
        for (name, member) in value.as_object()?.iter().filter(|(name, _)| !known(name)) {
            match rule {
                Value::Bool(true) => {}
                Value::Bool(false) => return Some(format!("`{name}` is not allowed")),
                schema => self.value(schema, member, &format!("{path}.{name}")),
            }
        }
        None
    }

    fn items(&mut self, rule: &Value, value: &Value, path: &str) -> Option<String> {
        for (index, item) in value.as_array()?.iter().enumerate() {
            self.value(rule, item, &format!("{path}[{index}]"));
        }
        None
    }

    fn choice(&mut self, keyword: &str, rule: &Value, value: &Value) -> Option<String> {
        let accepts = |schema: &&Value| {
            let mut faults = Vec::new();
            Check {
                root: self.root,
                faults: &mut faults,
            }
            .value(schema, value, "");
            faults.is_empty()
        };
        let accepted = rule.as_array()?.iter().filter(accepts).count();
        let right = if keyword == "oneOf" {
            accepted == 1
        } else {
            accepted > 0
        };
        (!right).then(|| format!("{accepted} schemas of {keyword} accept it"))
    }
}

/// The keywords that look at one value alone.
fn simple(keyword: &str, rule: &Value, value: &Value) -> Option<String> {
    let right = match keyword {
        "type" => match rule {
            Value::Array(types) => types.iter().any(|one| has_type(one, value)),
            one => has_type(one, value),
        },
        "enum" => rule.as_array()?.contains(value),
        "required" => rule
            .as_array()?
            .iter()
            .all(|name| value.get(name.as_str().expect("a name")).is_some()),
        "minimum" => value
            .as_f64()
            .is_none_or(|number| number >= rule.as_f64().expect("a number")),
        "maximum" => value
            .as_f64()
            .is_none_or(|number| number <= rule.as_f64().expect("a number")),
        "minItems" => value
            .as_array()
            .is_none_or(|items| items.len() as u64 >= rule.as_u64().expect("a number")),
        "minLength" => value
            .as_str()
            .is_none_or(|text| text.len() as u64 >= rule.as_u64().expect("a number")),
        "uniqueItems" => value.as_array().is_none_or(|items| {
            items
                .iter()
                .enumerate()
                .all(|(index, item)| !items[..index].contains(item))
        }),
        "pattern" => value
            .as_str()
            .is_none_or(|text| matches_pattern(rule.as_str().expect("a pattern"), text)),
        other => panic!("the keyword `{other}` is not known here"),
    };
    (!right).then(|| format!("{value} breaks {keyword} {rule}"))
}

fn has_type(wanted: &Value, value: &Value) -> bool {
    match wanted.as_str().expect("a type's name") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the type `{other}` is not known here"),
    }
}

/// proptest's strategy for a pattern knows no matching, and no other crate here does: so the patterns that are met
/// are written out.
fn matches_pattern(pattern: &str, text: &str) -> bool {
    match pattern {
        "^ *((list|map) *< *)*(string|integer|number|boolean|date|datetime|any) *(> *)*$" => {
            let mut rest = text.trim_matches(' ');
            while let Some(inner) = ["list", "map"].iter().find_map(|outer| {
                rest.strip_prefix(outer)
                    .and_then(|rest| rest.trim_start_matches(' ').strip_prefix('<'))
            }) {
                rest = inner.trim_start_matches(' ');
            }
            let name = rest.trim_end_matches([' ', '>']);
            [
                "string", "integer", "number", "boolean", "date", "datetime", "any",
            ]
            .contains(&name)
        }
        "[0-9]+(\\.[0-9]+){3}" => text.split('.').filter(|part| part.parse::<u32>().is_ok()).count() >= 4,
        other => panic!("the pattern `{other}` is not known here"),
    }
}
