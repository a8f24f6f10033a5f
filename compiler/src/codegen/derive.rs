//! `#[derive(Page)]`: compares a struct's fields with its template (design section 4).
#![deny(clippy::disallowed_methods)]

use hydra_contract::Type;
use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{DeriveInput, ItemStruct};

use super::{
    app_macro::{BuildScriptOutput, read},
    crate_path::crate_path,
    lint_attributes::quiet,
    model::{Model, PageModel},
    page_path,
};
use crate::{
    fields::{Field, NO_STRUCT, PageArguments, fields, page_arguments},
    model::snake_case,
    suggest::{free_alias, nearest},
};

/// Mistakes, each with its place.
type Errors = Vec<(Span, String)>;

/// The expansion of `#[derive(Page)]` on `item`: the implementations, and an error for each mistake.
#[must_use]
pub fn derive_page(item: TokenStream, found: &BuildScriptOutput) -> TokenStream {
    let item: ItemStruct = match syn::parse2(item.clone()) {
        Ok(item) => item,
        Err(_) => {
            let name = syn::parse2::<DeriveInput>(item).map(|other| other.ident.span());
            return error(name.unwrap_or_else(|_| Span::call_site()), NO_STRUCT);
        }
    };
    let arguments = match page_arguments(&item.attrs) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            let message =
                "a page needs its template: write `#[page(template = \"…\", path = \"/…\")]` on the struct";
            return error(item.ident.span(), message);
        }
        Err(error) => return error.into_compile_error(),
    };
    let mut errors = Errors::new();
    match read(found) {
        Ok(model) => check(&item, &arguments, &model, &mut errors),
        Err(message) => errors.push((item.ident.span(), message)),
    }
    check_path(&arguments, &mut errors);
    let errors = errors.into_iter().map(|(span, message)| error(span, &message));
    // The implementations come along, so that an error about a field is the only one.
    let implementations = match crate_path(&item.attrs) {
        Ok(hydra) => implementations(&item, &arguments, &hydra),
        Err(error) => error.into_compile_error(),
    };
    quote!(#implementations #(#errors)*)
}

fn error(span: Span, message: &str) -> TokenStream {
    quote_spanned!(span=> ::core::compile_error! { #message })
}

/// `hydra`: the path of hydra-runtime.
fn implementations(
    item: &ItemStruct,
    PageArguments {
        template,
        path,
        roles,
    }: &PageArguments,
    hydra: &TokenStream,
) -> TokenStream {
    let quiet = quiet();
    let name = &item.ident;
    let (generics, arguments, bounds) = item.generics.split_for_impl();
    let roles = (!roles.is_empty()).then(|| quote!(const ROLES: &'static [&'static str] = &[#(#roles),*];));
    let route = path.as_ref().map(|path| {
        quote! {
            #quiet
            #[automatically_derived]
            impl #generics #hydra::Route for #name #arguments #bounds {
                const PATH: &'static str = #path;
                #roles
            }
        }
    });
    quote! {
        #quiet
        #[automatically_derived]
        impl #generics #hydra::Page for #name #arguments #bounds {
            const TEMPLATE: &'static str = #template;
        }
        #route
        #quiet
        #[automatically_derived]
        impl #generics #hydra::axum::response::IntoResponse for #name #arguments #bounds {
            fn into_response(self) -> #hydra::axum::response::Response {
                #hydra::app::page_response(&self)
            }
        }
    }
}

fn check_path(arguments: &PageArguments, errors: &mut Errors) {
    let Some(path) = &arguments.path else { return };
    if let Some(message) = page_path::problem(&path.value()) {
        errors.push((path.span(), message));
    }
}

