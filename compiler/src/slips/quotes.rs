//! Candidates among the quotes of attributes.

use crate::{fragment::short, source::Span, within::Within};

use super::{
    candidate::{character_before, nearby},
    found_in_markup::Markup,
    runs::{Run, find},
};

/// The longest value that a help repeats, in bytes.
const LONGEST_VALUE: usize = 90;

/// Quotes that are never closed, or never opened.
pub(super) fn in_tag(markup: &mut Markup<'_>, run: Run) {
    let bytes = markup.bytes;
    let (start, end) = (run.span.start as usize, run.span.end as usize);
    lost_equals(markup, run);
    let mut at = start;
    while let Some(equals) = find(bytes.within(..end), at, b"=") {
        let value = equals + 1;
        if bytes.get(value) == Some(&b'=') {
            let message = "this attribute has one `=` too many".to_owned();
            let place = (Span::new(equals, equals + 2), "=".to_owned());
            markup.add_quote(message, "one sign too many", place);
        }
        at = match bytes.within(value..end).first() {
            Some(quote @ (b'"' | b'\'')) => quoted(markup, value, end, *quote),
            _ => unquoted(markup, value, end),
        };
    }
}

/// The value whose quote stands at `value`. The result is where to look on.
fn quoted(markup: &mut Markup<'_>, value: usize, end: usize, quote: u8) -> usize {
    let bytes = markup.bytes;
    let close = memchr::memchr(quote, bytes.within(value + 1..end)).map(|at| value + 1 + at);
    let inside = bytes.within(value + 1..close.unwrap_or(end));
    let takes_in = memchr::memchr3(b'<', b'>', b'=', inside).is_some() || inside.contains(&b'\n');
    if close.is_none() || takes_in {
        open_quote(markup, value, close.unwrap_or(end));
    }
    let goes_on = |next: &u8| !b" \t\n/>".contains(next);
    if close == Some(value + 1) && bytes.get(value + 2).is_some_and(goes_on) {
        let message = "this value has one quote too many".to_owned();
        let place = (
            Span::new(value, value + 2),
            markup.text.within(value..=value).to_owned(),
        );
        markup.add_quote(message, "one quote too many", place);
    }
    close.map_or(end, |close| close + 1)
}

/// The value at `value` that begins without a quote. The result is where to look on.
fn unquoted(markup: &mut Markup<'_>, value: usize, end: usize) -> usize {
    let text = markup.text;
    let rest = markup.bytes.within(value..end);
    let near = nearby(text, value).len().min(rest.len());
    let quote = memchr::memchr2(b'"', b'\'', rest.within(..near));
    if quote == Some(1) && text.is_char_boundary(value + 1) {
        let message = "the quote of this value has changed places with its first character".to_owned();
        let with = format!(
            "{}{}",
            text.within(value + 1..value + 2),
            text.within(value..=value)
        );
        markup.add_quote(
            message,
            "begins without a quote",
            (Span::new(value, value + 2), with),
        );
    }
    if let Some((quote, sign)) = quote.and_then(|quote| Some((quote, *rest.get(quote)?))) {
        let message = "this value ends with a quote, and begins without one".to_owned();
        let span = Span::new(value, value + quote + 1);
        let with = format!("{}{}", char::from(sign), text.within(span.range()));
        markup.add_quote(message, "begins without a quote", (span, with));
    }
    let is_end = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'>';
    value + rest.iter().position(is_end).unwrap_or(rest.len())
}

/// `name"value"`: a value without its `=`.
fn lost_equals(markup: &mut Markup<'_>, run: Run) {
    let (text, bytes) = (markup.text, markup.bytes);
    let (start, end) = (run.span.start as usize, run.span.end as usize);
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_');
    for at in memchr::memchr2_iter(b'"', b'\'', bytes.within(start..end)).map(|at| start + at) {
        if !bytes.within(start..at).last().copied().is_some_and(is_name) {
            continue;
        }
        let name = bytes.within(start..at).iter().rposition(|byte| !is_name(*byte));
        let name = name.map_or(start, |at| start + at + 1);
        let before = bytes.within(start..name).last();
        if !before.is_some_and(u8::is_ascii_whitespace) {
            continue;
        }
        let message = format!("the `=` behind `{}` is missing", short(text.within(name..at)));
        let with = format!("{}={}", text.within(name..at), text.within(at..=at));
        // In `name"=value"`, the two have changed places.
        let end = at + 1 + usize::from(bytes.get(at + 1) == Some(&b'='));
        markup.add_quote(message, "no `=` before the quote", (Span::new(name, end), with));
    }
}

/// The quote at `open` never closes, or closes in another tag. `end`: where the value ends now.
fn open_quote(markup: &mut Markup<'_>, open: usize, end: usize) {
    let text = markup.text;
    let sign = text.within(open..=open);
    let inside = text.within(open + 1..end);
    for place in likely_ends(inside) {
        let to = open + 1 + inside.within(..place).trim_end().len();
        let value = Span::new(open, to);
        let is_long = value.len() >= LONGEST_VALUE || text.within(value.range()).contains('\n');
        let (span, label) = match is_long {
            true => (character_before(text, to), "the value ends here"),
            false => (value, "opened here"),
        };
        let with = format!("{}{sign}", text.within(span.range()));
        markup.add_quote("this quote is never closed".to_owned(), label, (span, with));
    }
}

/// Where a value may end that lacks its quote.
fn likely_ends(inside: &str) -> Vec<usize> {
    let line = inside.find('\n').unwrap_or(inside.len());
    let tag = inside.find(['<', '>']).unwrap_or(inside.len()).min(line);
    let slash = inside.within(..tag).trim_end_matches('/').len();
    // Before the name of the next attribute.
    let attribute = inside.within(..tag).find('=').map(|equals| {
        let before = inside.within(..equals);
        let name = before.rfind(char::is_whitespace);
        name.map_or(0, |at| before.within(..at).trim_end().len())
    });
    let word = inside.find(char::is_whitespace);
    let last = inside.within(..line).rfind('>');
    let places = [attribute, Some(tag), Some(slash), last, Some(line), word];
    let mut places: Vec<usize> = places.into_iter().flatten().collect();
    places.dedup();
    places
}
