//! The module `pages`: for each `<m:fragment>` of a page, the types of its imports and exports.
#![deny(clippy::disallowed_methods)]

use proc_macro2::TokenStream;
use quote::quote;

use super::{
    ident::ident,
    lint_attributes::quiet,
    model::{PageModel, SlotModel},
    names::{TakenNames, fields, module_name, serde_derives, type_name},
};

/// The module.
pub(super) fn pages(pages: &[PageModel]) -> TokenStream {
    let quiet = quiet();
    let mut taken = TakenNames::default();
    let modules = pages
        .iter()
        .map(|page| module(page, taken.unique(module_name(&page.template))));
    quote! {
        /// The fragments of this service's pages: what each gets and gives.
        #quiet
        pub mod pages {
            #(#modules)*
        }
    }
}

fn module(page: &PageModel, name: String) -> TokenStream {
    let name = ident(&name);
    let template = &page.template;
    let doc = format!(" The fragments of `{template}`.");
    let mut taken = TakenNames::default();
    let slots = page.slots.iter().map(|slot| types(slot, &mut taken));
    quote! {
        #[doc = #doc]
        pub mod #name {
            /// The template's name.
            pub const TEMPLATE: &str = #template;
            #(#slots)*
        }
    }
}

fn types(slot: &SlotModel, taken: &mut TakenNames) -> TokenStream {
    let name = match (slot.service.as_str(), slot.reference.as_str()) {
        ("", "") => "Computed".to_owned(),
        (service, reference) => type_name(&format!("{service}-{reference}")),
    };
    let name = taken.unique(name);
    let (imports, exports) = (ident(&format!("{name}Imports")), ident(&format!("{name}Exports")));
    let place = format!("{}:{}:{}", slot.spot.file, slot.spot.line, slot.spot.column);
    let imports_doc = format!(" What the page hands to the fragment at {place}, under the fragment's names.");
    let exports_doc = format!(
        " What the fragment at {place} hands to the page, under the page's names. Its owner may be away."
    );
    let import_fields = fields(&slot.imports, |ty| ty);
    let export_fields = fields(&slot.exports, |ty| quote!(::std::option::Option<#ty>));
    let derives = serde_derives();
    quote! {
        #[doc = #imports_doc]
        #derives
        pub struct #imports { #import_fields }

        #[doc = #exports_doc]
        #derives
        #[derive(Default)]
        pub struct #exports { #export_fields }
    }
}
