//! What single bytes of a file tell of it before it is read: what it may have, so that most files are not searched for it.

use std::ops::Range;

use super::{is_space, names};

/// What a file may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Survey {
    /// Whether some element may have an attribute with the prefix: ` m:` with white space, a slash or a quote before it.
    pub(crate) may_offer: bool,
    /// Whether there may be an attribute of Thymeleaf's, ` th:`, or an element of JSP's libraries, `<c:`.
    pub(super) is_of_java: bool,
    /// Whether SVG or MathML may begin in it.
    pub(super) has_foreign_elements: bool,
    /// Whether it has an `@` or a `#`.
    pub(crate) has_signs: bool,
    /// How many `}` it has.
    pub(crate) closing_braces: usize,
}

/// How many bytes are looked at for one thing after the other: they stay in the processor's nearest memory meanwhile.
const CHUNK: usize = 1 << 13;

/// Looks at all bytes of a file. `prefix`: that of Hydra's tags.
pub(super) fn survey(text: &str, prefix: &str) -> Survey {
    let bytes = text.as_bytes();
    let mut found = Survey::default();
    for (index, chunk) in bytes.chunks(CHUNK).enumerate() {
        let start = index * CHUNK;
        for colon in memchr::memchr_iter(b':', chunk).map(|at| start + at) {
            found.may_offer = found.may_offer || may_offer(bytes, colon, prefix);
            found.is_of_java = found.is_of_java || is_of_java(bytes, colon);
        }
        found.closing_braces += memchr::memchr_iter(b'}', chunk).count();
        found.has_signs = found.has_signs || memchr::memchr2(b'@', b'#', chunk).is_some();
        found.has_foreign_elements =
            found.has_foreign_elements || may_have_foreign(bytes, start..start + chunk.len());
    }
    found
}

/// Whether a prefix of Thymeleaf's attributes or of JSP's elements ends before the colon.
fn is_of_java(bytes: &[u8], colon: usize) -> bool {
    let before = &bytes[..colon];
    matches!(before.last(), Some(b'h' | b'c' | b't' | b'p')) && ends_in_java(before)
}

/// The same for the few colons with one of its last letters before them.
#[cold]
fn ends_in_java(before: &[u8]) -> bool {
    match before {
        [.., space, b't', b'h'] | [.., space, b's', b'e', b'c'] => is_space(*space),
        [.., b'o', b'u', b't'] => before.ends_with(b" layout"),
        [.., b'<', b'c'] => true,
        [.., b'p' | b't'] => before.ends_with(b"<jsp") || before.ends_with(b"<fmt"),
        _ => false,
    }
}

/// Whether the colon may stand in an attribute with the prefix.
fn may_offer(bytes: &[u8], colon: usize, prefix: &str) -> bool {
    let Some(start) = colon.checked_sub(prefix.len()) else {
        return false;
    };
    let (before, rest) = (&bytes[..start], &bytes[start..colon]);
    names::is(rest, prefix.as_bytes())
        && match before.last() {
            // A closing tag of Hydra's.
            Some(b'/') => !before.ends_with(b"</"),
            Some(byte) => is_space(*byte) || matches!(byte, b'"' | b'\'' | b'}'),
            None => false,
        }
}

/// Whether SVG or MathML may begin in a part of a file.
fn may_have_foreign(bytes: &[u8], part: Range<usize>) -> bool {
    /// How many bytes are looked at in one go. Few have such a tag in them.
    const BLOCK: usize = 256;
    part.step_by(BLOCK).any(|start| {
        let block = &bytes[start..bytes.len().min(start + BLOCK + 2)];
        may_begin(block) && memchr::memchr_iter(b'<', block).any(|at| is_foreign(&bytes[start + at + 1..]))
    })
}

/// Whether the first letters of SVG's or MathML's tag stand in a block. It does not end early, so that many bytes are compared
/// at once.
fn may_begin(block: &[u8]) -> bool {
    let length = block.len().saturating_sub(2);
    let (opens, firsts, seconds) = match block {
        [] | [_] => return false,
        block => (&block[..length], &block[1..=length], &block[2..]),
    };
    let mut found = false;
    for ((open, first), second) in opens.iter().zip(firsts).zip(seconds) {
        let pair = (first | 0x20, second | 0x20);
        let is_svg = (pair.0 == b's') & (pair.1 == b'v');
        let is_math = (pair.0 == b'm') & (pair.1 == b'a');
        found |= (*open == b'<') & (is_svg | is_math);
    }
    found
}

/// Whether the name at the beginning of `rest` is that of SVG's or MathML's root, or goes on behind it.
fn is_foreign(rest: &[u8]) -> bool {
    rest.get(..3).is_some_and(|name| names::is(name, b"svg"))
        || rest.get(..4).is_some_and(|name| names::is(name, b"math"))
}
