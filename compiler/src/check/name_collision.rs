//! `name-collision`: two names of one page become one in Tera or Rust.
//!
//! **Why it matters.** One of the two could not be reached, and which one would depend on order.
//!
//! **Bad**
//! ```html
//! <m:fragment service="orders" ref="checkout" exports="order-state">…</m:fragment>
//! <m:fragment service="billing" ref="invoice" exports="order_state">…</m:fragment>
//! ```
//! **Good**
//! ```html
//! <m:fragment service="orders" ref="checkout" exports="order-state">…</m:fragment>
//! <m:fragment service="billing" ref="invoice" exports="order_state as billing_state">…</m:fragment>
//! ```
//! The names of a page are its attributes and what its fragments export to it. The imports of one tag, and of one offered
//! element, follow the same rule among themselves: they are the fields of one Rust type.
#![deny(clippy::disallowed_methods)]

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    fragment::{Declared, short},
    model::{snake_case, spelled},
    problem::{Code, Problem},
    site::{File, fragments},
    source::Location,
};

use super::subject::{Giver, Subject, target_place};

/// A name, where it is written, and who writes it.
struct Named<'p> {
    name: &'p str,
    place: Location,
    label: String,
    giver: Option<Giver<'p>>,
}

pub(super) fn check(subject: &Subject<'_, '_>) -> Vec<Problem> {
    let attributes = subject.page.attributes.names.values().map(|attribute| Named {
        name: &attribute.written,
        place: attribute.place,
        label: format!("`{}` is an attribute of the page", short(&attribute.written)),
        giver: None,
    });
    let exports = subject.page.tags.iter().enumerate().flat_map(|(index, tag)| {
        tag.exports().map(move |item| Named {
            name: item.target(),
            place: target_place(tag, item),
            label: format!("{} exports `{}`", subject.title(tag), short(item.target())),
            giver: Some(Giver { tag: index, item }),
        })
    });
    collisions(attributes.chain(exports).collect())
        .into_iter()
        .map(|(first, other)| {
            let problem = collision(&first, &other);
            let Some(giver) = other.giver else {
                return problem.help("give one of them another name");
            };
            let list = subject.aliases.borrow_mut().list(subject, giver);
            problem.help(format!("give one of them another name: `{list}`"))
        })
        .collect()
}

/// The same for the lists that need no page.
pub(super) fn check_lists(file: &File<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for node in fragments(&file.tree.nodes) {
        let imports = node.fragment.imports.iter().map(|item| {
            let place = item.target_span.at(file.id);
            Named {
                name: item.target(),
                place,
                label: "imported here".to_owned(),
                giver: None,
            }
        });
        let found = collisions(imports.collect());
        problems.extend(
            found
                .iter()
                .map(|(first, other)| collision(first, other).help("give one of them another name")),
        );
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
                label: "stated here".to_owned(),
                giver: None,
            });
            let found = collisions(named.collect());
            problems.extend(
                found
                    .iter()
                    .map(|(first, other)| collision(first, other).help("give one of them another name")),
            );
        }
    }
    problems
}

/// For each spelling beyond the first of names that become one: the first, and that one.
fn collisions(names: Vec<Named<'_>>) -> Vec<(std::rc::Rc<Named<'_>>, std::rc::Rc<Named<'_>>)> {
    let mut first: BTreeMap<String, std::rc::Rc<Named<'_>>> = BTreeMap::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut found = Vec::new();
    for named in names {
        if !seen.insert(named.name.to_owned()) {
            continue;
        }
        let named = std::rc::Rc::new(named);
        match first.get(&snake_case(named.name)) {
            Some(first) => found.push((first.clone(), named)),
            None => {
                first.insert(snake_case(named.name), named);
            }
        }
    }
    found
}

fn collision(first: &Named<'_>, other: &Named<'_>) -> Problem {
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
    Problem::new(Code::NameCollision, message, other.place, other.label.clone())
        .label(first.place, first.label.clone())
}
