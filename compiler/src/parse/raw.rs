//! Elements with raw text, in which no tag begins: finds where they end.

use memchr::{memchr2, memchr3};

use super::{Token, is_space, lexer::Lexer};
use crate::source::Span;

/// How far a script's text is read (HTML, section 13.2.5.4 and 13.2.5.15 to 31).
#[derive(Clone, Copy)]
enum Script {
    /// Script data.
    Data,
    /// Behind `<!--`: an end tag still ends it.
    Escaped,
    /// Behind `<!--` and `<script>`: an end tag ends the inner script only.
    DoubleEscaped,
}

impl<F: FnMut(Token)> Lexer<'_, F> {
    /// The end of a comment whose `<!--` is at `start` (HTML, sections 13.2.5.43 to 52).
    pub(super) fn comment(&mut self, start: usize) -> usize {
        let mut at = start + 4;
        // The abrupt closing of an empty comment.
        for empty in [&b">"[..], b"->"] {
            if self.has(at, empty) {
                return at + empty.len();
            }
        }
        while let Some(found) = memchr2(b'-', b'{', &self.bytes[at..]) {
            at += found;
            for end in [&b"-->"[..], b"--!>"] {
                if self.has(at, end) {
                    return at + end.len();
                }
            }
            at = self.tera(at);
        }
        self.bytes.len()
    }

    /// The end of a CDATA section (HTML, sections 13.2.5.69 to 71).
    pub(super) fn cdata(&mut self, start: usize) -> usize {
        let mut at = start + b"<![CDATA[".len();
        let inside = Span::new(start, at);
        while let Some(found) = memchr3(b']', b'<', b'{', &self.bytes[at..]) {
            at += found;
            if self.has(at, b"]]>") {
                return at + 3;
            }
            at = self.text_byte(at, inside);
        }
        self.bytes.len()
    }

    /// The end of a bogus comment or a document type (HTML, sections 13.2.5.41 and 53): the first `>`.
    pub(super) fn bogus(&mut self, mut at: usize) -> usize {
        while let Some(found) = memchr2(b'>', b'{', &self.bytes[at..]) {
            at += found;
            if self.bytes[at] == b'>' {
                return at + 1;
            }
            at = self.tera(at);
        }
        self.bytes.len()
    }

    /// The end tag of an element that holds text only (HTML, sections 13.2.5.2, 13.2.5.3 and 13.2.5.5).
    pub(super) fn text_of(&mut self, name: &[u8], tag: Span) -> usize {
        if name.eq_ignore_ascii_case(b"script") {
            return self.script(tag);
        }
        let mut at = tag.end as usize;
        let endless = name.eq_ignore_ascii_case(b"plaintext");
        while let Some(found) = memchr2(b'<', b'{', &self.bytes[at..]) {
            at += found;
            if !endless && self.is_tag(at, b"</", name) {
                return at;
            }
            at = self.text_byte(at, tag);
        }
        self.bytes.len()
    }

    /// The end tag of a script.
    fn script(&mut self, tag: Span) -> usize {
        let mut at = tag.end as usize;
        let mut state = Script::Data;
        loop {
            let rest = &self.bytes[at..];
            let found = match state {
                Script::Data => memchr2(b'<', b'{', rest),
                Script::Escaped | Script::DoubleEscaped => memchr3(b'<', b'-', b'{', rest),
            };
            let Some(found) = found else {
                return self.bytes.len();
            };
            at += found;
            match state {
                // Its dashes may already be those of the end: `<!-->`.
                Script::Data if self.has(at, b"<!--") => {
                    state = Script::Escaped;
                    at += 2;
                }
                Script::Escaped | Script::DoubleEscaped if self.has(at, b"-->") => {
                    state = Script::Data;
                    at += 3;
                }
                Script::DoubleEscaped if self.is_tag(at, b"</", b"script") => {
                    state = Script::Escaped;
                    at += b"</script".len();
                }
                Script::Data | Script::Escaped if self.is_tag(at, b"</", b"script") => return at,
                Script::Escaped if self.is_tag(at, b"<", b"script") => {
                    state = Script::DoubleEscaped;
                    at += b"<script".len();
                }
                _ => at = self.text_byte(at, tag),
            }
        }
    }

    fn has(&self, at: usize, text: &[u8]) -> bool {
        self.bytes[at..].starts_with(text)
    }

    /// Whether a tag with just this name begins at `at`.
    fn is_tag(&self, at: usize, open: &[u8], name: &[u8]) -> bool {
        let rest = &self.bytes[at..];
        let Some(rest) = rest.strip_prefix(open) else {
            return false;
        };
        rest.len() > name.len()
            && rest[..name.len()].eq_ignore_ascii_case(name)
            && (is_space(rest[name.len()]) || matches!(rest[name.len()], b'/' | b'>'))
    }
}
