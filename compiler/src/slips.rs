//! Finds the one wrong character behind the errors of a file.
//!
//! One character too few or too many makes errors far from it: a `{{ name }` takes the next tags with it, and what is reported is
//! an element without an end. Where a file has such errors, the places are collected that look like a slip, and each is mended on
//! trial. The one that leaves a file without errors is reported instead of them, with what was written on trial as its help.
//! None of this runs for a file without errors.
#![deny(clippy::disallowed_methods)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

mod candidate;
mod found_in_markup;
mod half;
mod half_mends;
mod indentation;
mod markup;
mod noise;
mod quotes;
mod runs;
mod scan;
mod strings;
mod tag_starts;
mod tera;
mod words;

use crate::{
    limits::{
        FEW_ERRORS, MAX_REPAIRED_FILE_BYTES, MAX_REPAIRS, MAX_SLIPS_PER_FILE, MAX_WANTED_NAMES,
        REPAIR_BYTES_OF_PROBLEM,
    },
    parse::{self, PieceKind},
    problem::{Code, Problem},
    source::{SourceId, Span},
    within::Within,
};

use candidate::Candidate;
pub(crate) use candidate::{boundary, nearby};
use half::halves;
use scan::{Part, Shape, parts};

/// The errors that a file would have with another text.
pub(crate) type ErrorsOf<'f> = &'f dyn Fn(&str) -> Vec<Problem>;

/// The errors that what a broken delimiter takes in may make.
const STRUCTURAL: [Code; 7] = [
    Code::MissingRef,
    Code::TemplateSyntax,
    Code::UnclosedTag,
    Code::StrayCloseTag,
    Code::UnclosedQuote,
    Code::FragmentAsText,
    Code::UnmatchedEndTag,
];

/// What is reported instead of the `errors` of a file with this text: its slips, and the errors that have nothing to do with them.
/// `None`: no slip explains them. `most`: how many bytes may be checked once more on trial.
pub(crate) fn explain(
    source: SourceId,
    text: &str,
    errors: &[Problem],
    errors_of: ErrorsOf<'_>,
    most: usize,
) -> Option<Vec<Problem>> {
    if text.len() > MAX_REPAIRED_FILE_BYTES {
        return None;
    }
    let wanted = names_in(text, source, errors);
    let mut edits = Vec::new();
    let mut slips = Vec::new();
    let mut now = text.to_owned();
    let mut rest = errors_of(&now);
    let faults = parts(text).iter().filter(|part| part.fault.is_some()).count();
    // Where very much is wrong, no slip is behind it.
    let mut left = most / (1 + (rest.len() + faults) / FEW_ERRORS);
    while !rest.is_empty() && slips.len() < MAX_SLIPS_PER_FILE {
        let candidates = candidates(&now, &wanted);
        let Some((chosen, after)) = choose(
            &now,
            candidates,
            (rest.len(), errors.is_empty()),
            errors_of,
            &mut left,
        ) else {
            break;
        };
        now = chosen.applied(&now);
        rest = after;
        slips.push(moved_back(chosen, &mut edits));
    }
    if slips.is_empty() {
        return None;
    }
    let mut problems: Vec<Problem> = slips.iter().map(|slip| report(slip, source)).collect();
    if let ([slip], [problem]) = (slips.as_slice(), problems.as_mut_slice())
        && !slip.sure
        && slip.opening.is_none()
    {
        add_opening(problem, errors, source);
    }
    // What stands beside the slips, and has nothing to do with them.
    rest.retain(|problem| !STRUCTURAL.contains(&problem.code));
    for problem in &mut rest {
        for label in problem
            .labels
            .iter_mut()
            .filter(|label| label.location.source == source)
        {
            label.location.span = before(&edits, label.location.span);
        }
    }
    problems.append(&mut rest);
    Some(problems)
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
    (count, is_doubtful): (usize, bool),
    errors_of: ErrorsOf<'_>,
    left: &mut usize,
) -> Option<(Candidate, Vec<Problem>)> {
    let mut best: Option<(usize, Vec<Problem>)> = None;
    // Of those that mend the file, the one that leaves the fewest oddities is meant.
    let mut order: Vec<(usize, usize)> = Vec::with_capacity(candidates.len());
    for (index, candidate) in candidates.iter().enumerate() {
        if *left < text.len() {
            break;
        }
        *left -= text.len();
        order.push((noise::noise(&candidate.applied(text)), index));
    }
    order.sort_unstable();
    if is_doubtful {
        // Without an error, only what looks better than before counts.
        let now = noise::noise(text);
        order.retain(|(noise, _)| *noise < now);
    }
    for (_, index) in order {
        let Some(candidate) = candidates.get(index) else {
            break;
        };
        if *left < text.len() {
            break;
        }
        *left -= text.len();
        let after = errors_of(&candidate.applied(text));
        *left = left.saturating_sub(after.len() * REPAIR_BYTES_OF_PROBLEM);
        if after.is_empty() {
            best = Some((index, after));
            break;
        }
        let is_better = best.as_ref().is_none_or(|(_, best)| after.len() < best.len());
        if candidate.sure && after.len() <= count && is_better {
            best = Some((index, after));
        }
    }
    // A delimiter that is broken is wrong whatever else is.
    let sure = || {
        let mut all = candidates.iter().enumerate();
        all.find(|(_, candidate)| candidate.sure && candidate.rank == 0)
    };
    let (index, after) = best.or_else(|| {
        let (index, candidate) = sure()?;
        Some((index, errors_of(&candidate.applied(text))))
    })?;
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
        half_mends::of_half(text, &half, &mut found);
    }
    found.extend(markup::candidates(text, &masked, wanted));
    if !found.iter().any(|candidate| candidate.sure) {
        found.extend(indentation::candidates(text, &masked, &parts));
    }
    found.sort_by_key(|candidate| (candidate.rank, candidate.span.start));
    found.truncate(MAX_REPAIRS);
    found
}

