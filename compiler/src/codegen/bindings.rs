//! `hydra.rs`: the typed bindings of a template folder.
#![deny(clippy::disallowed_methods)]

use quote::quote;

use super::{MODEL_FORMAT, Model, PLAN_FILE, fragments::fragments, lint_attributes::quiet, pages::pages};

/// The text of `hydra.rs`: the type `App` and the modules `fragments` and `pages`.
#[must_use]
pub fn bindings(model: &Model) -> String {
    let fragments = fragments(&model.offers);
    let pages = pages(&model.pages);
    let plan = format!("/{PLAN_FILE}");
    let format = MODEL_FORMAT;
    let quiet = quiet();
    let offers = model.offers.iter().filter(|offer| !offer.attributes.is_empty());
    let need_handlers = offers.map(|offer| &offer.reference);
    // Modules, constants, types: a lint of clippy's wants this order, and no `allow` on an item silences it.
    let tokens = quote! {
        #fragments
        #pages

        #quiet
        const _: () = ::hydra_runtime::app::same_bindings(#format);

        /// An application with the templates of this crate: `App::new("shop")`. `S` is the state that its handlers need.
        #quiet
        pub type App<S = ()> = ::hydra_runtime::App<S, CompiledTemplates>;

        /// The templates of this crate, as they were compiled.
        #quiet
        #[derive(Clone, Copy, Debug)]
        pub struct CompiledTemplates;

        #quiet
        impl ::hydra_runtime::app::Templates for CompiledTemplates {
            const PLAN: &'static str = include_str!(concat!(env!("OUT_DIR"), #plan));
            const NEED_HANDLERS: &'static [&'static str] = &[#(#need_handlers),*];
            const FOLDER: &'static str = env!("CARGO_MANIFEST_DIR");
        }
    };
    match syn::parse2(tokens.clone()) {
        Ok(file) => prettyplease::unparse(&file),
        // rustc's own error, at the place in the file, says more than ours could.
        Err(_) => tokens.to_string(),
    }
}
