//! Nests pieces by a stack. Where they are not nested well, it recovers so that one mistake gives one report.

mod closed;
mod recovery;

use crate::{
    delimiters::count_ends,
    fragment,
    limits::{MAX_FRAGMENTS_PER_FILE, MAX_STATEMENT_DEPTH, MAX_TAG_DEPTH},
    parse::{self, Close, Piece, PieceKind, Tag, TagEnd, TextualFragment, Token, Unclosed},
    problem::Problem,
    source::{SourceId, Span},
};

use closed::close;

use super::{
    Arm, Delimited, For, FragmentNode, If, Node, Reference, Section, SectionKind, Set, Tree, forms,
    misnested::{self, Opened},
    offers::{Offers, too_many},
    statement::{self, Statement},
};

/// Reads a file and nests what it holds.
#[must_use]
pub(crate) fn tree(source: SourceId, text: &str, prefix: &str) -> (Tree, Vec<Problem>) {
    let mut builder = Builder {
        source,
        text,
        prefix,
        offers: Offers::default(),
        stack: Vec::new(),
        nodes: Vec::new(),
        statements: false,
        problems: Vec::new(),
        deep: false,
        fragments: 0,
        given_up: 0,
        unknown: Vec::new(),
        innermost: None,
        astray: false,
        unclosed: None,
        braces: 0,
        ends: 0,
        nested_comment: false,
        shown: Vec::new(),
        other_engine: false,
        stray_ends: Vec::new(),
        linked: Vec::new(),
    };
    let survey = parse::read(text, prefix, |token| builder.token(token));
    builder.finish();
    builder.mark();
    // All trees of a run are held at once: what they keep beyond their nodes adds up.
    builder.nodes.shrink_to_fit();
    let stray_braces = builder.nested_comment
        || (survey.closing_braces != builder.braces && count_ends(text.as_bytes()) != builder.ends);
    let actions = std::mem::take(&mut builder.offers.actions);
    let (offers, attributes) = builder.offers.finish(source, text, &mut builder.problems);
    let (forms, form_elements) = forms::read(text, prefix, &actions, &builder.nodes, &offers);
    (
        Tree {
            nodes: builder.nodes,
            statements: builder.statements,
            offers,
            forms,
            form_elements,
            attributes,
            unclosed: builder.unclosed,
            may_offer: survey.may_offer,
            has_signs: survey.has_signs,
            stray_braces,
            shown: builder.shown,
            other_engine: builder.other_engine,
            stray_ends: builder.stray_ends,
            linked: builder.linked,
        },
        builder.problems,
    )
}

/// Something that was opened and is not yet closed.
struct OpenNode {
    open: Delimited,
    kind: OpenNodeKind,
    /// The nodes of the list around it.
    outer: Vec<Node>,
}

enum OpenNodeKind {
    Fragment(Box<Tag>),
    If {
        arms: Vec<Arm>,
        otherwise: bool,
    },
    For {
        names: Vec<String>,
        header: Span,
        body: Option<(Vec<Node>, Delimited)>,
    },
    Section {
        kind: SectionKind,
        name: String,
    },
}

impl OpenNodeKind {
    fn closed_by(&self, keyword: &str) -> bool {
        match self {
            OpenNodeKind::Fragment(_) => false,
            OpenNodeKind::If { .. } => keyword == "if",
            OpenNodeKind::For { .. } => keyword == "for",
            OpenNodeKind::Section { kind, .. } => {
                keyword
                    == match kind {
                        SectionKind::Block => "block",
                        SectionKind::Filter => "filter",
                        SectionKind::Capture | SectionKind::CaptureGlobal => "set",
                        SectionKind::Component => "component",
                        SectionKind::Call => "</",
                    }
            }
        }
    }
}

