//! Generated Rust: what `build.rs` leaves for the macros, and what the macros make of it (design section 4).
//!
//! - [`Model`]: what the templates need and give, as `hydra-model.json`. `collect` makes it from a checked site.
//! - `bindings`: `hydra.rs`, the module that `hydra_runtime::app!()` includes.
//! - [`derive_page`], [`derive_form`], [`fragment_handler`], [`action_handler`], [`app`]: the macros, as functions over tokens.

mod action;
mod app_macro;
mod bindings;
mod collect;
mod crate_path;
mod derive;
mod form;
mod fragments;
mod handler;
mod ident;
mod lint_attributes;
pub mod model;
mod names;
mod page_path;
mod pages;
mod rust_type;
#[cfg(test)]
mod tests;

pub use self::{
    action::action_handler,
    app_macro::{BuildScriptOutput, app},
    bindings::bindings,
    collect::collect,
    derive::derive_page,
    form::derive_form,
    handler::fragment_handler,
    model::{MODEL_FORMAT, Model},
};

/// The generated module, in `OUT_DIR`.
pub const BINDINGS_FILE: &str = "hydra.rs";
/// The [`Model`], in `OUT_DIR`.
pub const MODEL_FILE: &str = "hydra-model.json";
/// The plan, in `OUT_DIR`.
pub const PLAN_FILE: &str = "hydra-plan.json";
