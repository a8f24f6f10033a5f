//! The text between Tera's delimiters.

use crate::{
    bytes::{DIGIT, LETTER, SPACE, is, run},
    limits::MAX_PLAIN_EXPRESSION_BYTES,
    source::Span,
};

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

/// What stands between the delimiters at `span`, without dashes and white space. What has no closing delimiter goes on to the
/// end of `span`, which may lie right behind a character of several bytes.
pub(crate) fn inner(text: &str, span: Span) -> Span {
    let bytes = text.as_bytes();
    let (mut start, mut end) = (span.start as usize + 2, span.end as usize);
    if let Some([.., b'}' | b'%' | b'#', b'}']) = bytes.get(..end) {
        end -= 2;
    }
    if start < end && bytes[start] == b'-' {
        start += 1;
    }
    if start < end && bytes[end - 1] == b'-' {
        end -= 1;
    }
    trim(text, Span::new(start, end.max(start)))
}

/// The same place without the white space around it.
#[inline]
pub(crate) fn trim(text: &str, span: Span) -> Span {
    let all = &text[span.range()];
    let start = span.start as usize + (all.len() - trim_start(all).len());
    Span::new(start, start + trimmed(all).len())
}

/// `str::trim`. Most texts begin and end with a letter or a sign, and few have other white space than that of ASCII.
#[inline]
pub(crate) fn trimmed(text: &str) -> &str {
    match text.as_bytes() {
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim_ascii().trim(),
    }
}

#[inline]
fn trim_start(text: &str) -> &str {
    match text.as_bytes() {
        [first, ..] if first.is_ascii_graphic() => text,
        _ => text.trim_ascii_start().trim_start(),
    }
}

/// Whether a text is nothing but white space.
#[inline]
pub(crate) fn is_blank(text: &str) -> bool {
    let rest = text.trim_ascii_start();
    match rest.as_bytes() {
        [first, ..] if first.is_ascii_graphic() => false,
        _ => rest.trim_start().is_empty(),
    }
}

/// A print of a name or of its member, and of nothing else: `{{ a }}` or `{{ a.b }}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plain {
    /// The name.
    pub(crate) name: Span,
    /// The name with its members.
    pub(crate) whole: Span,
}

/// The print at `span`, if it is a plain one, as most are. Tera takes such a print wherever a print may stand.
#[inline]
pub(crate) fn plain(text: &str, span: Span) -> Option<Plain> {
    let bytes = text.as_bytes().get(..span.end as usize)?;
    let dash = |at: usize| usize::from(bytes.get(at) == Some(&b'-'));
    let start = span.start as usize + 2;
    let start = run(bytes, start + dash(start), SPACE);
    let mut end = plain_word(bytes, start)?;
    let name = Span::new(start, end);
    while bytes.get(end) == Some(&b'.') {
        end = plain_word(bytes, end + 1)?;
    }
    let behind = run(bytes, end, SPACE);
    let is_whole = bytes.get(behind + dash(behind)..)? == b"}}" && end - start <= MAX_PLAIN_EXPRESSION_BYTES;
    is_whole.then(|| Plain {
        name,
        whole: Span::new(start, end),
    })
}

/// The end of the word at `start`, if it is a name that means nothing in particular to Tera or to Hydra.
#[inline]
fn plain_word(bytes: &[u8], start: usize) -> Option<usize> {
    let end = run(bytes, start, LETTER | DIGIT);
    let word = &bytes[start..end];
    let is_name = word.first().is_some_and(|first| is(*first, LETTER));
    let is_kept = match word.len() {
        0..=5 => matches!(
            word,
            b"true"
                | b"True"
                | b"false"
                | b"False"
                | b"and"
                | b"or"
                | b"not"
                | b"is"
                | b"in"
                | b"if"
                | b"else"
                | b"for"
                | b"none"
                | b"None"
                | b"null"
                | b"self"
                | b"loop"
                | b"super"
                | b"body"
                | b"end"
                | b"this"
        ),
        7 => word == b"forloop" || word.starts_with(b"__"),
        _ => word.starts_with(b"__"),
    };
    (is_name && !is_kept).then_some(end)
}

/// How often the two characters stand in a text that end one of Tera's delimiters.
pub(crate) fn count_ends(bytes: &[u8]) -> usize {
    let braces = memchr::memchr_iter(b'}', bytes);
    let is_end = |at: &usize| {
        let before = at.checked_sub(1).map(|before| bytes[before]);
        matches!(before, Some(b'}' | b'%' | b'#'))
    };
    braces.filter(is_end).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression_names::words;

    #[test]
    fn trimming_is_that_of_texts() {
        for text in [
            "",
            " ",
            "a",
            " a",
            "a ",
            "\u{a0}a\u{a0}",
            " \u{a0} a b \u{2003}\n",
            "\u{b}a",
            "é",
            " é ",
            "\u{feff}",
        ] {
            assert_eq!(trimmed(text), text.trim(), "{text:?}");
            assert_eq!(trim_start(text), text.trim_start(), "{text:?}");
            assert_eq!(is_blank(text), text.trim().is_empty(), "{text:?}");
        }
    }

    #[test]
    fn what_is_never_closed_reaches_to_its_end() {
        for (text, expected) in [
            ("{{ a }}", "a"),
            ("{%- if a -%}", "if a"),
            ("{{}}", ""),
            ("{{", ""),
            ("{{-", ""),
            ("{{}", "}"),
            ("{{ a", "a"),
            ("{{ é", "é"),
            ("{{ a\u{20ac}", "a\u{20ac}"),
            ("{{ \u{1f600}", "\u{1f600}"),
            ("{{ \u{1f600}}", "\u{1f600}}"),
            ("{%- \u{20ac} -", "\u{20ac}"),
        ] {
            let found = inner(text, Span::new(0, text.len()));
            assert_eq!(&text[found.range()], expected, "{text}");
        }
    }

    #[test]
    fn plain_prints_are_names_and_members() {
        for (text, expected) in [
            ("{{ a }}", Some(("a", "a"))),
            ("{{a_1.b.c}}", Some(("a_1", "a_1.b.c"))),
            ("{{- \n price\t-}}", Some(("price", "price"))),
            ("{{ a | upper }}", None),
            ("{{ a.1 }}", None),
            ("{{ a. b }}", None),
            ("{{ 1 }}", None),
            ("{{ }}", None),
            ("{{-}}", None),
            ("{{ a --}}", None),
            ("{{ a() }}", None),
            ("{{ not }}", None),
            ("{{ a.true }}", None),
            ("{{ loop.index }}", None),
            ("{{ body }}", None),
            ("{{ __tera_context }}", None),
            ("{{ \u{a0}a }}", None),
            ("{{ é }}", None),
        ] {
            let span = Span::new(0, text.len());
            let found =
                plain(text, span).map(|plain| (&text[plain.name.range()], &text[plain.whole.range()]));
            assert_eq!(found, expected, "{text}");
            if let Some((name, whole)) = found {
                assert_eq!(&text[inner(text, span).range()], whole, "{text}");
                let words: Vec<_> = words(text, inner(text, span))
                    .into_iter()
                    .map(|(word, _)| word)
                    .collect();
                assert_eq!(words, [name], "{text}");
            }
        }
    }
}
