//! The names of generated items.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeMap;

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

/// The names that are taken.
#[derive(Debug, Default)]
pub(super) struct TakenNames {
    /// Each with the number that is tried first where it is asked for again: a page may have one fragment ten thousand times.
    next: BTreeMap<String, usize>,
}

impl TakenNames {
    /// `name`, or the first of `name2`, `name3`, … that is free. The result is taken then.
    pub(super) fn unique(&mut self, name: String) -> String {
        let Some(next) = self.next.get(&name) else {
            self.take(name.clone());
            return name;
        };
        let mut numbered = (*next..).map(|number| (format!("{name}{number}"), number));
        let free = numbered.find(|(numbered, _)| !self.next.contains_key(numbered));
        let Some((unique, number)) = free else {
            return name;
        };
        self.next.insert(name, number + 1);
        self.take(unique.clone());
        unique
    }

    /// Takes a name, if it is free.
    pub(super) fn take(&mut self, name: String) {
        self.next.entry(name).or_insert(2);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_asked_for_again_gets_the_next_free_number() {
        let mut taken = TakenNames::default();
        taken.take("Menu3".to_owned());
        for expected in ["Menu", "Menu2", "Menu4", "Menu5"] {
            assert_eq!(taken.unique("Menu".to_owned()), expected);
        }
        assert_eq!(taken.unique("Menu2".to_owned()), "Menu22");
        // From the first number on, each would try all those before it: fifty million. 22 is taken already.
        for _ in 6..10_000 {
            taken.unique("Menu".to_owned());
        }
        assert_eq!(taken.unique("Menu".to_owned()), "Menu10001");
    }
}
