//! `<m:fragment>` where HTML has text, so that browsers would show the tag itself.

use super::{TextualFragment, Token, is_space, lexer::Lexer, names};
use crate::source::Span;

impl<F: FnMut(Token)> Lexer<'_, F> {
    /// Goes past a byte of text of the tag `inside`, or past the Tera that begins with it.
    pub(super) fn text_byte(&mut self, at: usize, inside: Span) -> usize {
        if let Some(tag) = self.own_tag(at) {
            (self.sink)(Token::Shown(TextualFragment { tag, inside }));
        }
        self.tera_in_raw_text(at)
    }

    /// The beginning of an opening tag for a fragment at `at`, up to its name.
    pub(super) fn own_tag(&self, at: usize) -> Option<Span> {
        const NAME: &[u8] = b"fragment";
        if self.bytes[at] != b'<' {
            return None;
        }
        let name = self.own_name(at + 1)?;
        let end = name + NAME.len();
        let is_fragment = names::is(self.bytes.get(name..end)?, NAME);
        let behind = self.bytes.get(end)?;
        (is_fragment && (is_space(*behind) || matches!(behind, b'/' | b'>'))).then(|| Span::new(at, end))
    }
}
