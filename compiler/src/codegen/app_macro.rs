//! `hydra_runtime::app!()`: brings the generated module in, or says what is missing.
#![deny(clippy::disallowed_methods)]

use proc_macro2::TokenStream;
use quote::quote;

use super::{
    BINDINGS_FILE, MODEL_FILE, MODEL_FORMAT, Model,
    crate_path::{AppArguments, USUAL},
};

/// The output of the build script, as a macro found it in `OUT_DIR`.
#[derive(Clone, Debug, PartialEq)]
pub enum BuildScriptOutput {
    /// There is no `OUT_DIR`: the crate has no build script.
    NoBuildScript,
    /// The build script left no model.
    NoModel,
    /// The text of the model.
    Text(String),
}

/// Reads the model, or says in words why it can't be had.
pub(super) fn read(found: &BuildScriptOutput) -> Result<Model, String> {
    const SCRIPT: &str =
        "write a `build.rs` with `fn main() { hydra_compile::Build::new(\"templates\").run_or_exit(); }`";
    let text = match found {
        BuildScriptOutput::NoBuildScript => return Err(format!("this crate has no build script: {SCRIPT}")),
        BuildScriptOutput::NoModel => {
            return Err(format!(
                "the build script of this crate compiles no templates: {SCRIPT}"
            ));
        }
        BuildScriptOutput::Text(text) => text,
    };
    let format = serde_json::from_str::<serde_json::Value>(text)
        .ok()
        .and_then(|model| model.get("format")?.as_u64());
    if format != Some(u64::from(MODEL_FORMAT)) {
        let found = format.map_or_else(
            || "an unknown format".to_owned(),
            |format| format!("format {format}"),
        );
        return Err(format!(
            "the build script wrote `{MODEL_FILE}` in {found}, and hydra-runtime reads format {MODEL_FORMAT}: use one version of \
             hydra-compile and hydra-runtime"
        ));
    }
    serde_json::from_str(text).map_err(|error| format!("`{MODEL_FILE}` can't be read: {error}"))
}

/// The expansion of `app!()`. `bindings` reads the generated module, for `app!(crate = …)`: there another name has to stand in it.
#[must_use]
pub fn app(
    arguments: TokenStream,
    found: &BuildScriptOutput,
    bindings: impl FnOnce() -> Option<String>,
) -> TokenStream {
    let AppArguments { path } = match syn::parse2(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return error.into_compile_error(),
    };
    if let Err(message) = read(found) {
        return quote!(::core::compile_error!(#message););
    }
    let file = format!("/{BINDINGS_FILE}");
    let Some(path) = path else {
        return quote!(::core::include!(::core::concat!(::core::env!("OUT_DIR"), #file)););
    };
    let path = quote!(#path).to_string().replace(' ', "");
    let text = bindings().map(|text| text.replace(USUAL, &path));
    match text.and_then(|text| text.parse::<TokenStream>().ok()) {
        Some(tokens) => tokens,
        None => quote!(::core::compile_error!("the build script left no bindings that can be read");),
    }
}
