//! The units of a site: pages, offered fragments and components, each of which is rendered, and so checked, as a whole.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeSet;

use crate::{
    page_type::PageType,
    site::Site,
    source::Span,
    tree::{Node, Offer, SectionKind},
};

use super::components::definitions;

/// Something that is rendered as one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unit<'n> {
    /// The file, by its index in the site.
    pub file: usize,
    /// What of the file.
    pub kind: UnitKind<'n>,
}

/// What of a file is rendered as one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum UnitKind<'n> {
    /// All of it, with its parents and includes.
    Page,
    /// An element that it offers.
    Offer(&'n Offer),
    /// Its components. Pages that call them have them too; here they are seen even if none does.
    Components,
}

/// The units of a site, in the order of files. A page is a file that no other file includes or extends and that has more in it than
/// offered elements and components, or one that a Rust type names.
#[must_use]
pub(crate) fn units<'n>(site: &'n Site<'_>, page_types: &[PageType]) -> Vec<Unit<'n>> {
    let mut pages: BTreeSet<usize> = site
        .pages()
        .into_iter()
        .filter(|file| !only_parts(site, *file))
        .collect();
    pages.extend(page_types.iter().filter_map(|page| site.find(&page.template)));
    let offers: usize = site.files.iter().map(|file| file.tree.offers.len()).sum();
    let mut units = Vec::with_capacity(offers + pages.len());
    for (file, template) in site.files.iter().enumerate() {
        if pages.contains(&file) {
            units.push(Unit {
                file,
                kind: UnitKind::Page,
            });
        }
        units.extend(template.tree.offers.iter().map(|offer| Unit {
            file,
            kind: UnitKind::Offer(offer),
        }));
        if !definitions(&template.tree).is_empty() {
            units.push(Unit {
                file,
                kind: UnitKind::Components,
            });
        }
    }
    units
}

/// Whether a file has nothing but offered elements and components, so that it is not a page.
fn only_parts(site: &Site<'_>, file: usize) -> bool {
    let file = &site.files[file];
    let offers = &outer(&file.tree.offers);
    let mut parts = !offers.is_empty();
    for node in &file.tree.nodes {
        match node {
            Node::Section(section) if section.kind == SectionKind::Component => parts = true,
            Node::Cut(_) => {}
            Node::Opaque(span) if file.source.slice(*span).starts_with("{#") => {}
            Node::Text(span) => {
                if !is_covered(file.source.slice(*span), *span, offers) {
                    return false;
                }
            }
            node if offers_near(offers, node.span()).any(|offer| offer.contains(node.span())) => {}
            _ => return false,
        }
    }
    parts
}

/// The offered elements that lie in no other: they stand in order, each behind the one before.
fn outer(offers: &[Offer]) -> Vec<Span> {
    let mut found: Vec<Span> = Vec::new();
    for Offer { span, .. } in offers {
        match found.last_mut() {
            // Elements that overlap have a report of their own.
            Some(last) if span.start < last.end => last.end = last.end.max(span.end),
            _ => found.push(*span),
        }
    }
    found
}

/// Those that share a byte with `span`.
fn offers_near(offers: &[Span], span: Span) -> impl Iterator<Item = Span> {
    let first = offers.partition_point(|offer| offer.end <= span.start);
    let near = offers[first..].iter().copied();
    near.take_while(move |offer| offer.start < span.end)
}

/// Whether all of a text that is not white space belongs to offered elements.
fn is_covered(text: &str, span: Span, offers: &[Span]) -> bool {
    let mut at = span.start;
    for offer in offers_near(offers, span) {
        let before =
            text.get((at.max(span.start) - span.start) as usize..(offer.start.max(at) - span.start) as usize);
        if before.is_none_or(|before| !before.trim().is_empty()) {
            return false;
        }
        at = at.max(offer.end);
    }
    let rest = text.get((at.clamp(span.start, span.end) - span.start) as usize..);
    rest.is_some_and(|rest| rest.trim().is_empty())
}
