//! The Rust types that are a page's attributes: `#[derive(Page)] #[page(template = "checkout.html")]`.

use std::{collections::BTreeMap, sync::Arc};

use hydra_contract::Type;

use crate::{
    problem::Problem,
    shape::{Shape, StructShape, ValueKind},
    source::Location,
};

/// The Rust types of a crate, as far as templates have to do with them.
#[derive(Clone, Debug, Default)]
pub(crate) struct CrateTypes {
    /// Those of pages, in the order of their files.
    pub pages: Vec<PageType>,
    /// The kind of value of each type that the crate defines, by the name of the type.
    pub named: BTreeMap<String, ValueKind>,
    /// The structs that are known.
    pub structs: Arc<Vec<StructShape>>,
    /// What is wrong with the handlers of pages.
    pub problems: Vec<Problem>,
}

/// A Rust struct whose fields are the attributes of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageType {
    /// The template that it names.
    pub template: String,
    /// Its own name.
    pub name: String,
    /// Where that name stands.
    pub place: Location,
    /// Its fields.
    pub fields: Vec<PageField>,
    /// Whether it may have fields that can't be seen here (`cfg`, macros): then no name is unknown.
    pub open: bool,
}

/// A field of a page type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageField {
    /// The name under which templates see it: after serde's `rename` and `rename_all`.
    pub name: String,
    /// The name in Rust.
    pub rust: String,
    /// Where the Rust name stands.
    pub place: Location,
    /// Its type, as far as it can be told.
    pub ty: Type,
    /// Whether serde may leave it out.
    pub maybe: bool,
    /// The shape of its value, as far as the templates and types tell it.
    pub shape: Shape,
}
