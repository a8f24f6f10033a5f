//! `#[derive(Form)]`: compares a struct's fields with those of a form in a template.
#![deny(clippy::disallowed_methods)]

use hydra_contract::{FieldKind, size};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{
    Attribute, Fields, ItemStruct, LitStr, Token, Type, ext::IdentExt as _, parse::ParseStream,
    spanned::Spanned,
};

use super::{
    app_macro::{BuildScriptOutput, read},
    crate_path::crate_path,
    lint_attributes::quiet,
    model::{FieldModel, FormModel, Model, OfferModel},
};
use crate::{model::snake_case, suggest::nearest};

/// Mistakes, each with its place.
type Errors = Vec<(Span, String)>;

/// What `#[form("checkout", "place")]` says, or `#[form("place")]` for a form of a page.
struct FormName {
    reference: Option<LitStr>,
    action: LitStr,
}

/// A field of the struct.
struct StructField {
    ident: Ident,
    ty: Type,
    /// The name of the form's field.
    name: String,
    /// How many bytes its files may have together, as `#[form(max = "…")]` says.
    max: Option<u64>,
}

/// What `#[form(…)]` on a field says.
#[derive(Default)]
struct FieldAttribute {
    name: Option<String>,
    max: Option<u64>,
}

/// The expansion of `#[derive(Form)]` on `item`: the implementations, and an error for each mistake.
#[must_use]
pub fn derive_form(item: TokenStream, found: &BuildScriptOutput) -> TokenStream {
    let Ok(item) = syn::parse2::<ItemStruct>(item) else {
        return quote!(::core::compile_error! { "a form is a struct with named fields" });
    };
    let name = match form_name(&item.attrs, item.ident.span()) {
        Ok(name) => name,
        Err(error) => return error.into_compile_error(),
    };
    let mut errors = Errors::new();
    let model = read(found)
        .map_err(|message| errors.push((item.ident.span(), message)))
        .ok();
    let form = model
        .as_ref()
        .and_then(|model| form_of(model, &name, &mut errors));
    let fields = match struct_fields(&item, form) {
        Ok(fields) => fields,
        Err(error) => return error.into_compile_error(),
    };
    if let Some(form) = form {
        compare(&item, &fields, form, &mut errors);
    }
    let errors = errors
        .into_iter()
        .map(|(span, message)| quote_spanned!(span=> ::core::compile_error! { #message }));
    let implementations = match crate_path(&item.attrs) {
        Ok(hydra) => implementations(&item, &name, &fields, &hydra),
        Err(error) => error.into_compile_error(),
    };
    quote!(#implementations #(#errors)*)
}

fn form_name(attributes: &[Attribute], place: Span) -> syn::Result<FormName> {
    let message = "name the fragment and the action, `#[form(\"checkout\", \"place\")]`, or the action of a page's own form, `#[form(\"place\")]`";
    let mut found = attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("form"));
    let attribute = found.next().ok_or_else(|| syn::Error::new(place, message))?;
    let parse = |input: ParseStream<'_>| {
        let first = input.parse()?;
        let is_more = input.parse::<Option<Token![,]>>()?.is_some() && !input.is_empty();
        let (reference, action) = match is_more {
            true => (Some(first), input.parse()?),
            false => (None, first),
        };
        input.parse::<Option<Token![,]>>()?;
        Ok(FormName { reference, action })
    };
    let name = attribute.parse_args_with(parse);
    name.map_err(|_| syn::Error::new(attribute.span(), message))
}

/// The form in the templates that has this name.
fn form_of<'m>(model: &'m Model, name: &FormName, errors: &mut Errors) -> Option<&'m FormModel> {
    match &name.reference {
        Some(reference) => form_of_fragment(model, reference, &name.action, errors),
        None => form_of_page(model, &name.action, errors),
    }
}

fn form_of_page<'m>(model: &'m Model, name: &LitStr, errors: &mut Errors) -> Option<&'m FormModel> {
    let action = name.value();
    let found = model.forms.iter().find(|form| form.action == action);
    if found.is_none() {
        let mut offers = model.offers.iter();
        let offer = offers.find(|offer| offer.forms.iter().any(|form| form.action == action));
        let help = match offer {
            Some(OfferModel { reference, .. }) => {
                format!(
                    "the fragment `{reference}` has one, which is `#[form(\"{reference}\", \"{action}\")]`"
                )
            }
            None => {
                let actions = model.forms.iter().map(|form| form.action.as_str());
                let otherwise = format!("write `<form m:action=\"{action}\">` in the template of a page");
                help_of(&action, actions, &otherwise)
            }
        };
        errors.push((
            name.span(),
            format!("no page has a form with the action `{action}`: {help}"),
        ));
    }
    found
}

