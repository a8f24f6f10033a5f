//! Finds the one wrong character behind the errors of a file.
//!
//! One character too few or too many makes errors far from it: a `{{ name }` takes the next tags with it, and what is reported is
//! an element without an end. Where a file has such errors, the places are collected that look like a slip, and each is mended on
//! trial. The one that leaves a file without errors is reported instead of them, with what was written on trial as its help.
//! None of this runs for a file without errors.
#![deny(clippy::disallowed_methods)]

mod candidate;
mod half;
mod markup;
mod runs;
mod scan;
mod tera;
mod words;

use crate::{
    limits::{MAX_REPAIR_BYTES, MAX_SLIPS_PER_FILE},
    parse::{self, PieceKind},
    problem::{Code, Problem},
    source::{SourceId, Span},
};

use candidate::Candidate;
use half::halves;
use scan::{Part, parts};

/// What is found behind the errors of a file.
pub(crate) struct Explained {
    /// What is reported instead of them.
    pub(crate) problems: Vec<Problem>,
}

/// How many errors a text has. The file's own are those of [`explain`]'s `text`.
pub(crate) type ErrorsOf<'f> = &'f dyn Fn(&str) -> usize;

/// The slips behind the `errors` of a file with this text. `None`: no slip explains them.
pub(crate) fn explain(source: SourceId, text: &str, errors: &[Problem], errors_of: ErrorsOf<'_>) -> Option<Explained> {
    let wanted = names_in(text, source, errors);
    let mut left = MAX_REPAIR_BYTES;
    let mut edits = Vec::new();
    let mut slips = Vec::new();
    let mut now = text.to_owned();
    let mut count = errors_of(&now);
    let mut is_whole = count == 0;
    while !is_whole && slips.len() < MAX_SLIPS_PER_FILE {
        let candidates = candidates(&now, &wanted);
        let Some((chosen, after)) = choose(&now, candidates, count, errors_of, &mut left) else {
            break;
        };
        count = after;
        is_whole = after == 0;
        now = chosen.applied(&now);
        slips.push(moved_back(chosen, &mut edits));
    }
    if slips.is_empty() {
        return None;
    }
    let mut problems: Vec<Problem> = slips.iter().map(|slip| report(slip, source)).collect();
    if let ([slip], [problem]) = (slips.as_slice(), problems.as_mut_slice())
        && !slip.sure
    {
        add_opening(problem, errors, source);
    }
    Some(Explained { problems })
}

fn report(slip: &Candidate, source: SourceId) -> Problem {
    let mut slip = slip.clone();
    if slip.code == Code::HalfDelimiter {
        // It lacks its opening or its end, so that it is an error here.
        slip.code = Code::TemplateSyntax;
    }
    slip.problem(source)
}

/// The likeliest candidate, and how many errors are left when it is mended.
fn choose(
    text: &str,
    candidates: Vec<Candidate>,
    count: usize,
    errors_of: ErrorsOf<'_>,
    left: &mut usize,
) -> Option<(Candidate, usize)> {
    let mut best: Option<(usize, usize)> = None;
    for (index, candidate) in candidates.iter().enumerate() {
        if *left < text.len() {
            break;
        }
        *left -= text.len();
        let after = errors_of(&candidate.applied(text));
        if after == 0 {
            best = Some((index, 0));
            break;
        }
        let is_better = best.is_none_or(|(_, best)| after < best);
        if candidate.sure && after <= count && is_better {
            best = Some((index, after));
        }
    }
    // A delimiter that is broken is wrong whatever else is.
    let sure = || candidates.iter().position(|candidate| candidate.sure && candidate.rank == 0);
    let (index, after) = best.or_else(|| sure().map(|index| (index, count)))?;
    candidates.into_iter().nth(index).map(|chosen| (chosen, after))
}

/// All that may be wrong in a text, the likeliest first.
fn candidates(text: &str, wanted: &[String]) -> Vec<Candidate> {
    let parts = parts(text);
    let mut found = Vec::new();
    for part in &parts {
        tera::of_part(text, part, &mut found);
        tera::of_word(text, part, &mut found);
    }
    let masked = masked(text, &parts);
    for half in halves(&masked) {
        tera::of_half(text, &half, &mut found);
    }
    found.extend(markup::candidates(text, &masked, wanted));
    found.sort_by_key(|candidate| (candidate.rank, candidate.span.start));
    found
}

fn masked(text: &str, parts: &[Part]) -> Vec<u8> {
    runs::masked(text, parts.iter().map(|part| part.span))
}

/// The candidate in terms of the text before the edits, which it joins.
fn moved_back(mut candidate: Candidate, edits: &mut Vec<(Span, i64)>) -> Candidate {
    let written = candidate.with.len() as i64 - candidate.span.len() as i64;
    let edited = (candidate.span, written);
    for (span, more) in edits.iter().rev() {
        if candidate.span.start >= span.start {
            let back = |at: u32| (i64::from(at) - more).max(i64::from(span.start)) as u32;
            candidate.span = Span {
                start: back(candidate.span.start),
                end: back(candidate.span.end),
            };
        }
    }
    edits.push(edited);
    candidate
}

/// The names of the tags that the errors mark.
fn names_in(text: &str, source: SourceId, errors: &[Problem]) -> Vec<String> {
    let mut names = Vec::new();
    let labels = errors.iter().flat_map(|error| &error.labels);
    for label in labels.filter(|label| label.location.source == source) {
        let marked = text.get(label.location.span.range()).unwrap_or_default();
        if let Some(rest) = marked.strip_prefix('<') {
            let rest = rest.trim_start_matches('/');
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, ':' | '-')));
            let name = rest[..end.unwrap_or(rest.len())].to_owned();
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

/// Adds the place at which the error would have been reported.
fn add_opening(problem: &mut Problem, errors: &[Problem], source: SourceId) {
    let first = errors.iter().find_map(|error| error.labels.first());
    if let Some(opening) = first.filter(|label| {
        label.location.source == source && label.text == "opened here" && label.location != problem.labels[0].location
    }) {
        problem.labels.push(opening.clone());
    }
}

/// The halves of delimiters in a file that Tera can read: visitors would see them.
pub(crate) fn half_delimiters(source: SourceId, text: &str, prefix: &str) -> Vec<Problem> {
    let pieces = parse::parse(text, prefix);
    let opaque = pieces.pieces.iter().filter(|piece| {
        matches!(
            piece.kind,
            PieceKind::Print | PieceKind::Statement | PieceKind::Opaque | PieceKind::Unclosed(_)
        )
    });
    let masked = runs::masked(text, opaque.map(|piece| piece.span));
    let mut problems = Vec::new();
    for half in halves(&masked).iter().filter(|half| !half.hidden) {
        let mut found = Vec::new();
        tera::of_half(text, half, &mut found);
        problems.extend(found.first().map(|candidate| candidate.problem(source)));
    }
    problems
}
