//! Links the style sheets and scripts of fragments.

use bytes::Bytes;

use crate::page::{
    answer::FetchId,
    assets::{LinkPosition, Scanner, script_nonce::ScriptNonce},
    state::{Asset, Content, PageEvent, PageState, Part},
};

impl PageState {
    /// Sets the nonce of the scripts that this page links. No text has left yet.
    pub(crate) fn set_script_nonce(&mut self, nonce: ScriptNonce) {
        self.assets.set_nonce(nonce);
    }

    /// The content of the slot `number`: HTML that needs `assets`.
    pub(super) fn link(&mut self, number: u32, html: Bytes, assets: &[Asset]) -> Content {
        if assets.is_empty() || !self.nodes[number as usize].placed {
            return Content::Html(html);
        }
        if self.assets.position() == LinkPosition::Unknown {
            let place = self.find_head();
            self.assets.set_position(place);
        }
        let over_limit = self.assets.add(assets);
        if let (true, Some(fragment)) = (over_limit > 0, self.fragment(number).cloned()) {
            self.events.push(PageEvent::Unlinked {
                fragment,
                count: over_limit,
            });
        }
        match self.assets.position() {
            LinkPosition::BeforeFragment => Content::Linked(html, assets.to_vec()),
            _ => Content::Html(html),
        }
    }

    /// The style sheets and scripts that the fragments need, as far as they have come.
    pub(crate) fn assets(&self) -> &[Asset] {
        self.assets.known()
    }

    /// The style sheets and scripts that the fragments in a fragment need.
    pub(crate) fn take_assets(&mut self) -> Vec<Asset> {
        std::mem::take(&mut self.assets).into_known()
    }

    pub(super) fn note_unlinked(&mut self, fetch: FetchId, count: usize) {
        if let Some(query) = self.query(fetch).filter(|_| count > 0) {
            let fragment = query.fragment.clone();
            self.events.push(PageEvent::Unlinked { fragment, count });
        }
    }

    /// Searches the text of the page for the end of the head, and inserts a part for links there if it has not left.
    /// The HTML of fragments is not searched.
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
            return LinkPosition::BeforeFragment;
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
