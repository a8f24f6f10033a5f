//! `export-in-block-structure`: an export decides whether `super()` is called or a block is defined, or a `{% set %}` that depends
//! on an export is used outside of its block.
//!
//! **Why it matters.** The structure of a page is settled before its fragments are there. Only text can wait for an export.
//!
//! **Bad**, where a fragment exports `address`
//! ```html
//! {% block content %}{% if address %}{{ super() }}{% endif %}{% endblock %}
//! ```
//! **Good**
//! ```html
//! {% block content %}{{ super() }}{% if address %}<p>{{ address }}</p>{% endif %}{% endblock %}
//! ```
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeSet;

use crate::{
    fragment::short,
    problem::{Code, Problem},
};

use super::subject::Subject;

pub(super) fn check(subject: &Subject<'_, '_>) -> Vec<Problem> {
    if subject.givers.is_empty() {
        return Vec::new();
    }
    let names: BTreeSet<&str> = subject.givers.keys().map(String::as_str).collect();
    let first = subject.page.needs.first_of(&names);
    let export = |group: usize| first.get(group).and_then(Option::as_deref);
    let mut problems = Vec::new();
    for structure in &subject.page.structures {
        let Some(name) = export(structure.group) else {
            continue;
        };
        let message = format!(
            "the export `{}` decides about {}, which can't wait for it",
            short(name),
            structure.what
        );
        let problem = Problem::new(
            Code::ExportInBlockStructure,
            message,
            structure.location,
            "has to be known at once",
        );
        let problem = with_giver(subject, problem, name);
        problems.push(problem.help(format!("move it out of what depends on `{}`", short(name))));
    }
    for leak in &subject.page.leaks {
        let Some(name) = export(leak.group) else { continue };
        let (set, name) = (short(leak.name), name);
        let message = format!(
            "`{set}` depends on the export `{}`, and is used outside of the block that sets it",
            short(name)
        );
        let problem = Problem::new(Code::ExportInBlockStructure, message, leak.used, "used here")
            .label(leak.set, "set in a block");
        let problem = with_giver(subject, problem, name);
        problems.push(problem.help(format!(
            "set `{set}` in the block that uses it, or use `{}` itself there",
            short(name)
        )));
    }
    problems
}

fn with_giver(subject: &Subject<'_, '_>, problem: Problem, name: &str) -> Problem {
    let Some(giver) = subject.givers.get(name).and_then(|givers| givers.first()) else {
        return problem;
    };
    let tag = &subject.page.tags[giver.tag];
    let label = format!("{} exports `{}`", subject.title(tag), short(name));
    problem.label(giver.item.target_span.at(tag.source), label)
}
