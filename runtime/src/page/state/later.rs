//! Slots whose fragment comes after the page: their fallbacks stand in, between marks.

use hydra_contract::Mode;

use super::{Answer, AskId, Content, PageState, ask};
use crate::{
    page::{later::Asked, marker::Part, note::Note, reason::Why},
    wire::in_milliseconds,
};

impl PageState {
    /// How the fragment of a slot comes. In its place, where nothing may come after the page.
    pub(super) fn mode(&self, number: u32) -> Mode {
        let is_placed = self.nodes.get(number as usize).is_some_and(|node| node.placed);
        match self.slot(&self.core.plan, number) {
            Some((slot, _)) if is_placed && self.delivery.is_some() => slot.mode,
            _ => Mode::Inline,
        }
    }

    /// Asks for the fragment of a slot, or lets its fallback stand in until the browser asks for it.
    pub(super) fn open_slot(&mut self, number: u32) -> Result<(), Why> {
        match self.mode(number) {
            Mode::Inline => self.ask(number),
            Mode::Deferred => self.defer(number),
            Mode::Lazy => self.leave_to_browser(number),
        }
    }

    /// Whether the browser will ask for fragments, and their answers may change sessions.
    pub(crate) fn has_lazy(&self) -> bool {
        self.delivery.as_ref().is_some_and(|delivery| delivery.lazy > 0)
    }

    fn defer(&mut self, number: u32) -> Result<(), Why> {
        self.ask(number)?;
        // What is there already, since another slot asked the same, comes into its place at once.
        if matches!(self.nodes[number as usize].content, Content::Open) {
            if let Some(delivery) = &mut self.delivery {
                delivery.awaited += 1;
            }
            self.stand_in(number, None);
        }
        Ok(())
    }

    fn leave_to_browser(&mut self, number: u32) -> Result<(), Why> {
        let plan = self.core.plan.clone();
        let (Some((slot, site)), Some(request)) = (self.slot(&plan, number), self.request(number)) else {
            return Err(Why::NotPlanned);
        };
        if request.reference.is_empty() {
            return Err(Why::NoRef);
        }
        let (timeout, terms) = (self.timeout(slot), slot.terms);
        let Ok(imports) = ask::imports(slot, self.import_values(number)) else {
            return Err(Why::Imports);
        };
        let asked = Asked {
            service: request.owner.as_deref().map(str::to_owned),
            reference: request.reference.to_string(),
            imports,
            timeout: in_milliseconds(timeout),
            reuse: terms.map(|terms| (in_milliseconds(terms.cache), in_milliseconds(terms.stale))),
        };
        let Some(delivery) = &mut self.delivery else {
            return self.ask(number);
        };
        if delivery.lazy >= self.core.options.max_fragments {
            return Err(Why::TooMany);
        }
        let Some(address) = delivery.address(&asked) else {
            self.notes.push(Note::NotLazy { site });
            return self.ask(number);
        };
        delivery.lazy += 1;
        self.stand_in(number, Some(&address));
        Ok(())
    }

    /// Puts the fallback between marks.
    fn stand_in(&mut self, number: u32, address: Option<&str>) {
        let Some(delivery) = &mut self.delivery else {
            return;
        };
        let (start, end) = delivery.marks(number, address);
        self.nodes[number as usize].stands_in = true;
        let fallback = self.fallback(number);
        let parts = [Part::Text(start)].into_iter().chain(fallback);
        let parts = parts.chain([Part::Text(end)]).collect();
        self.close(number, Content::Parts(parts));
    }

    /// The answer for a slot whose fallback stands in. Without HTML that stays.
    pub(super) fn arrive(&mut self, number: u32, ask: AskId, answer: &Answer) {
        let plan = self.core.plan.clone();
        if let Some((_, site)) = self.slot(&plan, number) {
            self.note(number, site, answer.outcome, answer.reason.clone());
        }
        let html = answer.html.clone();
        let content = html.map(|html| self.link(number, html, &answer.assets));
        let Some(delivery) = &mut self.delivery else {
            return;
        };
        delivery.awaited = delivery.awaited.saturating_sub(1);
        match content {
            Some(Content::Html(html)) => delivery.arrive(number, ask, html, Vec::new()),
            Some(Content::Linked(html, assets)) => delivery.arrive(number, ask, html, assets),
            _ => {}
        }
    }
}
