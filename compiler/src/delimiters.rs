//! What stands between Tera's delimiters.

use crate::source::Span;

/// The keyword of `{% … %}` at `span`: empty where it begins with none.
pub(crate) fn keyword(text: &str, span: Span) -> &str {
    first_word(&text[inner(text, span).range()])
}

/// The letters, digits and `_` at the start of a text.
pub(crate) fn first_word(text: &str) -> &str {
    let end = text
        .bytes()
        .position(|byte| !byte.is_ascii_alphanumeric() && byte != b'_');
    &text[..end.unwrap_or(text.len())]
}

/// What stands between the delimiters at `span`, without dashes and white space.
pub(crate) fn inner(text: &str, span: Span) -> Span {
    let (mut start, mut end) = (span.start as usize + 2, (span.end as usize).saturating_sub(2));
    let bytes = text.as_bytes();
    if start < end && bytes[start] == b'-' {
        start += 1;
    }
    if start < end && bytes[end - 1] == b'-' {
        end -= 1;
    }
    trim(text, Span::new(start, end.max(start)))
}

/// The same place without the white space around it.
pub(crate) fn trim(text: &str, span: Span) -> Span {
    let all = &text[span.range()];
    let start = span.start as usize + (all.len() - all.trim_start().len());
    Span::new(start, start + all.trim().len())
}
