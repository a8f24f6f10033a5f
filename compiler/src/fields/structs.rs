//! The structs of a crate that templates may look into.
#![deny(clippy::disallowed_methods)]

use std::{collections::BTreeMap, sync::Arc};

use syn::{GenericArgument, ItemStruct, PathArguments, Type};

use super::{
    derives, fields, has_cfg,
    rust_names::{DefinedIn, Module},
};
use crate::limits::MAX_RUST_TYPE_DEPTH;
use crate::shape::{Shape, StructShape, ValueKind};
use crate::source::Location;

/// A module, and how places in its file are known.
pub(super) struct LocatedModule<'a> {
    pub(super) module: Module<'a>,
    pub(super) place: Box<dyn Fn(proc_macro2::Span) -> Location + 'a>,
}

/// The structs of all modules.
pub(super) struct Structs<'m, 'a> {
    modules: &'m [LocatedModule<'a>],
    /// By module and name: the index of the struct.
    by_name: BTreeMap<(usize, &'m str), usize>,
    pub(super) shapes: Arc<Vec<StructShape>>,
}

impl<'m, 'a> Structs<'m, 'a> {
    pub(super) fn of(modules: &'m [LocatedModule<'a>]) -> Self {
        let mut structs = Self {
            modules,
            by_name: BTreeMap::new(),
            shapes: Arc::default(),
        };
        let mut known = Vec::new();
        for (index, placed) in modules.iter().enumerate() {
            for (name, item) in &placed.module.structs {
                if is_plain(item) {
                    structs.by_name.insert((index, name.as_str()), known.len());
                    known.push((index, *item));
                }
            }
        }
        let shapes = known
            .into_iter()
            .map(|(module, item)| structs.read(module, item))
            .collect();
        structs.shapes = Arc::new(shapes);
        structs
    }

    fn read(&self, module: usize, item: &ItemStruct) -> StructShape {
        let fields = fields(item).unwrap_or_default().into_iter().map(|field| {
            let kind = field
                .written
                .as_ref()
                .map_or(ValueKind::Any, |ty| self.kind(module, ty, 0));
            (field.name, kind)
        });
        StructShape {
            name: item.ident.to_string(),
            place: (self.modules[module].place)(item.ident.span()),
            fields: fields.collect(),
        }
    }

    /// Returns the shape of values of a type that is written in this module.
    pub(super) fn shape(&self, module: usize, ty: &Type) -> Shape {
        Shape::new(self.kind(module, ty, 0), &self.shapes)
    }

    fn kind(&self, module: usize, ty: &Type, depth: u32) -> ValueKind {
        if depth > MAX_RUST_TYPE_DEPTH {
            return ValueKind::Any;
        }
        let list = |item: &Type| ValueKind::List(Box::new(self.kind(module, item, depth + 1)));
        match ty {
            Type::Reference(reference) => self.kind(module, &reference.elem, depth + 1),
            Type::Paren(inner) => self.kind(module, &inner.elem, depth + 1),
            Type::Group(inner) => self.kind(module, &inner.elem, depth + 1),
            Type::Array(array) => list(&array.elem),
            Type::Slice(slice) => list(&slice.elem),
            Type::Path(path) if path.qself.is_none() => {
                if let Some(found) = self.modules[module].module.resolve(&path.path) {
                    return self
                        .find(module, &found)
                        .map_or(ValueKind::Any, ValueKind::Struct);
                }
                let Some(segment) = path.path.segments.last() else {
                    return ValueKind::Any;
                };
                let Some(inner) = first_argument(&segment.arguments) else {
                    return match segment.ident == "String" || segment.ident == "str" {
                        true => ValueKind::Text,
                        false => ValueKind::Any,
                    };
                };
                match segment.ident.to_string().as_str() {
                    "Option" | "Box" | "Rc" | "Arc" | "Cow" => self.kind(module, inner, depth + 1),
                    "Vec" | "VecDeque" | "BTreeSet" | "HashSet" | "LinkedList" => list(inner),
                    _ => ValueKind::Any,
                }
            }
            _ => ValueKind::Any,
        }
    }

    /// Returns the kind of value of each type that the crate defines, by its name: `Any` where types share one.
    pub(super) fn named(&self) -> BTreeMap<String, ValueKind> {
        let modules = self.modules.iter();
        let names = modules.flat_map(|placed| placed.module.defined());
        let kind = |name: &str| {
            let found = DefinedIn::OfCrate(name.to_owned());
            self.find(0, &found).map_or(ValueKind::Any, ValueKind::Struct)
        };
        names.map(|name| (name.to_owned(), kind(name))).collect()
    }

    fn find(&self, module: usize, found: &DefinedIn) -> Option<usize> {
        match found {
            DefinedIn::OfModule(name) => self.by_name.get(&(module, name.as_str())).copied(),
            // Two types of one name can't be told apart.
            DefinedIn::OfCrate(name) => {
                let mut defining =
                    (0..self.modules.len()).filter(|index| self.modules[*index].module.defines(name));
                let only = defining.next().filter(|_| defining.next().is_none())?;
                self.by_name.get(&(only, name.as_str())).copied()
            }
        }
    }
}

pub(super) fn first_argument(arguments: &PathArguments) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) = arguments else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// Whether serde's derive writes a struct as a map of the fields that stand here.
fn is_plain(item: &ItemStruct) -> bool {
    derives(item, "Serialize")
        && !has_cfg(&item.attrs)
        && !item.fields.iter().any(|field| has_cfg(&field.attrs))
        && fields(item).is_ok()
}
