//! The fragments that a file offers: elements with `m:ref`, from their opening tag to their closing one.

use crate::{
    fragment::{OfferTag, mended, read_offer, unclosed_quote},
    limits::{MAX_ACTIONS_PER_FILE, MAX_FRAGMENTS_PER_FILE, MAX_OFFER_DEPTH, MAX_PROBLEMS_PER_FILE},
    parse::{Tag, TagAttribute, TagEnd},
    problem::{Code, Problem},
    source::{SourceId, Span},
};

use super::{Offer, forms::ActionAttribute};

/// What the elements of a file say.
#[derive(Default)]
pub(super) struct Offers {
    /// How many elements were marked so far.
    marked: u32,
    pending: Vec<Pending>,
    /// Whether there were more than are kept.
    full: bool,
    /// What `m:attributes` states for the page.
    attributes: Option<Box<OfferTag>>,
    /// The tag that states them.
    stated: Option<Span>,
    /// The `m:` attributes with the white space before them, those of the text that comes next.
    cuts: Vec<Span>,
    /// The attributes `m:action`.
    pub(super) actions: Vec<ActionAttribute>,
    /// Whether there were more of them than are kept.
    has_too_many_actions: bool,
}

/// An element with `m:ref` whose end may not be known yet.
struct Pending {
    number: u32,
    open: Span,
    name: Span,
    end: Option<u32>,
    tag: Box<OfferTag>,
}

impl Offers {
    /// The cuts that end before `end`, each once.
    #[inline]
    pub(super) fn cuts_before(&mut self, end: u32) -> Vec<Span> {
        if self.cuts.is_empty() {
            return Vec::new();
        }
        let count = self.cuts.partition_point(|cut| cut.end <= end);
        let later = self.cuts.split_off(count);
        std::mem::replace(&mut self.cuts, later)
    }

    /// An element with attributes of Hydra's.
    pub(super) fn marked(
        &mut self,
        source: SourceId,
        text: &str,
        prefix: &str,
        tag: &Tag,
        problems: &mut Vec<Problem>,
    ) {
        let number = self.marked;
        self.marked += 1;
        if problems.len() >= MAX_PROBLEMS_PER_FILE {
            self.cuts.extend(cuts(text, &tag.attributes));
            return;
        }
        let tag = &*mended(source, text, tag, problems);
        self.cuts.extend(cuts(text, &tag.attributes));
        if tag.end == TagEnd::Missing {
            problems.push(unfinished(source, text, tag));
            return;
        }
        if let Some(problem) = unclosed_quote(source, text, &tag.attributes) {
            problems.push(problem);
            return;
        }
        if let Some(problem) = quote_too_many(source, text, &tag.attributes) {
            problems.push(problem);
        }
        let offer = read_offer(source, text, prefix, tag, problems);
        self.add_action(source, &offer, tag.span, problems);
        if offer.reference.is_some() && self.pending.len() >= MAX_FRAGMENTS_PER_FILE {
            if !std::mem::replace(&mut self.full, true) {
                problems.push(too_many(
                    source,
                    tag.span,
                    MAX_FRAGMENTS_PER_FILE,
                    "offered fragments",
                ));
            }
        } else if offer.reference.is_some() {
            self.pending.push(Pending {
                number,
                open: tag.span,
                name: tag.name,
                end: None,
                tag: Box::new(offer),
            });
        } else if tag.attributes.iter().any(|attribute| {
            text[attribute.name.range()]
                .to_ascii_lowercase()
                .ends_with(":ref")
        }) {
            // It says which fragment it is, though not well: that is reported already.
        } else if !(offer.imports.is_empty()
            && offer.exports.is_empty()
            && offer.styles.is_empty()
            && offer.scripts.is_empty())
        {
            problems.push(without_reference(source, prefix, tag.span));
        } else if offer.attributes.is_some() {
            match self.stated {
                Some(first) => problems.push(stated_twice(source, prefix, first, tag.span)),
                None => {
                    self.stated = Some(tag.span);
                    self.attributes = Some(Box::new(offer));
                }
            }
        }
    }

    fn add_action(&mut self, source: SourceId, tag: &OfferTag, open: Span, problems: &mut Vec<Problem>) {
        let Some((action, attribute)) = tag.action.as_deref() else {
            return;
        };
        if self.actions.len() < MAX_ACTIONS_PER_FILE {
            self.actions.push(ActionAttribute {
                action: action.clone(),
                attribute: *attribute,
                open,
            });
        } else if !std::mem::replace(&mut self.has_too_many_actions, true) {
            problems.push(too_many(
                source,
                open,
                MAX_ACTIONS_PER_FILE,
                "forms with `m:action`",
            ));
        }
    }

