//! The items of typed lists (design section 3.3).

use hydra_contract::Type;
use serde_json::Value;

use super::type_name::RustName;
use crate::{shape::Shape, source::Span};

/// An attribute with its type.
#[derive(Clone, Debug, PartialEq)]
pub struct Declared {
    /// Its name.
    pub name: String,
    /// Where the name stands.
    pub span: Span,
    /// Its type: `any` where none is stated.
    pub ty: Type,
    /// The Rust type that stands for the innermost `any` of `ty`, in `m:attributes`.
    pub rust: Option<RustName>,
    /// The shape of its value. It is empty until the Rust types are read.
    pub shape: Shape,
    /// The value of an import that the page does not hand over.
    pub default: Option<Value>,
}

/// Which list of an offer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TypedListKind {
    /// `m:imports`: its items may have defaults.
    Imports,
    /// `m:exports`.
    Exports,
    /// `m:attributes`: its items may be of Rust types.
    Attributes,
}

/// The value of a default. `None`: the text is none.
pub(super) fn literal(text: &str) -> Option<Value> {
    for quote in ['\'', '"'] {
        if let Some(inner) = text.strip_prefix(quote) {
            return inner
                .strip_suffix(quote)
                .filter(|inner| !inner.contains(quote))
                .map(Value::from);
        }
    }
    serde_json::from_str(text)
        .ok()
        .filter(|value: &Value| value.is_number() || value.is_boolean())
}
