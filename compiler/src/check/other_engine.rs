#![doc = include_str!("../explain/other-engine.md")]
#![deny(clippy::disallowed_methods)]

use std::sync::OnceLock;

use crate::{
    engines,
    problem::Problem,
    site::{File, Site},
    tag_prefix,
};

/// The files of a site, and whether they are without scripts: looked up once, and only if it matters.
pub(super) struct OtherEngines<'s> {
    site: &'s Site<'s>,
    is_static: OnceLock<bool>,
}

impl<'s> OtherEngines<'s> {
    pub(super) fn of(site: &'s Site<'s>) -> Self {
        Self {
            site,
            is_static: OnceLock::new(),
        }
    }

    /// Reports what other engines write in the text and the tags of a file that can be read.
    pub(super) fn check(&self, file: &File<'_>) -> Vec<Problem> {
        let text = &file.source.text;
        let tree = &file.tree;
        let is_searched = tree.other_engine || tree.has_signs && engines::may_be_foreign(text);
        if !is_searched {
            return Vec::new();
        }
        let is_static = *self.is_static.get_or_init(|| self.is_static());
        engines::in_text(file.id, text, tag_prefix::prefix(text), is_static)
    }

    /// Whether no file has a script, and none offers a fragment, which comes into pages that may have one.
    fn is_static(&self) -> bool {
        let begins = memchr::memmem::Finder::new("<script");
        let may_have_one =
            |file: &File<'_>| file.tree.may_offer || begins.find(file.source.text.as_bytes()).is_some();
        !self.site.files.iter().any(may_have_one)
    }
}
