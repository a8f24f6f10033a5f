//! The style sheets and scripts that a file's own markup links: `<link>`, `<script>` and `@import`.

use std::ops::Range;

use memchr::{memchr2, memmem};

use super::{Token, is_space, lexer::Lexer, names};
use crate::source::Span;

impl<F: FnMut(Token)> Lexer<'_, F> {
    /// Tells of the style sheets that the text of a `<style>` imports (CSS Cascading and Inheritance, section 3).
    pub(super) fn imported(&mut self, start: usize, end: usize) {
        let mut at = start;
        while let Some(found) = memchr2(b'/', b'@', &self.bytes[at..end]) {
            at += found;
            let rest = &self.bytes[at..end];
            at += if rest.starts_with(b"/*") {
                memmem::find(&rest[2..], b"*/").map_or(rest.len(), |end| end + 4)
            } else if let Some(address) = imported(rest) {
                (self.sink)(Token::Linked(Span::new(at + address.start, at + address.end)));
                address.end
            } else {
                1
            };
        }
    }
}

/// Where the address stands in what begins with `@import "…"` or `@import url(…)`.
fn imported(text: &[u8]) -> Option<Range<usize>> {
    const IMPORT: &[u8] = b"@import";
    if !names::is(text.get(..IMPORT.len())?, IMPORT) {
        return None;
    }
    let behind = &text[IMPORT.len()..];
    let rest = behind.trim_ascii_start();
    let opened = match rest {
        [b'u' | b'U', b'r' | b'R', b'l' | b'L', b'(', quote, ..] => {
            4 + usize::from(matches!(quote, b'"' | b'\''))
        }
        [b'"' | b'\'', ..] => 1,
        _ => return None,
    };
    let address = &rest[opened..];
    let ends = |byte: &u8| matches!(byte, b'"' | b'\'' | b')' | b';') || is_space(*byte);
    let length = address.iter().position(ends).unwrap_or(address.len());
    let start = text.len() - address.len();
    Some(start..start + length)
}
