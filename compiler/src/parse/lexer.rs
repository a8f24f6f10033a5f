//! Walks through a file once: finds where tags begin as HTML's tokenizer does (section 13.2.5), with Tera's delimiters opaque.

use memchr::memchr2;

use super::{
    Close, Piece, PieceKind, Tag, TagAttribute, TagEnd, Token,
    element_tag::ElementTag,
    is_space,
    names::{self, holds_text, is_one},
    nesting::{NOT_OFFERED, Nesting, StartTag},
    tag, tera,
};
use crate::{
    bytes::{DIGIT, DOT, HYPHEN, LETTER, SPACE, WORD, run},
    source::Span,
};

/// The walk through one file. What it finds goes to `sink`, in the order of the file.
pub(super) struct Lexer<'t, F> {
    pub(super) text: &'t str,
    pub(super) bytes: &'t [u8],
    prefix: &'t str,
    /// Up to where the pieces reach.
    at: usize,
    pub(super) sink: F,
    /// The open elements. `None` where nothing depends on them.
    pub(super) nesting: Option<Nesting>,
    /// The Tera in the element's tag that is being read.
    pub(super) held: Vec<Piece>,
    /// From where on `"` and `'` never close a value.
    pub(super) never_closed: [usize; 2],
    offers: u32,
    /// Whether the file may offer fragments, so that end tags outside of all elements are told of.
    pub(super) may_offer: bool,
    /// Whether every element is told of, with all its attributes.
    pub(super) every_element: bool,
    /// Where the walk ends.
    pub(super) until: usize,
    /// Whether it ends behind the first element's opening tag.
    pub(super) first_only: bool,
}

