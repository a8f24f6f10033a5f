//! Identifiers of generated code.
#![deny(clippy::disallowed_methods)]

use proc_macro2::{Ident, Span};

/// An identifier that may be a raw one.
pub(super) fn ident(name: &str) -> Ident {
    match name.strip_prefix("r#") {
        Some(raw) => Ident::new_raw(raw, Span::call_site()),
        None => Ident::new(name, Span::call_site()),
    }
}
