//! The fragments that a file offers: elements with `m:ref`, from their opening tag to their closing one.

use crate::{
    fragment::{OfferTag, has_prefix, read_offer, unclosed_quote},
    parse::{Attribute, Element, Pieces, Tag},
    problem::{Code, Problem},
    source::{SourceId, Span},
};

use super::{Offer, ends::ends};

/// What the elements of a file say.
#[derive(Default)]
pub(super) struct Found {
    pub(super) offers: Vec<Offer>,
    /// What `m:attributes` states for the page.
    pub(super) attributes: Option<OfferTag>,
    /// The `m:` attributes with the white space before them.
    pub(super) cuts: Vec<Span>,
}

/// Goes through the elements of a file.
pub(super) fn find(
    source: SourceId,
    text: &str,
    prefix: &str,
    Pieces { pieces, elements }: &Pieces,
    problems: &mut Vec<Problem>,
) -> Found {
    let mut found = Found::default();
    let mut known_ends = None;
    // The tag that states the page's own attributes.
    let mut stated = None;
    for (index, element) in elements.iter().enumerate() {
        let Element::Open(tag) = element else { continue };
        let cuts: Vec<Span> = cuts(text, prefix, tag).collect();
        if cuts.is_empty() {
            continue;
        }
        found.cuts.extend(cuts);
        let own = || own(text, prefix, tag);
        if let Some(problem) = unclosed_quote(source, text, own()) {
            problems.push(problem);
            continue;
        }
        let offer = read_offer(source, text, prefix, tag, problems);
        if offer.reference.is_some() {
            let ends = known_ends.get_or_insert_with(|| ends(text, elements, pieces));
            match ends.get(&index) {
                Some(end) => {
                    let span = Span {
                        start: tag.span.start,
                        end: *end,
                    };
                    found.offers.push(Offer {
                        span,
                        open: tag.span,
                        tag: offer,
                    });
                }
                None => problems.push(unclosed(source, text, tag)),
            }
        } else if own().any(|attribute| {
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
            let message = "this element states what a fragment takes or gives, but not which fragment it is";
            let help = format!("add the name under which others ask for it: `{prefix}:ref=\"…\"`");
            let label = format!("`{prefix}:ref` is missing");
            problems.push(Problem::new(Code::MissingRef, message, tag.span.at(source), label).help(help));
        } else if offer.attributes.is_some() {
            match stated {
                Some(first) => problems.push(stated_twice(source, prefix, first, tag.span)),
                None => {
                    stated = Some(tag.span);
                    found.attributes = Some(offer);
                }
            }
        }
    }
    found
}

/// The attributes of a tag that have the prefix.
fn own<'t>(text: &'t str, prefix: &'t str, tag: &'t Tag) -> impl Iterator<Item = &'t Attribute> {
    tag.attributes
        .iter()
        .filter(move |attribute| has_prefix(text, prefix, attribute))
}

fn cuts<'t>(text: &'t str, prefix: &'t str, tag: &'t Tag) -> impl Iterator<Item = Span> + 't {
    own(text, prefix, tag).map(move |attribute| {
        let before = &text[..attribute.span.start as usize];
        Span {
            start: before.trim_end().len() as u32,
            end: attribute.span.end,
        }
    })
}

fn stated_twice(source: SourceId, prefix: &str, first: Span, again: Span) -> Problem {
    let message = format!("`{prefix}:attributes` stands twice in this file");
    Problem::new(Code::DuplicateAttribute, message, again.at(source), "here again")
        .label(first.at(source), "first here")
        .help("state all attributes of the page on its root element")
}

fn unclosed(source: SourceId, text: &str, tag: &Tag) -> Problem {
    let name = &text[tag.name.range()];
    let message = format!("the fragment's `<{name}>` is never closed");
    Problem::new(Code::UnclosedTag, message, tag.span.at(source), "opened here")
        .help(format!("write `</{name}>` where the fragment ends"))
}