fn form_of_fragment<'m>(
    model: &'m Model,
    reference_name: &LitStr,
    action_name: &LitStr,
    errors: &mut Errors,
) -> Option<&'m FormModel> {
    let (reference, action) = (reference_name.value(), action_name.value());
    let Some(offer) = model.offer(&reference) else {
        let offered = model.offers.iter().map(|offer| offer.reference.as_str());
        let help = help_of(
            &reference,
            offered,
            &format!("write `m:ref=\"{reference}\"` on an element"),
        );
        let message = format!("no template offers the fragment `{reference}`: {help}");
        errors.push((reference_name.span(), message));
        return None;
    };
    let found = offer.forms.iter().find(|form| form.action == action);
    if found.is_none() {
        let actions = offer.forms.iter().map(|form| form.action.as_str());
        let help = help_of(
            &action,
            actions,
            &format!("write `<form m:action=\"{action}\">` in it"),
        );
        let place = offer.spot.show("offered here");
        let message =
            format!("the fragment `{reference}` has no form with the action `{action}`: {help}\n{place}");
        errors.push((action_name.span(), message));
    }
    found
}

/// The name that was likely meant, or else all names, or else what to write.
fn help_of<'n>(name: &str, known: impl Iterator<Item = &'n str> + Clone, otherwise: &str) -> String {
    let all: Vec<_> = known.clone().map(|name| format!("`{name}`")).collect();
    match nearest(name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None if all.is_empty() => otherwise.to_owned(),
        None => format!("there are {}", all.join(", ")),
    }
}

/// The fields of the struct with the names that they have in the form.
fn struct_fields(item: &ItemStruct, form: Option<&FormModel>) -> syn::Result<Vec<StructField>> {
    let Fields::Named(named) = &item.fields else {
        let message = "a form is a struct with named fields";
        return Err(syn::Error::new(item.ident.span(), message));
    };
    let mut fields = Vec::with_capacity(named.named.len());
    for field in &named.named {
        let Some(ident) = field.ident.clone() else {
            continue;
        };
        let FieldAttribute { name, max } = field_attribute(&field.attrs)?;
        let name = name.unwrap_or_else(|| name_in_form(&ident, form));
        let ty = field.ty.clone();
        check_max(&ty, max)?;
        fields.push(StructField { ident, ty, name, max });
    }
    Ok(fields)
}

fn field_attribute(attributes: &[Attribute]) -> syn::Result<FieldAttribute> {
    let mut said = FieldAttribute::default();
    for attribute in attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("form"))
    {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("name") {
                said.name = Some(meta.value()?.parse::<LitStr>()?.value());
            } else if meta.path.is_ident("max") {
                said.max = Some(bytes(&meta.value()?.parse()?)?);
            } else {
                let message =
                    "on a field, `#[form(…)]` has `name = \"…\"`, and for an `UploadFile` `max = \"…\"`";
                return Err(meta.error(message));
            }
            Ok(())
        })?;
    }
    Ok(said)
}

/// The size that `max` says.
fn bytes(text: &LitStr) -> syn::Result<u64> {
    let size = size::parse(&text.value()).filter(|size| *size > 0);
    let size = size.and_then(|size| u64::try_from(size).ok());
    let message = "`max` is a size: write a whole number above 0 with its unit, `500KB`, `64MB` or `1GB`";
    size.ok_or_else(|| syn::Error::new(text.span(), message))
}

/// An `UploadFile` says how long it may be. An `Upload` does not: the setting `form_body` bounds it.
fn check_max(ty: &Type, max: Option<u64>) -> syn::Result<()> {
    let message = match (names(ty, "UploadFile"), max) {
        (true, Some(_)) | (false, None) => return Ok(()),
        (true, None) => "say how long the file may be: `#[form(max = \"500MB\")]`",
        (false, Some(_)) => {
            "`max` bounds an `UploadFile`: the setting `form_body` bounds everything else of a form"
        }
    };
    Err(syn::Error::new(ty.span(), message))
}

/// The name of the form's field that a field of the struct means: the same, or the same in snake case.
fn name_in_form(ident: &Ident, form: Option<&FormModel>) -> String {
    let name = ident.to_string();
    let name = name.strip_prefix("r#").unwrap_or(&name);
    let fields = || form.into_iter().flat_map(|form| &form.fields);
    let is_same = fields().any(|field| field.name == name);
    let mut similar = fields().filter(|field| !is_same && snake_case(&field.name.replace('-', "_")) == name);
    similar.next().map_or(name, |field| &field.name).to_owned()
}

