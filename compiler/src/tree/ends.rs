//! Where elements end: each at its closing tag, with the ends that HTML lets people leave out, and with the branches of an `if`
//! as alternatives.

use std::collections::HashMap;

use crate::{
    parse::{Element, Piece, PieceKind, Tag, TagEnd},
    source::Span,
};

use super::statement::{self, Statement};

/// Elements that have no closing tag (HTML, section 13.1.2).
const VOID: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track",
    "wbr",
];

/// Elements whose closing tag may be left out (HTML, section 13.1.2.4).
const OMISSIBLE: [&str; 19] = [
    "body", "caption", "colgroup", "dd", "dt", "head", "html", "li", "optgroup", "option", "p", "rp", "rt",
    "tbody", "td", "tfoot", "th", "thead", "tr",
];

/// Through how many open elements a closing tag looks for its own: more would take too long in a hostile file.
const REACH: usize = 500;

/// Where the elements of a file end, by their place in the list. One that is not there ends nowhere.
pub(super) fn ends(text: &str, elements: &[Element], pieces: &[Piece]) -> HashMap<usize, u32> {
    let mut nesting = Nesting::default();
    let mut statements = pieces
        .iter()
        .filter(|piece| piece.kind == PieceKind::Statement)
        .peekable();
    for (index, element) in elements.iter().enumerate() {
        let (Element::Open(Tag { span, name, .. }) | Element::Close { span, name }) = element;
        while let Some(before) = statements.next_if(|piece| piece.span.start < span.start) {
            nesting.statement(&statement::read(text, before.span).1);
        }
        let name = text[name.range()].to_ascii_lowercase();
        match element {
            Element::Open(tag) if tag.end == TagEnd::SelfClosed || VOID.contains(&name.as_str()) => {
                nesting.ends.insert(index, span.end);
            }
            Element::Open(_) => nesting.open(index, name, *span),
            Element::Close { .. } => nesting.close(&name, *span),
        }
    }
    nesting.ends
}

#[derive(Default)]
struct Nesting {
    open: Vec<Open>,
    /// What the open branches did, to be undone where the next branch begins.
    steps: Vec<Step>,
    /// How many steps there were where each open `if` or `for` began.
    branches: Vec<usize>,
    ends: HashMap<usize, u32>,
}

struct Open {
    name: String,
    index: usize,
}

enum Step {
    Opened,
    Closed(Open),
}

impl Nesting {
    fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::If | Statement::For { .. } => self.branches.push(self.steps.len()),
            Statement::Elif | Statement::Else => self.undo(),
            // What the last branch left open stands for what all of them did.
            Statement::End("if" | "for") => {
                self.branches.pop();
            }
            _ => {}
        }
    }

    fn undo(&mut self) {
        let Some(start) = self.branches.last() else { return };
        for step in self.steps.drain(*start..).rev() {
            match step {
                Step::Opened => {
                    self.open.pop();
                }
                Step::Closed(open) => self.open.push(open),
            }
        }
    }

    fn open(&mut self, index: usize, name: String, tag: Span) {
        let sibling = self.open.last().is_some_and(|last| last.name == name);
        if sibling && is_omissible(&name) {
            self.pop(tag.start);
        }
        self.open.push(Open { name, index });
        self.step(Step::Opened);
    }

    fn close(&mut self, name: &str, tag: Span) {
        let near = self.open.iter().rev().take(REACH);
        let Some(above) = near.map(|open| open.name.as_str()).position(|open| open == name) else {
            return;
        };
        for _ in 0..above {
            self.pop(tag.start);
        }
        if let Some(index) = self.open.last().map(|open| open.index) {
            self.pop(tag.end);
            self.ends.insert(index, tag.end);
        }
    }

    /// Closes the innermost element. It ends at `end` where its closing tag may be left out.
    fn pop(&mut self, end: u32) {
        let Some(open) = self.open.pop() else { return };
        if is_omissible(&open.name) {
            self.ends.insert(open.index, end);
        }
        self.step(Step::Closed(open));
    }

    fn step(&mut self, step: Step) {
        if !self.branches.is_empty() {
            self.steps.push(step);
        } else {
            self.steps.clear();
        }
    }
}

fn is_omissible(name: &str) -> bool {
    OMISSIBLE.contains(&name)
}

#[cfg(test)]
mod tests {
    use crate::parse::parse;

    use super::*;

    /// The first element with `m:ref`, as far as it goes.
    fn marked(text: &str) -> Option<&str> {
        let parsed = parse(text, "m");
        let is_marked =
            |element: &Element| matches!(element, Element::Open(tag) if !tag.attributes.is_empty());
        let index = parsed.elements.iter().position(is_marked)?;
        let Element::Open(tag) = &parsed.elements[index] else {
            return None;
        };
        let end = *ends(text, &parsed.elements, &parsed.pieces).get(&index)?;
        text.get(tag.span.start as usize..end as usize)
    }

    #[test]
    fn an_element_ends_where_html_has_it() {
        for (before, element, after) in [
            ("<p>", "<b m:ref=x><b>a</b></b>", "</p>"),
            (
                "",
                "<div m:ref=x>{% if a %}<div>{% else %}<div>{% endif %}hi</div></div>",
                "</div>",
            ),
            (
                "",
                "<div m:ref=x>{% if a %}<div>{% elif b %}<p>{% if c %}<div>{% else %}-{% endif %}{% else %}<div>{% endif %}</div></div>",
                "",
            ),
            (
                "{% if a %}<a>{% endif %}",
                "<b m:ref=x></b>",
                "{% if a %}</a>{% endif %}",
            ),
            (
                "",
                "<div m:ref=x>{% if a %}<a>{% else %}<i>{% endif %}-{% if a %}</a>{% else %}</i>{% endif %}</div>",
                "</div>",
            ),
            ("<ul>", "<li m:ref=x>a<ul><li>b</ul></li>", "</ul>"),
            ("<ul>", "<li m:ref=x>a", "<li>b</ul>"),
            ("<ul>", "<li m:ref=x>a", "</ul>"),
            ("", "<br m:ref=x>", "</br>"),
            ("", "<iframe m:ref=x><p></iframe>", ""),
            ("", "<x:y m:ref=x><x:z></x:z></x:y>", "</x:y>"),
        ] {
            assert_eq!(marked(&format!("{before}{element}{after}")), Some(element));
        }
        for text in ["<div m:ref=x>", "<p><b m:ref=x></p>", "<div m:ref=x><div></div>"] {
            assert_eq!(marked(text), None, "{text}");
        }
    }

    #[test]
    fn branches_without_number_take_no_longer_for_each() {
        for one in [
            "{% if a %}</a>{% else %}{% endif %}",
            "{% if a %}<b>",
            "{% if a %}{% else %}</c>",
        ] {
            let text = format!("<a m:ref=x>{}{}", "<b>".repeat(20_000), one.repeat(20_000));
            assert_eq!(marked(&text), None);
        }
    }
}
