//! Slots whose fragment comes after the page. Their fallbacks stand in for it, between marks.

use std::collections::BTreeSet;

use hydra_contract::Mode;
use hydra_runtime_wire::in_milliseconds;
use memchr::memmem;

use crate::{
    limits::MAX_SEARCHED_FALLBACKS,
    page::{
        after_page::{LazyFragment, is_balanced},
        answer::{Answer, FetchId},
        plan::possible_owners::PossibleOwners,
        render::marker::Part,
        report::{event::PageEvent, reason::ReasonKind},
        state::{Content, Node, PageState, StandIn, fetches},
    },
};

impl PageState {
    /// How the fragment of a slot comes: in its place, unless fragments may come after the page.
    pub(super) fn mode(&self, number: u32) -> Mode {
        let is_placed = self.nodes.get(number as usize).is_some_and(|node| node.placed);
        match self.slot(&self.shared.plan, number) {
            Some((slot, _)) if is_placed && self.delivery.is_some() => slot.mode,
            _ => Mode::Inline,
        }
    }

    /// Fetches the fragment of a slot, or lets its fallback stand in until the browser asks for the fragment.
    pub(super) fn open_slot(&mut self, number: u32) -> Result<(), ReasonKind> {
        match self.mode(number) {
            Mode::Inline => self.fetch(number),
            Mode::Deferred => self.defer(number),
            Mode::Lazy => self.leave_to_browser(number),
        }
    }

    /// The owners of the fragments that are still to come: in the page, after it, or when the browser asks for them.
    pub(crate) fn still_open(&self) -> PossibleOwners {
        let is_awaited = self
            .delivery
            .as_ref()
            .is_some_and(|delivery| delivery.is_awaited());
        self.owners(|node| match node.stand_in {
            StandIn::InPlace => matches!(node.content, Content::Open),
            StandIn::Lazy | StandIn::Awaited => true,
            StandIn::Arrived => false,
            StandIn::Sent => is_awaited,
        })
    }

    /// Whether a fragment of one of the `services` is still to come, or may be.
    pub(crate) fn awaits_some(&self, services: &BTreeSet<String>) -> bool {
        !services.is_empty()
            && self
                .owners(|node| match node.stand_in {
                    StandIn::InPlace => matches!(node.content, Content::Open),
                    StandIn::Awaited => true,
                    StandIn::Lazy | StandIn::Arrived | StandIn::Sent => false,
                })
                .some_may(|owner| owner.is_some_and(|owner| services.contains(owner)))
    }

    /// Whether the page has a fragment of a service that `knows` the visitor.
    pub(crate) fn is_of_some(&self, knows: impl Fn(&str) -> bool) -> bool {
        let own = &*self.shared.plan.service;
        self.owners(|_| true)
            .some_may(|owner| knows(owner.unwrap_or(own)))
    }

    fn owners(&self, counts: impl Fn(&Node) -> bool) -> PossibleOwners {
        let mut owners = PossibleOwners::default();
        for node in self.nodes.iter().filter(|node| counts(node)) {
            let site = self.shared.plan.sites.get(node.found.site);
            match (&node.found.fragment, site.and_then(|site| site.owners.as_deref())) {
                // The owner that an expression computes is known by now.
                (Some(fragment), Some(reach))
                    if fragment.owner.is_some() && reach.any && reach.named.is_empty() =>
                {
                    owners.named.insert(fragment.owner.clone());
                }
                (_, Some(reach)) => owners.add(reach),
                (_, None) => {}
            }
        }
        owners
    }

    fn defer(&mut self, number: u32) -> Result<(), ReasonKind> {
        self.fetch(number)?;
        // A fragment that has come already, for another slot, comes in its place at once.
        if matches!(self.nodes[number as usize].content, Content::Open) {
            self.stand_in(number, None);
        }
        Ok(())
    }

