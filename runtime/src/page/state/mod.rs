//! One page in the making: a state machine without clocks, tasks or sockets.
//!
//! Asks come out, answers go in, and text comes out in document order as soon as nothing before it is open.
#![deny(clippy::disallowed_methods)]

mod after_page;
pub(crate) mod exports;
mod fetches;
mod fill;
mod links;
#[cfg(test)]
mod order;
mod ready;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, ops::Range, sync::Arc};

use bytes::Bytes;
use hydra_runtime_wire::{Asset, Outcome, keep_good};
use tera::Context;

pub(crate) use self::fetches::Question;

use self::exports::Exports;
use self::fetches::Ask;
use crate::page::{
    after_page::Delivery,
    answer::{Answer, AskId},
    assets::{Assets, Place},
    plan::{Kind, Slot},
    render::{
        filter::{Found, Request},
        marker::Part,
    },
    report::{
        error::{PageFailure, RenderError},
        event::Note,
        reason::Reason,
    },
    setup::shared::{Core, Rendered},
};

/// A page, or an offered fragment, of which some slots and holes may still be open.
pub struct PageState {
    core: Arc<Core>,
    root: Vec<Part>,
    /// Where the output has come to: the texts that it stands in, outermost first, and the next part in each.
    cursor: Vec<(Option<u32>, usize)>,
    nodes: Vec<Node>,
    open_holes: Vec<u32>,
    exports: Exports,
    asks: Vec<Ask>,
    /// The first ask that was not handed out yet.
    unsent: AskId,
    undecided: usize,
    /// Asks by the hash of what they ask.
    same: HashMap<u64, AskId>,
    /// How many open places may still decide about the status.
    holding: usize,
    /// Why the page can't be shown.
    failure: Option<PageFailure>,
    /// Whether its status can't be changed any more.
    head_left: bool,
    /// What comes after the page. `None`: all fragments come in their places.
    delivery: Option<Box<Delivery>>,
    /// Whether text waits for deferred fragments that may come into their places.
    is_in_grace: bool,
    /// Whether it does so right now.
    is_held: bool,
    notes: Vec<Note>,
    assets: Assets,
}

/// A slot or hole of this page.
struct Node {
    found: Found,
    around: Around,
    /// Whether its marker reached the text. One that did not may still give exports.
    placed: bool,
    /// Whether its fallback stands in for a fragment that comes after the page.
    standing: Standing,
    content: Content,
}

/// Whether the fallback of a slot stands in for its fragment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// No: what comes, comes into its place.
    Not,
    /// Until the browser asks for it.
    Lazy,
    /// Until the fragment comes. It may still come into its place.
    Awaited,
    /// The fragment is there, and follows the page.
    Follows,
    /// It has left with the page.
    Left,
}

impl Standing {
    fn stands_in(self) -> bool {
        self != Standing::Not
    }
}

/// The lifted texts around a place.
#[derive(Clone, Copy, Default)]
struct Around {
    /// How many there are.
    depth: usize,
    /// Whether one of them is a hole: what stands there hangs on an export.
    waits: bool,
}

enum Content {
    Open,
    Html(Bytes),
    /// HTML, and what must be linked before it.
    Linked(Bytes, Vec<Asset>),
    Parts(Vec<Part>),
}

impl PageState {
    /// Renders `template` and finds its slots and holes. Without a `delivery` all fragments come in their places.
    pub(crate) fn new(
        core: Arc<Core>,
        template: &str,
        context: &Context,
        delivery: Option<Box<Delivery>>,
    ) -> Result<Self, RenderError> {
        let rendered = core.render(template, context, 0)?;
        let known = core
            .plan
            .pages
            .get(template)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let mut state = Self {
            exports: Exports::new(core.plan.names.len(), known),
            core,
            root: Vec::new(),
            cursor: vec![(None, 0)],
            nodes: Vec::new(),
            open_holes: Vec::new(),
            asks: Vec::new(),
            unsent: 0,
            undecided: 0,
            same: HashMap::new(),
            holding: 0,
            failure: None,
            head_left: false,
            assets: Assets::default(),
            is_in_grace: delivery.is_some(),
            is_held: false,
            delivery,
            notes: Vec::new(),
        };
        state.root = state.enter(rendered, Around::default());
        state.place_script();
        state.settle();
        Ok(state)
    }

    /// The same for an offered fragment: what it needs is linked by the page that embeds it.
    pub(crate) fn of_fragment(
        core: Arc<Core>,
        template: &str,
        context: &Context,
    ) -> Result<Self, RenderError> {
        let mut state = Self::new(core, template, context, None)?;
        state.assets.settle(Place::Outside);
        Ok(state)
    }

    /// The asks that were found since the last call. Each must get one [`answer`](Self::answer).
    pub fn take_asks(&mut self) -> Range<AskId> {
        let found = self.unsent..self.asks.len();
        self.unsent = self.asks.len();
        found
    }

