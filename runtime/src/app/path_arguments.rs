//! Compares the `Path<…>` that a page's handler takes with the path of the page, by the names of types: a handler that takes more
//! values than the path has would answer its first visitor with 500.
#![deny(clippy::disallowed_methods)]

use std::any::type_name;

use super::session_use::split;

/// How the type of axum's extractor begins.
const EXTRACTOR: &str = "axum::extract::path::Path<";

/// The types of values that serde reads from exactly one part of a path.
const SINGLE: [&str; 19] = [
    "alloc::string::String",
    "alloc::boxed::Box<str>",
    "alloc::sync::Arc<str>",
    "bool",
    "char",
    "i8",
    "i16",
    "i32",
    "i64",
    "i128",
    "isize",
    "u8",
    "u16",
    "u32",
    "u64",
    "u128",
    "usize",
    "f32",
    "f64",
];

/// A `Path<…>` that does not fit the path of its page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Misfit {
    /// The type, as people write it.
    pub(super) argument: String,
    /// How many values it takes.
    pub(super) takes: usize,
    /// The names of the parts of the path that vary.
    pub(super) names: Vec<String>,
}

/// The first argument among the types `T`, in a tuple as for axum, that takes another number of values than `path` has. `None`: all
/// fit, or their names don't tell.
pub(super) fn misfit<T>(path: &str) -> Option<Misfit> {
    judge(type_name::<T>(), path)
}

fn judge(arguments: &str, path: &str) -> Option<Misfit> {
    let names = names(path);
    let arguments = arguments.strip_prefix('(')?.strip_suffix(')')?;
    let taken = split(arguments).into_iter().filter_map(|argument| {
        let inner = argument.strip_prefix(EXTRACTOR)?.strip_suffix('>')?;
        Some((inner, values(inner)?))
    });
    let mut unfit = taken.filter(|(_, takes)| *takes != names.len());
    let (inner, takes) = unfit.next()?;
    Some(Misfit {
        argument: format!("Path<{}>", short(inner)),
        takes,
        names: names.iter().map(|name| (*name).to_owned()).collect(),
    })
}

/// How many values a type takes from a path. `None`: that can't be told by its name.
fn values(inner: &str) -> Option<usize> {
    if let Some(tuple) = inner.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        // Axum gives `()` to any path.
        return Some(split(tuple).len()).filter(|count| *count > 0);
    }
    SINGLE.contains(&inner).then_some(1)
}

/// The names of the parts of a path that vary.
fn names(path: &str) -> Vec<&str> {
    let inside = path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    inside
        .map(|name| name.strip_prefix('*').unwrap_or(name))
        .collect()
}

/// The name of a type without the modules that lead to it.
fn short(name: &str) -> String {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':');
    let mut written = String::new();
    for piece in name.split_inclusive(|c| !is_name(c)) {
        written.push_str(piece.rsplit("::").next().unwrap_or(piece));
    }
    written
}

impl std::fmt::Display for Misfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            argument,
            takes,
            names,
        } = self;
        let values = if *takes == 1 { "value" } else { "values" };
        write!(
            f,
            "its handler takes `{argument}`, {takes} {values}, and the path has "
        )?;
        match names.as_slice() {
            [] => write!(
                f,
                "none. Take no `Path`, or name a part of the path, as in `/product/{{id}}`"
            ),
            [name] => write!(
                f,
                "one, `{name}`. Take `Path({name}): Path<String>`, or another type of one value"
            ),
            names => write!(
                f,
                "{}, `{}`. Take `Path(({})): Path<({})>`, or other types",
                names.len(),
                names.join("` and `"),
                names.join(", "),
                vec!["String"; names.len()].join(", "),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::extract::{Path, Query, State};

    use super::*;

    struct Product;

    #[test]
    fn a_number_of_values_that_is_not_the_paths_is_told() {
        for (found, expected) in [
            (misfit::<((),)>("/a"), None),
            (misfit::<((), State<Product>, Path<String>)>("/a/{id}"), None),
            (misfit::<((), Path<(u32, String)>)>("/a/{id}/{page}"), None),
            (misfit::<((), Path<Product>)>("/a"), None),
            (misfit::<((), Path<()>)>("/a/{id}"), None),
            (misfit::<((), Path<Vec<(String, String)>>)>("/a/{id}"), None),
            (misfit::<((), Option<Path<String>>)>("/a"), None),
            (misfit::<((), Query<(u32, u32)>)>("/a/{id}"), None),
            (
                misfit::<((), Path<(u32, String)>)>("/a/{id}"),
                Some(
                    "its handler takes `Path<(u32, String)>`, 2 values, and the path has one, `id`. Take `Path(id): Path<String>`, or another type of one value",
                ),
            ),
            (
                misfit::<((), State<Product>, Path<String>)>("/a"),
                Some(
                    "its handler takes `Path<String>`, 1 value, and the path has none. Take no `Path`, or name a part of the path, as in `/product/{id}`",
                ),
            ),
            (
                misfit::<((), Path<u64>)>("/a/{id}/{*rest}"),
                Some(
                    "its handler takes `Path<u64>`, 1 value, and the path has 2, `id` and `rest`. Take `Path((id, rest)): Path<(String, String)>`, or other types",
                ),
            ),
            (
                misfit::<((), Path<(Product,)>)>("/a/{b}/{c}"),
                Some(
                    "its handler takes `Path<(Product,)>`, 1 value, and the path has 2, `b` and `c`. Take `Path((b, c)): Path<(String, String)>`, or other types",
                ),
            ),
        ] {
            assert_eq!(found.map(|misfit| misfit.to_string()).as_deref(), expected);
        }
        assert_eq!(judge("no tuple", "/a"), None);
    }
}