    fn leave_to_browser(&mut self, number: u32) -> Result<(), ReasonKind> {
        let plan = self.shared.plan.clone();
        let (Some((slot, site)), Some(fragment)) = (self.slot(&plan, number), self.fragment(number)) else {
            return Err(ReasonKind::NotPlanned);
        };
        if fragment.reference.is_empty() {
            return Err(ReasonKind::NoRef);
        }
        let (timeout, policy) = (self.timeout(slot), slot.policy);
        let Ok(imports) = fetches::imports(slot, self.import_values(number)) else {
            return Err(ReasonKind::Imports);
        };
        let lazy = LazyFragment {
            service: fragment.owner.as_deref().map(str::to_owned),
            reference: fragment.reference.to_string(),
            imports,
            timeout: in_milliseconds(timeout),
            reuse: policy.map(|policy| (in_milliseconds(policy.cache), in_milliseconds(policy.stale))),
        };
        let Some(delivery) = &mut self.delivery else {
            return self.fetch(number);
        };
        if delivery.lazy >= self.shared.options.max_fragments {
            return Err(ReasonKind::TooMany);
        }
        let Some(address) = delivery.address(&lazy) else {
            self.events.push(PageEvent::NotLazy { site });
            return self.fetch(number);
        };
        delivery.lazy += 1;
        self.stand_in(number, Some(&address));
        Ok(())
    }

    /// Puts the fallback between marks.
    fn stand_in(&mut self, number: u32, address: Option<&str>) {
        let Some(delivery) = &self.delivery else {
            return;
        };
        let (start, end) = delivery.marks(number, address);
        self.nodes[number as usize].stand_in = match address {
            Some(_) => StandIn::Lazy,
            None => StandIn::Awaited,
        };
        let fallback = self.fallback(number);
        let parts = [Part::Text(start)].into_iter().chain(fallback);
        let parts = parts.chain([Part::Text(end)]).collect();
        self.close(number, Content::Parts(parts));
    }

    /// Takes in the answer for a slot whose fallback stands in. Without HTML, the fallback stays.
    pub(super) fn arrive(&mut self, number: u32, fetch: FetchId, answer: &Answer) {
        let plan = self.shared.plan.clone();
        if let Some((_, site)) = self.slot(&plan, number) {
            self.note(number, site, answer.outcome, answer.reason.clone());
        }
        let html = answer.html.clone();
        let content = html.map(|html| self.link(number, html, &answer.assets));
        let stand_in = self.nodes[number as usize].stand_in;
        if stand_in == StandIn::Awaited && content.as_ref().is_none_or(stays_in_place) {
            return self.come_in_place(number, content);
        }
        let is_plain = self.is_plain(number, 0);
        let Some(delivery) = &mut self.delivery else {
            return;
        };
        match stand_in {
            StandIn::Awaited => self.nodes[number as usize].stand_in = StandIn::Arrived,
            _ => delivery.stop_awaiting(),
        }
        match content {
            Some(Content::Html(html)) => delivery.arrive(number, is_plain, fetch, html, Vec::new()),
            Some(Content::Linked(html, assets)) => delivery.arrive(number, is_plain, fetch, html, assets),
            _ => {}
        }
    }

    /// Shows the fragment in its place, or the fallback without its marks. The place has not left yet.
    fn come_in_place(&mut self, number: u32, content: Option<Content>) {
        let node = &mut self.nodes[number as usize];
        node.stand_in = StandIn::InPlace;
        match (content, &mut node.content) {
            (Some(content), _) => node.content = content,
            (None, Content::Parts(parts)) => {
                parts.pop();
                parts.drain(..1);
            }
            (None, _) => {}
        }
    }

    /// Whether the fallback of a slot holds nothing that looks like the marks around it. The HTML of a fragment might.
    fn is_plain(&self, number: u32, depth: usize) -> bool {
        match &self.nodes[number as usize].content {
            Content::Html(html) | Content::Linked(html, _) => memmem::find(html, b"<?").is_none(),
            Content::Parts(parts) => parts.iter().all(|part| match part {
                Part::Marker(inner) => depth < MAX_SEARCHED_FALLBACKS && self.is_plain(*inner, depth + 1),
                _ => true,
            }),
            Content::Open => false,
        }
    }
}

/// Whether a fragment may stand in the text of the page. HTML that does not close what it opens would change what
/// follows it, which it can't when it comes after the page.
fn stays_in_place(content: &Content) -> bool {
    match content {
        Content::Html(html) | Content::Linked(html, _) => is_balanced(html),
        Content::Open | Content::Parts(_) => true,
    }
}
