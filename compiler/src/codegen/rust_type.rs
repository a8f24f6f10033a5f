//! The Rust types of contract types.
#![deny(clippy::disallowed_methods)]

use hydra_contract::Type;
use proc_macro2::TokenStream;
use quote::quote;

/// The Rust type for values of a contract's type.
pub(super) fn rust_type(ty: &Type) -> TokenStream {
    match ty {
        Type::String => quote!(::std::string::String),
        Type::Integer => quote!(i64),
        Type::Number => quote!(f64),
        Type::Boolean => quote!(bool),
        Type::Date => quote!(::hydra_runtime::Date),
        Type::DateTime => quote!(::hydra_runtime::DateTime),
        Type::List(inner) => {
            let inner = rust_type(inner);
            quote!(::std::vec::Vec<#inner>)
        }
        Type::Map(inner) => {
            let inner = rust_type(inner);
            quote!(::std::collections::BTreeMap<::std::string::String, #inner>)
        }
        Type::Any => quote!(::hydra_runtime::serde_json::Value),
    }
}
