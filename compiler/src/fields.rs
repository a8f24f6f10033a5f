//! The fields of a Rust struct as serde names them, since a page's template sees them under these names.
//!
//! The build script reads them from source files, before `cfg` is decided; the derive macro from the compiler, after it.
#![deny(clippy::disallowed_methods)]

mod case;
mod field_type;
mod handler_paths;
mod page_types;
mod parser_depth;
mod path_values;
mod rust_names;
mod serde_attribute;
mod structs;
#[cfg(test)]
mod tests;

use hydra_contract::Type;
use proc_macro2::Span;
use syn::{Attribute, Fields, ItemStruct, LitStr, spanned::Spanned};

use self::{
    case::Case,
    serde_attribute::{FieldSerde, StructSerde},
};
pub(crate) use self::{field_type::field_type, page_types::crate_types};

/// Why a tuple struct, an enum or a union can't be a page.
pub(crate) const NO_STRUCT: &str =
    "a page is a struct with named fields: templates see each field by its name";

/// A field that a template sees.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// The name that templates use.
    pub name: String,
    /// The name in Rust, without `r#`.
    pub rust: String,
    /// Where the Rust name stands.
    pub span: Span,
    /// Where its type stands.
    pub type_span: Span,
    /// Its type, as far as it can be told by name.
    pub ty: Type,
    /// Whether serde may leave it out.
    pub maybe: bool,
    /// Its type as it is written, where serde writes what it says.
    pub(crate) written: Option<syn::Type>,
}

/// Why a struct can't be a page.
#[derive(Clone, Debug)]
pub(crate) struct FieldProblem {
    /// Where.
    pub span: Span,
    /// Why, and what to write.
    pub message: String,
}

impl FieldProblem {
    fn new(span: Span, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { span, message }
    }
}

/// What `#[page(…)]` says.
#[derive(Clone, Debug)]
pub(crate) struct PageArguments {
    /// The template.
    pub template: LitStr,
    /// The path, where it has one.
    pub path: Option<LitStr>,
    /// The roles of which a user needs one.
    pub roles: Vec<LitStr>,
}

/// The fields of a struct, in their order, under the names that serde gives them.
///
/// # Errors
/// All of what a template could not see as plain attributes.
pub(crate) fn fields(item: &ItemStruct) -> Result<Vec<Field>, Vec<FieldProblem>> {
    let Fields::Named(named) = &item.fields else {
        return Err(vec![FieldProblem::new(item.ident.span(), NO_STRUCT)]);
    };
    let mut problems = Vec::new();
    let of_struct = StructSerde::read(&item.attrs, &mut problems);
    let mut fields = Vec::new();
    for field in &named.named {
        let Some(ident) = &field.ident else { continue };
        let of_field = FieldSerde::read(&field.attrs, &mut problems);
        if of_field.skip {
            continue;
        }
        let rust = ident.to_string();
        let rust = rust.strip_prefix("r#").unwrap_or(&rust).to_owned();
        let (name, span) = match of_field.rename {
            Some(rename) => (rename.value(), rename.span()),
            None => (
                of_struct.rename_all.unwrap_or(Case::Snake).apply(&rust),
                ident.span(),
            ),
        };
        if !is_tera_name(&name) {
            problems.push(no_tera_name(&name, span));
        } else if let Some(other) = fields.iter().find(|other: &&Field| other.name == name) {
            problems.push(same_name(&name, [&other.rust, &rust], span));
        }
        fields.push(Field {
            name,
            rust,
            span: ident.span(),
            type_span: field.ty.span(),
            ty: if of_field.with {
                Type::Any
            } else {
                field_type(&field.ty)
            },
            maybe: of_field.skip_if,
            written: (!of_field.with).then(|| field.ty.clone()),
        });
    }
    if problems.is_empty() {
        Ok(fields)
    } else {
        Err(problems)
    }
}

