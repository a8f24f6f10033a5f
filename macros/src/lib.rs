//! The macros of `hydra_runtime`. All that they do is in `hydra_compile::codegen`, as functions over tokens: this crate only
//! reads what the build script left in `OUT_DIR`.

use std::{env, fs, path::Path};

use hydra_compile::codegen::{self, Found, MODEL_FILE};
use proc_macro::TokenStream;

/// Brings in what was generated from this crate's templates: the struct `App`, and the modules `fragments` (types for the
/// handlers of the fragments that it offers) and `pages` (what its pages hand to fragments and get from them).
///
/// The crate needs a build script that calls `hydra_compile::Build`.
#[proc_macro]
pub fn app(_arguments: TokenStream) -> TokenStream {
    codegen::app(&found()).into()
}

/// Makes a struct the attributes of a page, and checks its fields against the template.
///
/// `#[page(template = "checkout.html")]` names the template; `path = "/checkout"` beside it gives the page a path, as
/// axum writes it. The struct is `serde::Serialize` too: templates see its fields under the names that serde gives them.
#[proc_macro_derive(Page, attributes(page))]
pub fn page(item: TokenStream) -> TokenStream {
    codegen::derive_page(item.into(), &found()).into()
}

/// Checks a handler against the fragment that it is for: `#[fragment("recent-orders")]`.
#[proc_macro_attribute]
pub fn fragment(arguments: TokenStream, item: TokenStream) -> TokenStream {
    codegen::fragment_handler(arguments.into(), item.into(), &found()).into()
}

/// What the build script of the crate that is compiled left.
fn found() -> Found {
    let Some(out) = env::var_os("OUT_DIR") else {
        return Found::NoBuildScript;
    };
    match fs::read_to_string(Path::new(&out).join(MODEL_FILE)) {
        Ok(text) => Found::Text(text),
        Err(_) => Found::NoModel,
    }
}
