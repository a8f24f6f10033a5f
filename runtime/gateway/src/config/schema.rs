//! JSON schemas of the types whose texts have a form of their own.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{Bytes, Listener, Rate, Secret};
use crate::stated_weights::StatedWeights;

/// A schema that is written in its place, and not referred to.
macro_rules! inline_schema {
    ($type:ty, $name:literal, $($schema:tt)+) => {
        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($($schema)+)
            }
        }
    };
}

/// A duration, `300ms` or `2s`, or a number of milliseconds.
pub(super) struct Duration;
/// Addresses and networks: a list, or one text with commas.
pub(super) struct Networks;
/// An address, or a list of addresses or tables.
pub(super) struct Listen;

impl JsonSchema for Listen {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Listen".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (address, table) = (String::json_schema(generator), Listener::json_schema(generator));
        json_schema!({
            "anyOf": [address, table, {"type": "array", "minItems": 1, "items": {"anyOf": [address, table]}}]
        })
    }
}

inline_schema!(Duration, "Duration", {
    "anyOf": [
        {"type": "string", "pattern": r"^\s*(0|[0-9]+(ms|s|m|h))\s*$"},
        {"type": "integer", "minimum": 0, "deprecated": true}
    ]
});
inline_schema!(Networks, "Networks", {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
});
/// The key of a service, or two while it is changed.
pub(super) struct ServiceKey;

inline_schema!(ServiceKey, "ServiceKey", {
    "anyOf": [{"type": "string"}, {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "string"}}]
});
/// An IP address and a port, or `off`.
pub(super) struct AdminListen;
/// A target of the access log.
pub(super) struct AccessLog;
/// A number from 0 to 1.
pub(super) struct Share;
/// Services, each with whether its visitors stay with one instance.
pub(super) struct Affinities;

inline_schema!(Affinities, "Affinities", {
    "type": "object", "additionalProperties": {"type": "string", "enum": ["visitor", "none"]}
});

inline_schema!(AdminListen, "AdminListen", {"type": "string", "pattern": "^(off|.+:[0-9]+)$"});
inline_schema!(AccessLog, "AccessLog", {"type": "string", "pattern": r"^(off|text|json|.*[/.].*)$"});
inline_schema!(Share, "Share", {"type": "number", "minimum": 0, "maximum": 1});
inline_schema!(Bytes, "Bytes", {
    "type": "string",
    "pattern": r"^\s*(0|[0-9]+\s*([KMG]i?B))\s*$"
});
inline_schema!(Rate, "Rate", {"type": "string", "pattern": r"^\s*[0-9]+\s*/\s*[smh]\s*$"});
inline_schema!(StatedWeights, "StatedWeights", {
    "anyOf": [
        {"type": "string", "enum": ["newest", "equal"]},
        {"type": "object", "minProperties": 1, "additionalProperties": {"type": "integer", "minimum": 0, "maximum": u32::MAX}}
    ]
});
inline_schema!(Secret, "Secret", {"type": "string"});