impl OpenNode {
    /// The statement that opened it. `None` for a tag, and where Tera knows better what was meant.
    fn opened(&self) -> Option<Opened> {
        let (keyword, first) = match &self.kind {
            OpenNodeKind::If { arms, .. } => ("if", arms.first().map(|arm| arm.open)),
            OpenNodeKind::For { body, .. } => ("for", body.as_ref().map(|(_, open)| *open)),
            OpenNodeKind::Section { kind, .. } => match kind {
                SectionKind::Block => ("block", None),
                SectionKind::Filter => ("filter", None),
                SectionKind::Component => ("component", None),
                SectionKind::Capture | SectionKind::CaptureGlobal | SectionKind::Call => return None,
            },
            OpenNodeKind::Fragment(_) => return None,
        };
        let span = first.unwrap_or(self.open).span;
        Some(Opened { keyword, span })
    }
}

struct Builder<'t> {
    source: SourceId,
    text: &'t str,
    prefix: &'t str,
    /// The elements with attributes of Hydra's.
    offers: Offers,
    stack: Vec<OpenNode>,
    /// The list that is being filled: the body of the innermost frame.
    nodes: Vec<Node>,
    /// Whether there were statements so far.
    statements: bool,
    problems: Vec<Problem>,
    deep: bool,
    /// How many fragments there were.
    fragments: usize,
    /// How many tags were given up at a statement and reported. A closing tag for one may still come.
    given_up: usize,
    /// The names of unknown elements that were opened and reported. A closing tag for one may still come.
    unknown: Vec<Span>,
    /// The element that is open where the first closing tag closes nothing: looked up once.
    innermost: Option<Option<Span>>,
    /// Whether no more is said about statements: one that is not understood, or not nested well, makes others seem so.
    astray: bool,
    unclosed: Option<Unclosed>,
    /// How many `}` stand at the ends of Tera's delimiters.
    braces: usize,
    /// How many of Tera's delimiters end. A raw block has two of them.
    ends: usize,
    /// Whether a comment holds the beginning of another.
    nested_comment: bool,
    shown: Vec<TextualFragment>,
    other_engine: bool,
    stray_ends: Vec<Span>,
    linked: Vec<Span>,
}

