//! `#[fragment("ref")]`: compares a handler with the fragment that it renders.
#![deny(clippy::disallowed_methods)]

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{
    FnArg, ItemFn, LitStr, ReturnType, Token, Type,
    parse::{Parse, ParseStream},
    parse_quote,
    visit::Visit,
};

use super::{
    app_macro::{BuildScriptOutput, read},
    crate_path::crate_path,
    fragments::{imports_name, output_names},
    lint_attributes::quiet,
    model::Model,
};
use crate::{fields::role_list, suggest::nearest};

/// The expansion of `#[fragment("ref")]` on a function: the function itself, and an error for each mistake.
#[must_use]
pub fn fragment_handler(arguments: TokenStream, item: TokenStream, found: &BuildScriptOutput) -> TokenStream {
    let mut item = item;
    let errors = match (
        syn::parse2::<Arguments>(arguments),
        syn::parse2::<ItemFn>(item.clone()),
    ) {
        (Ok(Arguments { reference, roles }), Ok(function)) => {
            let errors = match read(found) {
                Ok(model) => check(&reference, &function, &model),
                Err(message) => vec![(reference.span(), message)],
            };
            match guarded(function, &roles) {
                Ok(guarded) => item = guarded,
                Err(error) => return error.into_compile_error(),
            }
            errors
        }
        (Err(error), _) => vec![(
            error.span(),
            match error.to_string() {
                told if told.contains("role") => told,
                _ => "write the fragment's name: `#[fragment(\"recent-orders\")]`".to_owned(),
            },
        )],
        (_, Err(error)) => vec![(
            error.span(),
            "`#[fragment(…)]` stands on an `async fn`".to_owned(),
        )],
    };
    let errors = errors
        .into_iter()
        .map(|(span, message)| quote_spanned!(span=> ::core::compile_error! { #message }));
    quote!(#item #(#errors)*)
}

/// What stands in `#[fragment("ref", roles("ADMIN"))]`.
struct Arguments {
    reference: LitStr,
    roles: Vec<LitStr>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let reference = input.parse()?;
        let mut roles = Vec::new();
        if input.parse::<Option<Token![,]>>()?.is_some() && !input.is_empty() {
            let word: Ident = input.parse()?;
            if word != "roles" {
                return Err(syn::Error::new(
                    word.span(),
                    "after the fragment's name may stand `roles(\"ADMIN\")`",
                ));
            }
            roles = role_list(input)?;
            input.parse::<Option<Token![,]>>()?;
        }
        if !input.is_empty() {
            return Err(input.error("nothing may stand after the roles"));
        }
        Ok(Self { reference, roles })
    }
}

/// The function with a guard as its first argument, if there are roles.
pub(super) fn guarded(mut function: ItemFn, roles: &[LitStr]) -> syn::Result<TokenStream> {
    let hydra = crate_path(&function.attrs)?;
    function
        .attrs
        .retain(|attribute| !attribute.path().is_ident("hydra"));
    if roles.is_empty() {
        return Ok(function.into_token_stream());
    }
    let visibility = &function.vis;
    let list = format_ident!("__RolesOf_{}", function.sig.ident);
    let guard: FnArg = parse_quote!(_: #hydra::user::Guard<#list>);
    let quiet = quiet();
    let marker = quote! {
        #quiet
        #[doc(hidden)]
        #[derive(Clone, Copy, Debug)]
        #visibility enum #list {}
        #quiet
        #[automatically_derived]
        impl #hydra::user::RoleList for #list {
            const ROLES: &'static [&'static str] = &[#(#roles),*];
        }
    };
    function.sig.inputs.insert(0, guard);
    Ok(quote!(#marker #function))
}

fn check(reference: &LitStr, function: &ItemFn, model: &Model) -> Vec<(Span, String)> {
    let name = reference.value();
    let Some(index) = model.offers.iter().position(|offer| offer.reference == name) else {
        return vec![(reference.span(), not_offered(&name, model))];
    };
    let output = output_names(&model.offers).swap_remove(index);
    let mut errors = Vec::new();
    let place = model
        .offers
        .get(index)
        .map(|offer| offer.spot.show("offered here"))
        .unwrap_or_default();
    if function.sig.asyncness.is_none() {
        let message = "the handler of a fragment is an `async fn`".to_owned();
        errors.push((function.sig.ident.span(), message));
    }
    let given = match &function.sig.output {
        ReturnType::Default => None,
        ReturnType::Type(_, ty) => Some(ty.as_ref()),
    };
    // An alias or `impl Trait` says nothing here. The trait bounds of `App::fragment` have the last word then.
    if let Some(wrong) = given.and_then(|ty| names_other(ty, &output, model)) {
        let message =
            format!("the fragment `{name}` is a `fragments::{output}`, and this gives a `{wrong}`\n{place}");
        errors.push((span_of(given, function), message));
    }
    if given.is_none() {
        let message =
            format!("the handler of `{name}` gives a `fragments::{output}`, or a `Result` of one\n{place}");
        errors.push((function.sig.ident.span(), message));
    }
    let imports = imports_name(&output);
    for ty in function.sig.inputs.iter().filter_map(argument) {
        if let Some(other) = last_name(ty).filter(|other| *other != imports && is_imports(other, model)) {
            let message = format!(
                "the imports of `{name}` are `fragments::{imports}`, and this takes `{other}`\n{place}"
            );
            errors.push((span_of(Some(ty), function), message));
        }
    }
    errors
}

fn not_offered(name: &str, model: &Model) -> String {
    let offered = model.offers.iter().map(|offer| offer.reference.as_str());
    let help = match nearest(name, offered.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if model.offers.is_empty() => format!("write `m:ref=\"{name}\"` on an element"),
        None => format!("they offer {}", offered.collect::<Vec<_>>().join(", ")),
    };
    format!("no template offers the fragment `{name}`: {help}")
}

/// The output type of another fragment in `ty`.
fn names_other(ty: &Type, wanted: &str, model: &Model) -> Option<String> {
    struct Names(Vec<String>);
    impl<'ast> Visit<'ast> for Names {
        fn visit_path_segment(&mut self, segment: &'ast syn::PathSegment) {
            self.0.push(segment.ident.to_string());
            syn::visit::visit_path_segment(self, segment);
        }
    }
    let mut names = Names(Vec::new());
    names.visit_type(ty);
    if names.0.iter().any(|name| name == wanted) {
        return None;
    }
    let outputs = output_names(&model.offers);
    names.0.into_iter().find(|name| outputs.contains(name))
}

fn argument(argument: &FnArg) -> Option<&Type> {
    match argument {
        FnArg::Typed(typed) => Some(&typed.ty),
        FnArg::Receiver(_) => None,
    }
}

fn is_imports(name: &str, model: &Model) -> bool {
    output_names(&model.offers)
        .iter()
        .any(|output| imports_name(output) == name)
}

fn last_name(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        _ => None,
    }
}

fn span_of(ty: Option<&Type>, function: &ItemFn) -> Span {
    let first = ty.and_then(|ty| ty.to_token_stream().into_iter().next());
    first.map_or_else(|| function.sig.ident.span(), |token| token.span())
}
