#![doc = include_str!("../explain/name-collision.md")]
//! ## Details
//!
//! The names of a page are its attributes and what its fragments export to it. The imports of one tag, and of one offered element,
//! follow the same rule among themselves: they are the fields of one Rust type.
#![deny(clippy::disallowed_methods)]

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet, hash_map::Entry},
};

use crate::{
    fragment::{Declared, short},
    model::{snake_case, spelled},
    problem::{Code, Problem, ProblemCollector, collect_bounded, counted},
    site::File,
    source::Location,
    tree::FragmentNode,
};

use super::{
    exporters::Exporter,
    rule_input::{RuleInput, target_place},
};

/// A name, where it is written, and the tag that exports it.
#[derive(Clone, Copy)]
struct Named<'p> {
    name: &'p str,
    place: Location,
    exporter: Option<Exporter<'p>>,
}

pub(super) fn check(input: &RuleInput<'_, '_>) -> Vec<Problem> {
    if all_differ(input) {
        return Vec::new();
    }
    let attributes = input.page.attributes.names.values().map(|attribute| Named {
        name: &attribute.written,
        place: attribute.place,
        exporter: None,
    });
    let exports = input.page.tags.iter().enumerate().flat_map(|(index, tag)| {
        tag.exports().map(move |item| Named {
            name: item.target(),
            place: target_place(tag, item),
            exporter: Some(Exporter { tag: index, item }),
        })
    });
    let label = |named: &Named<'_>| match named.exporter {
        None => format!("`{}` is an attribute of the page", short(named.name)),
        Some(exporter) => {
            let title = input.title(&input.page.tags[exporter.tag]);
            format!("{title} exports `{}`", short(named.name))
        }
    };
    let found = collisions(attributes.chain(exports).collect());
    counted(found.into_iter().map(|(first, other)| {
        let problem = collision(&first, &other, &label);
        let Some(exporter) = other.exporter else {
            return problem.help("give one of them another name");
        };
        let list = input.list_with_free_name(exporter);
        problem.help(format!("give one of them another name: `{list}`"))
    }))
}

/// Whether no two names of the page can become one: all are written as they are in Rust, as most are.
fn all_differ(input: &RuleInput<'_, '_>) -> bool {
    let mut attributes = input.page.attributes.names.values();
    attributes.all(|attribute| is_plain(&attribute.written))
        && input.exporters.iter().all(|(name, exporters)| {
            is_plain(name) && exporters.iter().all(|exporter| exporter.item.target() == name)
        })
}

/// The same for the lists that need no page.
pub(super) fn check_lists(file: &File<'_>, fragments: &[&FragmentNode]) -> Vec<Problem> {
    let mut problems = ProblemCollector::default();
    let lists = fragments.iter().filter(|node| {
        let imports = &node.fragment.imports;
        imports.len() > 1 && !imports.iter().all(|item| is_plain(item.target()))
    });
    for node in lists {
        let imports = node.fragment.imports.iter().map(|item| {
            let place = item.target_span.at(file.id);
            Named {
                name: item.target(),
                place,
                exporter: None,
            }
        });
        problems.add_all(list(imports.collect(), "imported here"));
    }
    for tag in file.tree.offers.iter().map(|offer| &offer.tag) {
        let given: Vec<&Declared> = tag
            .imports
            .iter()
            .chain(tag.attributes.iter().flatten())
            .collect();
        for declared in [given, tag.exports.iter().collect()] {
            let named = declared.into_iter().map(|declared| Named {
                name: &declared.name,
                place: declared.span.at(file.id),
                exporter: None,
            });
            problems.add_all(list(named.collect(), "stated here"));
        }
    }
    problems.into_problems()
}

/// The problems of one list.
fn list(names: Vec<Named<'_>>, label: &str) -> Vec<Problem> {
    collect_bounded(collisions(names), |(first, other)| {
        collision(&first, &other, &|_| label.to_owned()).help("give one of them another name")
    })
}

/// Names that become one name in Rust: each further spelling of such a name, paired with its first spelling.
fn collisions<'p>(names: Vec<Named<'p>>) -> Vec<(Named<'p>, Named<'p>)> {
    const FEW: usize = 8;
    let mut found = Vec::new();
    if names.len() <= FEW {
        for (index, named) in names.iter().enumerate() {
            let before = &names[..index];
            let first = before
                .iter()
                .find(|first| in_rust(first.name) == in_rust(named.name));
            let again = before.iter().any(|earlier| earlier.name == named.name);
            found.extend(first.filter(|_| !again).map(|first| (*first, *named)));
        }
        return found;
    }
    let mut first: HashMap<Cow<'p, str>, Named<'p>> = HashMap::with_capacity(names.len());
    let mut seen: HashSet<&str> = HashSet::with_capacity(names.len());
    for named in names {
        if !seen.insert(named.name) {
            continue;
        }
        match first.entry(in_rust(named.name)) {
            Entry::Occupied(first) => found.push((*first.get(), named)),
            Entry::Vacant(place) => {
                place.insert(named);
            }
        }
    }
    found
}

/// A name as it is in Rust: most are written so.
fn in_rust(name: &str) -> Cow<'_, str> {
    match is_plain(name) {
        true => Cow::Borrowed(name),
        false => Cow::Owned(snake_case(name)),
    }
}

/// Whether a name has nothing in it that it loses in Rust.
fn is_plain(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    !name.is_empty() && name.bytes().all(is_plain)
}

fn collision(first: &Named<'_>, other: &Named<'_>, label: &dyn Fn(&Named<'_>) -> String) -> Problem {
    let (one, two) = (short(first.name), short(other.name));
    let message = match spelled(first.name) == spelled(other.name) {
        true => format!(
            "`{one}` and `{two}` are one name in Tera: `{}`",
            short(&spelled(other.name))
        ),
        false => format!(
            "`{one}` and `{two}` are one name in Rust: `{}`",
            short(&snake_case(other.name))
        ),
    };
    Problem::new(Code::NameCollision, message, other.place, label(other)).label(first.place, label(first))
}
