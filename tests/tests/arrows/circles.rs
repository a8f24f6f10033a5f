//! Circles among the modules of one folder. Each stands for all that is below it; arrows between a parent and its child do not count.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::imports::{Imports, Module};

/// Modules of one folder that lead to each other.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Circle {
    /// `page::state`. Empty: the root of the crate.
    pub(crate) folder: String,
    /// Sorted.
    pub(crate) modules: Vec<String>,
    /// One import for each arrow.
    arrows: Vec<String>,
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.folder, self.modules.join(", "))?;
        self.arrows
            .iter()
            .try_for_each(|arrow| write!(f, "\n    {arrow}"))
    }
}

/// The arrows between the modules of one folder, with an import as an example.
type Folder = BTreeMap<String, BTreeMap<String, String>>;

/// All circles, by folder.
pub(crate) fn circles(imports: &Imports) -> Vec<Circle> {
    let folders = folders(imports);
    folders
        .iter()
        .flat_map(|(name, folder)| in_folder(name, folder))
        .collect()
}

fn folders(imports: &Imports) -> BTreeMap<String, Folder> {
    let mut folders: BTreeMap<String, Folder> = BTreeMap::new();
    for (from, to) in imports
        .iter()
        .flat_map(|(from, all)| all.iter().map(move |to| (from, to)))
    {
        let common = from.iter().zip(to).take_while(|(a, b)| a == b).count();
        if let (Some(one), Some(other)) = (from.get(common), to.get(common)) {
            let folder = folders.entry(from[..common].join("::")).or_default();
            let arrows = folder.entry(one.clone()).or_default();
            arrows
                .entry(other.clone())
                .or_insert_with(|| format!("{} -> {}", shown(from), shown(to)));
        }
    }
    folders
}

fn shown(module: &Module) -> String {
    module.join("::")
}

fn in_folder(name: &str, folder: &Folder) -> Vec<Circle> {
    let reach: BTreeMap<&str, BTreeSet<&str>> = folder
        .keys()
        .map(|from| (&**from, reached(folder, from)))
        .collect();
    let mut done: BTreeSet<&str> = BTreeSet::new();
    let mut circles = Vec::new();
    for (from, to) in &reach {
        if !to.contains(from) || done.contains(*from) {
            continue;
        }
        let back = |other: &&&str| reach.get(**other).is_some_and(|further| further.contains(from));
        let members: BTreeSet<&str> = to.iter().filter(back).copied().collect();
        done.extend(&members);
        let arrows = members.iter().flat_map(|one| {
            let arrows = folder[*one].iter();
            arrows
                .filter(|(other, _)| members.contains(&***other))
                .map(|(_, arrow)| arrow.clone())
        });
        circles.push(Circle {
            folder: name.to_owned(),
            modules: members.iter().map(|one| (*one).to_owned()).collect(),
            arrows: arrows.collect(),
        });
    }
    circles
}

/// What can be reached from a module, itself included only where there is a way back.
fn reached<'f>(folder: &'f Folder, from: &str) -> BTreeSet<&'f str> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&str> = vec![from];
    while let Some(one) = open.pop() {
        for to in folder.get(one).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(&**to) {
                open.push(to);
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imports::{parse, resolved};

    /// The modules of a crate, each with its text.
    type Files<'t> = &'t [(&'t str, &'t str)];

    /// The circles of a crate.
    fn found(files: Files<'_>) -> Vec<String> {
        let written = files.iter().map(|(module, text)| {
            let module = module
                .split("::")
                .filter(|part| !part.is_empty())
                .map(str::to_owned);
            (module.collect(), parse(text).0)
        });
        let circles = circles(&resolved(&written.collect()));
        circles
            .iter()
            .map(|one| format!("{}: {}", one.folder, one.modules.join(" ")))
            .collect()
    }

    #[test]
    fn a_circle_is_found_however_it_is_written() {
        let table: [(Files<'_>, &[&str]); 12] = [
            (&[("", ""), ("a", "use crate::b::X;"), ("b", "")], &[]),
            (
                &[
                    ("", ""),
                    ("a", "use crate::b::X;"),
                    ("b", "use super::a::{Y, Z as W};"),
                ],
                &[": a b"],
            ),
            (
                &[
                    ("", ""),
                    ("a", "use super::{b};"),
                    ("b", "fn f() { crate::a::g(); }"),
                ],
                &[": a b"],
            ),
            (
                &[
                    ("", ""),
                    ("a", "use crate::b::*;"),
                    ("b", "struct X(crate::a::Y);"),
                ],
                &[": a b"],
            ),
            (
                &[
                    ("", ""),
                    ("a", "use crate::b::X;"),
                    ("b", "use crate::c::X;"),
                    ("c", "use crate::a::X;"),
                ],
                &[": a b c"],
            ),
            // A folder stands for all that is in it.
            (
                &[
                    ("", ""),
                    ("a", ""),
                    ("a::x", "use crate::b::X;"),
                    ("b", ""),
                    ("b::y", "use crate::a::x::X;"),
                ],
                &[": a b"],
            ),
            // Parents and children.
            (&[("", ""), ("a", "use x::X;"), ("a::x", "use super::Y;")], &[]),
            // Siblings below.
            (
                &[
                    ("", ""),
                    ("a", ""),
                    ("a::x", "use super::y::X;"),
                    ("a::y", "use crate::a::x::Y;"),
                ],
                &["a: x y"],
            ),
            // What only tests import.
            (
                &[
                    ("", ""),
                    ("a", "use crate::b::X;"),
                    ("b", "#[cfg(test)] mod tests { use crate::a::X; }"),
                ],
                &[],
            ),
            (
                &[
                    ("", ""),
                    ("a", "use crate::b::X;"),
                    ("b", "#[cfg(test)] use crate::a::X;"),
                ],
                &[],
            ),
            // A module with braces.
            (
                &[
                    ("", ""),
                    ("a", "use crate::b::X;"),
                    ("b", "mod c { use super::super::a::X; }"),
                ],
                &[": a b"],
            ),
            // Other crates.
            (&[("", ""), ("a", "use b::X;"), ("b", "use crate::a::X;")], &[]),
        ];
        for (files, expected) in table {
            assert_eq!(found(files), expected, "{files:?}");
        }
    }
}
