//! What axum's `Path<…>` of a type needs from a path, as serde reads it.
#![deny(clippy::disallowed_methods)]

use syn::{Attribute, Fields, ItemStruct, LitStr, Type, ext::IdentExt, meta::ParseNestedMeta};

use super::{
    Case, derives, has_cfg,
    rust_names::DefinedIn,
    serde_attribute::{ignore, name},
    structs::LocatedModule,
};
use crate::limits::MAX_RUST_TYPE_DEPTH;

/// What a type needs from a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PathValues {
    /// So many values, in their order.
    Count(usize),
    /// Values of these names, among others.
    Names(Vec<String>),
}

/// Types of which each is read from one part of a path.
const SINGLE: [&str; 18] = [
    "String", "bool", "char", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128",
    "usize", "f32", "f64", "Uuid",
];

/// What a type that is written in this module needs. `None`: any path fits, or that can't be told here.
pub(super) fn values(modules: &[LocatedModule<'_>], module: usize, ty: &Type) -> Option<PathValues> {
    read(modules, module, ty, 0)
}

fn read(modules: &[LocatedModule<'_>], module: usize, ty: &Type, depth: u32) -> Option<PathValues> {
    if depth > MAX_RUST_TYPE_DEPTH {
        return None;
    }
    match ty {
        Type::Paren(inner) => read(modules, module, &inner.elem, depth + 1),
        Type::Group(inner) => read(modules, module, &inner.elem, depth + 1),
        // Axum gives `()` to any path.
        Type::Tuple(tuple) => (!tuple.elems.is_empty()).then(|| PathValues::Count(tuple.elems.len())),
        Type::Path(path) if path.qself.is_none() => match modules[module].module.resolve(&path.path) {
            Some(found) => {
                let (module, item) = find(modules, module, &found)?;
                of_struct(modules, module, item, depth)
            }
            None => {
                let last = path.path.segments.last()?;
                let is_single = last.arguments.is_none() && SINGLE.iter().any(|name| last.ident == name);
                is_single.then_some(PathValues::Count(1))
            }
        },
        _ => None,
    }
}

/// The only struct of this name.
fn find<'a>(
    modules: &[LocatedModule<'a>],
    module: usize,
    found: &DefinedIn,
) -> Option<(usize, &'a ItemStruct)> {
    let (index, name) = match found {
        DefinedIn::OfModule(name) => (module, name),
        DefinedIn::OfCrate(name) => {
            let mut defining = (0..modules.len()).filter(|index| modules[*index].module.defines(name));
            (defining.next().filter(|_| defining.next().is_none())?, name)
        }
    };
    let item = modules[index].module.structs.get(name)?;
    Some((index, *item))
}

fn of_struct(
    modules: &[LocatedModule<'_>],
    module: usize,
    item: &ItemStruct,
    depth: u32,
) -> Option<PathValues> {
    if has_cfg(&item.attrs) || !derives(item, "Deserialize") {
        return None;
    }
    let of_struct = StructSerde::read(&item.attrs)?;
    match &item.fields {
        Fields::Named(named) => {
            let mut names = Vec::new();
            for field in &named.named {
                let of_field = FieldSerde::read(&field.attrs).filter(|_| !has_cfg(&field.attrs))?;
                let is_option = matches!(&field.ty, Type::Path(path)
                    if path.path.segments.last().is_some_and(|last| last.ident == "Option"));
                let Some(ident) = field.ident.as_ref().filter(|_| !of_field.optional && !is_option) else {
                    continue;
                };
                let rust = ident.unraw().to_string();
                let case = of_struct.rename_all.unwrap_or(Case::Snake);
                names.push(of_field.rename.unwrap_or_else(|| case.apply(&rust)));
            }
            Some(PathValues::Names(names))
        }
        Fields::Unnamed(unnamed) => match unnamed.unnamed.len() {
            1 => read(modules, module, &unnamed.unnamed.first()?.ty, depth + 1),
            count => Some(PathValues::Count(count)),
        },
        Fields::Unit => None,
    }
}

/// What a struct says for all its fields.
#[derive(Default)]
struct StructSerde {
    rename_all: Option<Case>,
}

/// What a field says for itself.
#[derive(Default)]
struct FieldSerde {
    rename: Option<String>,
    /// Whether serde can do without it.
    optional: bool,
}

impl StructSerde {
    /// `None`: serde reads the struct in another way than by its fields, or it can't be told.
    fn read(attributes: &[Attribute]) -> Option<Self> {
        let mut found = Self::default();
        each(attributes, |meta| match name(meta).as_str() {
            "rename_all" => {
                let case = read_name(meta)?;
                let known = case.as_ref().map(|case| Case::from_name(&case.value()));
                found.rename_all = known.flatten();
                Ok(case.is_none() || found.rename_all.is_some())
            }
            "deny_unknown_fields" | "crate" | "bound" | "expecting" | "rename" => ignore(meta).map(|()| true),
            _ => Ok(false),
        })?;
        Some(found)
    }
}

impl FieldSerde {
    /// `None`: serde reads the field in another way than by its name, or it can't be told.
    fn read(attributes: &[Attribute]) -> Option<Self> {
        let mut found = Self::default();
        each(attributes, |meta| match name(meta).as_str() {
            "rename" => {
                found.rename = read_name(meta)?.map(|name| name.value()).or(found.rename.take());
                Ok(true)
            }
            "default" | "skip" | "skip_deserializing" => {
                found.optional = true;
                ignore(meta).map(|()| true)
            }
            "skip_serializing" | "skip_serializing_if" | "serialize_with" | "bound" | "borrow" => {
                ignore(meta).map(|()| true)
            }
            _ => Ok(false),
        })?;
        Some(found)
    }
}

/// Calls `see` for each argument of each `#[serde(…)]`. `None`: one is not understood.
fn each(
    attributes: &[Attribute],
    mut see: impl FnMut(&ParseNestedMeta<'_>) -> syn::Result<bool>,
) -> Option<()> {
    for attribute in attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("serde"))
    {
        let read = attribute.parse_nested_meta(|meta| match see(&meta)? {
            true => Ok(()),
            false => Err(meta.error("not understood")),
        });
        read.ok()?;
    }
    Some(())
}

/// The text of `key = "text"` or `key(serialize = "…", deserialize = "text")`: how the name is read.
fn read_name(meta: &ParseNestedMeta<'_>) -> syn::Result<Option<LitStr>> {
    if meta.input.peek(syn::Token![=]) {
        return meta.value()?.parse().map(Some);
    }
    let mut read = None;
    meta.parse_nested_meta(|inner| {
        let text: LitStr = inner.value()?.parse()?;
        if inner.path.is_ident("deserialize") {
            read = Some(text);
        }
        Ok(())
    })?;
    Ok(read)
}
