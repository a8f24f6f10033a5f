//! One page while it is put together: a state machine without clocks, tasks or sockets.
//!
//! Fetches come out, answers go in, and text comes out in document order as soon as every slot and hole before it is
//! filled.
#![deny(clippy::disallowed_methods)]

mod after_page;
#[cfg(test)]
mod equivalence_tests;
pub(crate) mod exports;
mod fetches;
mod fill;
mod links;
mod prefilled;
pub(crate) mod ready;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, ops::Range, sync::Arc};

use bytes::Bytes;
use foldhash::fast::RandomState;
use hydra_runtime_wire::{Asset, Outcome, keep_good};
use tera::Context;

pub(crate) use self::fetches::FetchQuery;

use self::exports::Exports;
use self::fetches::Fetch;
use self::prefilled::Prefilled;
use crate::page::{
    after_page::Delivery,
    answer::{Answer, FetchId, PrefilledSlot},
    assets::{Assets, LinkPosition},
    plan::{PreparedKind, PreparedPlan, PreparedSlot, fragment_name::FragmentName},
    render::{filter::FoundSite, marker::Part, templates::Rendered},
    report::{
        error::{PageFailure, RenderError},
        event::PageEvent,
        reason::Reason,
    },
    setup::shared::Shared,
};

/// A page or an offered fragment, some of whose slots and holes may still be open.
pub struct PageState {
    shared: Arc<Shared>,
    root: Vec<Part>,
    /// The position of the output: the texts that it is in, outermost first, and the next part of each.
    cursor: Vec<(Option<u32>, usize)>,
    nodes: Vec<Node>,
    open_holes: Vec<u32>,
    exports: Exports,
    fetches: Vec<Fetch>,
    /// The first fetch that was not handed out yet.
    unsent: FetchId,
    undecided: usize,
    /// The fetches by the hash of what they fetch.
    by_hash: HashMap<u64, FetchId, RandomState>,
    /// How many open slots and holes may still decide about the status.
    head_blockers: usize,
    /// Why the page can't be shown.
    failure: Option<PageFailure>,
    /// Whether the head of the response has left, with its status.
    has_head_left: bool,
    /// The fragments that come after the page. `None`: all come in their places.
    delivery: Option<Box<Delivery>>,
    /// Whether text waits for deferred fragments, so that they come in their places.
    is_in_grace: bool,
    /// Whether text waits for one right now.
    is_held: bool,
    /// The fragment that is not fetched, because its answer is known.
    prefilled: Prefilled,
    events: Vec<PageEvent>,
    assets: Assets,
}

/// A slot or hole of this page.
struct Node {
    found: FoundSite,
    nesting: Nesting,
    /// Whether its marker reached the text. A slot whose marker did not may still export attributes.
    placed: bool,
    /// Whether its fallback stands in for a fragment that comes after the page.
    stand_in: StandIn,
    content: Content,
}

/// Whether the fallback of a slot stands in for its fragment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum StandIn {
    /// It does not: the fragment or the fallback comes in its place.
    InPlace,
    /// Until the browser asks for the fragment.
    Lazy,
    /// Until the fragment comes, which may still be in time for its place.
    Awaited,
    /// The fragment has come, and is sent after the page.
    Arrived,
    /// The fallback has left with the page.
    Sent,
}

impl StandIn {
    fn stands_in(self) -> bool {
        self != StandIn::InPlace
    }
}

/// The lifted texts around a slot or hole.
#[derive(Clone, Copy, Default)]
struct Nesting {
    /// How many there are.
    depth: usize,
    /// Whether one of them is the text of a hole, which depends on an export.
    waits: bool,
}

enum Content {
    Open,
    Html(Bytes),
    /// HTML, and the style sheets and scripts that are linked before it.
    Linked(Bytes, Vec<Asset>),
    Parts(Vec<Part>),
}

