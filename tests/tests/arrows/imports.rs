//! What the modules of a crate import from each other. Tests do not count.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use syn::{
    Attribute, Item, ItemFn, ItemImpl, ItemMod, ItemUse, UseTree,
    visit::{self, Visit},
};

/// The path of a module or of what it imports, from the root of its crate.
pub(crate) type Module = Vec<String>;
/// The imports of each module, as modules of the same crate.
pub(crate) type Imports = BTreeMap<Module, BTreeSet<Module>>;

/// The imports of the crate whose root is this file.
pub(crate) fn of(file: &Path) -> Imports {
    let mut written = BTreeMap::new();
    read(file, Vec::new(), &mut written);
    resolved(&written)
}

/// The imports of files, as their modules write them: where a module has the name of what it imports, they are the same.
pub(crate) fn resolved(written: &BTreeMap<Module, Vec<Module>>) -> Imports {
    let inside = |path: &[String]| {
        let mut lengths = (0..=path.len()).rev();
        lengths.find_map(|length| {
            written
                .contains_key(&path[..length])
                .then(|| path[..length].to_vec())
        })
    };
    let imports = written.iter().map(|(module, paths)| {
        let absolute = paths.iter().filter_map(|path| {
            let is_child = || written.contains_key(&[&module[..], &path[..1]].concat());
            match &*path[0] {
                "crate" => Some(path[1..].to_vec()),
                "self" => Some([module, &path[1..]].concat()),
                "super" => {
                    let up = path.iter().take_while(|part| *part == "super").count();
                    let above = &module[..module.len().checked_sub(up)?];
                    Some([above, &path[up..]].concat())
                }
                _ => is_child().then(|| [&module[..], path].concat()),
            }
        });
        let modules = absolute.filter_map(|path| inside(&path));
        (module.clone(), modules.filter(|to| to != module).collect())
    });
    imports.collect()
}

fn read(file: &Path, module: Module, written: &mut BTreeMap<Module, Vec<Module>>) {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let (paths, children) = parse(&text);
    written.insert(module.clone(), paths);
    for (name, other) in children {
        let file = match other {
            Some(other) => file.with_file_name(other),
            None => child(file, &name),
        };
        read(&file, [&module[..], &[name]].concat(), written);
    }
}

fn child(file: &Path, name: &str) -> PathBuf {
    let is_root = matches!(
        file.file_stem().and_then(|stem| stem.to_str()),
        Some("lib" | "main" | "mod")
    );
    let folder = if is_root {
        file.with_file_name("")
    } else {
        file.with_extension("")
    };
    let plain = folder.join(format!("{name}.rs"));
    if plain.exists() {
        plain
    } else {
        folder.join(name).join("mod.rs")
    }
}

/// The paths that a file imports, and the modules that it declares, with the files that they name.
pub(crate) fn parse(text: &str) -> (Vec<Module>, Vec<(String, Option<String>)>) {
    let mut reader = Reader::default();
    reader.visit_file(&syn::parse_file(text).expect("Rust"));
    (reader.paths, reader.children)
}

#[derive(Default)]
struct Reader {
    paths: Vec<Module>,
    children: Vec<(String, Option<String>)>,
    /// How many modules with braces are around this place.
    depth: usize,
}

impl Reader {
    /// Takes a path in, as the module of the file would write it.
    fn take(&mut self, mut path: Module) {
        let up = path.iter().take_while(|part| *part == "super").count();
        let inner = up.min(self.depth);
        path.drain(..inner);
        if inner > 0 && up == inner {
            path.insert(0, "self".to_owned());
        }
        self.paths.push(path);
    }

    fn tree(&mut self, before: &[String], tree: &UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.tree(&with(&path.ident), &path.tree),
            UseTree::Name(name) => self.take(with(&name.ident)),
            UseTree::Rename(name) => self.take(with(&name.ident)),
            UseTree::Glob(_) => self.take(before.to_vec()),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(before, tree)),
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes: &[Attribute] = match item {
            Item::Mod(ItemMod { attrs, .. })
            | Item::Use(ItemUse { attrs, .. })
            | Item::Fn(ItemFn { attrs, .. })
            | Item::Impl(ItemImpl { attrs, .. }) => attrs,
            _ => &[],
        };
        if !attributes.iter().any(is_for_tests) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if module.content.is_none() {
            let file = module.attrs.iter().find_map(path_of);
            self.children.push((module.ident.to_string(), file));
            return;
        }
        self.depth += 1;
        visit::visit_item_mod(self, module);
        self.depth -= 1;
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Module = path.segments.iter().map(|part| part.ident.to_string()).collect();
        if parts.len() > 1 && matches!(&*parts[0], "crate" | "self" | "super") {
            self.take(parts);
        }
        visit::visit_path(self, path);
    }
}

fn is_for_tests(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute
            .parse_args::<syn::Path>()
            .is_ok_and(|path| path.is_ident("test"))
}

fn path_of(attribute: &Attribute) -> Option<String> {
    let syn::Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    let syn::Expr::Lit(syn::ExprLit {
        lit: syn::Lit::Str(text),
        ..
    }) = &pair.value
    else {
        return None;
    };
    pair.path.is_ident("path").then(|| text.value())
}
