//! The elements that are open: where each ends, and which of them are SVG's or MathML's. It follows HTML's tree construction as
//! far as these two need it, with the branches of an `if` as alternatives.

use super::names::{Traits, is, is_one, traits};
use crate::limits::MAX_ELEMENTS_SEARCHED;
use crate::source::Span;

/// The elements that are open at a place of a file.
#[derive(Default)]
pub(super) struct Nesting {
    open: Vec<OpenElement>,
    /// What the open branches did, to be undone where the next branch begins.
    steps: Vec<NestingChange>,
    /// How many steps there were where each open `if` or `for` began.
    branches: Vec<usize>,
    /// The offered elements that ended since they were last taken: their number, and where.
    pub(super) ended: Vec<(u32, u32)>,
}

/// An element that is open.
#[derive(Clone, Copy)]
struct OpenElement {
    tag: Span,
    name_length: u32,
    traits: Traits,
    kind: ElementKind,
    /// Its number among the offered elements, [`NOT_OFFERED`] for all others.
    offer: u32,
}

/// The number of an element that is not offered.
pub(super) const NOT_OFFERED: u32 = u32::MAX;

/// What an element is, as far as the rules for its content go (HTML, section 13.2.6).
#[derive(Clone, Copy, PartialEq, Eq)]
enum ElementKind {
    Html,
    Svg,
    MathMl,
    /// Foreign, with HTML in it.
    HtmlPoint,
    /// `mi`, `mo`, `mn`, `ms`, `mtext`.
    TextPoint,
    /// `annotation-xml`, where `svg` begins SVG.
    Annotation,
}

enum NestingChange {
    Opened,
    Closed(OpenElement),
}

/// A start tag.
pub(super) struct StartTag<'t> {
    pub(super) tag: Span,
    pub(super) name: &'t [u8],
    pub(super) self_closed: bool,
    /// Whether it is a `font` with an attribute that HTML 3.2 had, or an `annotation-xml` whose text is HTML.
    pub(super) marked: bool,
    pub(super) offer: u32,
}

impl Nesting {
    /// A statement: where a branch begins, the others are undone.
    pub(super) fn statement(&mut self, keyword: &str) {
        match keyword {
            "if" | "for" => self.branches.push(self.steps.len()),
            "elif" | "else" => self.undo(),
            // The last branch is not undone: the elements that it opened and closed count for all branches.
            "endif" | "endfor" => {
                self.branches.pop();
            }
            _ => {}
        }
    }

    fn undo(&mut self) {
        let Some(start) = self.branches.last() else { return };
        for step in self.steps.drain(*start..).rev() {
            match step {
                NestingChange::Opened => {
                    self.open.pop();
                }
                NestingChange::Closed(open) => self.open.push(open),
            }
        }
    }

    /// Whether the innermost open element is SVG's or MathML's: there may be CDATA, and `/>` closes.
    pub(super) fn is_foreign(&self) -> bool {
        self.open
            .last()
            .is_some_and(|open| open.kind != ElementKind::Html)
    }

    /// Whether no element is open, here and in no branch around it.
    pub(super) fn is_outside(&self) -> bool {
        self.open.is_empty() && self.branches.is_empty()
    }

    /// The innermost open element's start tag.
    pub(super) fn innermost(&self) -> Option<Span> {
        self.open.last().map(|open| open.tag)
    }

    /// A start tag. Whether the element is one of HTML.
    pub(super) fn start(&mut self, text: &[u8], start: &StartTag<'_>) -> bool {
        let traits = traits(start.name);
        let around = self.open.last().map_or(ElementKind::Html, |open| open.kind);
        let foreign = match around {
            ElementKind::Html | ElementKind::HtmlPoint => None,
            ElementKind::TextPoint if !is_one(start.name, &["mglyph", "malignmark"]) => None,
            ElementKind::Annotation if is(start.name, b"svg") => None,
            ElementKind::Svg => Some(ElementKind::Svg),
            _ => Some(ElementKind::MathMl),
        };
        let breaks_out = traits.any(Traits::BREAKOUT) || (start.marked && is(start.name, b"font"));
        match foreign {
            Some(space) if !breaks_out => {
                self.begin(start, traits, kind_in(space, start));
                false
            }
            foreign => {
                if foreign.is_some() {
                    self.leave_foreign(start.tag.start);
                }
                self.html(text, start, traits)
            }
        }
    }

