//! What may mend half a delimiter.

use crate::{limits::MAX_HALF_BYTES, problem::Code, source::Span, within::Within};

use super::{
    candidate::{Candidate, boundary, replaced, syntax},
    half::Half,
    scan::Shape,
    words::is_keyword,
};

/// What may mend half a delimiter.
pub(super) fn of_half(text: &str, half: &Half, found: &mut Vec<Candidate>) {
    let begin = half.shape.begin();
    if let Some(left) = half.begin {
        if let Some(swapped) = swapped(text, half, left) {
            found.push(candidate(text, half, swapped));
            return;
        }
        let all = Span {
            start: left.start,
            end: half.end.end,
        };
        found.push(candidate(text, half, replaced(text, all, left, begin)));
        return;
    }
    if let Some(start) = guessed_begin(text, half) {
        let all = Span::new(start, half.end.end as usize);
        let place = replaced(text, all, Span::new(start, start), &format!("{begin} "));
        if !place.0.is_empty() {
            found.push(candidate(text, half, place));
        }
    }
    found.push(candidate(text, half, (half.end, String::new())));
}

/// `%{ if a %}` and `{"{ a }}"`: a sign of the beginning has changed places with its neighbour.
fn swapped(text: &str, half: &Half, left: Span) -> Option<(Span, String)> {
    let begin = half.shape.begin();
    let before = text.within(..left.start as usize);
    let (length, written) = match (half.shape, text.within(left.range())) {
        (Shape::Statement, "{") if before.ends_with('%') => (1, begin.to_owned()),
        (Shape::Comment, "{") if before.ends_with('#') => (1, begin.to_owned()),
        (Shape::Print, "{") if before.ends_with("{\"") || before.ends_with("{'") => {
            (2, format!("{}{begin}", before.within(before.len() - 1..)))
        }
        _ => return None,
    };
    let start = left.start as usize - length;
    let inner = Span::new(start, left.end as usize);
    let all = Span::new(start, half.end.end as usize);
    Some(replaced(text, all, inner, &written))
}

fn candidate(text: &str, half: &Half, place: (Span, String)) -> Candidate {
    let (begin, end) = (half.shape.begin(), half.shape.end());
    let (message, label, rank) = match half.begin {
        Some(left) => (
            format!(
                "this ends in `{end}` but begins with `{}`, not with `{begin}`",
                text.within(left.range())
            ),
            "half a delimiter: visitors see it as text",
            1,
        ),
        None => (
            format!("this `{end}` has no `{begin}` before it"),
            "visitors see this as text",
            2,
        ),
    };
    Candidate {
        code: Code::HalfDelimiter,
        sure: !half.hidden,
        rank,
        ..syntax(message, label, place)
    }
}

/// Where a half without any beginning likely begins: behind the last tag, quote or delimiter of its line.
fn guessed_begin(text: &str, half: &Half) -> Option<usize> {
    let end = half.end.start as usize;
    let before = text.within(..end);
    let from = boundary(text, end.saturating_sub(MAX_HALF_BYTES));
    let line = before.within(from..).rfind('\n').map_or(from, |at| from + at + 1);
    let content = before.within(line..);
    let from = content.rfind(['>', '}', '<']).map_or(line, |at| line + at + 1);
    let content = before.within(from..);
    if half.shape == Shape::Statement {
        let words = content
            .split_whitespace()
            .map(|word| word.as_ptr() as usize - before.as_ptr() as usize);
        let mut starts = words.filter(|at| {
            let word = before
                .within(*at..)
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .next();
            word.is_some_and(is_keyword)
        });
        return starts.next();
    }
    let content = match content.rfind(['"', '\'']) {
        Some(quote) if !content.within(..quote).contains('(') => content.within(quote + 1..),
        _ => content,
    };
    let trimmed = content.trim();
    let start = trimmed.as_ptr() as usize - before.as_ptr() as usize;
    let is_name = trimmed.starts_with(|c: char| c.is_alphabetic() || c == '_');
    (is_name && !trimmed.is_empty()).then_some(start)
}
