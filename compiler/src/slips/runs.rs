//! Parts a template, less its Tera, into tags and the text between them: roughly, since the text may be broken.

use crate::{source::Span, within::Within};

/// The byte that stands for Tera's in a masked text.
pub(super) const TERA: u8 = 1;

/// A tag, or a text between two tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// All of it.
    pub(super) span: Span,
    /// What it is.
    pub(super) kind: RunKind,
}

/// What a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RunKind {
    /// Text that visitors see.
    Text,
    /// Text that shows code: in `pre`, `code`, `textarea` and the like.
    Code,
    /// A tag with its attributes.
    Tag,
    /// The text of a script or a style sheet.
    Script,
    /// An HTML comment.
    Comment,
}

/// The bytes of a text with `TERA` in place of those in `opaque`.
pub(super) fn masked(text: &str, opaque: impl Iterator<Item = Span>) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for span in opaque {
        for byte in bytes.get_mut(span.range()).unwrap_or_default() {
            if *byte != b'\n' {
                *byte = TERA;
            }
        }
    }
    bytes
}

/// The runs of a masked text, in order.
pub(super) fn runs(bytes: &[u8]) -> Vec<Run> {
    let mut found = Vec::new();
    let mut code = 0_usize;
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        let tag = next_tag(bytes, at);
        push(
            &mut found,
            start,
            tag,
            if code > 0 { RunKind::Code } else { RunKind::Text },
        );
        if tag == bytes.len() {
            break;
        }
        if bytes.within(tag..).starts_with(b"<!--") {
            at = find(bytes, tag + 4, b"-->").map_or(bytes.len(), |end| end + 3);
            push(&mut found, tag, at, RunKind::Comment);
            continue;
        }
        at = tag_end(bytes, tag);
        push(&mut found, tag, at, RunKind::Tag);
        let name = name(bytes, tag);
        let shows_code = |name: &[u8]| {
            let shows: [&[u8]; 7] = [b"pre", b"code", b"textarea", b"kbd", b"samp", b"xmp", b"tt"];
            shows.iter().any(|shown| name.eq_ignore_ascii_case(shown))
        };
        match name.strip_prefix(b"/") {
            Some(name) if shows_code(name) => code = code.saturating_sub(1),
            None if shows_code(name) => code += 1,
            _ => {}
        }
        let hides: [&[u8]; 2] = [b"script", b"style"];
        if hides.iter().any(|hidden| name.eq_ignore_ascii_case(hidden)) {
            let end = end_of_script(bytes, at, name);
            push(&mut found, at, end, RunKind::Script);
            at = end;
        }
    }
    found
}

fn push(runs: &mut Vec<Run>, start: usize, end: usize, kind: RunKind) {
    if start < end {
        runs.push(Run {
            span: Span::new(start, end),
            kind,
        });
    }
}

/// Where the next tag or comment begins.
fn next_tag(bytes: &[u8], at: usize) -> usize {
    let begins = |at: &usize| match bytes.get(at + 1) {
        Some(b'/') => bytes.get(at + 2).is_some_and(u8::is_ascii_alphabetic),
        Some(b'!' | b'?') => true,
        // `list<string>` is a type.
        Some(byte) => byte.is_ascii_alphabetic() && !ends_in_type(bytes.within(..*at)),
        None => false,
    };
    let mut tags = memchr::memchr_iter(b'<', bytes.within(at..)).map(|found| at + found);
    tags.find(begins).unwrap_or(bytes.len())
}

/// The end of the tag at `start`: its `>`, or the next `<`.
pub(super) fn tag_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    let mut quote = None;
    while let Some(byte) = bytes.get(at).copied() {
        match (quote, byte) {
            (Some(open), _) if byte == open => quote = None,
            (None, b'"' | b'\'') if bytes.within(..at).ends_with(b"=") => quote = Some(byte),
            (None, b'>') => return at + 1,
            // The types of Hydra's lists have such a sign.
            (None, b'<') if !ends_in_type(bytes.within(..at)) => return at,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// Whether a `<` behind these bytes belongs to a type of Hydra's.
fn ends_in_type(bytes: &[u8]) -> bool {
    bytes.ends_with(b"list") || bytes.ends_with(b"map")
}

/// The name of the tag at `start`, with the slash of an end tag.
pub(super) fn name(bytes: &[u8], start: usize) -> &[u8] {
    let rest = bytes.within(start + 1..);
    let slash = usize::from(rest.first() == Some(&b'/'));
    let length = rest
        .within(slash..)
        .iter()
        .position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_' | b'.')));
    rest.within(..length.map_or(rest.len(), |length| slash + length))
}

fn end_of_script(bytes: &[u8], at: usize, name: &[u8]) -> usize {
    let mut ends = memchr::memmem::find_iter(bytes.within(at..), b"</").map(|found| at + found);
    let is_end = |at: &usize| {
        let rest = bytes.within(at + 2..);
        rest.len() > name.len() && rest.within(..name.len()).eq_ignore_ascii_case(name)
    };
    ends.find(is_end).unwrap_or(bytes.len())
}

/// Where `what` stands from `at` on.
pub(super) fn find(bytes: &[u8], at: usize, what: &[u8]) -> Option<usize> {
    let found = memchr::memmem::find(bytes.get(at..)?, what)?;
    Some(at + found)
}