fn check(item: &ItemStruct, arguments: &PageArguments, model: &Model, errors: &mut Errors) {
    let template = arguments.template.value();
    let Some(page) = model.page(&template) else {
        let names = model.pages.iter().map(|page| page.template.as_str());
        let help = match nearest(&template, names.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the pages are {}", names.collect::<Vec<_>>().join(", ")),
        };
        errors.push((
            arguments.template.span(),
            format!("there is no page `{template}` in the templates: {help}"),
        ));
        return;
    };
    match fields(item) {
        Ok(fields) => {
            for field in &fields {
                shadowed(field, &fields, page, errors);
                check_field(field, page, errors);
            }
            lacking(item, &fields, page, errors);
        }
        Err(problems) => errors.extend(
            problems
                .into_iter()
                .map(|problem| (problem.span, problem.message)),
        ),
    }
}

/// A field that has the name of an export.
fn shadowed(field: &Field, fields: &[Field], page: &PageModel, errors: &mut Errors) {
    let name = &field.name;
    let Some(export) = page.exports.iter().find(|export| export.name == *name) else {
        return;
    };
    let taken = |name: &str| {
        let name = snake_case(name);
        page.taken.contains(&name) || fields.iter().any(|field| snake_case(&field.name) == name)
    };
    let alias = free_alias(name, &export.service, &taken);
    let spot = export.spot.show(&format!("{} exports it here", export.exporter));
    let message = format!(
        "the field `{name}` is shadowed by an export\n{spot}\n  = help: rename the field, or write `{} as {alias}` in the exports",
        export.from
    );
    errors.push((field.span, message));
}

fn check_field(field: &Field, page: &PageModel, errors: &mut Errors) {
    let name = &field.name;
    for import in page
        .imports
        .iter()
        .filter(|import| import.name == *name && !field.ty.fits(&import.ty))
    {
        let spot = import.spot.show(&format!("{} imports it here", import.importer));
        let message = format!(
            "`{name}` is {} here, and {} takes {} for `{}`\n{spot}\n  = help: make the field {}",
            shown(&field.ty),
            import.importer,
            shown(&import.ty),
            import.to,
            rust(&import.ty),
        );
        errors.push((field.type_span, message));
    }
    let need = page.needs.iter().find(|need| need.name == *name);
    if let (true, Some(need)) = (field.maybe, need) {
        let spot = need.spot.show("needed here");
        let message = format!(
            "serde may leave `{name}` out, and its template needs it\n{spot}\n  = help: remove `skip_serializing_if`: a `None` \
             prints as nothing"
        );
        errors.push((field.span, message));
    }
}

/// The names that the template needs and the struct has not.
fn lacking(item: &ItemStruct, fields: &[Field], page: &PageModel, errors: &mut Errors) {
    let has = |name: &str| fields.iter().any(|field| field.name == name);
    for need in page.needs.iter().filter(|need| !has(&need.name)) {
        let name = &need.name;
        let spot = need.spot.show("needed here");
        let unused = fields.iter().map(|field| field.name.as_str());
        let unused = unused.filter(|field| page.needs.iter().all(|need| need.name != *field));
        let (span, help) = match nearest(name, unused) {
            Some(near) => {
                let field = fields.iter().find(|field| field.name == near);
                let span = field.map_or(item.ident.span(), |field| field.span);
                (
                    span,
                    format!(
                        "templates see this field as `{near}`; write `#[serde(rename = \"{name}\")]` on it"
                    ),
                )
            }
            None => (
                item.ident.span(),
                format!("add a field `{name}`, or take the name out of the template"),
            ),
        };
        errors.push((
            span,
            format!(
                "`{}` has no `{name}`, which its template needs\n{spot}\n  = help: {help}",
                item.ident
            ),
        ));
    }
}

fn shown(ty: &Type) -> String {
    format!("`{ty}`")
}

/// The Rust type for people.
fn rust(ty: &Type) -> String {
    match ty {
        Type::String => "a `String`".to_owned(),
        Type::Integer => "an `i64`".to_owned(),
        Type::Number => "an `f64`".to_owned(),
        Type::Boolean => "a `bool`".to_owned(),
        Type::Date => "a `hydra_runtime::Date`".to_owned(),
        Type::DateTime => "a `hydra_runtime::DateTime`".to_owned(),
        Type::List(_) => "a `Vec`".to_owned(),
        Type::Map(_) => "a map".to_owned(),
        Type::Any => "any type".to_owned(),
    }
}
