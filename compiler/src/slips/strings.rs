//! Candidates among the quotes of Tera's strings.

use crate::{source::Span, within::Within};

use super::{
    candidate::{Candidate, syntax},
    scan::Part,
};

/// What may mend a string that takes in the end of its delimiter, and opens at `quote`.
pub(super) fn open_string(text: &str, part: &Part, quote: usize, found: &mut Vec<Candidate>) {
    for quote in odd_quotes(text, part, quote).into_iter().chain([quote]) {
        let sign = text.within(quote..=quote);
        let message = format!("the string that `{sign}` opens here is never closed");
        let places = closed(text, part, quote)
            .into_iter()
            .chain(begun_earlier(text, part, quote))
            .chain(doubled(text, part, quote))
            .chain([
                (Span::new(quote, quote + 1), sign.repeat(2)),
                (Span::new(quote, quote + 1), String::new()),
            ]);
        found.extend(places.map(|place| syntax(message.clone(), "opened here", place)));
    }
}

/// The quotes of earlier lines on which an odd number of them stands: each line's first and last.
fn odd_quotes(text: &str, part: &Part, quote: usize) -> Vec<usize> {
    let start = part.span.start as usize;
    let Some(sign) = text.within(quote..).chars().next() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut at = start;
    for line in text
        .within(start..quote)
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
    {
        let quotes: Vec<usize> = line.match_indices(sign).map(|(found, _)| at + found).collect();
        if quotes.len() % 2 == 1 {
            found.extend(quotes.first());
            found.extend(quotes.last().filter(|last| Some(*last) != quotes.first()));
        }
        at += line.len();
    }
    found
}

/// The other quote of a string: it stands before the bracket, the comma, or the end.
fn closed(text: &str, part: &Part, quote: usize) -> Vec<(Span, String)> {
    let sign = text.within(quote..=quote);
    let line = text
        .within(quote..)
        .find('\n')
        .map_or(text.len(), |at| quote + at);
    let ends = text.within(quote..line).find(part.shape.end());
    let end = ends.map_or(line, |at| quote + at);
    let inside = text.within(quote + 1..end.max(quote + 1));
    let is_end = |c: char| matches!(c, ')' | ',' | ']' | '}') || c.is_whitespace();
    let word = inside.find(is_end).unwrap_or(inside.len());
    let whole = inside.trim_end_matches([' ', '-', '\t']).len();
    let bracket = inside.rfind([')', ']']);
    let places = [Some(word), bracket, Some(whole)];
    let places = places.into_iter().flatten().filter(|length| *length > 0);
    let written = places.map(|length| {
        let string = Span::new(quote, quote + 1 + length);
        (string, format!("{}{sign}", text.within(string.range())))
    });
    written.collect()
}

/// What opens is what was to close: the word before it lacks its first quote, or the whole value does.
fn begun_earlier(text: &str, part: &Part, quote: usize) -> Vec<(Span, String)> {
    let bytes = text.as_bytes();
    let from = part.span.start as usize + 2;
    let behind = |signs: &[u8]| {
        let before = bytes
            .within(from..quote)
            .iter()
            .rposition(|byte| signs.contains(byte));
        let start = before.map_or(from, |at| from + at + 1);
        start + text.within(start..quote).len() - text.within(start..quote).trim_start().len()
    };
    let sign = text.within(quote..=quote);
    let mut starts = vec![behind(b" \t\n(=,[{%|"), behind(b"\n(=,[{%|<>")];
    starts.dedup();
    let places = starts.into_iter().filter(|start| *start < quote).map(|start| {
        let word = Span::new(start, quote + 1);
        (
            word,
            format!("{sign}{}", text.within(word.range()).trim_start_matches(sign)),
        )
    });
    places.collect()
}

/// `''a'`: one quote too many, before the one that is never closed.
fn doubled(text: &str, part: &Part, quote: usize) -> Option<(Span, String)> {
    let sign = text.within(quote..=quote);
    let start = part.span.start as usize;
    let pair = sign.repeat(2);
    let mut pairs = text
        .within(start..quote)
        .match_indices(&pair)
        .map(|(at, _)| start + at);
    let at = pairs.find(|at| {
        text.within(at + 2..)
            .starts_with(|c: char| c.is_alphanumeric() || c == '/')
    })?;
    Some((Span::new(at, at + 2), sign.to_owned()))
}
