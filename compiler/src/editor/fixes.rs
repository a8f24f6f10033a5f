//! Quick fixes: the helps that can be pasted, tried before they are offered.
#![deny(clippy::disallowed_methods)]

use std::{ops::Range, path::Path};

use crate::{
    problem::{Code, Problem, Severity},
    source::Source,
};

use super::{
    mend::{Edit, edited, mend},
    positions::{Encoding, Lines, Position},
    site_state::SiteState,
    workspace::Workspace,
};

/// The rules whose helps leave a choice to the writer, or speak of something else than the marked place: what they quote may silence the
/// rule, but it does not mend the page.
const NOT_PASTED: [Code; 17] = [
    Code::DuplicateAttribute,
    Code::EmptyFallback,
    Code::EmptyValue,
    Code::ExportInBlockStructure,
    Code::ExportInLoop,
    Code::FileOfAnotherService,
    Code::FragmentAsText,
    Code::FragmentInCapture,
    Code::ImportCycle,
    Code::LateExport,
    Code::MaybeUnset,
    Code::MissingRef,
    Code::ModeConflict,
    Code::NoContract,
    Code::TooDeep,
    Code::TypeMismatch,
    Code::UnusedExport,
];

/// How many problems of one range are tried. Each trial checks the site.
const MAX_TRIED: usize = 8;

/// An edit that mends a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What it does, as the help says.
    pub title: String,
    /// The rule that is broken.
    pub code: Code,
    /// Where the problem stands.
    pub range: (Position, Position),
    /// The ranges that are replaced, with what comes in their place, in the order of the file.
    pub edits: Vec<((Position, Position), String)>,
}

impl Workspace {
    /// The fixes of the problems that touch a range of a document. A fix is offered only if it takes its problem away and brings no
    /// new error into the site.
    pub fn fixes(&mut self, path: &Path, range: (Position, Position)) -> Vec<Fix> {
        self.check_silently();
        let encoding = self.encoding;
        let sites = self.sites.iter_mut();
        sites
            .flat_map(|site| of_site(site, path, range, encoding))
            .collect()
    }
}

fn of_site(
    site: &mut SiteState,
    path: &Path,
    (start, end): (Position, Position),
    encoding: Encoding,
) -> Vec<Fix> {
    let Some(index) = site.template(path) else {
        return Vec::new();
    };
    let source = &site.input.sources[index];
    let (name, text) = (source.name.clone(), source.text.clone());
    let lines = Lines::of(&text);
    let touched = lines.offset(start, encoding)..lines.offset(end, encoding);
    let problems = site.problems.clone();
    let here = problems
        .iter()
        .filter(|problem| touches(problem, index, &touched));
    let tried = here.take(MAX_TRIED).filter_map(|problem| {
        let edits = mend(&text, problem).filter(|_| !leaves_a_choice(problem))?;
        let source = Source::new(name.clone(), path, edited(&text, &edits));
        let after = site.problems_with(index, &source);
        let span = problem.labels.first()?.location.span.range();
        mends(problem, &problems, &after).then(|| Fix {
            title: title(problem, &text, &edits),
            code: problem.code,
            range: lines.range(span, encoding),
            edits: positions(edits, &lines, encoding),
        })
    });
    tried.collect()
}

fn positions(edits: Vec<Edit>, lines: &Lines<'_>, encoding: Encoding) -> Vec<((Position, Position), String)> {
    let edits = edits.into_iter();
    edits
        .map(|(range, new)| (lines.range(range, encoding), new))
        .collect()
}

/// Whether a problem stands in a file, and shares a place with a range.
fn touches(problem: &Problem, file: usize, range: &Range<usize>) -> bool {
    problem.labels.first().is_some_and(|label| {
        let span = label.location.span.range();
        label.location.source.0 as usize == file && span.start <= range.end && range.start <= span.end
    })
}

/// Whether only the writer can say what to paste: the help has two texts to choose from, or speaks of another place.
fn leaves_a_choice(problem: &Problem) -> bool {
    let help = problem.help.as_deref().unwrap_or_default();
    let behind = help.splitn(3, '`').nth(2).unwrap_or_default();
    NOT_PASTED.contains(&problem.code)
        || behind.starts_with(", or `")
        || problem.code == Code::UnclosedTag && !help.starts_with("add `")
}

/// Whether a problem is gone after an edit, and no other error has come.
fn mends(problem: &Problem, before: &[Problem], after: &[Problem]) -> bool {
    let key = |problem: &Problem| (problem.code, problem.message.clone());
    let count = |problems: &[Problem]| problems.iter().filter(|other| key(other) == key(problem)).count();
    let known: Vec<_> = before.iter().map(key).collect();
    let mut errors = after
        .iter()
        .filter(|other| other.code.severity() == Severity::Error);
    count(after) < count(before) && !errors.any(|error| !known.contains(&key(error)))
}

/// "Replace `exports="a; b"` by `exports="a, b"`", in one line.
fn title(problem: &Problem, text: &str, edits: &[Edit]) -> String {
    let short = |text: &str| crate::fragment::short(text.trim()).replace('\n', " ");
    match edits {
        [(range, new)] if new.is_empty() => format!("Remove `{}`", short(&text[range.clone()])),
        [(range, new)] if range.is_empty() => format!("Add `{}`", short(new)),
        [(range, new)] => format!("Replace `{}` by `{}`", short(&text[range.clone()]), short(new)),
        _ => problem.help.as_deref().unwrap_or_default().replace('\n', " "),
    }
}