    /// Where the marked element of this number ends.
    pub(super) fn ended(&mut self, number: u32, end: u32) {
        if let Ok(at) = self
            .pending
            .binary_search_by_key(&number, |pending| pending.number)
        {
            self.pending[at].end = Some(end);
        }
    }

    /// The offers, and what the page states.
    pub(super) fn finish(
        self,
        source: SourceId,
        text: &str,
        problems: &mut Vec<Problem>,
    ) -> (Vec<Offer>, Option<Box<OfferTag>>) {
        let mut offers = Vec::with_capacity(self.pending.len());
        // Where the offered elements end that are open.
        let mut around: Vec<u32> = Vec::new();
        let mut deep = false;
        for Pending {
            open, name, end, tag, ..
        } in self.pending
        {
            while around.last().is_some_and(|end| *end <= open.start) {
                around.pop();
            }
            let Some(end) = end else {
                if problems.len() < MAX_PROBLEMS_PER_FILE {
                    problems.push(unclosed(source, text, open, name));
                }
                continue;
            };
            if around.len() >= MAX_OFFER_DEPTH {
                if !std::mem::replace(&mut deep, true) {
                    problems.push(too_deep(source, open));
                }
                continue;
            }
            around.push(end);
            let span = Span {
                start: open.start,
                end,
            };
            offers.push(Offer { span, open, tag });
        }
        (offers, self.attributes)
    }
}

fn cuts<'t>(text: &'t str, attributes: &'t [TagAttribute]) -> impl Iterator<Item = Span> + 't {
    attributes.iter().map(move |attribute| {
        let before = &text[..attribute.span.start as usize];
        Span {
            start: before.trim_end().len() as u32,
            end: attribute.span.end,
        }
    })
}

/// `m:ref=""teas"`: the value is empty, and what was meant as the value stands behind it.
fn quote_too_many(source: SourceId, text: &str, attributes: &[TagAttribute]) -> Option<Problem> {
    let attribute = attributes.iter().find(|attribute| {
        let is_empty = attribute
            .value
            .as_ref()
            .is_some_and(|value| value.span.is_empty());
        let next = text[attribute.span.end as usize..].chars().next();
        is_empty && next.is_some_and(char::is_alphanumeric)
    })?;
    let end = attribute.span.end;
    let pair = Span { start: end - 2, end };
    let quote = &text[end as usize - 1..end as usize];
    let problem = Problem::new(
        Code::UnclosedQuote,
        "this value has one quote too many",
        pair.at(source),
        "one quote too many",
    );
    Some(problem.help(format!("write `{quote}`")))
}

fn without_reference(source: SourceId, prefix: &str, tag: Span) -> Problem {
    let message = "this element states what a fragment takes or gives, but not which fragment it is";
    let help = format!("add the name under which others ask for it: `{prefix}:ref=\"…\"`");
    let label = format!("`{prefix}:ref` is missing");
    Problem::new(Code::MissingRef, message, tag.at(source), label).help(help)
}

fn stated_twice(source: SourceId, prefix: &str, first: Span, again: Span) -> Problem {
    let message = format!("`{prefix}:attributes` stands twice in this file");
    Problem::new(Code::DuplicateAttribute, message, again.at(source), "here again")
        .label(first.at(source), "first here")
        .help("state all attributes of the page on its root element")
}

fn unclosed(source: SourceId, text: &str, open: Span, name: Span) -> Problem {
    let name = &text[name.range()];
    let message = format!("the fragment's `<{name}>` is never closed");
    Problem::new(Code::UnclosedTag, message, open.at(source), "opened here")
        .help(format!("write `</{name}>` where the fragment ends"))
}

fn unfinished(source: SourceId, text: &str, tag: &Tag) -> Problem {
    if let Some(problem) = unclosed_quote(source, text, &tag.attributes) {
        return problem;
    }
    let name = Span {
        start: tag.span.start,
        end: tag.name.end,
    };
    let message = format!("`{}` has no end", &text[name.range()]);
    Problem::new(Code::UnclosedTag, message, name.at(source), "its `>` is missing")
        .help("write `>` after the last attribute")
}

/// The problem of a file that goes on behind as many fragments or forms as are kept.
pub(super) fn too_many(source: SourceId, place: Span, most: usize, what: &str) -> Problem {
    let message = format!("more than {most} {what} stand in this file");
    Problem::new(Code::TooDeep, message, place.at(source), "this is one too many")
        .help("move some of them to files of their own, or write one in a `{% for %}`")
}

fn too_deep(source: SourceId, open: Span) -> Problem {
    let message = format!("offered fragments nest deeper than {MAX_OFFER_DEPTH} levels");
    Problem::new(Code::TooDeep, message, open.at(source), "this is one too deep")
        .help("move the inner fragments to a file of their own")
}