fn compare(item: &ItemStruct, fields: &[StructField], form: &FormModel, errors: &mut Errors) {
    for (index, field) in fields.iter().enumerate() {
        let name = &field.name;
        if fields.iter().take(index).any(|earlier| earlier.name == *name) {
            let message = format!(
                "two fields of `{}` are the field `{name}` of the form",
                item.ident
            );
            errors.push((field.ident.span(), message));
        }
        match form.fields.iter().find(|known| known.name == *name) {
            Some(known) => check_kind(field, known, errors),
            None if form.open => {}
            None => errors.push((field.ident.span(), unknown(field, fields, form))),
        }
    }
    let has = |name: &str| fields.iter().any(|field| field.name == name);
    for known in form.fields.iter().filter(|known| !has(&known.name)) {
        let name = &known.name;
        let place = known.spot.show("sent by this");
        let message = format!(
            "`{}` has no field for `{name}`, which the form sends\n{place}\n  = help: add a field `{}`, or leave its `name` out of the \
             template",
            item.ident,
            snake_case(&name.replace('-', "_"))
        );
        errors.push((item.ident.span(), message));
    }
}

fn unknown(field: &StructField, fields: &[StructField], form: &FormModel) -> String {
    let name = &field.name;
    let free = form.fields.iter().map(|known| known.name.as_str());
    let free = free.filter(|known| fields.iter().all(|field| field.name != *known));
    let help = match nearest(name, free) {
        Some(near) => format!("for `{near}`, write `#[form(name = \"{near}\")]` on it"),
        None => format!("write `<input name=\"{name}\">` in the form, or remove the field"),
    };
    let place = form.spot.show("the form");
    format!("the form has no field `{name}`\n{place}\n  = help: {help}")
}

/// A file needs an `Upload` or an `UploadFile`, and only a file can be one.
fn check_kind(field: &StructField, known: &FieldModel, errors: &mut Errors) {
    let takes_file = names(&field.ty, "Upload") || names(&field.ty, "UploadFile");
    let sends_file = known.kind == FieldKind::File;
    if takes_file == sends_file {
        return;
    }
    let (found, help) = match sends_file {
        true => (
            "sends a file",
            "make the field an `Upload`, or an `UploadFile` for long files, or an `Option` or `Vec` of one",
        ),
        false => (
            "sends no file",
            "write `type=\"file\"` on the control, or give the field another type",
        ),
    };
    let place = known.spot.show(found);
    let message = format!("`{}` {found}\n{place}\n  = help: {help}", known.name);
    errors.push((field.ty.span(), message));
}

/// Whether a type is the one of this name, or an `Option` or a `Vec` of it. An alias says nothing here.
fn names(ty: &Type, name: &str) -> bool {
    let tokens = ty.to_token_stream().to_string();
    let mut words = tokens.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    words.any(|word| word == name)
}

/// `hydra`: the path of hydra-runtime.
fn implementations(
    item: &ItemStruct,
    FormName { reference, action }: &FormName,
    fields: &[StructField],
    hydra: &TokenStream,
) -> TokenStream {
    let quiet = quiet();
    let reference = reference.as_ref().map(LitStr::value).unwrap_or_default();
    let name = &item.ident;
    let (generics, arguments, bounds) = item.generics.split_for_impl();
    let idents: Vec<_> = fields.iter().map(|field| &field.ident).collect();
    let types = fields.iter().map(|field| &field.ty);
    let names: Vec<_> = fields.iter().map(|field| &field.name).collect();
    let long = fields.iter().filter_map(|field| Some((&field.name, field.max?)));
    let long = long.map(|(name, max)| quote!((#name, #max)));
    let rust_names = idents.iter().map(|ident| ident.unraw().to_string());
    // `S` may be the name of a parameter of the struct.
    let state = Ident::new("__HydraState", Span::call_site());
    let params = item.generics.params.iter();
    quote! {
        #quiet
        #[automatically_derived]
        impl #generics #hydra::form::Form for #name #arguments #bounds {
            const REF: &'static str = #reference;
            const ACTION: &'static str = #action;
            const FIELDS: &'static [&'static str] = &[#(#names),*];
            const RUST_FIELDS: &'static [&'static str] = &[#(#rust_names),*];
            const LONG_FILES: &'static [(&'static str, u64)] = &[#(#long),*];

            fn read(__fields: &mut #hydra::form::Fields) -> ::core::option::Option<Self> {
                // All fields are read before one is missed, so that all mistakes are reported.
                #(let #idents = __fields.take::<#types>(#names);)*
                ::core::option::Option::Some(Self { #(#idents: #idents?,)* })
            }
        }

        #quiet
        #[automatically_derived]
        impl<#(#params,)* #state: ::core::marker::Send + ::core::marker::Sync> #hydra::axum::extract::FromRequest<#state>
            for #name #arguments #bounds
        {
            type Rejection = #hydra::form::FormRejection;

            async fn from_request(
                request: #hydra::axum::extract::Request,
                _: &#state,
            ) -> ::core::result::Result<Self, Self::Rejection> {
                #hydra::form::extract(request).await
            }
        }
    }
}
