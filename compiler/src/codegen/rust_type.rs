//! The Rust types of contract types.
#![deny(clippy::disallowed_methods)]

use hydra_contract::Type;
use proc_macro2::TokenStream;
use quote::quote;

use super::ident::ident;

/// The Rust type for values of a contract's type. `own`: the type of the crate that stands for its innermost `any`.
pub(super) fn rust_type(ty: &Type, own: Option<&str>) -> TokenStream {
    match (ty, own) {
        // It is known by its name where `app!()` stands: that is around the generated module.
        (Type::Any, Some(own)) => {
            let own = ident(own);
            quote!(super::#own)
        }
        (Type::List(inner), _) => {
            let inner = rust_type(inner, own);
            quote!(::std::vec::Vec<#inner>)
        }
        (Type::Map(inner), _) => {
            let inner = rust_type(inner, own);
            quote!(::std::collections::BTreeMap<::std::string::String, #inner>)
        }
        (ty, _) => plain(ty),
    }
}

fn plain(ty: &Type) -> TokenStream {
    match ty {
        Type::String => quote!(::std::string::String),
        Type::Integer => quote!(i64),
        Type::Number => quote!(f64),
        Type::Boolean => quote!(bool),
        Type::Date => quote!(::hydra_runtime::Date),
        Type::DateTime => quote!(::hydra_runtime::DateTime),
        Type::Any | Type::List(_) | Type::Map(_) => quote!(::hydra_runtime::serde_json::Value),
    }
}
