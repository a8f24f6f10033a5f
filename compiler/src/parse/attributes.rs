//! The attributes of an element that is not Hydra's (HTML, sections 13.2.5.32 to 40). Only those that matter are kept.

use memchr::memchr3;

use super::{
    AttributeValue, TagAttribute, TagEnd, TextualFragment, Token,
    element_tag::{ElementTag, LinkAttributes},
    is_space,
    lexer::Lexer,
    names, tera,
};
use crate::{
    bytes::{WORD, run},
    source::Span,
};

/// Where a value stands.
struct Value {
    start: usize,
    end: usize,
    open_quote: Option<usize>,
}

impl<F: FnMut(Token)> Lexer<'_, F> {
    /// Reads up to the `>` of the tag whose name ends at `at`. An empty prefix: no attribute is kept.
    pub(super) fn attributes(&mut self, mut at: usize, element: &[u8], prefix: &str) -> ElementTag {
        let mut written = ElementTag {
            end: self.bytes.len(),
            closed: TagEnd::Open,
            own: Vec::new(),
            marked: false,
            linked: LinkAttributes::default(),
        };
        while let Some(byte) = self.bytes.get(at).copied() {
            match byte {
                b'>' => {
                    written.end = at + 1;
                    return written;
                }
                b'/' => {
                    if self.bytes.get(at + 1) == Some(&b'>') {
                        written.closed = TagEnd::SelfClosed;
                    }
                    at += 1;
                }
                _ if is_space(byte) => at += 1,
                b'{' if tera::begins(self.bytes, at) => at = self.tera_held(at),
                _ => at = self.attribute(at, element, prefix, &mut written),
            }
        }
        written.closed = TagEnd::Missing;
        written
    }

    /// Reads the attribute at `start`, and gives its end.
    fn attribute(&mut self, start: usize, element: &[u8], prefix: &str, written: &mut ElementTag) -> usize {
        let held = self.held.len();
        self.look_for_script(start);
        // A `=` at its beginning is a part of the name.
        let name_end = self.attribute_name_end(start + 1);
        let equals = self.skip_space(name_end);
        let value = (self.bytes.get(equals) == Some(&b'=')).then(|| self.value(equals + 1));
        let end = match &value {
            None => name_end,
            Some(value) => {
                let quoted = value.start > equals + 1 && matches!(self.bytes[value.start - 1], b'"' | b'\'');
                value.end + usize::from(quoted && value.open_quote.is_none())
            }
        };
        let name = &self.bytes[start..name_end];
        if self.every_element || is_own(name, prefix) {
            let end = end.min(self.bytes.len());
            written
                .own
                .push(self.kept(Span::new(start, name_end), value, end, held));
        } else if let Some(value) = &value
            && LinkAttributes::is_for(element)
        {
            let value = Span::new(value.start, value.end);
            written.linked.attribute(element, name, value);
        } else if element.len() == 4 || element.len() == 14 {
            let value = value.map_or(&[][..], |value| &self.bytes[value.start..value.end]);
            written.marked |= marks(element, name, value);
        }
        end
    }

    /// Tells of an attribute at `start` that Vue, Angular, Latte, Razor or Thymeleaf may read.
    #[inline]
    fn look_for_script(&mut self, start: usize) {
        match self.bytes[start] {
            b'*' | b'[' | b'(' | b':' => self.other_engine(),
            b'v' | b'n' | b'd' | b'a' => self.look_for_prefix(start),
            _ => {}
        }
    }

    #[cold]
    fn look_for_prefix(&mut self, start: usize) {
        let prefixes: [&[u8]; 4] = [b"v-", b"n:", b"data-th-", b"asp-"];
        let rest = &self.bytes[start..];
        if prefixes.iter().any(|prefix| rest.starts_with(prefix)) {
            self.other_engine();
        }
    }

    /// An attribute as the tree needs it. Its Tera is found in `self.held`, from the index `held` on.
    fn kept(&self, name: Span, value: Option<Value>, end: usize, held: usize) -> TagAttribute {
        let value = value.map(|value| {
            let span = Span::new(value.start, value.end);
            let tera = self.held[held..].iter().map(|piece| piece.span);
            AttributeValue {
                span,
                tera: tera.filter(|tera| span.contains(*tera)).collect(),
                open_quote: value.open_quote.map(|quote| Span::new(quote, quote + 1)),
            }
        });
        TagAttribute {
            span: Span::new(name.start as usize, end),
            name,
            value,
        }
    }

    fn attribute_name_end(&mut self, at: usize) -> usize {
        let mut at = run(self.bytes, at, WORD);
        while let Some(byte) = self.bytes.get(at).copied() {
            match byte {
                b'/' | b'>' | b'=' => break,
                b'{' => {
                    let behind = self.tera_held(at);
                    // Tera stands between attributes more often than in their names.
                    if behind > at + 1 {
                        return at.max(behind);
                    }
                    at = behind;
                }
                _ if is_space(byte) => break,
                _ => at += 1,
            }
        }
        at
    }

    fn skip_space(&self, mut at: usize) -> usize {
        while self.bytes.get(at).copied().is_some_and(is_space) {
            at += 1;
        }
        at
    }

    /// The value behind the `=`. Where its quote is never closed, it is read like one without quotes.
    fn value(&mut self, behind: usize) -> Value {
        let start = self.skip_space(behind);
        let quote = self
            .bytes
            .get(start)
            .copied()
            .filter(|byte| matches!(byte, b'"' | b'\''));
        if let Some(quote) = quote
            && let Some(end) = self.quoted_end(start + 1, quote)
        {
            self.dollar(start + 1);
            return Value {
                start: start + 1,
                end,
                open_quote: None,
            };
        }
        self.bare_value(start, quote.is_some())
    }

    /// The value at `start`, which has no quotes, or opens one that is never closed. Few have none.
    #[cold]
    fn bare_value(&mut self, start: usize, is_open: bool) -> Value {
        if self.bytes.get(start) == Some(&b'{') && !tera::begins(self.bytes, start) {
            self.other_engine();
        }
        Value {
            start,
            end: self.bare_end(start),
            open_quote: is_open.then_some(start),
        }
    }

    fn quoted_end(&mut self, start: usize, quote: u8) -> Option<usize> {
        let kind = usize::from(quote == b'\'');
        if start >= self.never_closed[kind] {
            return None;
        }
        let held = self.held.len();
        let mut shown = Vec::new();
        let mut at = start;
        while let Some(found) = memchr3(quote, b'<', b'{', &self.bytes[at..]) {
            at += found;
            if self.bytes[at] == quote {
                let inside = Span::new(start - 1, at + 1);
                for tag in shown {
                    (self.sink)(Token::Shown(TextualFragment { tag, inside }));
                }
                return Some(at);
            }
            shown.extend(self.own_tag(at));
            at = self.tera_held(at);
        }
        self.never_closed[kind] = start;
        self.held.truncate(held);
        None
    }

    fn bare_end(&mut self, mut at: usize) -> usize {
        while let Some(byte) = self.bytes.get(at).copied() {
            match byte {
                b'>' => break,
                b'{' => at = self.tera_held(at),
                _ if is_space(byte) => break,
                _ => at += 1,
            }
        }
        at
    }
}

fn is_own(name: &[u8], prefix: &str) -> bool {
    let length = prefix.len();
    length > 0 && name.get(length) == Some(&b':') && names::is(&name[..length], prefix.as_bytes())
}

/// Whether an attribute makes a `font` end SVG and MathML, or an `annotation-xml` hold HTML (HTML, sections 13.2.6.5 and 13.2.6).
fn marks(element: &[u8], name: &[u8], value: &[u8]) -> bool {
    if names::is(element, b"font") {
        return names::is_one(name, &["color", "face", "size"]);
    }
    names::is(element, b"annotation-xml")
        && names::is(name, b"encoding")
        && names::is_one(value, &["text/html", "application/xhtml+xml"])
}
