//! The JSON schema of `hydra.toml`.

use hydra_runtime::settings::Partial;
use hydra_runtime_gateway::GatewayConfig;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::{super::serve, example};

/// The keys of `[compile]`, which the compiler reads: name, type and description.
const COMPILE: [(&str, &str, &str); 4] = [
    ("service", "text", "The name of this service."),
    (
        "functions",
        "texts",
        "Functions that the application adds to Tera.",
    ),
    ("filters", "texts", "Filters that the application adds to Tera."),
    ("tests", "texts", "Tests that the application adds to Tera."),
];

/// The schema as JSON text.
pub(super) fn text() -> String {
    let mut text = format!("{:#}", schema());
    text.push('\n');
    text
}

fn schema() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let schema = settings.into_generator().into_root_schema_for::<GatewayConfig>();
    let mut schema = schema.to_value();
    schema["title"] = json!("hydra.toml");
    schema["description"] = json!("The settings of Hydra's programs and applications.");
    let defaults = example::defaults();
    if let Some(properties) = schema["properties"].as_object_mut() {
        for (name, keys, about) in [
            ("app", Partial::KEYS, "The settings of an application."),
            ("serve", &serve::KEYS[..], "The settings of `hydra serve`."),
            ("compile", &COMPILE[..], "The settings of the compiler."),
        ] {
            properties.insert(name.to_owned(), table(keys, about));
        }
        for (section, key, default) in defaults {
            let place = match &*section {
                "" => properties.get_mut(&key),
                section => properties
                    .get_mut(section)
                    .and_then(|table| table["properties"].get_mut(&key)),
            };
            if let Some(property) = place {
                property["default"] = default;
            }
        }
    }
    schema
}

/// The schema of a table with these keys.
fn table(keys: &[(&str, &str, &str)], about: &str) -> Value {
    let property = |(name, kind, description): &(&str, &str, &str)| {
        let mut property = of_kind(kind);
        property["description"] = json!(description.trim());
        ((*name).to_owned(), property)
    };
    let properties: Map<String, Value> = keys.iter().map(property).collect();
    json!({
        "type": "object",
        "description": about,
        "additionalProperties": false,
        "properties": properties
    })
}

fn of_kind(kind: &str) -> Value {
    match kind {
        "texts" => {
            json!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
        }
        "truth" => json!({"anyOf": [{"type": "boolean"}, {"enum": ["true", "false"]}]}),
        "number" => {
            json!({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9]+$"}]})
        }
        "share" => json!({"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "string"}]}),
        _ => json!({"type": "string"}),
    }
}
