//! The module `fragments`: types for the handlers of the fragments that are offered.
#![deny(clippy::disallowed_methods)]

use proc_macro2::TokenStream;
use quote::quote;

use super::{
    ident::ident,
    lint_attributes::quiet,
    model::OfferModel,
    names::{TakenNames, fields, narrow_derives, serde_derives, type_name},
};

/// The name of the type that the handler of `reference` gives; that of its imports ends in `Imports`.
/// `taken` holds the names of the offers before it.
pub(super) fn output_name(reference: &str, taken: &mut TakenNames) -> String {
    let name = taken.unique(type_name(reference));
    taken.take(imports_name(&name));
    name
}

/// The name of the type of imports.
pub(super) fn imports_name(output: &str) -> String {
    format!("{output}Imports")
}

/// The names of the output types of all offers, in their order.
pub(super) fn output_names(offers: &[OfferModel]) -> Vec<String> {
    let mut taken = TakenNames::default();
    offers
        .iter()
        .map(|offer| output_name(&offer.reference, &mut taken))
        .collect()
}

/// The module.
pub(super) fn fragments(offers: &[OfferModel]) -> TokenStream {
    let names = output_names(offers);
    let quiet = quiet();
    let items = offers.iter().zip(&names).map(|(offer, name)| types(offer, name));
    quote! {
        /// What the handlers of this service's fragments take and give.
        #quiet
        pub mod fragments {
            #(#items)*
        }
    }
}

fn types(offer: &OfferModel, name: &str) -> TokenStream {
    let OfferModel {
        reference,
        spot,
        exports,
        ..
    } = offer;
    let place = format!("{}:{}", spot.file, spot.line);
    let imports_doc = format!(" What the fragment `{reference}` gets from the page ({place}).");
    let output_doc =
        format!(" What the template of the fragment `{reference}` needs and what it exports ({place}).");
    let (imports, output) = (ident(&imports_name(name)), ident(name));
    let import_fields = fields(&offer.imports, |ty| ty);
    let output_fields = fields(&offer.attributes, |ty| ty);
    let derives = serde_derives();
    let output_derives = match offer.attributes.iter().any(|attribute| attribute.rust.is_some()) {
        true => narrow_derives(),
        false => derives.clone(),
    };
    quote! {
        #[doc = #imports_doc]
        #derives
        pub struct #imports { #import_fields }

        impl<S: Sync> ::hydra_runtime::axum::extract::FromRequestParts<S> for #imports {
            type Rejection = ::hydra_runtime::app::ImportsRejection;

            async fn from_request_parts(
                parts: &mut ::hydra_runtime::axum::http::request::Parts,
                _: &S,
            ) -> ::std::result::Result<Self, Self::Rejection> {
                ::hydra_runtime::app::imports(parts)
            }
        }

        #[doc = #output_doc]
        #output_derives
        pub struct #output { #output_fields }

        impl ::hydra_runtime::Fragment for #output {
            const REF: &'static str = #reference;
            type Imports = #imports;
            const EXPORTS: &'static [&'static str] = &[#(#exports),*];
        }

        impl ::hydra_runtime::axum::response::IntoResponse for #output {
            fn into_response(self) -> ::hydra_runtime::axum::response::Response {
                ::hydra_runtime::app::fragment_response(&self)
            }
        }
    }
}
