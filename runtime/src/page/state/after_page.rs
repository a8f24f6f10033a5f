//! Slots whose fragment comes after the page: their fallbacks stand in, between marks.

use hydra_contract::Mode;
use hydra_runtime_wire::in_milliseconds;
use memchr::memmem;

use crate::page::answer::{Answer, AskId};
use crate::page::state::{Content, Node, PageState, Standing, fetches};
use crate::page::{
    after_page::{Asked, is_balanced},
    plan::possible_owners::Owners,
    render::marker::Part,
    report::{event::Note, reason::Why},
};

/// How deep fallbacks may stand in each other that are looked through.
const MAX_DEPTH: usize = 8;

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

    /// Whose fragments are still to come: in the page, after it, or when the browser asks for them.
    pub(crate) fn still_open(&self) -> Owners {
        let is_awaited = self
            .delivery
            .as_ref()
            .is_some_and(|delivery| delivery.is_awaited());
        self.owners(|node| match node.standing {
            Standing::Not => matches!(node.content, Content::Open),
            Standing::Lazy | Standing::Awaited => true,
            Standing::Follows => false,
            Standing::Left => is_awaited,
        })
    }

    /// Whether the page has a fragment of a service that `knows` the visitor.
    pub(crate) fn is_of_some(&self, knows: impl Fn(&str) -> bool) -> bool {
        let own = &*self.core.plan.service;
        self.owners(|_| true)
            .some_may(|owner| knows(owner.unwrap_or(own)))
    }

    fn owners(&self, counts: impl Fn(&Node) -> bool) -> Owners {
        let mut owners = Owners::default();
        for node in self.nodes.iter().filter(|node| counts(node)) {
            let site = self.core.plan.sites.get(node.found.site);
            match (&node.found.request, site.and_then(|site| site.owners.as_deref())) {
                // What an expression names is known by now.
                (Some(request), Some(reach))
                    if request.owner.is_some() && reach.any && reach.named.is_empty() =>
                {
                    owners.named.insert(request.owner.clone());
                }
                (_, Some(reach)) => owners.add(reach),
                (_, None) => {}
            }
        }
        owners
    }

    fn defer(&mut self, number: u32) -> Result<(), Why> {
        self.ask(number)?;
        // What is there already, since another slot asked the same, comes into its place at once.
        if matches!(self.nodes[number as usize].content, Content::Open) {
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
        let Ok(imports) = fetches::imports(slot, self.import_values(number)) else {
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
        let Some(delivery) = &self.delivery else {
            return;
        };
        let (start, end) = delivery.marks(number, address);
        self.nodes[number as usize].standing = match address {
            Some(_) => Standing::Lazy,
            None => Standing::Awaited,
        };
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
        let standing = self.nodes[number as usize].standing;
        if standing == Standing::Awaited && content.as_ref().is_none_or(stays_in_place) {
            return self.come_in_place(number, content);
        }
        let place = (number, self.is_plain(number, 0));
        let Some(delivery) = &mut self.delivery else {
            return;
        };
        match standing {
            Standing::Awaited => self.nodes[number as usize].standing = Standing::Follows,
            _ => delivery.stays(),
        }
        match content {
            Some(Content::Html(html)) => delivery.arrive(place, ask, html, Vec::new()),
            Some(Content::Linked(html, assets)) => delivery.arrive(place, ask, html, assets),
            _ => {}
        }
    }

    /// The fragment, or else the fallback without its marks: the place has not left yet.
    fn come_in_place(&mut self, number: u32, content: Option<Content>) {
        let node = &mut self.nodes[number as usize];
        node.standing = Standing::Not;
        match (content, &mut node.content) {
            (Some(content), _) => node.content = content,
            (None, Content::Parts(parts)) => {
                parts.pop();
                parts.drain(..1);
            }
            (None, _) => {}
        }
    }

    /// Whether nothing in the fallback of a slot can be taken for the marks around it: the HTML of a fragment might.
    fn is_plain(&self, number: u32, depth: usize) -> bool {
        match &self.nodes[number as usize].content {
            Content::Html(html) | Content::Linked(html, _) => memmem::find(html, b"<?").is_none(),
            Content::Parts(parts) => parts.iter().all(|part| match part {
                Part::Place(inner) => depth < MAX_DEPTH && self.is_plain(*inner, depth + 1),
                _ => true,
            }),
            Content::Open => false,
        }
    }
}

/// Whether a fragment may stand in the text of the page. One that does not close what it opens would reach beyond its
/// place, which it can't when it comes after the page.
fn stays_in_place(content: &Content) -> bool {
    match content {
        Content::Html(html) | Content::Linked(html, _) => is_balanced(html),
        Content::Open | Content::Parts(_) => true,
    }
}
