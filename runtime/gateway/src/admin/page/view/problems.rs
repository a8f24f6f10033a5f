//! Paths that are left out, and contracts that pages do not keep to.
#![deny(clippy::disallowed_methods)]

use serde::Serialize;

use super::{
    list::{Listed, Page, link},
    words::{Names, Part, parts},
};
use crate::admin::page::digest::{Digest, Problem};

#[derive(Debug, Serialize)]
pub(super) struct ProblemRow {
    service: String,
    link: String,
    kind: &'static str,
    what: String,
    reason: Vec<Part>,
    mend: Option<Vec<Part>>,
    pages: Names,
}

/// The page of problems, and how many are not listed at all.
#[derive(Debug, Serialize)]
pub(super) struct Problems {
    page: Page<ProblemRow>,
    unlisted: usize,
}

pub(super) fn list(digest: &Digest, listed: &Listed) -> Problems {
    let is_shown = |problem: &&Problem| listed.finds([&*problem.service, &*problem.what, &*problem.reason]);
    let shown: Vec<&Problem> = digest.problems.iter().filter(is_shown).collect();
    Problems {
        unlisted: digest.all_problems - digest.problems.len(),
        page: listed.page("/problems", &[], shown, row),
    }
}

pub(super) fn row(problem: &Problem) -> ProblemRow {
    ProblemRow {
        service: problem.service.clone(),
        link: link("/service", &[("name", &problem.service)]),
        kind: problem.kind,
        what: problem.what.clone(),
        reason: parts(&problem.reason),
        mend: problem.mend.as_deref().map(parts),
        pages: Names::of(problem.pages.iter().cloned()),
    }
}