    /// The answer to an ask. A second one is ignored.
    pub fn answer(&mut self, ask: AskId, answer: Answer) {
        let Some(entry) = self.asks.get(ask).filter(|ask| ask.answer.is_none()) else {
            return;
        };
        let mut answer = answer.checked(self.core.options.max_fragment_bytes);
        let mut assets = std::mem::take(&mut answer.assets).into_vec();
        let unlinked = keep_good(&mut assets);
        answer.assets = assets.into_boxed_slice();
        let dropped = answer
            .exports
            .keys()
            .filter(|name| !entry.exports_name(name))
            .count();
        if let Some(question) = self.question(ask).filter(|_| dropped > 0) {
            let Request { owner, reference } = question.request.clone();
            self.notes.push(Note::Dropped {
                owner,
                reference,
                count: dropped,
            });
        }
        self.undecided -= usize::from(entry.holds);
        // Decided: what joins it from now on waits for nothing.
        self.asks[ask].holds = true;
        self.note_unlinked(ask, unlinked);
        self.deliver(ask, answer);
        self.settle();
    }

    /// Whether all text has been taken.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.cursor.is_empty() && self.delivery.as_ref().is_none_or(|delivery| delivery.is_done())
    }

    /// Whether something is still to come.
    pub(crate) fn is_open(&self) -> bool {
        self.undecided > 0 || !self.open_holes.is_empty()
    }

    /// Whether something that is open may still decide about the status of the response.
    #[must_use]
    pub fn holds_head(&self) -> bool {
        self.holding > 0
    }

    /// Why the page can't be shown: the first required fragment that failed, or the first error in a fallback.
    pub(crate) fn failure(&self) -> Option<&PageFailure> {
        self.failure.as_ref()
    }

    /// The status of the response is said. From now on an error costs only its place.
    pub(crate) fn head_leaves(&mut self) {
        self.head_left = true;
    }

    /// What happened since the last call.
    pub(crate) fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    /// Takes in a rendered text: cuts it, and asks for what it needs.
    fn enter(&mut self, rendered: Rendered, around: Around) -> Vec<Part> {
        let first = self.next_number();
        let last = first.saturating_add(u32::try_from(rendered.found.len()).unwrap_or(u32::MAX));
        let (parts, damaged) = self.core.nonce.cut(&rendered.text, first..last);
        if damaged > 0 {
            self.notes.push(Note::Damaged);
        }
        let plan = self.core.plan.clone();
        self.nodes.reserve(rendered.found.len());
        for found in rendered.found {
            self.exports.open(&plan.sites[found.site].gives);
            self.nodes.push(Node {
                found,
                around,
                placed: false,
                standing: Standing::Not,
                content: Content::Open,
            });
        }
        for part in &parts {
            if let Part::Place(number) = part {
                self.nodes[*number as usize].placed = true;
            }
        }
        // All givers are known before the first one closes, so that nothing counts as settled too early.
        for number in first..last {
            self.open(number);
        }
        parts
    }

    fn next_number(&self) -> u32 {
        u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)
    }

    fn open(&mut self, number: u32) {
        let plan = self.core.plan.clone();
        let node = &self.nodes[number as usize];
        let site = &plan.sites[node.found.site];
        if node.placed && site.holds_head {
            self.holding += 1;
        }
        if !node.placed && site.gives.is_empty() {
            self.close(number, Content::Parts(Vec::new()));
        } else if matches!(site.kind, Kind::Hole { .. }) {
            self.open_holes.push(number);
        } else if let Err(reason) = self.open_slot(number) {
            self.fail(number, Outcome::Refused, Some(reason.into()));
        }
    }

    fn close(&mut self, number: u32, content: Content) {
        let node = &mut self.nodes[number as usize];
        node.content = content;
        if node.found.request.is_none() {
            node.found.values = Box::default();
        }
        let site = &self.core.plan.sites[node.found.site];
        self.exports.close(&site.gives);
        if node.placed && site.holds_head {
            self.holding = self.holding.saturating_sub(1);
        }
    }

    fn slot<'p>(&self, plan: &'p crate::page::plan::Prepared, number: u32) -> Option<(&'p Slot, usize)> {
        let site = self.nodes.get(number as usize)?.found.site;
        match &plan.sites.get(site)?.kind {
            Kind::Slot(slot) => Some((slot, site)),
            Kind::Hole { .. } => None,
        }
    }

    fn request(&self, number: u32) -> Option<&Request> {
        self.nodes.get(number as usize)?.found.request.as_ref()
    }

    fn note(&mut self, number: u32, site: usize, outcome: Outcome, reason: Option<Reason>) {
        if let Some(Request { owner, reference }) = self.request(number).cloned() {
            self.notes.push(Note::Slot {
                site,
                owner,
                reference,
                outcome,
                reason,
            });
        }
    }
}
