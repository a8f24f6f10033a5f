//! Reads the names in `#[serde(…)]`.
#![deny(clippy::disallowed_methods)]

use proc_macro2::TokenStream;
use syn::{Attribute, LitStr, meta::ParseNestedMeta, spanned::Spanned};

use super::{Case, FieldProblem};

/// What the struct says for all its fields.
#[derive(Debug, Default)]
pub(super) struct StructSerde {
    pub(super) rename_all: Option<Case>,
}

/// What a field says for itself.
#[derive(Debug, Default)]
pub(super) struct FieldSerde {
    pub(super) rename: Option<LitStr>,
    /// It is never there.
    pub(super) skip: bool,
    /// It may not be there.
    pub(super) skip_if: bool,
    /// A function writes it: its type says nothing of the value.
    pub(super) with: bool,
}

impl StructSerde {
    pub(super) fn read(attributes: &[Attribute], problems: &mut Vec<FieldProblem>) -> Self {
        let mut found = Self::default();
        each(attributes, problems, |meta| {
            match name(meta).as_str() {
                "rename_all" => {
                    if let Some(case) = written(meta)? {
                        let known = Case::from_name(&case.value());
                        found.rename_all = Some(known.ok_or_else(|| unknown_case(&case))?);
                    }
                }
                key @ ("tag" | "content" | "untagged" | "transparent" | "into" | "remote") => {
                    let message = format!(
                        "with `{key}` serde does not write the fields by their names: a page can't have it"
                    );
                    return Err(meta.error(message));
                }
                _ => ignore(meta)?,
            }
            Ok(())
        });
        found
    }
}

impl FieldSerde {
    pub(super) fn read(attributes: &[Attribute], problems: &mut Vec<FieldProblem>) -> Self {
        let mut found = Self::default();
        each(attributes, problems, |meta| {
            match name(meta).as_str() {
                "rename" => found.rename = written(meta)?.or(found.rename.take()),
                "skip" | "skip_serializing" => found.skip = true,
                "skip_serializing_if" => {
                    found.skip_if = true;
                    ignore(meta)?;
                }
                "with" | "serialize_with" => {
                    found.with = true;
                    ignore(meta)?;
                }
                "flatten" => {
                    return Err(meta.error(
                        "the names in a flattened field can't be known here: write the fields out, or make it a field \
                         with a name of its own, used as `name.member` in the template",
                    ));
                }
                _ => ignore(meta)?,
            }
            Ok(())
        });
        found
    }
}

fn unknown_case(case: &LitStr) -> syn::Error {
    let names: Vec<_> = Case::NAMES.iter().map(|(name, _)| format!("`{name}`")).collect();
    syn::Error::new(
        case.span(),
        format!("serde has no such case: write one of {}", names.join(", ")),
    )
}

/// Calls `see` for each argument of each `#[serde(…)]`.
fn each(
    attributes: &[Attribute],
    problems: &mut Vec<FieldProblem>,
    mut see: impl FnMut(&ParseNestedMeta<'_>) -> syn::Result<()>,
) {
    for attribute in attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("serde"))
    {
        if let Err(error) = attribute.parse_nested_meta(|meta| see(&meta)) {
            let errors = error.into_iter();
            problems.extend(errors.map(|error| FieldProblem::new(error.span(), error.to_string())));
        }
    }
}

pub(super) fn name(meta: &ParseNestedMeta<'_>) -> String {
    meta.path.get_ident().map(ToString::to_string).unwrap_or_default()
}

/// The text of `key = "text"` or `key(serialize = "text", deserialize = "…")`: how the name is written, not read.
fn written(meta: &ParseNestedMeta<'_>) -> syn::Result<Option<LitStr>> {
    if meta.input.peek(syn::Token![=]) {
        return meta.value()?.parse().map(Some);
    }
    let mut serialize = None;
    meta.parse_nested_meta(|inner| {
        let text: LitStr = inner.value()?.parse()?;
        if inner.path.is_ident("serialize") {
            serialize = Some(text);
        }
        Ok(())
    })?;
    Ok(serialize)
}

/// Passes over the value of an argument that says nothing about names.
pub(super) fn ignore(meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
    if meta.input.peek(syn::Token![=]) {
        meta.value()?.parse::<syn::Expr>()?;
    } else if meta.input.peek(syn::token::Paren) {
        let content;
        syn::parenthesized!(content in meta.input);
        let tokens: TokenStream = content.parse()?;
        let _ = tokens.span();
    }
    Ok(())
}
