//! The macros of `hydra_runtime`, which reexports them: use them from there.
//!
//! The build script writes what the templates need to `OUT_DIR`, and the macros turn it into code. The code generator itself is
//! `hydra_compile::codegen`, as functions over tokens; this crate reads the files and calls it.
//!
//! ```ignore
//! // build.rs: `fn main() { hydra_compile::Build::new("templates").run_or_exit(); }`
//! use hydra_runtime::{Page, fragment};
//!
//! hydra_runtime::app!();
//!
//! /// The attributes of `templates/home.html`.
//! #[derive(Page, serde::Serialize)]
//! #[page(template = "home.html", path = "/")]
//! struct Home {
//!     title: String,
//! }
//!
//! async fn home() -> Home {
//!     Home { title: "Welcome".to_owned() }
//! }
//! ```
//!
//! # Concepts
//!
//! - [`app!`] brings in the bindings: the type `App`, and types for the fragments that the service offers and embeds.
//! - [`derive@Page`] makes a struct the attributes of a page, and compares its fields with the template.
//! - [`macro@fragment`] compares a handler with the fragment that it renders.
//! - [`derive@Form`] makes a struct what a form sends, and compares its fields with the template. [`macro@action`] is for the
//!   handler that takes it.
//!
//! # Features
//!
//! The crate has none.

mod limits;
mod missing_app;

use std::{env, fs, path::Path};

use hydra_compile::codegen::{self, BINDINGS_FILE, BuildScriptOutput, MODEL_FILE};
use proc_macro::TokenStream;

/// Brings in what was generated from this crate's templates: the type `App`, which is `hydra_runtime::App` with these
/// templates, and the modules `fragments` (types for the handlers of the fragments that it offers) and `pages` (what its pages
/// hand to fragments and get from them). Call it once, at the top of `main.rs` or `lib.rs`.
///
/// ```ignore
/// hydra_runtime::app!();
///
/// fn app() -> App {
///     App::new("hello").page(home)
/// }
/// ```
///
/// The crate needs a build script that calls `hydra_compile::Build`. Where its `Cargo.toml` names the runtime otherwise,
/// `hydra = { package = "hydra-runtime", … }`, write `hydra::app!(crate = hydra)`.
///
/// The generated code is quiet under every lint that a crate denies. A crate may `forbid` single lints that are in no group, such
/// as `unsafe_code` and `missing_docs`; with a forbidden group (`unused`, `clippy::all`, …) rustc takes no `allow` of it, and the
/// generated code doesn't compile: deny the group instead.
#[proc_macro]
pub fn app(arguments: TokenStream) -> TokenStream {
    codegen::app(arguments.into(), &found(), bindings).into()
}

/// Makes a struct the attributes of a page, and checks its fields against the template.
///
/// `#[page(template = "checkout.html")]` names the template; `path = "/checkout"` beside it gives the page a path, as
/// axum writes it; `roles("ADMIN", "OWNER")` shows the page only to users with one of these roles. The struct is `serde::Serialize` too: templates see its fields under the names that serde gives them.
///
/// `#[hydra(crate = "hydra")]` beside it says under which name `Cargo.toml` has hydra-runtime.
#[proc_macro_derive(Page, attributes(page, hydra))]
pub fn page(item: TokenStream) -> TokenStream {
    let mut output: TokenStream = codegen::derive_page(item.into(), &found()).into();
    output.extend(missing_app::missing_app());
    output
}

/// Checks a handler against the fragment that it is for: `#[fragment("recent-orders")]`.
///
/// `#[fragment("recent-orders", roles("ADMIN"))]` renders it only for users with one of these roles: pages show the fallback
/// to all others. The function gets one more argument in front, the guard.
#[proc_macro_attribute]
pub fn fragment(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut output: TokenStream = codegen::fragment_handler(arguments.into(), item.into(), &found()).into();
    output.extend(missing_app::missing_app());
    output
}

/// Makes a struct what a form of a fragment or of a page sends, and compares its fields with those of the template.
///
/// `#[form("checkout", "place")]` names the fragment and the action, and `#[form("place")]` the action of a page's own form. A field of the struct is the field of the form with the same
/// name, or with the same name in snake case: `postal_code` is `postalCode`. `#[form(name = "…")]` on a field gives it another name.
/// An `UploadFile` has `#[form(max = "500MB")]`: how many bytes its files may have together.
///
/// `#[hydra(crate = "hydra")]` beside it says under which name `Cargo.toml` has hydra-runtime.
#[proc_macro_derive(Form, attributes(form, hydra))]
pub fn form(item: TokenStream) -> TokenStream {
    let mut output: TokenStream = codegen::derive_form(item.into(), &found()).into();
    output.extend(missing_app::missing_app());
    output
}

/// Checks the handler of an action: an `async fn` that gives a `Result<Done, Invalid<…>>`.
///
/// `#[action(roles("ADMIN"))]` calls it only for users with one of these roles. The function gets one more argument in front, the
/// guard.
#[proc_macro_attribute]
pub fn action(arguments: TokenStream, item: TokenStream) -> TokenStream {
    codegen::action_handler(arguments.into(), item.into()).into()
}

/// The generated module, as the build script left it.
fn bindings() -> Option<String> {
    let out = env::var_os("OUT_DIR")?;
    fs::read_to_string(Path::new(&out).join(BINDINGS_FILE)).ok()
}

/// What the build script of the crate that is compiled left.
fn found() -> BuildScriptOutput {
    let Some(out) = env::var_os("OUT_DIR") else {
        return BuildScriptOutput::NoBuildScript;
    };
    match fs::read_to_string(Path::new(&out).join(MODEL_FILE)) {
        Ok(text) => BuildScriptOutput::Text(text),
        Err(_) => BuildScriptOutput::NoModel,
    }
}