    /// Opens an element. A foreign one that closes itself is over at once.
    fn begin(&mut self, start: &StartTag<'_>, traits: Traits, kind: ElementKind) {
        if start.self_closed && kind != ElementKind::Html {
            self.note(start.offer, start.tag.end);
            return;
        }
        self.open.push(OpenElement {
            tag: start.tag,
            name_length: start.name.len() as u32,
            traits: if kind == ElementKind::Html {
                traits
            } else {
                Traits::default()
            },
            kind,
            offer: start.offer,
        });
        self.step(NestingChange::Opened);
    }

    /// Closes the elements down to HTML, or to one with HTML in it.
    fn leave_foreign(&mut self, at: u32) {
        while let Some(open) = self.open.last()
            && matches!(
                open.kind,
                ElementKind::Svg | ElementKind::MathMl | ElementKind::Annotation
            )
        {
            self.pop(at, false);
        }
    }

    fn html(&mut self, text: &[u8], start: &StartTag<'_>, traits: Traits) -> bool {
        self.implied(text, start, traits);
        let kind = match start.name {
            name if is(name, b"svg") => ElementKind::Svg,
            name if is(name, b"math") => ElementKind::MathMl,
            _ if traits.any(Traits::VOID) => {
                self.note(start.offer, start.tag.end);
                return true;
            }
            _ => ElementKind::Html,
        };
        self.begin(start, traits, kind);
        kind == ElementKind::Html
    }

    /// Ends what a start tag ends (HTML, sections 13.1.2.4 and 13.2.6.4).
    fn implied(&mut self, text: &[u8], start: &StartTag<'_>, traits: Traits) {
        const CELL: &[&str] = &["td", "th", "caption", "colgroup"];
        const ROW: &[&str] = &["td", "th", "tr", "caption", "colgroup"];
        const SECTION: &[&str] = &["td", "th", "tr", "tbody", "thead", "tfoot", "caption", "colgroup"];
        const RUBY: &[&str] = &[
            "dd", "dt", "li", "optgroup", "option", "p", "rb", "rp", "rt", "rtc",
        ];
        const OPTION: &[&str] = &["dd", "dt", "li", "option", "p", "rb", "rp", "rt", "rtc"];
        let (name, at) = (start.name, start.tag.start);
        let item = |open: &OpenElement| {
            open.traits.any(Traits::SPECIAL) && !is_one(open.name(text), &["address", "div", "p"])
        };
        let table = |open: &OpenElement| open.is_table(text);
        if let Some(top) = self.open.last().copied() {
            let leaves_head = is(top.name(text), b"head") && !traits.any(Traits::IN_HEAD);
            let leaves_columns = is(top.name(text), b"colgroup") && !is_one(name, &["col", "template"]);
            if leaves_head || leaves_columns {
                self.pop(at, false);
            }
        }
        if traits.any(Traits::TABLE_PART) && !is(name, b"table") {
            let ends = match name {
                _ if is_one(name, &["td", "th"]) => CELL,
                _ if is(name, b"tr") => ROW,
                _ if is(name, b"col") => &SECTION[..SECTION.len() - 1],
                _ => SECTION,
            };
            while self.end_one(text, ends, table, at) {}
        } else if is(name, b"li") {
            self.end_one(text, &["li"], item, at);
        } else if is_one(name, &["dt", "dd"]) {
            self.end_one(text, &["dt", "dd"], item, at);
        } else if is_one(name, &["rt", "rp"]) {
            self.end_tops(text, RUBY, at);
        } else if is(name, b"option") {
            self.end_tops(text, OPTION, at);
        } else if is_one(name, &["optgroup", "hr"]) {
            let inside = self.open.iter().rev().take(2);
            if inside
                .into_iter()
                .any(|open| is_one(open.name(text), &["option", "optgroup"]))
            {
                self.end_tops(text, RUBY, at);
            }
        }
        if traits.any(Traits::ENDS_P) {
            let button = |open: &OpenElement| open.bounds_scope() || is(open.name(text), b"button");
            self.end_one(text, &["p"], button, at);
        }
    }

    /// Ends the innermost open element that has one of these names, and all in it, unless `stops` bounds the search before.
    fn end_one(
        &mut self,
        text: &[u8],
        names: &[&str],
        stops: impl Fn(&OpenElement) -> bool,
        at: u32,
    ) -> bool {
        for (above, open) in self.open.iter().rev().take(MAX_ELEMENTS_SEARCHED).enumerate() {
            if open.kind == ElementKind::Html && is_one(open.name(text), names) {
                for _ in 0..=above {
                    self.pop(at, false);
                }
                return true;
            }
            if stops(open) {
                return false;
            }
        }
        false
    }

