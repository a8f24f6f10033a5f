//! The tag of an element that is not Hydra's.

use super::{TagAttribute, TagEnd, is_space, names};
use crate::source::Span;

/// What the tag of an element holds behind its name.
pub(super) struct ElementTag {
    /// Where the tag ends.
    pub(super) end: usize,
    /// How it ends.
    pub(super) closed: TagEnd,
    /// The attributes with the file's prefix.
    pub(super) own: Vec<TagAttribute>,
    /// Whether it is a `font` or an `annotation-xml` of the kind that SVG and MathML treat as HTML.
    pub(super) marked: bool,
    /// What a `link` or a `script` says about the file that it needs.
    pub(super) linked: LinkAttributes,
}

/// What the attributes of a `link` or a `script` say.
#[derive(Clone, Copy, Default)]
pub(super) struct LinkAttributes {
    address: Option<Span>,
    relation: Option<Span>,
}

impl LinkAttributes {
    /// Whether an element of this name links files.
    pub(super) fn is_for(element: &[u8]) -> bool {
        match element.len() {
            4 => names::is(element, b"link"),
            6 => names::is(element, b"script"),
            _ => false,
        }
    }

    /// Takes an attribute. Of two with one name, the first counts (HTML, section 13.2.5.33).
    pub(super) fn attribute(&mut self, element: &[u8], name: &[u8], value: Span) {
        let address: &[u8] = if element.len() == 4 { b"href" } else { b"src" };
        if names::is(name, address) {
            self.address.get_or_insert(value);
        } else if names::is(name, b"rel") {
            self.relation.get_or_insert(value);
        }
    }

    /// The path of the style sheet or the script. `None`: there is none, or it is not on this site.
    #[inline]
    pub(super) fn address(self, bytes: &[u8], element: &[u8]) -> Option<Span> {
        let is_path = |address: &Span| {
            let address = bytes.get(address.range());
            address.is_some_and(|address| address.trim_ascii_start().starts_with(b"/"))
        };
        let address = self.address.filter(is_path)?;
        let relation = self.relation.and_then(|relation| bytes.get(relation.range()));
        let is_loaded = relation.is_some_and(|relation| {
            let mut words = relation.split(|byte| is_space(*byte));
            words.any(|word| names::is_one(word, &["stylesheet", "modulepreload"]))
        });
        (is_loaded || names::is(element, b"script")).then_some(address)
    }
}