/// What `#[page(template = "…", path = "…")]` says. `None` where there is no such attribute.
///
/// # Errors
/// Another argument, or one that is missing or said twice.
pub(crate) fn page_arguments(attributes: &[Attribute]) -> syn::Result<Option<PageArguments>> {
    let Some(attribute) = attributes
        .iter()
        .find(|attribute| attribute.path().is_ident("page"))
    else {
        return Ok(None);
    };
    let (mut template, mut path, mut roles) = (None, None, None);
    attribute.parse_nested_meta(|meta| {
        let slot = if meta.path.is_ident("template") {
            &mut template
        } else if meta.path.is_ident("path") {
            &mut path
        } else if meta.path.is_ident("roles") {
            return match roles.replace(role_list(meta.input)?) {
                None => Ok(()),
                Some(_) => Err(meta.error("said twice")),
            };
        } else {
            return Err(meta.error("`#[page(…)]` has `template = \"…\"`, `path = \"…\"` and `roles(\"…\")`"));
        };
        match slot.replace(meta.value()?.parse::<LitStr>()?) {
            None => Ok(()),
            Some(_) => Err(meta.error("said twice")),
        }
    })?;
    let roles = roles.unwrap_or_default();
    if let (Some(role), None) = (roles.first(), &path) {
        let message =
            "a page without a path is guarded where its route is: `get(…).layer(RequireRoles::any(&[…]))`";
        return Err(syn::Error::new(role.span(), message));
    }
    match template {
        Some(template) => Ok(Some(PageArguments {
            template,
            path,
            roles,
        })),
        None => Err(syn::Error::new(
            attribute.path().span(),
            "a page needs its template: `#[page(template = \"…\")]`",
        )),
    }
}

/// Whether `cfg` may take away what these attributes stand on.
fn has_cfg(attributes: &[Attribute]) -> bool {
    let mut paths = attributes.iter().map(Attribute::path);
    paths.any(|path| path.is_ident("cfg") || path.is_ident("cfg_attr"))
}

/// Whether a struct derives a trait of this name.
fn derives(item: &ItemStruct, name: &str) -> bool {
    let derives = item
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("derive"));
    let mut found = false;
    for derive in derives {
        // What can't be read derives nothing here.
        let _ = derive.parse_nested_meta(|meta| {
            found |= meta.path.segments.last().is_some_and(|last| last.ident == name);
            Ok(())
        });
    }
    found
}

/// The roles in `roles("ADMIN", "OWNER")`, after the word.
///
/// # Errors
/// There are none, or one of them can't be a role.
pub(crate) fn role_list(input: syn::parse::ParseStream<'_>) -> syn::Result<Vec<LitStr>> {
    let list;
    syn::parenthesized!(list in input);
    let roles: Vec<LitStr> = syn::punctuated::Punctuated::<LitStr, syn::Token![,]>::parse_terminated(&list)?
        .into_iter()
        .collect();
    if roles.is_empty() {
        return Err(list.error("write the roles of which a user needs one: `roles(\"ADMIN\")`"));
    }
    let is_role = |role: &&LitStr| {
        let role = role.value();
        !role.is_empty() && !role.contains(|c: char| c.is_whitespace() || c.is_control() || c == ',')
    };
    match roles.iter().find(|role| !is_role(role)) {
        Some(role) => Err(syn::Error::new(role.span(), "a role has no spaces and commas")),
        None => Ok(roles),
    }
}

fn is_tera_name(name: &str) -> bool {
    let mut letters = name.chars();
    letters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

fn same_name(name: &str, [one, other]: [&str; 2], span: Span) -> FieldProblem {
    let message = format!(
        "the fields `{one}` and `{other}` are both `{name}` for templates: rename one of them, or leave it out with \
         `#[serde(skip)]`"
    );
    FieldProblem::new(span, message)
}

fn no_tera_name(name: &str, span: Span) -> FieldProblem {
    let message = format!(
        "templates can't name `{name}`: a name is made of ASCII letters, digits and `_`. Name it otherwise with `#[serde(rename = \"…\")]`"
    );
    FieldProblem::new(span, message)
}