impl PageState {
    /// Renders `template` and finds its slots and holes. Without a `delivery`, all fragments come in their places. The
    /// fragment of `prefilled` is not fetched.
    pub(crate) fn new(
        shared: Arc<Shared>,
        template: &str,
        context: &Context,
        delivery: Option<Box<Delivery>>,
        prefilled: Option<Box<PrefilledSlot>>,
    ) -> Result<Self, RenderError> {
        let rendered = shared.templates.render(template, context, 0)?;
        let known = shared
            .plan
            .pages
            .get(template)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let mut state = Self {
            exports: Exports::new(shared.plan.names.len(), known),
            shared,
            root: Vec::new(),
            cursor: vec![(None, 0)],
            nodes: Vec::new(),
            open_holes: Vec::new(),
            fetches: Vec::new(),
            unsent: 0,
            undecided: 0,
            by_hash: HashMap::default(),
            head_blockers: 0,
            failure: None,
            has_head_left: false,
            assets: Assets::default(),
            is_in_grace: delivery.is_some(),
            is_held: false,
            prefilled: Prefilled::new(prefilled),
            delivery,
            events: Vec::new(),
        };
        state.root = state.enter(rendered, Nesting::default());
        state.place_script();
        state.settle();
        Ok(state)
    }

    /// Renders an offered fragment. The page that embeds it links its style sheets and scripts.
    pub(crate) fn of_fragment(
        shared: Arc<Shared>,
        template: &str,
        context: &Context,
    ) -> Result<Self, RenderError> {
        let mut state = Self::new(shared, template, context, None, None)?;
        state.assets.set_position(LinkPosition::EmbeddingPage);
        Ok(state)
    }

    /// The fetches that were found since the last call. Each must get one [`answer`](Self::answer).
    pub fn take_fetches(&mut self) -> Range<FetchId> {
        let found = self.unsent..self.fetches.len();
        self.unsent = self.fetches.len();
        found
    }

    /// Takes in the answer to a fetch. A second answer is ignored.
    pub fn answer(&mut self, fetch: FetchId, answer: Answer) {
        let Some(entry) = self.fetches.get(fetch).filter(|fetch| fetch.answer.is_none()) else {
            return;
        };
        let mut answer = answer.checked(self.shared.options.max_fragment_bytes);
        let mut assets = std::mem::take(&mut answer.assets).into_vec();
        let unlinked = keep_good(&mut assets);
        answer.assets = assets.into_boxed_slice();
        let dropped = answer
            .exports
            .keys()
            .filter(|name| !entry.exports_name(name))
            .count();
        if let Some(query) = self.query(fetch).filter(|_| dropped > 0) {
            let fragment = query.fragment.clone();
            self.events.push(PageEvent::Dropped {
                fragment,
                count: dropped,
            });
        }
        self.undecided -= usize::from(entry.page_waits);
        // The answer is here and `undecided` no longer counts this fetch: marked as waited for, so that a slot which joins
        // it during `deliver` does not count it again.
        self.fetches[fetch].page_waits = true;
        self.note_unlinked(fetch, unlinked);
        self.deliver(fetch, answer);
        self.settle();
    }

    /// Whether a fetch has its answer.
    pub(crate) fn is_answered(&self, fetch: FetchId) -> bool {
        self.fetches.get(fetch).is_none_or(|fetch| fetch.answer.is_some())
    }

