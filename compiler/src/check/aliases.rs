//! Free names for exports that can't keep theirs.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeSet;

use crate::{fragment::short, model::snake_case, suggest::free_alias};

use super::subject::{Giver, Subject, renamed};

/// Beyond this many on one page, a free name for each would take longer to find than anyone reads on.
const MOST: usize = 100;

/// The names that were suggested on a page so far: no two mistakes get the same.
#[derive(Debug, Default)]
pub(super) struct Aliases {
    suggested: BTreeSet<String>,
}

impl Aliases {
    /// The tag's list with a name for the export that is free on the page: text that can be pasted.
    pub(super) fn list(&mut self, subject: &Subject<'_, '_>, giver: Giver<'_>) -> String {
        let tag = &subject.page.tags[giver.tag];
        if self.suggested.len() >= MOST {
            return format!("{} as …", short(&giver.item.name()));
        }
        let taken = |alias: &str| subject.is_taken(alias) || self.suggested.contains(&snake_case(alias));
        let alias = free_alias(giver.item.target(), subject.service(tag), &taken);
        self.suggested.insert(snake_case(&alias));
        renamed(&tag.node.fragment.exports, giver.item, &alias, "exports")
    }
}
