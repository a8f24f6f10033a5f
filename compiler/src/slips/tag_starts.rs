//! Candidates among the beginnings of tags.

use crate::{fragment::short, source::Span, within::Within};

use super::{
    candidate::{nearby, replaced},
    found_in_markup::Markup,
    runs::{Run, find},
};

/// A `>` in text whose `<` is missing, `<<div`, and `<//div>`.
pub(super) fn in_text(markup: &mut Markup<'_>, run: Run) {
    let bytes = markup.bytes;
    let (start, end) = (run.span.start as usize, run.span.end as usize);
    lost_reference(markup, run);
    let mut from = start;
    for at in memchr::memchr2_iter(b'<', b'>', bytes.within(start..end)).map(|at| start + at) {
        if bytes.get(at) == Some(&b'<') {
            one_too_many(markup, at);
            swapped(markup, at);
        } else {
            lost(markup, from, at);
        }
        from = at + 1;
    }
}

/// The `>` at `at` whose `<` stood behind `from`.
fn lost(markup: &mut Markup<'_>, from: usize, at: usize) {
    let text = markup.text;
    for tag in lost_starts(text, from, at) {
        let whole = Span::new(tag, at + 1);
        let (span, with) = replaced(text, whole, Span::new(tag, tag), "<");
        let place = widened(text, span, with, whole);
        let message = format!("the `<` of `{}` is missing", short(text.within(tag..=at)));
        markup.add_tag(message, "this is text", place, 3);
    }
}

/// A span that has a width: where the place is between two characters, with the word behind it.
fn widened(text: &str, span: Span, with: String, whole: Span) -> (Span, String) {
    if !span.is_empty() {
        return (span, with);
    }
    let rest = text.within(whole.range());
    let word = rest.find(char::is_whitespace).unwrap_or(rest.len());
    let span = Span::new(whole.start as usize, whole.start as usize + word);
    (span, with + rest.within(..word))
}

/// `m:ref="…"` in text: the tag around it has lost its `<`.
fn lost_reference(markup: &mut Markup<'_>, run: Run) {
    let text = markup.text;
    let (start, end) = (run.span.start as usize, run.span.end as usize);
    let Some(at) = find(markup.bytes.within(..end), start, b":ref=") else {
        return;
    };
    let line = text
        .within(start..at)
        .rfind('\n')
        .map_or(start, |line| start + line + 1);
    for tag in lost_starts(text, line, at) {
        let length = text
            .within(tag..end)
            .find(char::is_whitespace)
            .unwrap_or(end - tag);
        let span = Span::new(tag, tag + length);
        let name = text.within(span.range());
        let message = format!("the `<` of `{}` is missing", short(name));
        markup.add_tag(message, "this is text", (span, format!("<{name}")), 3);
    }
}

/// `s<ection>` and `<s/ection>`: two characters in each other's place.
pub(super) fn swapped(markup: &mut Markup<'_>, at: usize) {
    let (text, bytes) = (markup.text, markup.bytes);
    let is_letter = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_alphabetic);
    let place = if at > 0 && is_letter(at - 1) && (at < 2 || !is_letter(at - 2)) {
        (Span::new(at - 1, at + 1), format!("<{}", text.within(at - 1..at)))
    } else if is_letter(at + 1) && bytes.get(at + 2) == Some(&b'/') && bytes.get(at + 3) != Some(&b'>') {
        (
            Span::new(at, at + 3),
            format!("</{}", text.within(at + 1..at + 2)),
        )
    } else {
        return;
    };
    let message = format!("`{}` is not a tag", short(text.within(place.0.range())));
    markup.add_tag(message, "two characters are in each other's place", place, 3);
}

/// Where a tag may begin that ends at `end` and has lost its `<`.
fn lost_starts(text: &str, from: usize, end: usize) -> Vec<usize> {
    let mut starts = Vec::new();
    let inside = text.within(from..end);
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, ':' | '-'))
    };
    if let Some(slash) = inside.rfind('/')
        && is_name(inside.within(slash + 1..).trim_end())
    {
        starts.push(from + slash);
    }
    // The name stands before the first attribute.
    let first = inside.find('=').unwrap_or(inside.len());
    let mut words: Vec<usize> = Vec::new();
    let mut at = 0;
    for word in inside.within(..first).split_inclusive(char::is_whitespace) {
        if is_name(word.trim_end()) || is_name(word.trim_end().trim_end_matches('/')) {
            words.push(from + at);
        }
        at += word.len();
    }
    starts.extend(words.iter().rev().take(3).copied());
    starts
}

/// `<<div` and `<//div>`: one character too many.
fn one_too_many(markup: &mut Markup<'_>, at: usize) {
    let (text, bytes) = (markup.text, markup.bytes);
    let begins = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_alphabetic);
    let rest = bytes.within(at + 1..);
    let is_slash = rest.starts_with(b"//") && begins(at + 3);
    let is_space = rest.first() == Some(&b' ') && (begins(at + 2) || rest.get(1) == Some(&b'/'));
    if !is_slash && !is_space {
        return;
    }
    let near = bytes.within(..nearby(text, at).end as usize);
    let end = find(near, at, b">").map_or(near.len(), |end| end + 1);
    let place = replaced(text, Span::new(at, end), Span::new(at + 1, at + 2), "");
    let message = format!("`{}` is not a tag", short(text.within(at..end)));
    markup.add_tag(message, "one character too many", place, 3);
}
