//! The names of generated items.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::quote;

use super::{ident::ident, model::AttributeModel, rust_type::rust_type};
use crate::model::{rust_name, snake_case};

/// The name of a type: `recent-orders` is `RecentOrders`.
pub(super) fn type_name(name: &str) -> String {
    let snake: String = name
        .chars()
        .map(|letter| if is_letter(letter) { letter } else { '_' })
        .collect();
    let mut pascal = String::new();
    for word in snake_case(&snake).split('_') {
        let mut letters = word.chars();
        pascal.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        pascal.extend(letters);
    }
    match pascal.chars().next() {
        Some(first) if !first.is_ascii_digit() && pascal != "Self" => pascal,
        _ => format!("_{pascal}"),
    }
}

/// The name of a module: `shop/check-out.html` is `shop_check_out`.
pub(super) fn module_name(template: &str) -> String {
    let stem = template.rsplit_once('.').map_or(template, |(stem, _)| stem);
    let plain: String = stem
        .chars()
        .map(|letter| if is_letter(letter) { letter } else { '_' })
        .collect();
    let name = rust_name(&plain);
    let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    if starts_well { name } else { format!("_{name}") }
}

fn is_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric()
}

/// `name`, or the first of `name2`, `name3`, … that is not in `taken`. The result is taken then.
pub(super) fn unique(name: String, taken: &mut BTreeSet<String>) -> String {
    let mut unique = name.clone();
    let mut number = 2;
    while !taken.insert(unique.clone()) {
        unique = format!("{name}{number}");
        number += 1;
    }
    unique
}

/// The fields of a struct for these attributes. `wrap` makes the type of a field.
pub(super) fn fields(
    attributes: &[AttributeModel],
    wrap: impl Fn(TokenStream) -> TokenStream,
) -> TokenStream {
    let fields = attributes.iter().map(|AttributeModel { name, ty, rust }| {
        let doc = format!(" `{name}`: `{ty}`.");
        let field = rust_name(name);
        let rename =
            (field.strip_prefix("r#").unwrap_or(&field) != name).then(|| quote!(#[serde(rename = #name)]));
        let (field, ty) = (ident(&field), wrap(rust_type(ty, rust.as_deref())));
        quote!(#[doc = #doc] #rename pub #field: #ty,)
    });
    quote!(#(#fields)*)
}

/// How generated structs that hold types of the crate are made: those types need no more than `Debug` and `Serialize`.
pub(super) fn narrow_derives() -> TokenStream {
    quote! {
        #[derive(Debug, ::hydra_runtime::serde::Serialize)]
        #[serde(crate = "::hydra_runtime::serde")]
    }
}

/// How generated structs are made for serde, wherever that is.
pub(super) fn serde_derives() -> TokenStream {
    quote! {
        #[derive(Clone, Debug, PartialEq, ::hydra_runtime::serde::Serialize, ::hydra_runtime::serde::Deserialize)]
        #[serde(crate = "::hydra_runtime::serde")]
    }
}
