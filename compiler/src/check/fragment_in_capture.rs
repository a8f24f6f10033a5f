//! `fragment-in-capture`: a fragment in a filter section or a `{% set %}` block.
//!
//! **Why it matters.** The HTML of a fragment comes after Tera has run: it can be neither filtered nor kept in a variable.
//!
//! **Bad**
//! ```html
//! {% filter upper %}<m:fragment service="orders" ref="checkout">…</m:fragment>{% endfilter %}
//! ```
//! **Good**
//! ```html
//! {% filter upper %}Your order{% endfilter %} <m:fragment service="orders" ref="checkout">…</m:fragment>
//! ```
#![deny(clippy::disallowed_methods)]

use crate::{
    problem::{Code, Problem},
    tree::SectionKind,
};

use super::subject::Subject;

pub(super) fn check(subject: &Subject<'_, '_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for tag in &subject.page.tags {
        let Some((capture, kind)) = tag.capture else {
            continue;
        };
        let (message, label) = match kind {
            SectionKind::Filter => (
                "the HTML of a fragment can't be filtered",
                "its content is filtered",
            ),
            _ => (
                "the HTML of a fragment can't be kept in a variable",
                "its content is kept",
            ),
        };
        let here = format!("{} stands in it", subject.title(tag));
        let problem =
            Problem::new(Code::FragmentInCapture, message, tag.location(), here).label(capture, label);
        let problem = subject.with_trail(problem, &tag.trail);
        problems.push(problem.help("move the tag out: its HTML is there only after Tera has run"));
    }
    problems
}
