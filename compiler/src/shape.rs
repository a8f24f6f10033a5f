//! The shapes of values of Rust types: the structs of a crate, and the members that templates see of them.
#![deny(clippy::disallowed_methods)]

use std::{collections::BTreeMap, sync::Arc};

use hydra_contract::Type;

use crate::source::Location;

/// What is known of a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    kind: ValueKind,
    /// `None` where nothing is known.
    structs: Option<Arc<Vec<StructShape>>>,
}

/// What is known of a value, where the structs are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ValueKind {
    /// Nothing.
    #[default]
    Any,
    /// It is a text.
    Text,
    /// It is a list of such values.
    List(Box<ValueKind>),
    /// It is the struct with this index.
    Struct(usize),
}

/// A struct that serde writes as a map of its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StructShape {
    /// Its name.
    pub name: String,
    /// Where that name stands.
    pub place: Location,
    /// What is known of its fields, by the names that templates see.
    pub fields: BTreeMap<String, ValueKind>,
}

/// A member of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Member<'s> {
    /// It is there, or may be as far as can be known.
    Known(Shape),
    /// The struct has no such field.
    Missing(&'s StructShape),
    /// It is a list or a text, which have no members.
    None(Memberless),
}

/// A value without members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memberless {
    /// A list.
    List,
    /// A text.
    Text,
}

impl Shape {
    /// What is known where all structs are known.
    #[must_use]
    pub fn new(kind: ValueKind, structs: &Arc<Vec<StructShape>>) -> Self {
        match kind {
            ValueKind::Any => Self::default(),
            kind => Self {
                kind,
                structs: Some(structs.clone()),
            },
        }
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.kind == ValueKind::Any
    }

    /// What the type of a list of Hydra's tells, or of a field.
    #[must_use]
    pub fn of(ty: &Type) -> Self {
        fn kind(ty: &Type) -> ValueKind {
            match ty {
                Type::String => ValueKind::Text,
                Type::List(item) => ValueKind::List(Box::new(kind(item))),
                _ => ValueKind::Any,
            }
        }
        Self {
            kind: kind(ty),
            structs: None,
        }
    }

    /// This one, or what the type tells where nothing else is known.
    #[must_use]
    pub fn or(&self, ty: &Type) -> Self {
        if self.is_any() { Self::of(ty) } else { self.clone() }
    }

    fn with(&self, kind: &ValueKind) -> Self {
        match (kind, &self.structs) {
            (ValueKind::Any, _) => Self::default(),
            (kind, structs) => Self {
                kind: kind.clone(),
                structs: structs.clone(),
            },
        }
    }

    /// The member of that name.
    #[must_use]
    pub fn member(&self, name: &str) -> Member<'_> {
        match self.kind {
            ValueKind::List(_) => return Member::None(Memberless::List),
            ValueKind::Text => return Member::None(Memberless::Text),
            ValueKind::Any | ValueKind::Struct(_) => {}
        }
        let Some(found) = (match self.kind {
            ValueKind::Struct(index) => self.structs.as_ref().and_then(|structs| structs.get(index)),
            _ => None,
        }) else {
            return Member::Known(Self::default());
        };
        match found.fields.get(name) {
            Some(kind) => Member::Known(self.with(kind)),
            None => Member::Missing(found),
        }
    }

    /// What an item of it is.
    #[must_use]
    pub fn item(&self) -> Self {
        match &self.kind {
            ValueKind::List(item) => self.with(item),
            _ => Self::default(),
        }
    }
}