impl Builder<'_> {
    fn token(&mut self, token: Token) {
        match token {
            Token::Piece(piece) => self.piece(piece),
            Token::Marked(tag) => {
                self.offers
                    .marked(self.source, self.text, self.prefix, &tag, &mut self.problems)
            }
            Token::Ended { offer, end } => self.offers.ended(offer, end),
            Token::Shown(shown) => self.shown.push(shown),
            Token::OtherEngine => self.other_engine = true,
            Token::StrayEnd(tag) => self.stray_ends.push(tag),
            Token::Linked(address) => self.linked.push(address),
        }
    }

    fn piece(&mut self, piece: Piece) {
        let span = piece.span;
        match piece.kind {
            PieceKind::Text => self.text(span),
            PieceKind::Opaque => self.opaque(span),
            PieceKind::Unclosed(unclosed) => {
                self.unclosed = Some(unclosed);
                self.nodes.push(Node::Opaque(span));
            }
            PieceKind::Print => {
                self.braces += 2;
                self.ends += 1;
                self.nodes.push(Node::Print(span));
            }
            PieceKind::Statement => self.statement(span),
            PieceKind::Open(tag) => self.open_tag(tag),
            PieceKind::Close(close) => self.close_tag(span, close),
        }
    }

    /// A comment or a raw block.
    fn opaque(&mut self, span: Span) {
        let inside = &self.text.as_bytes()[span.start as usize + 1..span.end as usize];
        let is_comment = inside.first() == Some(&b'#');
        let ends = if is_comment { 1 } else { 2 };
        self.braces += ends;
        self.ends += ends;
        self.nested_comment |= is_comment && memchr::memmem::find(inside, b"{#").is_some();
        self.nodes.push(Node::Opaque(span));
    }

    /// Text, less the `m:` attributes in it.
    fn text(&mut self, span: Span) {
        let mut start = span.start;
        for cut in self.offers.cuts_before(span.end) {
            if start < cut.start {
                self.nodes.push(Node::Text(Span {
                    start,
                    end: cut.start,
                }));
            }
            self.nodes.push(Node::Cut(cut));
            start = cut.end;
        }
        if start < span.end {
            self.nodes.push(Node::Text(Span { start, end: span.end }));
        }
    }

    fn statement(&mut self, span: Span) {
        self.statements = true;
        self.braces += 1;
        self.ends += 1;
        let (open, read) = statement::read(self.text, span);
        let section = |kind, name| OpenNodeKind::Section { kind, name };
        match read {
            Statement::If => self.push(
                open,
                OpenNodeKind::If {
                    arms: Vec::new(),
                    otherwise: false,
                },
            ),
            Statement::For { names, header } => self.push(
                open,
                OpenNodeKind::For {
                    names,
                    header,
                    body: None,
                },
            ),
            Statement::Block { name } => self.push(open, section(SectionKind::Block, name)),
            Statement::Filter { name } => self.push(open, section(SectionKind::Filter, name)),
            Statement::Component { name } => self.push(open, section(SectionKind::Component, name)),
            Statement::Call { name } => self.push(open, section(SectionKind::Call, name)),
            Statement::Capture { name, global: false } => {
                self.push(open, section(SectionKind::Capture, name))
            }
            Statement::Capture { name, global: true } => {
                self.push(open, section(SectionKind::CaptureGlobal, name));
            }
            Statement::Set {
                name,
                name_span,
                global,
                value,
            } => {
                self.nodes.push(Node::Set(Box::new(Set {
                    open,
                    name,
                    name_span,
                    global,
                    value,
                })));
            }
            Statement::Reference { extends, name } => {
                self.nodes
                    .push(Node::Reference(Box::new(Reference { open, extends, name })));
            }
            Statement::Jump => self.nodes.push(Node::Jump(open.span)),
            Statement::Elif | Statement::Else => self.next_arm(open, read == Statement::Else),
            Statement::End(keyword) => self.end(open, keyword),
            Statement::Unknown => {
                self.astray = true;
                self.nodes.push(Node::Other(Box::new(open)));
            }
        }
    }

    fn push(&mut self, open: Delimited, kind: OpenNodeKind) {
        let is_tag = |kind: &OpenNodeKind| matches!(kind, OpenNodeKind::Fragment(_));
        let tags = self.stack.iter().filter(|frame| is_tag(&frame.kind)).count();
        let (level, most, what) = match is_tag(&kind) {
            true => (tags, MAX_TAG_DEPTH, "tags"),
            false => (self.stack.len() - tags, MAX_STATEMENT_DEPTH, "statements"),
        };
        if level >= most {
            self.too_deep(open.span, what, most);
            self.nodes.push(Node::Other(Box::new(open)));
            return;
        }
        self.stack.push(OpenNode {
            open,
            kind,
            outer: std::mem::take(&mut self.nodes),
        });
    }

    fn next_arm(&mut self, open: Delimited, otherwise: bool) {
        let Some(depth) = self.stack.iter().rposition(|frame| match &frame.kind {
            OpenNodeKind::If { .. } => true,
            OpenNodeKind::For { body, .. } => otherwise && body.is_none(),
            _ => false,
        }) else {
            self.nodes.push(Node::Other(Box::new(open)));
            return;
        };
        self.abandon_above(depth, open.span);
        let nodes = std::mem::take(&mut self.nodes);
        let Some(frame) = self.stack.last_mut() else {
            return;
        };
        match &mut frame.kind {
            OpenNodeKind::If {
                arms,
                otherwise: is_else,
            } => {
                arms.push(Arm {
                    open: frame.open,
                    otherwise: *is_else,
                    body: nodes,
                });
                *is_else = otherwise;
                frame.open = open;
            }
            OpenNodeKind::For { body, .. } => {
                *body = Some((nodes, frame.open));
                frame.open = open;
            }
            _ => {}
        }
    }

    fn end(&mut self, end: Delimited, keyword: &str) {
        let Some(depth) = self.stack.iter().rposition(|frame| frame.kind.closed_by(keyword)) else {
            self.nodes.push(Node::Other(Box::new(end)));
            // `endset` and `</…>` are left to Tera: only it can say whether what opened them has a body.
            let is_known = matches!(keyword, "if" | "for" | "block" | "filter" | "component");
            let opened = self.stack.iter().rev().find_map(OpenNode::opened);
            if let Some(opened) = opened.filter(|_| is_known) {
                self.misnested(misnested::wrong_end(self.source, opened, keyword, end.span));
            }
            return;
        };
        self.abandon_above(depth, end.span);
        if let Some(OpenNode { open, kind, outer }) = self.stack.pop() {
            let body = std::mem::replace(&mut self.nodes, outer);
            self.nodes.push(close(open, kind, body, end));
        }
    }

    fn open_tag(&mut self, tag: Box<Tag>) {
        if tag.end == TagEnd::Missing {
            self.report_with(|it| fragment::unfinished(it.source, it.text, &tag));
        }
        let name = &self.text[tag.name.range()];
        if !name.eq_ignore_ascii_case("fragment") {
            // An unfinished tag is reported already.
            if tag.end != TagEnd::Missing {
                self.report_with(|it| fragment::unknown_element(it.source, it.text, &tag));
            }
            if tag.end != TagEnd::SelfClosed {
                self.unknown.push(tag.name);
            }
            self.nodes.push(Node::Cut(tag.span));
            return;
        }
        if tag.end == TagEnd::SelfClosed {
            let node = self.fragment(&tag, tag.span, Vec::new());
            self.nodes.push(node);
            return;
        }
        let open = Delimited {
            span: tag.span,
            inner: tag.name,
        };
        self.push(open, OpenNodeKind::Fragment(tag));
    }

    fn close_tag(&mut self, span: Span, close: Close) {
        if !self.text[close.name.range()].eq_ignore_ascii_case("fragment") {
            self.unknown_close(span, close);
            return;
        }
        match self
            .stack
            .iter()
            .rposition(|frame| matches!(frame.kind, OpenNodeKind::Fragment(_)))
        {
            Some(depth) if depth + 1 == self.stack.len() => {
                let Some(OpenNode {
                    kind: OpenNodeKind::Fragment(tag),
                    outer,
                    ..
                }) = self.stack.pop()
                else {
                    return;
                };
                let fallback = std::mem::replace(&mut self.nodes, outer);
                let whole = Span {
                    start: tag.span.start,
                    end: span.end,
                };
                let node = self.fragment(&tag, whole, fallback);
                self.nodes.push(node);
                if close.unfinished {
                    self.unfinished_close(span);
                }
            }
            found => self.stray_close(span, found),
        }
    }

    fn fragment(&mut self, tag: &Tag, span: Span, fallback: Vec<Node>) -> Node {
        self.fragments += 1;
        if self.fragments > MAX_FRAGMENTS_PER_FILE {
            if self.fragments == MAX_FRAGMENTS_PER_FILE + 1 {
                let problem = too_many(self.source, tag.span, MAX_FRAGMENTS_PER_FILE, "fragments");
                self.problems.push(problem);
            }
            return Node::Cut(span);
        }
        let fragment = fragment::read(self.source, self.text, tag, &mut self.problems);
        Node::Fragment(Box::new(FragmentNode {
            span,
            open: tag.span,
            fragment,
            fallback,
        }))
    }

    fn prefix(&self, tag: &Tag) -> String {
        self.text[tag.span.start as usize + 1..tag.name.start as usize].to_owned()
    }

    fn finish(&mut self) {
        if self.unclosed.is_some() {
            // Tera reports the delimiter that never closes; what it swallowed can't be judged.
            let known = self.problems.len();
            while !self.stack.is_empty() {
                self.abandon(None);
            }
            self.problems.truncate(known);
        }
        while !self.stack.is_empty() {
            self.abandon(None);
        }
    }

    /// A byte-order mark before `extends` does not count as text, since Tera takes no text there.
    fn mark(&mut self) {
        const MARK: char = '\u{feff}';
        let extends = |node: &Node| matches!(node, Node::Reference(reference) if reference.extends);
        if !self.text.starts_with(MARK) || !self.nodes.iter().any(extends) {
            return;
        }
        let mark = Span::new(0, MARK.len_utf8());
        if let Some(Node::Text(text)) = self.nodes.first_mut() {
            text.start = mark.end;
            if text.is_empty() {
                self.nodes[0] = Node::Cut(mark);
            } else {
                self.nodes.insert(0, Node::Cut(mark));
            }
        }
    }
}
