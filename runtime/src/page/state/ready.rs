//! The text that may leave: everything before the first open slot or hole, in document order.

use bytes::{Bytes, BytesMut};
use hydra_runtime_wire::Asset;

use crate::page::{
    after_page::{Prologue, before_closing_tags},
    plan::PreparedPlan,
    render::marker::Part,
    state::{Content, Node, PageState, StandIn},
};

/// Pieces below this size, in bytes, are copied together: sending a piece costs more than the copy.
const SMALL: usize = 256;

impl PageState {
    /// Moves the text that is ready to `out`.
    pub fn take_ready(&mut self, out: &mut impl Extend<Bytes>) {
        let mut small = Small::default();
        self.is_held = false;
        while let Some((within, next)) = self.cursor.last_mut() {
            let parts = match within {
                None => &self.root,
                Some(number) => match &self.nodes[*number as usize].content {
                    Content::Parts(parts) => parts,
                    _ => break,
                },
            };
            let Some(part) = parts.get(*next) else {
                self.cursor.pop();
                continue;
            };
            match part {
                Part::Text(text) => match &mut self.delivery {
                    Some(delivery) if within.is_none() && *next + 1 == parts.len() => {
                        small.push(delivery.hold_back_end(text), out)
                    }
                    _ => small.push(text.clone(), out),
                },
                Part::Head => small.push(self.assets.end_head(), out),
                Part::Script => {
                    if let Some(delivery) = &mut self.delivery
                        && may_come_after_page(&self.nodes, &self.shared.plan)
                    {
                        small.push(delivery.script(), out);
                    }
                }
                Part::Marker(number) => match &self.nodes[*number as usize].content {
                    Content::Open => break,
                    Content::Html(html) => {
                        self.assets.html_leaves(html);
                        small.push(html.clone(), out);
                    }
                    Content::Linked(html, assets) => {
                        small.push(self.assets.links(assets), out);
                        self.assets.html_leaves(html);
                        small.push(html.clone(), out);
                    }
                    Content::Parts(_) => {
                        let number = *number;
                        if !self.enter_parts(number) {
                            break;
                        }
                        continue;
                    }
                },
            }
            *next += 1;
        }
        self.take_deferred(&mut small, out);
        small.flush(out);
    }

    /// Moves the cursor into the text of the slot or hole `number`. Returns whether that may leave now.
    fn enter_parts(&mut self, number: u32) -> bool {
        let node = &mut self.nodes[number as usize];
        if node.stand_in == StandIn::Awaited && self.is_in_grace {
            self.is_held = true;
            return false;
        }
        if let (Some(delivery), true) = (&mut self.delivery, node.stand_in.stands_in()) {
            delivery.fallback_leaves(node.stand_in == StandIn::Awaited);
            node.stand_in = StandIn::Sent;
        }
        if let Some((_, next)) = self.cursor.last_mut() {
            *next += 1;
        }
        self.cursor.push((Some(number), 0));
        true
    }

    /// Moves what follows the text of the page, once all of that has left.
    fn take_deferred(&mut self, small: &mut Small, out: &mut impl Extend<Bytes>) {
        if let Some(delivery) = self.delivery.as_mut().filter(|_| self.cursor.is_empty()) {
            let links = |assets: &[Asset], html: &Bytes| {
                let links = self.assets.links(assets);
                self.assets.html_leaves(html);
                links
            };
            for piece in delivery.take(links) {
                small.push(piece, out);
            }
        }
    }

    /// Whether text waits only for a deferred fragment that may still come in its place.
    pub(crate) fn is_held(&self) -> bool {
        self.is_held
    }

    /// Ends the wait for deferred fragments. One that has not come by now is sent after the page.
    pub(crate) fn end_grace(&mut self) {
        self.is_in_grace = false;
    }

    /// Adds HTML at the end of the page's body: before the closing tags that end its text.
    pub(crate) fn add_at_end(&mut self, html: Bytes) {
        let mut end = None;
        if let Some(Part::Text(text)) = self.root.last_mut() {
            let at = before_closing_tags(text);
            end = Some(text.split_off(at));
        }
        self.root.push(Part::Text(html));
        self.root.extend(end.map(Part::Text));
    }

    /// Inserts a part for the script before all text that could redirect or block it.
    pub(super) fn place_script(&mut self) {
        if self.delivery.is_none() || !may_come_after_page(&self.nodes, &self.shared.plan) {
            return;
        }
        let mut prologue = Prologue::default();
        for index in 0..self.root.len() {
            let Part::Text(text) = &self.root[index] else {
                self.root.insert(index, Part::Script);
                return;
            };
            if let Some(at) = prologue.end(text) {
                let (before, after) = (text.slice(..at), text.slice(at..));
                self.root.splice(
                    index..=index,
                    [Part::Text(before), Part::Script, Part::Text(after)],
                );
                return;
            }
        }
    }
}

/// Whether a fragment comes after the page, or may still be found that does.
fn may_come_after_page(nodes: &[Node], plan: &PreparedPlan) -> bool {
    nodes.iter().any(|node| {
        let is_open = matches!(node.content, Content::Open);
        node.stand_in.stands_in() || (is_open && plan.sites[node.found.site].comes_after_page)
    })
}

/// Consecutive small pieces.
#[derive(Default)]
pub(crate) struct Small {
    first: Bytes,
    joined: BytesMut,
}

impl Small {
    pub(crate) fn push(&mut self, piece: Bytes, out: &mut impl Extend<Bytes>) {
        if piece.is_empty() {
            return;
        }
        if piece.len() >= SMALL {
            self.flush(out);
            out.extend([piece]);
        } else if self.first.is_empty() && self.joined.is_empty() {
            self.first = piece;
        } else {
            if self.joined.is_empty() {
                self.joined.reserve(4 * SMALL);
            }
            self.joined.extend_from_slice(&std::mem::take(&mut self.first));
            self.joined.extend_from_slice(&piece);
        }
    }

    pub(crate) fn flush(&mut self, out: &mut impl Extend<Bytes>) {
        let piece = match self.joined.is_empty() {
            true => std::mem::take(&mut self.first),
            false => self.joined.split().freeze(),
        };
        if !piece.is_empty() {
            out.extend([piece]);
        }
    }
}
