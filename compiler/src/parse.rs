//! Text → pieces. The only file that names pest. Parsing never fails: what is malformed is a piece too.

use pest::{Parser, iterators::Pair};

use crate::{prefix, source::Span};
use grammar::{Grammar, Rule};

#[allow(missing_docs, unreachable_pub)] // The derive writes the list of rules; `grammar.pest` documents them.
mod grammar {
    #[derive(pest_derive::Parser)]
    #[grammar = "grammar.pest"]
    pub(super) struct Grammar;
}

/// A file as a row of pieces. Together the pieces are the file, without a gap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pieces {
    /// The pieces, in order.
    pub pieces: Vec<Piece>,
    /// The elements that are not Hydra's, opening and closing tags in order: all of them where the file may offer fragments,
    /// otherwise few or none.
    pub elements: Vec<Element>,
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
    Unclosed,
    /// An opening tag with the file's prefix.
    Open(Box<Tag>),
    /// A closing tag with the file's prefix.
    Close(Close),
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
    pub attributes: Vec<Attribute>,
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
pub struct Attribute {
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

/// A tag of an element that is not Hydra's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Element {
    /// An opening tag.
    Open(Tag),
    /// A closing tag.
    Close {
        /// From `<` to `>`.
        span: Span,
        /// Its name.
        name: Span,
    },
}

/// Cuts a file into pieces. `prefix` is the file's prefix for Hydra's tags, mostly `m`.
#[must_use]
pub fn parse(text: &str, prefix: &str) -> Pieces {
    let plain = prefix.eq_ignore_ascii_case(prefix::DEFAULT) && !may_offer(text, prefix);
    cut(text, prefix, if plain { Rule::file } else { Rule::elements })
}

fn cut(text: &str, prefix: &str, rule: Rule) -> Pieces {
    let mut cutter = Cutter {
        text,
        prefix,
        at: 0,
        out: Pieces::default(),
    };
    // The grammar is total. Were it ever not, the file would be one piece of text, and Tera would have its say.
    if let Ok(pairs) = Grammar::parse(rule, text) {
        for pair in pairs.flat_map(Pair::into_inner) {
            cutter.pair(pair);
        }
    }
    cutter.text_until(text.len());
    cutter.out
}

/// The opening tag of the first element of a file.
pub(crate) fn root(text: &str) -> Option<Tag> {
    let pairs = Grammar::parse(Rule::root, text).ok()?;
    let mut inner = pairs.flat_map(Pair::into_inner);
    inner.find(|pair| pair.as_rule() == Rule::element_pair).map(tag)
}

/// Whether some element may have an attribute with the prefix: ` m:` with white space before it.
fn may_offer(text: &str, prefix: &str) -> bool {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b':', bytes).any(|colon| {
        let Some(start) = colon.checked_sub(prefix.len()) else {
            return false;
        };
        let Some(before) = start.checked_sub(1) else {
            return false;
        };
        bytes[start..colon].eq_ignore_ascii_case(prefix.as_bytes())
            && (bytes[before].is_ascii_whitespace() || matches!(bytes[before], b'"' | b'\''))
    })
}

struct Cutter<'t> {
    text: &'t str,
    prefix: &'t str,
    at: usize,
    out: Pieces,
}

