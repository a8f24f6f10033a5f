//! The lint attributes of generated code, which users can't correct and should not be warned about.
#![deny(clippy::disallowed_methods)]

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

/// The lint groups of rustc. A crate may deny all of them.
const GROUPS: [&str; 13] = [
    "warnings",
    "unknown_lints",
    "unused",
    "nonstandard_style",
    "future_incompatible",
    "keyword_idents",
    "let_underscore",
    "refining_impl_trait",
    "rust_2018_compatibility",
    "rust_2018_idioms",
    "rust_2021_compatibility",
    "rust_2024_compatibility",
    "deprecated_in_future",
];

/// The lints of rustc that are in no group, most of them allowed unless a crate denies them. Those that crates often forbid, such as
/// `unsafe_code` and `missing_docs`, are not among them: generated code has nothing that they speak of, and rustc takes no `allow`
/// of a lint that is forbidden.
const LINTS: [&str; 21] = [
    "absolute_paths_not_starting_with_crate",
    "ambiguous_negative_literals",
    "closure_returning_async_block",
    "deref_into_dyn_supertrait",
    "elided_lifetimes_in_paths",
    "explicit_outlives_requirements",
    "impl_trait_redundant_captures",
    "missing_copy_implementations",
    "private_bounds",
    "private_interfaces",
    "redundant_imports",
    "redundant_lifetimes",
    "single_use_lifetimes",
    "unit_bindings",
    "unnameable_types",
    "unreachable_pub",
    "unused_import_braces",
    "unused_lifetimes",
    "unused_qualifications",
    "unused_results",
    "variant_size_differences",
];

/// The lint groups of clippy.
const CLIPPY: [&str; 5] = ["all", "pedantic", "nursery", "restriction", "cargo"];

/// An attribute for a generated item: no lint speaks of it.
pub(super) fn quiet() -> TokenStream {
    let lints = GROUPS.into_iter().chain(LINTS).map(name);
    let clippy = CLIPPY.map(name);
    quote!(#[allow(#(#lints,)* #(clippy::#clippy),*)])
}

fn name(lint: &str) -> Ident {
    Ident::new(lint, Span::call_site())
}