    /// Whether all text has been taken.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.cursor.is_empty() && self.delivery.as_ref().is_none_or(|delivery| delivery.is_done())
    }

    /// Whether the page is nothing but its text: no slot and no hole is in it, and nothing comes after it.
    pub(crate) fn is_only_text(&self) -> bool {
        self.nodes.is_empty() && self.delivery.is_none() && self.events.is_empty()
    }

    /// Whether a fetch or a hole is open.
    pub(crate) fn is_open(&self) -> bool {
        self.undecided > 0 || !self.open_holes.is_empty()
    }

    /// Whether an open slot or hole may still decide about the head of the response: about its status, or whether the
    /// prefilled fragment has a slot.
    #[must_use]
    pub fn holds_head(&self) -> bool {
        self.head_blockers > 0 || self.prefilled.is_awaited()
    }

    /// Why the page can't be shown: the first required fragment that failed, or the first error in a fallback.
    pub(crate) fn failure(&self) -> Option<&PageFailure> {
        self.failure.as_ref()
    }

    /// Tells that the head of the response leaves. From now on, an error only empties its slot or hole.
    pub(crate) fn head_leaves(&mut self) {
        self.has_head_left = true;
    }

    /// The events since the last call.
    pub(crate) fn take_events(&mut self) -> Vec<PageEvent> {
        std::mem::take(&mut self.events)
    }

    /// Takes in a rendered text: opens its slots and holes.
    fn enter(&mut self, rendered: Rendered, nesting: Nesting) -> Vec<Part> {
        let first = self.next_number();
        let last = first.saturating_add(u32::try_from(rendered.found.len()).unwrap_or(u32::MAX));
        if rendered.damaged > 0 {
            self.events.push(PageEvent::Damaged);
        }
        let plan = self.shared.plan.clone();
        let count = rendered.found.len();
        self.nodes.reserve(count);
        self.fetches.reserve(count);
        self.by_hash.reserve(count);
        self.events.reserve(count);
        for found in rendered.found {
            self.exports.open(&plan.sites[found.site].gives);
            self.nodes.push(Node {
                found,
                nesting,
                placed: false,
                stand_in: StandIn::InPlace,
                content: Content::Open,
            });
        }
        for part in &rendered.parts {
            if let Part::Marker(number) = part {
                self.nodes[*number as usize].placed = true;
            }
        }
        self.look_for_prefilled(first..last);
        // All sites that may export an attribute are known before the first one closes, so that no export is settled
        // too early.
        for number in first..last {
            self.open(number);
        }
        rendered.parts
    }

    fn next_number(&self) -> u32 {
        u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)
    }

    fn open(&mut self, number: u32) {
        let plan = self.shared.plan.clone();
        let node = &self.nodes[number as usize];
        let site = &plan.sites[node.found.site];
        if node.placed && site.holds_head {
            self.head_blockers += 1;
        }
        if !node.placed && site.gives.is_empty() {
            self.close(number, Content::Parts(Vec::new()));
        } else if matches!(site.kind, PreparedKind::Hole { .. }) {
            self.open_holes.push(number);
        } else if self.prefilled.is_at(number) {
            // It is filled once the text around it is known, in which its style sheets are linked.
        } else if let Err(reason) = self.open_slot(number) {
            self.fail(number, Outcome::Refused, Some(reason.into()));
        }
    }

    fn close(&mut self, number: u32, content: Content) {
        let node = &mut self.nodes[number as usize];
        node.content = content;
        if node.found.fragment.is_none() {
            node.found.values = Box::default();
        }
        let site = &self.shared.plan.sites[node.found.site];
        self.exports.close(&site.gives);
        if node.placed && site.holds_head {
            self.head_blockers = self.head_blockers.saturating_sub(1);
        }
    }

    fn slot<'p>(&self, plan: &'p PreparedPlan, number: u32) -> Option<(&'p PreparedSlot, usize)> {
        let site = self.nodes.get(number as usize)?.found.site;
        match &plan.sites.get(site)?.kind {
            PreparedKind::Slot(slot) => Some((slot, site)),
            PreparedKind::Hole { .. } => None,
        }
    }

    fn fragment(&self, number: u32) -> Option<&FragmentName> {
        self.nodes.get(number as usize)?.found.fragment.as_ref()
    }

    fn note(&mut self, number: u32, site: usize, outcome: Outcome, reason: Option<Reason>) {
        if let Some(fragment) = self.fragment(number).cloned() {
            self.events.push(PageEvent::Slot {
                site,
                fragment,
                outcome,
                reason,
            });
        }
    }
}
