//! The contract type of a Rust type, by its name.
#![deny(clippy::disallowed_methods)]

use hydra_contract::Type as Kind;
use syn::{GenericArgument, PathArguments, PathSegment, Type};

use crate::limits::MAX_RUST_TYPE_DEPTH;

/// The contract's type for values of this Rust type: by the last part of its name, since a macro sees no more.
/// `any` where it can't be told.
#[must_use]
pub(crate) fn field_type(ty: &Type) -> Kind {
    kind(ty, 0)
}

fn kind(ty: &Type, depth: u32) -> Kind {
    if depth > MAX_RUST_TYPE_DEPTH {
        return Kind::Any;
    }
    let list = |element: &Type| Kind::List(Box::new(kind(element, depth + 1)));
    match ty {
        Type::Reference(reference) => kind(&reference.elem, depth + 1),
        Type::Paren(inner) => kind(&inner.elem, depth + 1),
        Type::Group(inner) => kind(&inner.elem, depth + 1),
        Type::Array(array) => list(&array.elem),
        Type::Slice(slice) => list(&slice.elem),
        Type::Path(path) => path
            .path
            .segments
            .last()
            .map_or(Kind::Any, |segment| named(segment, depth)),
        _ => Kind::Any,
    }
}

fn named(segment: &PathSegment, depth: u32) -> Kind {
    let arguments = arguments(segment);
    let argument = |index: usize| arguments.get(index).map_or(Kind::Any, |ty| kind(ty, depth + 1));
    match segment.ident.to_string().as_str() {
        "String" | "str" | "char" => Kind::String,
        "i8" | "i16" | "i32" | "i64" | "isize" | "u8" | "u16" | "u32" | "u64" | "usize" => Kind::Integer,
        "f32" | "f64" => Kind::Number,
        "bool" => Kind::Boolean,
        "Date" | "NaiveDate" => Kind::Date,
        "DateTime" | "OffsetDateTime" => Kind::DateTime,
        // An absent value is null, which every template can print.
        "Option" | "Box" | "Rc" | "Arc" | "Cow" => argument(0),
        "Vec" | "VecDeque" | "BTreeSet" | "HashSet" | "LinkedList" => Kind::List(Box::new(argument(0))),
        "BTreeMap" | "HashMap" if argument(0) == Kind::String => Kind::Map(Box::new(argument(1))),
        _ => Kind::Any,
    }
}

/// The type arguments, lifetimes left out.
fn arguments(segment: &PathSegment) -> Vec<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return Vec::new();
    };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.collect()
}
