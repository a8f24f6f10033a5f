//! `unknown-import`: nothing on the page provides the imported attribute.
//!
//! **Why it matters.** The fragment would never get the value. Mostly the name is mistyped.
//!
//! **Bad**
//! ```html
//! <html m:attributes="dateOfBirth: date">
//! <m:fragment service="orders" ref="checkout" imports="dateOfBrith as dob">…</m:fragment>
//! ```
//! **Good**
//! ```html
//! <html m:attributes="dateOfBirth: date">
//! <m:fragment service="orders" ref="checkout" imports="dateOfBirth as dob">…</m:fragment>
//! ```
//! A page that neither states its attributes nor has a Rust type may be handed any name: there the rule is silent, whatever its
//! fragments export. A component sees its arguments only, on any page.
#![deny(clippy::disallowed_methods)]

use crate::{
    fragment::{Item, short},
    model::{Source, Tag, spelled},
    problem::{Code, Problem},
    suggest::nearest,
};

use super::subject::Subject;

pub(super) fn check(subject: &Subject<'_, '_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for tag in &subject.page.tags {
        for (item, source) in tag.node.fragment.imports.iter().zip(&tag.imports) {
            let name = spelled(item.root());
            let given = match tag.component {
                Some(_) => false,
                None => subject.page.attributes.may_have(&name) || subject.givers.contains_key(name.as_ref()),
            };
            if *source == Source::Page && !given {
                problems.push(unknown(subject, tag, item));
            }
        }
    }
    problems
}

fn unknown(subject: &Subject<'_, '_>, tag: &Tag<'_>, item: &Item) -> Problem {
    let name = item.root();
    let place = item.name_span.at(tag.source);
    if let Some(component) = tag.component {
        let message = format!(
            "the component `{}` has no argument `{}`",
            short(component),
            short(name)
        );
        return Problem::new(
            Code::UnknownImport,
            message,
            place,
            format!("{} imports it", subject.title(tag)),
        )
        .help("a component sees its arguments only: add it to them, and hand it over in each call");
    }
    let message = format!("nothing on this page provides `{}`", short(name));
    let label = format!("{} imports it", subject.title(tag));
    let problem = subject.with_trail(
        Problem::new(Code::UnknownImport, message, place, label),
        &tag.trail,
    );
    let sets = subject.page.sets.iter().map(|(name, _)| *name);
    let attributes = subject
        .page
        .attributes
        .names
        .values()
        .map(|attribute| attribute.written.as_str());
    let exports = subject.givers.keys().map(String::as_str);
    match nearest(name, attributes.chain(exports).chain(sets)) {
        Some(near) => problem.help(format!("did you mean `{near}`? Write `{}`", mended(item, near))),
        None => problem.help(format!(
            "give the page an attribute `{0}`, or write `known as {0}`",
            short(item.target())
        )),
    }
}

/// The item with another name on the left, and the same on the right.
fn mended(item: &Item, near: &str) -> String {
    let path: Vec<&str> = std::iter::once(near)
        .chain(item.path.iter().skip(1).map(String::as_str))
        .collect();
    let path = path.join(".");
    match &item.alias {
        None => near.to_owned(),
        Some(alias) if *alias == path => path,
        Some(alias) => format!("{path} as {alias}"),
    }
}
