//! `duplicate-export` and `duplicate-import`: one list gives the same name twice, after `as`.
//!
//! **Why it matters.** One of the two values would be lost, and which one would be a matter of luck.
//!
//! **Bad**
//! ```html
//! <m:fragment service="orders" ref="checkout" exports="address, zip as address">…</m:fragment>
//! ```
//! **Good**
//! ```html
//! <m:fragment service="orders" ref="checkout" exports="address, zip">…</m:fragment>
//! ```
//! The lists of an offered element, `m:imports` and `m:exports`, follow the same rule.
#![deny(clippy::disallowed_methods)]

use std::collections::{BTreeSet, HashMap};

use crate::{
    fragment::{Declared, Item, short},
    problem::{Code, Problem},
    site::{File, fragments},
    source::Span,
    suggest::free_alias,
};

use super::{MOST_SUGGESTIONS, subject::renamed};

pub(super) fn check(file: &File<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for node in fragments(&file.tree.nodes) {
        let service = node
            .fragment
            .service
            .as_ref()
            .map_or("", |service| file.source.slice(service.span));
        let lists = [
            (&node.fragment.imports, Code::DuplicateImport, "imports"),
            (&node.fragment.exports, Code::DuplicateExport, "exports"),
        ];
        for (items, code, attribute) in lists {
            list(file, items, code, attribute, service, &mut problems);
        }
    }
    for tag in file
        .tree
        .offers
        .iter()
        .map(|offer| &offer.tag)
        .chain(&file.tree.attributes)
    {
        declared(file, &tag.imports, Code::DuplicateImport, &mut problems);
        declared(file, &tag.exports, Code::DuplicateExport, &mut problems);
        declared(
            file,
            tag.attributes.as_deref().unwrap_or_default(),
            Code::DuplicateAttribute,
            &mut problems,
        );
    }
    problems
}

fn list(
    file: &File<'_>,
    items: &[Item],
    code: Code,
    attribute: &str,
    service: &str,
    problems: &mut Vec<Problem>,
) {
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for (item, first) in twice(items, |item| item.target()) {
        if taken.is_empty() {
            taken.extend(items.iter().map(|item| item.target().to_owned()));
        }
        let name = item.target();
        let problem = doubled(file, code, name, item.target_span, first.target_span);
        // The left side is often a good name by itself.
        let own = item
            .path
            .last()
            .filter(|own| item.alias.is_some() && !taken.contains(*own))
            .cloned();
        if problems.len() >= MOST_SUGGESTIONS {
            problems.push(problem.help("give each of them a name of its own"));
            continue;
        }
        let alias = own.unwrap_or_else(|| free_alias(name, service, &|alias| taken.contains(alias)));
        let help = match item.name() == first.name() {
            true => "remove one of them".to_owned(),
            false => format!(
                "give one of them another name: `{}`",
                renamed(items, item, &alias, attribute)
            ),
        };
        taken.insert(alias);
        problems.push(problem.help(help));
    }
}

fn declared(file: &File<'_>, declared: &[Declared], code: Code, problems: &mut Vec<Problem>) {
    for (again, first) in twice(declared, |declared| &declared.name) {
        let problem = doubled(file, code, &again.name, again.span, first.span);
        problems.push(problem.help("remove one of them, or give it another name"));
    }
}

/// Those whose name stands before them already, each with the first of that name.
fn twice<'l, T>(items: &'l [T], name: impl Fn(&'l T) -> &'l str) -> Vec<(&'l T, &'l T)> {
    let mut seen: HashMap<&str, &T> = HashMap::new();
    let mut found = Vec::new();
    for item in items {
        match seen.get(name(item)) {
            Some(first) => found.push((item, *first)),
            None => {
                seen.insert(name(item), item);
            }
        }
    }
    found
}

fn doubled(file: &File<'_>, code: Code, name: &str, again: Span, first: Span) -> Problem {
    let message = format!("`{}` stands twice in this list", short(name));
    Problem::new(code, message, again.at(file.id), "here again").label(first.at(file.id), "first here")
}