impl<'t, F: FnMut(Token)> Lexer<'t, F> {
    pub(super) fn new(text: &'t str, prefix: &'t str, nesting: Option<Nesting>, sink: F) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            prefix,
            at: 0,
            sink,
            nesting,
            held: Vec::new(),
            never_closed: [usize::MAX; 2],
            offers: 0,
            may_offer: false,
            every_element: false,
            until: text.len(),
            first_only: false,
        }
    }

    /// Walks to the end of the file.
    pub(super) fn run(&mut self) {
        let mut at = 0;
        self.dollar(self.bytes.len() - self.bytes.trim_ascii_start().len());
        loop {
            // Tags often follow each other.
            if !matches!(self.bytes.get(at), Some(b'<' | b'{')) {
                let Some(found) = memchr2(b'<', b'{', &self.bytes[at..]) else {
                    break;
                };
                at += found;
            }
            if at >= self.until {
                return;
            }
            at = match self.bytes[at] {
                b'<' => self.markup(at),
                _ => self.tera(at),
            };
        }
        let end = self.bytes.len();
        self.text_until(end);
        if let Some(nesting) = &mut self.nesting {
            nesting.finish(end as u32);
        }
        self.take_ended();
    }

    /// What begins with the `<` at `start` (HTML, sections 13.2.5.6, 7 and 42), and where it ends.
    fn markup(&mut self, start: usize) -> usize {
        match self.bytes.get(start + 1) {
            Some(byte) if byte.is_ascii_alphabetic() => self.open_tag(start),
            Some(b'/') => match self.bytes.get(start + 2) {
                Some(byte) if byte.is_ascii_alphabetic() => self.close_tag(start),
                Some(b'>') => start + 3,
                Some(_) => self.bogus(start + 2),
                None => start + 2,
            },
            Some(b'!') if self.bytes[start..].starts_with(b"<!--") => self.comment(start),
            Some(b'!') if self.in_foreign() && self.bytes[start..].starts_with(b"<![CDATA[") => {
                self.cdata(start)
            }
            Some(b'!') => self.bogus(start + 2),
            Some(b'?' | b'%' | b'#' | b'@') => self.embedded(start),
            _ => start + 1,
        }
    }

    /// `<?`, `<%`, `<#` and `<@`, with which other engines begin.
    #[cold]
    fn embedded(&mut self, start: usize) -> usize {
        if !self.bytes[start..].starts_with(b"<?xml") {
            self.other_engine();
        }
        match self.bytes[start + 1] {
            b'?' => self.bogus(start + 2),
            _ => start + 1,
        }
    }

    #[cold]
    pub(super) fn other_engine(&mut self) {
        (self.sink)(Token::OtherEngine);
    }

    /// Tells of a `$` at the beginning of a text or of a value, as in `$user.name` of Velocity.
    pub(super) fn dollar(&mut self, at: usize) {
        if self.bytes.get(at) == Some(&b'$') {
            self.other_engine();
        }
    }

    fn in_foreign(&self) -> bool {
        self.nesting.as_ref().is_some_and(Nesting::is_foreign)
    }

    fn open_tag(&mut self, start: usize) -> usize {
        let own = self.own_name(start + 1);
        if let Some(tag) = own.and_then(|name| tag::read(self.text, start, name)) {
            let span = tag.span;
            self.piece(Piece {
                span,
                kind: PieceKind::Open(Box::new(tag)),
            });
            return span.end as usize;
        }
        self.element(start)
    }

    /// Where the name begins behind the file's prefix and a colon.
    pub(super) fn own_name(&self, at: usize) -> Option<usize> {
        let colon = at + self.prefix.len();
        let is_own =
            self.bytes.get(colon) == Some(&b':') && names::is(&self.bytes[at..colon], self.prefix.as_bytes());
        is_own.then_some(colon + 1)
    }

    /// An element that is not Hydra's, and the text in it where it holds text only.
    fn element(&mut self, start: usize) -> usize {
        let name_end = self.name_end(start + 1);
        let name = &self.bytes[start + 1..name_end];
        let ElementTag {
            end,
            closed,
            own,
            marked,
            linked,
        } = self.attributes(name_end, name, self.prefix);
        let tag = Span::new(start, end);
        self.dollar(end);
        let offer = self.offer(own, tag, name_end, closed);
        if self.first_only {
            self.until = start;
        }
        let mut is_html = true;
        if let Some(nesting) = &mut self.nesting {
            let start = StartTag {
                tag,
                name,
                self_closed: closed == TagEnd::SelfClosed,
                marked,
                offer,
            };
            is_html = nesting.start(self.bytes, &start);
        }
        self.release();
        self.take_ended();
        if let Some(address) = linked.address(self.bytes, name) {
            (self.sink)(Token::Linked(address));
        }
        if is_html && holds_text(name) {
            let text_end = self.text_of(name, tag);
            if names::is(name, b"style") {
                self.imported(end, text_end);
            }
            return text_end;
        }
        end
    }

    /// Tells of an element with attributes of Hydra's.
    fn offer(&mut self, own: Vec<TagAttribute>, span: Span, name_end: usize, end: TagEnd) -> u32 {
        if own.is_empty() && !self.every_element {
            return NOT_OFFERED;
        }
        let tag = Tag {
            span,
            name: Span::new(span.start as usize + 1, name_end),
            attributes: own,
            junk: Vec::new(),
            end,
        };
        (self.sink)(Token::Marked(tag));
        self.offers += 1;
        self.offers - 1
    }

    /// The end of a tag's name (HTML, section 13.2.5.8).
    fn name_end(&mut self, at: usize) -> usize {
        let mut at = run(self.bytes, at, WORD);
        while let Some(byte) = self.bytes.get(at).copied() {
            match byte {
                b'/' | b'>' => break,
                b'{' => at = self.tera_held(at),
                _ if is_space(byte) => break,
                _ => at += 1,
            }
        }
        at
    }

    fn close_tag(&mut self, start: usize) -> usize {
        if let Some(name) = self.own_name(start + 2) {
            return self.own_close(start, name);
        }
        let name_end = self.name_end(start + 2);
        let name = &self.bytes[start + 2..name_end];
        let ElementTag { end, .. } = self.attributes(name_end, b"", "");
        if let Some(nesting) = &mut self.nesting {
            let tag = Span::new(start, end);
            if self.may_offer && nesting.is_outside() && !is_one(name, &["p", "br"]) {
                (self.sink)(Token::StrayEnd(tag));
            }
            nesting.end(self.bytes, name, tag);
        }
        self.release();
        self.take_ended();
        end
    }

    fn own_close(&mut self, start: usize, name: usize) -> usize {
        let name_end = run(self.bytes, name, LETTER | DIGIT | HYPHEN | DOT);
        let behind = run(self.bytes, name_end, SPACE);
        let unfinished = self.bytes.get(behind) != Some(&b'>');
        let end = behind + usize::from(!unfinished);
        let close = Close {
            name: Span::new(name, name_end),
            unfinished,
        };
        self.piece(Piece {
            span: Span::new(start, end),
            kind: PieceKind::Close(close),
        });
        end
    }

    /// Goes past a byte of text, or the Tera that begins with it.
    pub(super) fn tera(&mut self, at: usize) -> usize {
        match self.read_tera(at) {
            Some(piece) => {
                let end = piece.span.end as usize;
                self.piece(piece);
                end
            }
            None => {
                self.lone_brace(at);
                at + 1
            }
        }
    }

    /// The same in the text of a script or a style sheet, in which other engines are not looked for.
    pub(super) fn tera_in_raw_text(&mut self, at: usize) -> usize {
        match self.read_tera(at) {
            Some(piece) => {
                let end = piece.span.end as usize;
                self.piece(piece);
                end
            }
            None => at + 1,
        }
    }

    /// A brace that begins none of Tera's delimiters.
    #[cold]
    fn lone_brace(&mut self, at: usize) {
        let before = at.checked_sub(1).map(|before| self.bytes[before]);
        let is_other = match self.bytes.get(at + 1) {
            _ if matches!(before, Some(b'$' | b'#' | b'!')) => true,
            Some(b'!' | b'@' | b'$' | b'*' | b'/' | b':') => true,
            Some(byte) => byte.is_ascii_lowercase() && before != Some(b'='),
            None => false,
        };
        if is_other {
            self.other_engine();
        }
    }

    /// The same inside of an element's tag. The Tera is held back until the sink has got the element, and follows it
    /// then (`release`).
    pub(super) fn tera_held(&mut self, at: usize) -> usize {
        match self.read_tera(at) {
            Some(piece) => {
                let end = piece.span.end as usize;
                self.held.push(piece);
                end
            }
            None => {
                if at > 0 && matches!(self.bytes[at - 1], b'$' | b'#') {
                    self.other_engine();
                }
                at + 1
            }
        }
    }

    fn read_tera(&self, at: usize) -> Option<Piece> {
        if self.bytes[at] != b'{' {
            return None;
        }
        let (kind, end) = tera::read(self.bytes, at)?;
        Some(Piece {
            span: Span::new(at, end),
            kind,
        })
    }

    fn release(&mut self) {
        // Few tags have Tera in them.
        if self.held.is_empty() {
            return;
        }
        for piece in std::mem::take(&mut self.held) {
            self.piece(piece);
        }
    }

    fn piece(&mut self, piece: Piece) {
        self.text_until(piece.span.start as usize);
        self.at = piece.span.end as usize;
        if piece.kind == PieceKind::Statement
            && let Some(nesting) = &mut self.nesting
        {
            nesting.statement(crate::delimiters::keyword(self.text, piece.span));
        }
        (self.sink)(Token::Piece(piece));
    }

    fn text_until(&mut self, end: usize) {
        debug_assert!(self.text.is_char_boundary(end));
        if self.at < end {
            let span = Span::new(self.at, end);
            (self.sink)(Token::Piece(Piece {
                span,
                kind: PieceKind::Text,
            }));
            self.at = end;
        }
    }

    fn take_ended(&mut self) {
        if let Some(nesting) = &mut self.nesting
            && !nesting.ended.is_empty()
        {
            for (offer, end) in nesting.ended.drain(..) {
                (self.sink)(Token::Ended { offer, end });
            }
        }
    }
}
