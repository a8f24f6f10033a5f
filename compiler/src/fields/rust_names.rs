//! Resolves the names of types in the modules of a crate, as far as that is possible without rustc.
#![deny(clippy::disallowed_methods)]

use std::collections::{BTreeMap, BTreeSet};

use syn::{Item, Path, UseTree};

use crate::limits::MAX_MODULE_DEPTH;

/// A module: what it defines and imports.
#[derive(Debug, Default)]
pub(super) struct Module<'a> {
    /// The structs without type parameters that it defines, by name.
    pub(super) structs: BTreeMap<String, &'a syn::ItemStruct>,
    /// All structs that it defines, in order.
    pub(super) pages: Vec<&'a syn::ItemStruct>,
    /// All functions that it defines.
    pub(super) functions: Vec<&'a syn::ItemFn>,
    /// All names of types that it defines.
    defined: BTreeSet<String>,
    /// The names that it imports from this crate: what they are there.
    own: BTreeMap<String, String>,
    /// The names that it imports from other crates.
    foreign: BTreeSet<String>,
    /// Whether it imports all of some module of this crate.
    own_glob: bool,
    /// The modules that it declares.
    children: BTreeSet<String>,
}

/// The modules of a file: its own, and those that are written in it.
pub(super) fn modules<'a>(items: &'a [Item], depth: u32, found: &mut Vec<Module<'a>>) {
    let mut module = Module::default();
    for item in items {
        if let Item::Mod(inner) = item {
            module.children.insert(inner.ident.to_string());
            if let Some((_, items)) = inner.content.as_ref().filter(|_| depth < MAX_MODULE_DEPTH) {
                modules(items, depth + 1, found);
            }
        }
    }
    for item in items {
        module.item(item);
    }
    found.push(module);
}

impl<'a> Module<'a> {
    fn item(&mut self, item: &'a Item) {
        let name = match item {
            Item::Struct(item) => {
                self.pages.push(item);
                if item.generics.type_params().next().is_none() {
                    self.structs.insert(item.ident.to_string(), item);
                }
                &item.ident
            }
            Item::Fn(item) => return self.functions.push(item),
            Item::Enum(item) => &item.ident,
            Item::Union(item) => &item.ident,
            Item::Type(item) => &item.ident,
            Item::Trait(item) => &item.ident,
            Item::Use(item) => {
                let leading = item.leading_colon.is_some();
                return self.imported(&item.tree, None, leading, 0);
            }
            _ => return,
        };
        self.defined.insert(name.to_string());
    }

    /// `own` says whether the path so far leads into this crate; it is `None` before the first segment.
    fn imported(&mut self, tree: &UseTree, own: Option<bool>, leading: bool, depth: u32) {
        if depth > MAX_MODULE_DEPTH {
            return;
        }
        match tree {
            UseTree::Path(path) => {
                let own = own.unwrap_or_else(|| !leading && self.is_own(&path.ident.to_string()));
                self.imported(&path.tree, Some(own), leading, depth + 1);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.imported(tree, own, leading, depth + 1);
                }
            }
            UseTree::Glob(_) => self.own_glob |= own == Some(true),
            UseTree::Name(name) => self.import(name.ident.to_string(), name.ident.to_string(), own),
            UseTree::Rename(name) => self.import(name.rename.to_string(), name.ident.to_string(), own),
        }
    }

    fn import(&mut self, name: String, original: String, own: Option<bool>) {
        if own == Some(true) {
            self.own.insert(name, original);
        } else {
            self.foreign.insert(name);
        }
    }

    fn is_own(&self, first: &str) -> bool {
        matches!(first, "crate" | "self" | "super")
            || self.children.contains(first)
            || self.own.contains_key(first)
    }

    /// The name of the type of this crate to which a path leads. `None`: it leads elsewhere, or that can't be told.
    pub(super) fn resolve(&self, path: &Path) -> Option<DefinedIn> {
        let last = path.segments.last()?.ident.to_string();
        if path.leading_colon.is_some() {
            return None;
        }
        if path.segments.len() > 1 {
            let first = path.segments.first()?.ident.to_string();
            return self.is_own(&first).then_some(DefinedIn::OfCrate(last));
        }
        if self.defined.contains(&last) {
            return Some(DefinedIn::OfModule(last));
        }
        if let Some(original) = self.own.get(&last) {
            return Some(DefinedIn::OfCrate(original.clone()));
        }
        (self.own_glob && !self.foreign.contains(&last)).then_some(DefinedIn::OfCrate(last))
    }
}

/// Where a type is defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DefinedIn {
    /// In the module itself.
    OfModule(String),
    /// In some module of the crate.
    OfCrate(String),
}

impl Module<'_> {
    /// The names of the types that it defines.
    pub(super) fn defined(&self) -> impl Iterator<Item = &str> {
        self.defined.iter().map(String::as_str)
    }

    /// How often it defines a type of that name.
    pub(super) fn defines(&self, name: &str) -> bool {
        self.defined.contains(name)
    }
}
