//! `#[action]`: checks the handler of an action, and guards it by role.
#![deny(clippy::disallowed_methods)]

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::{
    ItemFn, LitStr, ReturnType,
    parse::{Parse, ParseStream},
};

use super::handler::guarded;
use crate::fields::role_list;

/// What stands in `#[action(roles("ADMIN"))]`.
struct Arguments(Vec<LitStr>);

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let word: Ident = input.parse()?;
        if word != "roles" {
            let message = "`#[action(…)]` has nothing but `roles(\"ADMIN\")`: the type of the form names fragment and action";
            return Err(syn::Error::new(word.span(), message));
        }
        let roles = role_list(input)?;
        match input.is_empty() {
            true => Ok(Self(roles)),
            false => Err(input.error("nothing may stand after the roles")),
        }
    }
}

/// The expansion of `#[action]` on a function: the function, with a guard where it has roles, and an error for each mistake.
#[must_use]
pub fn action_handler(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let Arguments(roles) = match syn::parse2(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let error = error.into_compile_error();
            return quote!(#item #error);
        }
    };
    let Ok(function) = syn::parse2::<ItemFn>(item.clone()) else {
        return quote!(#item ::core::compile_error! { "`#[action]` stands on an `async fn`" });
    };
    let name = function.sig.ident.span();
    let is_async = function.sig.asyncness.is_some();
    let gives_nothing = matches!(function.sig.output, ReturnType::Default);
    let problems = [
        (!is_async).then_some("the handler of an action is an `async fn`"),
        gives_nothing.then_some(
            "the handler of an action gives a `Result<Done, Invalid<…>>` with the type of its form",
        ),
    ];
    let errors = problems
        .into_iter()
        .flatten()
        .map(|message| quote_spanned!(name=> ::core::compile_error! { #message }));
    let guarded = guarded(function, &roles).unwrap_or_else(|error| error.into_compile_error());
    quote!(#guarded #(#errors)*)
}
