//! Free names for exports that can't keep theirs.
//!
//! The help for one mistake is the whole list of its tag. So that pasting one help does not undo the correction of another, each
//! list has all the names that were found for its tag: it is written once all mistakes of the page are known.
#![deny(clippy::disallowed_methods)]

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    fragment::short,
    limits::MAX_ALIASES_PER_PAGE,
    model::{FragmentTag, Page, snake_case},
    problem::Problem,
    suggest::free_alias,
};

use super::{exporters::Exporter, lists::renamed};

/// Stands before and after a place holder in a help: the numbers of a tag and of an item in its list, which
/// [`Aliases::finish`] replaces by the list. Nothing else in a help holds this character.
const OPEN: char = '\u{0}';

/// The names that were suggested on a page so far: no two mistakes get the same.
#[derive(Debug, Default)]
pub(super) struct Aliases {
    suggested: BTreeSet<String>,
    /// By tag: its items, by their place in its list, and their new names.
    by_tag: BTreeMap<usize, BTreeMap<usize, String>>,
}

impl Aliases {
    /// A place holder for the list of `tag`, to be put into a help: [`Aliases::finish`] replaces it by text that can
    /// be pasted. In this list, the exporter's export gets a name that is not taken; `service`, the service of the
    /// tag, may become a part of the name.
    pub(super) fn list(
        &mut self,
        tag: &FragmentTag<'_>,
        service: &str,
        exporter: Exporter<'_>,
        is_taken: &dyn Fn(&str) -> bool,
    ) -> String {
        let exports = &tag.node.fragment.exports;
        let Some(index) = exports.iter().position(|item| std::ptr::eq(item, exporter.item)) else {
            return short(exporter.item.name());
        };
        let known = self
            .by_tag
            .get(&exporter.tag)
            .is_some_and(|items| items.contains_key(&index));
        if !known {
            if self.suggested.len() >= MAX_ALIASES_PER_PAGE {
                return format!("{} as …", short(exporter.item.name()));
            }
            let taken = |alias: &str| is_taken(alias) || self.suggested.contains(&snake_case(alias));
            let alias = free_alias(exporter.item.target(), service, &taken);
            self.suggested.insert(snake_case(&alias));
            self.by_tag.entry(exporter.tag).or_default().insert(index, alias);
        }
        format!("{OPEN}{}/{index}{OPEN}", exporter.tag)
    }

    /// Writes the lists into the helps.
    pub(super) fn finish(&self, page: &Page<'_>, problems: &mut [Problem]) {
        if self.by_tag.is_empty() {
            return;
        }
        for help in problems.iter_mut().filter_map(|problem| problem.help.as_mut()) {
            let mut parts = help.splitn(3, OPEN);
            if let (Some(before), Some(place), Some(after)) = (parts.next(), parts.next(), parts.next()) {
                *help = format!("{before}{}{after}", self.written(page, place)).into();
            }
        }
    }

    fn written(&self, page: &Page<'_>, place: &str) -> String {
        let number = |text: &str| text.parse::<usize>().ok();
        let found = place
            .split_once('/')
            .and_then(|(tag, item)| Some((number(tag)?, number(item)?)));
        let list = found.and_then(|(tag, item)| {
            let exports = &page.tags.get(tag)?.node.fragment.exports;
            let aliases = self.by_tag.get(&tag)?;
            let alias = |index: usize| aliases.get(&index).map(String::as_str);
            Some(renamed(exports, item, &alias, "exports"))
        });
        list.unwrap_or_default()
    }
}
