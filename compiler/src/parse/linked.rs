//! The style sheets and scripts that a file's own markup links: `<link>`, `<script>` and `@import`.

use std::ops::Range;

use memchr::{memchr2, memmem};

use super::{Token, is_space, lexer::Lexer, names};
use crate::source::Span;

/// What the attributes of a `link` or a `script` say.
#[derive(Clone, Copy, Default)]
pub(super) struct Linked {
    address: Option<Span>,
    relation: Option<Span>,
}

impl Linked {
    /// Whether an element of this name links files.
    pub(super) fn is_for(element: &[u8]) -> bool {
        match element.len() {
            4 => names::is(element, b"link"),
            6 => names::is(element, b"script"),
            _ => false,
        }
    }

    /// Takes an attribute. Of two with one name, the first counts (HTML, section 13.2.5.33).
    pub(super) fn attribute(&mut self, element: &[u8], name: &[u8], value: Span) {
        let address: &[u8] = if element.len() == 4 { b"href" } else { b"src" };
        if names::is(name, address) {
            self.address.get_or_insert(value);
        } else if names::is(name, b"rel") {
            self.relation.get_or_insert(value);
        }
    }

    /// The path of the style sheet or the script. `None`: there is none, or it is not on this site.
    pub(super) fn address(self, bytes: &[u8], element: &[u8]) -> Option<Span> {
        let is_path = |address: &Span| {
            let address = bytes.get(address.range());
            address.is_some_and(|address| address.trim_ascii_start().starts_with(b"/"))
        };
        let address = self.address.filter(is_path)?;
        let relation = self.relation.and_then(|relation| bytes.get(relation.range()));
        let is_loaded = relation.is_some_and(|relation| {
            let mut words = relation.split(|byte| is_space(*byte));
            words.any(|word| names::is_one(word, &["stylesheet", "modulepreload"]))
        });
        (is_loaded || names::is(element, b"script")).then_some(address)
    }
}

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