    /// Ends the innermost elements as long as they have one of these names.
    fn end_tops(&mut self, text: &[u8], names: &[&str], at: u32) {
        while self
            .open
            .last()
            .is_some_and(|open| is_one(open.name(text), names))
        {
            self.pop(at, false);
        }
    }

    /// An end tag.
    pub(super) fn end(&mut self, text: &[u8], name: &[u8], tag: Span) {
        if self.is_foreign() {
            if is_one(name, &["br", "p"]) {
                self.leave_foreign(tag.start);
            } else {
                // Any other end tag in foreign content: up to the next element of HTML, all names count.
                for (above, open) in self.open.iter().rev().take(MAX_ELEMENTS_SEARCHED).enumerate() {
                    if open.kind == ElementKind::Html {
                        break;
                    }
                    if is(open.name(text), name) {
                        return self.close(above, tag);
                    }
                }
            }
        }
        let part = traits(name).any(Traits::TABLE_PART);
        let list_item = is(name, b"li");
        for (above, open) in self.open.iter().rev().take(MAX_ELEMENTS_SEARCHED).enumerate() {
            if open.kind == ElementKind::Html && is(open.name(text), name) {
                return self.close(above, tag);
            }
            let bounds = if part {
                open.is_table(text)
            } else {
                open.bounds_scope() || (list_item && is_one(open.name(text), &["ol", "ul"]))
            };
            if bounds {
                break;
            }
        }
        // No such element is open in the text: its start tag was left out, and HTML inserted the `tbody` or `tr` by itself.
        // The end tag therefore ends what stands in the inserted element.
        let inside: &[&str] = match name {
            _ if is(name, b"tbody") => &["tr"],
            _ if is(name, b"tr") => &["td", "th"],
            _ => return,
        };
        self.end_one(text, inside, |open| open.is_table(text), tag.start);
    }

    /// Closes the element that has `above` others in it, at its end tag.
    fn close(&mut self, above: usize, tag: Span) {
        for _ in 0..above {
            self.pop(tag.start, true);
        }
        if let Some(open) = self.open.last().copied() {
            self.pop(tag.start, true);
            self.note(open.offer, tag.end);
        }
    }

    /// The end of the file, which ends all whose end tags may be left out.
    pub(super) fn finish(&mut self, end: u32) {
        while !self.open.is_empty() {
            self.pop(end, true);
        }
    }

    /// Closes the innermost element. It ends at `end` where its end tag may be left out. `parent`: because its parent ends.
    fn pop(&mut self, end: u32, parent: bool) {
        let Some(open) = self.open.pop() else { return };
        let around = self.open.last().map_or(Traits::default(), |open| open.traits);
        let is_p = open.traits.any(Traits::ENDS_P) && open.name_length == 1;
        if open.traits.any(Traits::OMISSIBLE) && !(parent && is_p && around.any(Traits::KEEPS_P)) {
            self.note(open.offer, end);
        }
        self.step(NestingChange::Closed(open));
    }

    fn note(&mut self, offer: u32, end: u32) {
        if offer != NOT_OFFERED {
            self.ended.push((offer, end));
        }
    }

    fn step(&mut self, step: NestingChange) {
        if !self.branches.is_empty() {
            self.steps.push(step);
        } else {
            self.steps.clear();
        }
    }
}

impl OpenElement {
    fn name<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        let start = self.tag.start as usize + 1;
        &text[start..start + self.name_length as usize]
    }

    /// Whether a tag inside of this element can't end the parts of a table (rows, cells) around the element.
    fn is_table(&self, text: &[u8]) -> bool {
        is_one(self.name(text), &["table", "template", "html"])
    }

    /// Whether end tags of elements around it don't count in it.
    fn bounds_scope(&self) -> bool {
        match self.kind {
            ElementKind::Html => self.traits.any(Traits::SCOPE),
            ElementKind::HtmlPoint | ElementKind::TextPoint | ElementKind::Annotation => true,
            ElementKind::Svg | ElementKind::MathMl => false,
        }
    }
}

fn kind_in(space: ElementKind, start: &StartTag<'_>) -> ElementKind {
    match space {
        ElementKind::Svg if is_one(start.name, &["foreignobject", "desc", "title"]) => ElementKind::HtmlPoint,
        ElementKind::MathMl if is_one(start.name, &["mi", "mo", "mn", "ms", "mtext"]) => {
            ElementKind::TextPoint
        }
        ElementKind::MathMl if is(start.name, b"annotation-xml") && start.marked => ElementKind::HtmlPoint,
        ElementKind::MathMl if is(start.name, b"annotation-xml") => ElementKind::Annotation,
        other => other,
    }
}
