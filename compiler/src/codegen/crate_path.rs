//! The name of `hydra-runtime` in the crate that uses it, where its `Cargo.toml` gives it another.
#![deny(clippy::disallowed_methods)]

use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    Attribute, LitStr, Path, Token,
    parse::{Parse, ParseStream},
    spanned::Spanned,
};

/// How generated code names the crate by default.
pub(super) const USUAL: &str = "::hydra_runtime";

/// The arguments of `app!()`: none, or `crate = hydra`.
#[derive(Debug, Default)]
pub(super) struct AppArguments {
    pub(super) path: Option<Path>,
}

impl Parse for AppArguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.is_empty() {
            return Ok(Self::default());
        }
        let wrong = |at| {
            syn::Error::new(
                at,
                "`app!()` takes `crate = …`, the name that `Cargo.toml` gives hydra-runtime",
            )
        };
        let name: Token![crate] = input.parse().map_err(|error: syn::Error| wrong(error.span()))?;
        input.parse::<Token![=]>().map_err(|_| wrong(name.span()))?;
        let path = if input.peek(LitStr) {
            named(&input.parse()?)?
        } else {
            absolute(
                input
                    .call(Path::parse_mod_style)
                    .map_err(|error| wrong(error.span()))?,
            )
        };
        input.parse::<Option<Token![,]>>()?;
        if !input.is_empty() {
            return Err(wrong(input.span()));
        }
        Ok(Self { path: Some(path) })
    }
}

/// What `#[hydra(crate = "…")]` says among the attributes of a struct. Without one: `::hydra_runtime`.
pub(super) fn crate_path(attributes: &[Attribute]) -> syn::Result<TokenStream> {
    let mut found = None;
    for attribute in attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("hydra"))
    {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("crate") {
                return Err(meta.error("`#[hydra(…)]` has `crate = \"…\"`"));
            }
            let path = named(&meta.value()?.parse()?)?;
            match found.replace(quote!(#path)) {
                None => Ok(()),
                Some(_) => Err(meta.error("said twice")),
            }
        })?;
    }
    Ok(found.unwrap_or_else(|| quote!(::hydra_runtime)))
}

/// The path in a text: `hydra`, `::hydra` or `crate::web::hydra`.
fn named(text: &LitStr) -> syn::Result<Path> {
    let path = text
        .parse_with(Path::parse_mod_style)
        .map_err(|_| syn::Error::new(text.span(), "a crate's name is a path: `crate = \"hydra\"`"))?;
    Ok(absolute(path))
}

/// A path of one name is that of a dependency, wherever it is used.
fn absolute(mut path: Path) -> Path {
    let first = path.segments.first().map(|segment| segment.ident.to_string());
    let relative = matches!(first.as_deref(), Some("crate" | "self" | "super"));
    if path.leading_colon.is_none() && !relative {
        path.leading_colon = Some(Token![::](path.span()));
    }
    path
}
