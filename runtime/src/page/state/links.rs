//! Where a fragment's style sheets and scripts are linked.

use bytes::Bytes;

use crate::page::answer::FetchId;
use crate::page::state::{Asset, Content, PageEvent, PageState, Part};
use crate::page::{
    assets::script_nonce::ScriptNonce,
    assets::{LinkPosition, Scanner},
};

impl PageState {
    /// The scripts that this page links bear `nonce`. Nothing has left yet.
    pub(crate) fn bear(&mut self, nonce: ScriptNonce) {
        self.assets.bear(nonce);
    }

    /// What comes to the slot `number`: HTML that needs `assets`.
    pub(super) fn link(&mut self, number: u32, html: Bytes, assets: &[Asset]) -> Content {
        if assets.is_empty() || !self.nodes[number as usize].placed {
            return Content::Html(html);
        }
        if self.assets.place() == LinkPosition::Unknown {
            let place = self.find_head();
            self.assets.settle(place);
        }
        let over_limit = self.assets.learn(assets);
        if let (true, Some(fragment)) = (over_limit > 0, self.fragment(number).cloned()) {
            self.events.push(PageEvent::Unlinked {
                fragment,
                count: over_limit,
            });
        }
        match self.assets.place() {
            LinkPosition::Here => Content::Linked(html, assets.to_vec()),
            _ => Content::Html(html),
        }
    }

    /// What is known so far of what the fragments need.
    pub(crate) fn assets(&self) -> &[Asset] {
        self.assets.known()
    }

    /// What the fragments in a fragment need.
    pub(crate) fn take_assets(&mut self) -> Vec<Asset> {
        std::mem::take(&mut self.assets).into_known()
    }

    pub(super) fn note_unlinked(&mut self, fetch: FetchId, count: usize) {
        if let Some(query) = self.query(fetch).filter(|_| count > 0) {
            let fragment = query.fragment.clone();
            self.events.push(PageEvent::Unlinked { fragment, count });
        }
    }

    /// Looks for the end of the head in what Tera printed, and makes a place for links there if it has not left. The HTML of
    /// fragments is not looked at.
    fn find_head(&mut self) -> LinkPosition {
        let next = self.cursor.first().map_or(usize::MAX, |(_, next)| *next);
        let mut scanner = Scanner::default();
        let mut found = None;
        for (index, part) in self.root.iter().enumerate() {
            if let Part::Text(text) = part {
                found = scanner.find(text).map(|at| (index, text.clone(), at));
            }
            if found.is_some() || scanner.is_over() {
                break;
            }
        }
        let Some((index, text, at)) = found.filter(|(index, ..)| *index >= next) else {
            return LinkPosition::Here;
        };
        let parts = [
            Part::Text(text.slice(..at)),
            Part::Head,
            Part::Text(text.slice(at..)),
        ];
        self.root.splice(index..=index, parts);
        LinkPosition::Head
    }
}