impl Cutter<'_> {
    fn pair(&mut self, pair: Pair<'_, Rule>) {
        match pair.as_rule() {
            Rule::print => self.piece(&pair, PieceKind::Print),
            Rule::statement => self.piece(&pair, PieceKind::Statement),
            Rule::comment | Rule::raw => self.piece(&pair, PieceKind::Opaque),
            Rule::unclosed => self.piece(&pair, PieceKind::Unclosed),
            Rule::open_tag | Rule::element_pair => self.open(pair),
            Rule::close_tag | Rule::close_pair => self.close(pair),
            _ => {}
        }
    }

    fn open(&mut self, pair: Pair<'_, Rule>) {
        let mut tag = tag(pair.clone());
        match self.own_name(&pair, tag.name) {
            Some(name) => {
                tag.name = name;
                self.piece(&pair, PieceKind::Open(Box::new(tag)));
            }
            None => {
                self.out.elements.push(Element::Open(tag));
                self.tera_inside(pair);
            }
        }
    }

    fn close(&mut self, pair: Pair<'_, Rule>) {
        let span = span(&pair);
        let name = name(&pair).unwrap_or(span);
        match self.own_name(&pair, name) {
            Some(name) => {
                let unfinished = !pair.as_str().ends_with('>');
                self.piece(&pair, PieceKind::Close(Close { name, unfinished }));
            }
            None => {
                self.out.elements.push(Element::Close { span, name });
                self.tera_inside(pair);
            }
        }
    }

    /// The name without the file's prefix, where the tag has it.
    fn own_name(&self, pair: &Pair<'_, Rule>, name: Span) -> Option<Span> {
        let first = span(&pair.clone().into_inner().next()?);
        let written = Span {
            start: first.start,
            end: name.end,
        };
        let (prefix, bare) = self.text[written.range()].split_once(':')?;
        prefix.eq_ignore_ascii_case(self.prefix).then_some(Span {
            start: name.end - bare.len() as u32,
            end: name.end,
        })
    }

    /// An element is text to us, while the Tera delimiters in it are not.
    fn tera_inside(&mut self, pair: Pair<'_, Rule>) {
        for inner in pair.into_inner() {
            match inner.as_rule() {
                rule if is_tera(rule) => self.pair(inner),
                _ => self.tera_inside(inner),
            }
        }
    }

    fn piece(&mut self, pair: &Pair<'_, Rule>, kind: PieceKind) {
        let span = span(pair);
        self.text_until(span.start as usize);
        self.at = span.end as usize;
        self.out.pieces.push(Piece { span, kind });
    }

    fn text_until(&mut self, end: usize) {
        debug_assert!(self.text.is_char_boundary(end));
        if self.at < end {
            self.out.pieces.push(Piece {
                span: Span::new(self.at, end),
                kind: PieceKind::Text,
            });
            self.at = end;
        }
    }
}

fn span(pair: &Pair<'_, Rule>) -> Span {
    Span::new(pair.as_span().start(), pair.as_span().end())
}

fn is_tera(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::print | Rule::statement | Rule::comment | Rule::raw | Rule::unclosed
    )
}

/// The name of a tag: behind the prefix, where the grammar knows that it is one.
fn name(pair: &Pair<'_, Rule>) -> Option<Span> {
    let mut inner = pair.clone().into_inner();
    let found = inner.find(|inner| matches!(inner.as_rule(), Rule::tag_name | Rule::element_name));
    found.map(|found| span(&found))
}

fn tag(pair: Pair<'_, Rule>) -> Tag {
    let mut tag = Tag {
        span: span(&pair),
        end: TagEnd::Missing,
        ..Tag::default()
    };
    for inner in pair.into_inner() {
        match inner.as_rule() {
            Rule::tag_name | Rule::element_name => tag.name = span(&inner),
            Rule::attribute | Rule::plain_attribute => tag.attributes.push(attribute(inner)),
            Rule::end => tag.end = TagEnd::Open,
            Rule::self_close => tag.end = TagEnd::SelfClosed,
            Rule::prefix | Rule::EOI => {}
            _ => tag.junk.push(span(&inner)),
        }
    }
    tag
}

fn attribute(pair: Pair<'_, Rule>) -> Attribute {
    let whole = span(&pair);
    let has_value = pair.as_str().contains('=');
    let mut inner = pair.into_inner();
    let name = inner.next().map_or(whole, |name| span(&name));
    let value = inner.next().map(value);
    // `ref=` with nothing behind it: an empty value, after the `=`.
    let empty = AttributeValue {
        span: Span {
            start: whole.end,
            end: whole.end,
        },
        tera: vec![],
        open_quote: None,
    };
    Attribute {
        span: whole,
        name,
        value: value.or(has_value.then_some(empty)),
    }
}

fn value(pair: Pair<'_, Rule>) -> AttributeValue {
    let quote = Span {
        start: span(&pair).start,
        end: span(&pair).start + 1,
    };
    let mut value = AttributeValue {
        span: span(&pair),
        tera: Vec::new(),
        open_quote: (pair.as_rule() == Rule::plain_open).then_some(quote),
    };
    for inner in pair.into_inner() {
        match inner.as_rule() {
            Rule::open_quote => value.open_quote = Some(quote),
            _ => {
                value.span = span(&inner);
                let tera = inner.into_inner().filter(|inner| is_tera(inner.as_rule()));
                value.tera = tera.map(|tera| span(&tera)).collect();
            }
        }
    }
    value
}

#[cfg(test)]
mod tests;
