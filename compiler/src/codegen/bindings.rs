//! `hydra.rs`: the typed bindings of a template folder.
#![deny(clippy::disallowed_methods)]

use quote::quote;

use super::{MODEL_FORMAT, Model, PLAN_FILE, fragments::fragments, pages::pages, quiet::quiet};

/// The text of `hydra.rs`: the struct `App` and the modules `fragments` and `pages`.
#[must_use]
pub fn bindings(model: &Model) -> String {
    let fragments = fragments(&model.offers);
    let pages = pages(&model.pages);
    let plan = format!("/{PLAN_FILE}");
    let format = MODEL_FORMAT;
    let quiet = quiet();
    let tokens = quote! {
        /// This application, with its templates.
        #quiet
        #[derive(Clone, Copy, Debug)]
        pub struct App;

        #quiet
        impl App {
            /// The application `name`, with the templates that were compiled for it.
            pub fn new<S: Clone + Send + Sync + 'static>(
                name: impl Into<::std::string::String>,
            ) -> ::hydra_runtime::App<S> {
                ::hydra_runtime::App::with_plan(name, include_str!(concat!(env!("OUT_DIR"), #plan)))
                    .crate_folder(env!("CARGO_MANIFEST_DIR"))
            }
        }

        #quiet
        const _: () = ::hydra_runtime::app::same_bindings(#format);

        #fragments
        #pages
    };
    match syn::parse2(tokens.clone()) {
        Ok(file) => prettyplease::unparse(&file),
        // rustc's own error, at the place in the file, says more than ours could.
        Err(_) => tokens.to_string(),
    }
}