fn masked(text: &str, parts: &[Part]) -> Vec<u8> {
    runs::masked(text, parts.iter().map(|part| part.span))
}

/// The candidate in terms of the text before the edits, which it joins.
fn moved_back(mut candidate: Candidate, edits: &mut Vec<(Span, i64)>) -> Candidate {
    let written = candidate.with.len() as i64 - candidate.span.len() as i64;
    let edited = (candidate.span, written);
    candidate.span = before(edits, candidate.span);
    candidate.mark = candidate.mark.map(|mark| before(edits, mark));
    candidate.opening = candidate
        .opening
        .map(|(opening, label)| (before(edits, opening), label));
    edits.push(edited);
    candidate
}

/// A place in terms of the text before the edits. What begins or ends in something that was written begins or ends with what stood
/// there.
fn before(edits: &[(Span, i64)], mut place: Span) -> Span {
    for (span, more) in edits.iter().rev() {
        let written_end = (i64::from(span.end) + more) as u32;
        let back = |at: u32, inside: u32| match at {
            at if at <= span.start => at,
            at if at >= written_end => (i64::from(at) - more) as u32,
            _ => inside,
        };
        place = Span {
            start: back(place.start, span.start),
            end: back(place.end, span.end),
        };
    }
    place
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
            let name = rest.within(..end.unwrap_or(rest.len())).to_owned();
            if !names.contains(&name) {
                names.push(name);
            }
            if names.len() == MAX_WANTED_NAMES {
                break;
            }
        }
    }
    names
}

/// Adds the place at which the error would have been reported.
fn add_opening(problem: &mut Problem, errors: &[Problem], source: SourceId) {
    let first = errors.iter().find_map(|error| error.labels.first());
    if let Some(opening) = first.filter(|label| {
        label.location.source == source
            && label.text == "opened here"
            && problem
                .labels
                .first()
                .is_none_or(|own| own.location != label.location)
    }) {
        problem.labels.push(opening.clone());
    }
}

/// The statements of a text whose `{%` lost a character, without their delimiters.
pub(crate) fn half_statements<'t>(text: &'t str, prefix: &str) -> Vec<&'t str> {
    let masked = readable(text, prefix);
    let halves = halves(&masked).into_iter().filter(|half| !half.hidden);
    let inside = halves.filter_map(|half| {
        let begin = half.begin.filter(|_| half.shape == Shape::Statement)?;
        text.get(begin.end as usize..half.end.start as usize)
    });
    inside.collect()
}

/// A text that Tera can read, with its Tera masked.
fn readable(text: &str, prefix: &str) -> Vec<u8> {
    let pieces = parse::parse(text, prefix);
    let opaque = pieces.pieces.iter().filter(|piece| {
        matches!(
            piece.kind,
            PieceKind::Print | PieceKind::Statement | PieceKind::Opaque | PieceKind::Unclosed(_)
        )
    });
    runs::masked(text, opaque.map(|piece| piece.span))
}

/// A print or a statement of a text.
pub(crate) struct FoundPart {
    /// All of it.
    pub(crate) span: Span,
    /// Which of the two.
    pub(crate) kind: PartKind,
    /// Whether it has its end.
    pub(crate) sound: bool,
}

/// What a part is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum PartKind {
    /// `{{ … }}`
    Print,
    /// `{% … %}`
    Statement,
}

/// The prints and statements of a text that may be broken.
pub(crate) fn found_parts(text: &str) -> Vec<FoundPart> {
    let found = parts(text).into_iter().filter_map(|part| {
        let kind = match part.shape {
            Shape::Print => PartKind::Print,
            Shape::Statement => PartKind::Statement,
            Shape::Comment | Shape::Raw => return None,
        };
        Some(FoundPart {
            span: part.span,
            kind,
            sound: part.fault.is_none(),
        })
    });
    found.collect()
}

/// The tags of a text that Tera can read, and the text with Tera, scripts, style sheets and comments blanked out.
pub(crate) fn readable_tags(text: &str, prefix: &str) -> (Vec<Span>, String) {
    let mut visible = readable(text, prefix);
    let mut tags = Vec::new();
    for run in runs::runs(&visible.clone()) {
        let is_hidden = match run.kind {
            runs::RunKind::Tag => {
                tags.push(run.span);
                false
            }
            runs::RunKind::Script | runs::RunKind::Code => true,
            runs::RunKind::Comment => visible.within(run.span.range()).starts_with(b"<!--"),
            runs::RunKind::Text => false,
        };
        if let Some(hidden) = visible.get_mut(run.span.range()).filter(|_| is_hidden) {
            hidden.fill(runs::TERA);
        }
    }
    (tags, String::from_utf8_lossy(&visible).into_owned())
}

/// The halves of delimiters in a file that Tera can read: visitors would see them.
pub(crate) fn half_delimiters(source: SourceId, text: &str, prefix: &str) -> Vec<Problem> {
    let masked = readable(text, prefix);
    let mut problems = Vec::new();
    for part in parts(text).iter().filter(|part| part.shape == Shape::Comment) {
        let mut found = Vec::new();
        tera::of_part(text, part, &mut found);
        problems.extend(found.first().map(|candidate| {
            let mut candidate = candidate.clone();
            candidate.code = Code::HalfDelimiter;
            candidate.problem(source)
        }));
    }
    for half in halves(&masked).iter().filter(|half| !half.hidden) {
        let mut found = Vec::new();
        half_mends::of_half(text, half, &mut found);
        problems.extend(found.first().map(|candidate| candidate.problem(source)));
    }
    problems
}
