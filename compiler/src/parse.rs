//! Cuts a text into pieces. Parsing never fails, because a malformed part becomes a piece too.
//!
//! `lexer` walks through the file as HTML's tokenizer does, `tera` finds where Tera's delimiters end, `nesting` where elements
//! end, and `tag` reads Hydra's tags by the grammar.

mod attributes;
mod element_tag;
mod fragment_as_text;
mod lexer;
mod linked;
mod names;
mod nesting;
mod raw;
mod survey;
mod tag;
mod tera;

use crate::source::Span;
use lexer::Lexer;
use nesting::Nesting;
pub(crate) use survey::Survey;
use survey::survey;

/// A file as a row of pieces. Together the pieces are the file, without a gap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pieces {
    /// The pieces, in order.
    pub pieces: Vec<Piece>,
    /// The elements with attributes of Hydra's, in order.
    pub marked: Vec<Marked>,
}

/// A part of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its bytes.
    pub span: Span,
    /// What it is.
    pub kind: PieceKind,
}

/// What a part of a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PieceKind {
    /// Anything that reaches Tera as it stands and prints itself.
    Text,
    /// `{{ … }}`
    Print,
    /// `{% … %}`
    Statement,
    /// `{# … #}` and `{% raw %}…{% endraw %}`: opaque, though their dashes trim what stands beside.
    Opaque,
    /// A Tera delimiter that never closes: the rest of the file.
    Unclosed(Unclosed),
    /// An opening tag with the file's prefix.
    Open(Box<Tag>),
    /// A closing tag with the file's prefix.
    Close(Close),
}

/// What never closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unclosed {
    /// Which delimiter.
    pub kind: UnclosedKind,
    /// Where a string begins in it that never closes.
    pub string: Option<u32>,
}

/// A delimiter of Tera's that may never close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnclosedKind {
    /// `{{`
    Print,
    /// `{%`
    Statement,
    /// `{#`
    Comment,
    /// `{% raw %}`
    Raw,
}

/// A closing tag with the file's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close {
    /// Its name, without the prefix.
    pub name: Span,
    /// Whether its `>` is missing.
    pub unfinished: bool,
}

/// An opening tag.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tag {
    /// From `<` to `>`.
    pub span: Span,
    /// Its name, without the prefix.
    pub name: Span,
    /// Its attributes, in the order written.
    pub attributes: Vec<TagAttribute>,
    /// Characters, and Tera delimiters, that belong to no attribute.
    pub junk: Vec<Span>,
    /// How it ends.
    pub end: TagEnd,
}

/// How a tag ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TagEnd {
    /// `>`
    #[default]
    Open,
    /// `/>`
    SelfClosed,
    /// A new tag or the end of the file comes first.
    Missing,
}

/// An attribute of a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagAttribute {
    /// Name and value, quotes included.
    pub span: Span,
    /// Its name.
    pub name: Span,
    /// Its value. `None` where there is no `=`.
    pub value: Option<AttributeValue>,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeValue {
    /// The text between the quotes.
    pub span: Span,
    /// The Tera delimiters in it.
    pub tera: Vec<Span>,
    /// Where a quote opens that never closes.
    pub open_quote: Option<Span>,
}

/// An element that is not Hydra's and has attributes of Hydra's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marked {
    /// Its opening tag, with those attributes only.
    pub tag: Tag,
    /// Where the element ends. `None`: it is never closed.
    pub end: Option<u32>,
}

/// What is found on the way through a file, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A piece.
    Piece(Piece),
    /// An element with attributes of Hydra's: a part of the text that comes next.
    Marked(Tag),
    /// The marked element with the number `offer` ends at `end`. The last such token of an element counts: several
    /// branches of an `if` may each hold its end.
    Ended {
        /// How many others were marked before it.
        offer: u32,
        /// The byte behind it.
        end: u32,
    },
    /// An opening tag of Hydra's where HTML has text.
    Shown(TextualFragment),
    /// Something with which other engines begin.
    OtherEngine,
    /// An end tag outside of all elements.
    StrayEnd(Span),
    /// The address of a style sheet or a script that the file's markup links.
    Linked(Span),
}

/// An opening `<m:fragment>` where HTML has text: nothing comes in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextualFragment {
    /// The tag, up to its name.
    pub tag: Span,
    /// The opening tag, or the attribute, of which it is the text.
    pub inside: Span,
}

/// Cuts a file into pieces. `prefix` is the file's prefix for Hydra's tags, mostly `m`.
#[must_use]
pub fn parse(text: &str, prefix: &str) -> Pieces {
    let mut found = Pieces::default();
    read(text, prefix, |token| match token {
        Token::Piece(piece) => found.pieces.push(piece),
        Token::Marked(tag) => found.marked.push(Marked { tag, end: None }),
        Token::Ended { offer, end } => {
            if let Some(marked) = found.marked.get_mut(offer as usize) {
                marked.end = Some(end);
            }
        }
        Token::Shown(_) | Token::OtherEngine | Token::StrayEnd(_) | Token::Linked(_) => {}
    });
    found
}

/// Walks through a file. Nothing of it is kept here: a file may hold a tag in every three bytes. The result is what its bytes
/// tell of it.
pub(crate) fn read(text: &str, prefix: &str, mut sink: impl FnMut(Token)) -> Survey {
    let survey = survey(text, prefix);
    if survey.is_of_java {
        sink(Token::OtherEngine);
    }
    let nests = survey.may_offer || survey.has_foreign_elements;
    let mut lexer = Lexer::new(text, prefix, nests.then(Nesting::default), sink);
    lexer.may_offer = survey.may_offer;
    lexer.run();
    survey
}

/// All elements of a file that are not Hydra's, in order, with all their attributes.
pub(crate) fn elements(text: &str, prefix: &str) -> Vec<Marked> {
    let mut found: Vec<Marked> = Vec::new();
    let mut lexer = Lexer::new(text, prefix, Some(Nesting::default()), |token| match token {
        Token::Marked(tag) => found.push(Marked { tag, end: None }),
        Token::Ended { offer, end } => {
            if let Some(marked) = found.get_mut(offer as usize) {
                marked.end = Some(end);
            }
        }
        _ => {}
    });
    lexer.every_element = true;
    lexer.run();
    found
}

/// The opening tag of the innermost element that is open at `at`.
pub(crate) fn innermost(text: &str, prefix: &str, at: u32) -> Option<Span> {
    let mut lexer = Lexer::new(text, prefix, Some(Nesting::default()), |_| {});
    lexer.until = at as usize;
    lexer.run();
    lexer.nesting.as_ref().and_then(Nesting::innermost)
}

/// The end of `{% name %}` at `start`, with or without dashes, where `name` is `raw` or `endraw`.
pub(crate) fn raw_tag(bytes: &[u8], start: usize, name: &[u8]) -> Option<usize> {
    let begins = bytes.get(start..)?.starts_with(b"{%");
    begins.then(|| tera::raw_mark(bytes, start, name)).flatten()
}

/// The attributes of the first element of a file whose names have this prefix.
pub(crate) fn root(text: &str, prefix: &str) -> Vec<TagAttribute> {
    let mut found = Vec::new();
    let mut lexer = Lexer::new(text, prefix, None, |token| {
        if let Token::Marked(tag) = token {
            found = tag.attributes;
        }
    });
    lexer.first_only = true;
    lexer.run();
    found
}

/// White space as HTML has it.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0C | b'\r')
}

#[cfg(test)]
mod tests;
