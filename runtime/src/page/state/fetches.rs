//! What a page asks for: the same fragment with the same imports once.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use hydra_contract::{Import, Mode};
use hydra_runtime_wire::{Attributes, Outcome};
use tera::Value;

use crate::page::answer::{Answer, AskId};
use crate::page::state::PageState;
use crate::page::{
    plan::{Slot, cache_policy::Terms},
    render::{filter::Request, value},
    report::reason::Why,
};

/// An ask and what became of it.
pub(super) struct Ask {
    first: u32,
    more: Vec<u32>,
    /// How many of its slots got the answer.
    served: usize,
    exports: Vec<Arc<str>>,
    timeout: Duration,
    /// How long an answer may be used again, for all of its slots together.
    terms: Option<Terms>,
    /// Whether something in the page waits for it, or it is decided.
    pub(super) holds: bool,
    /// Also `None` while it is being delivered.
    pub(super) answer: Option<Answer>,
}

/// What is asked.
pub(crate) struct Question<'a> {
    pub(crate) request: &'a Request,
    slot: &'a Slot,
    values: &'a [Value],
    /// The names that the page wants back, as the fragment calls them.
    pub(crate) exports: &'a [Arc<str>],
    pub(crate) timeout: Duration,
    terms: Option<Terms>,
}

impl Ask {
    /// The next slot that has to get the answer.
    pub(super) fn next_slot(&mut self) -> Option<u32> {
        let slot = match self.served {
            0 => self.first,
            served => *self.more.get(served - 1)?,
        };
        self.served += 1;
        Some(slot)
    }

    pub(super) fn exports_name(&self, name: &str) -> bool {
        self.exports.iter().any(|export| **export == *name)
    }
}

impl Question<'_> {
    /// The imports that have a value, under the fragment's names.
    pub(crate) fn imports(&self) -> Result<Attributes, value::TooDeep> {
        imports(self.slot, self.values)
    }

    /// How long the tags let an answer be used again. `None`: not at all.
    pub(crate) fn terms(&self) -> Option<Terms> {
        self.terms
    }

    /// The imports as the tag writes them.
    pub(crate) fn imports_as_written(&self) -> Vec<String> {
        let written = |Import { from, to }: &Import| match from.as_slice() {
            [name] if name == to => to.clone(),
            path => format!("{} as {to}", path.join(".")),
        };
        self.slot.imports.iter().map(written).collect()
    }
}

impl PageState {
    /// What an ask asks. `None` for one that is not there.
    pub(crate) fn question(&self, ask: AskId) -> Option<Question<'_>> {
        let ask = self.asks.get(ask)?;
        let (slot, _) = self.slot(&self.core.plan, ask.first)?;
        let request = self.request(ask.first)?;
        Some(Question {
            request,
            slot,
            values: self.import_values(ask.first),
            exports: &ask.exports,
            timeout: ask.timeout,
            terms: ask.terms,
        })
    }

    /// Asks for the fragment of the slot `number`, or lets it take part in an ask that is the same.
    pub(super) fn ask(&mut self, number: u32) -> Result<(), Why> {
        let plan = self.core.plan.clone();
        let (Some((slot, _)), Some(request)) = (self.slot(&plan, number), self.request(number)) else {
            return Err(Why::NotPlanned);
        };
        if request.reference.is_empty() {
            return Err(Why::NoRef);
        }
        let values = self.import_values(number);
        let key = key(slot, request, values);
        // A lazy one that asks is shown in its place.
        let holds = self.mode(number) != Mode::Deferred;
        if let Some(&ask) = self.same.get(&key)
            && self.is_same(ask, slot, request, values)
            && self.join(ask, slot)
        {
            self.asks[ask].more.push(number);
            self.asks[ask].timeout = self.asks[ask].timeout.max(self.timeout(slot));
            if let Some(answer) = self.asks[ask].answer.take() {
                self.deliver(ask, answer);
            } else if holds && !self.asks[ask].holds {
                self.asks[ask].holds = true;
                self.undecided += 1;
            }
            return Ok(());
        }
        if self.asks.len() >= self.core.options.max_fragments {
            return Err(Why::TooMany);
        }
        self.same.insert(key, self.asks.len());
        self.asks.push(Ask {
            first: number,
            more: Vec::new(),
            served: 0,
            exports: slot.exports.iter().map(|export| export.from.clone()).collect(),
            timeout: self.timeout(slot),
            terms: slot.terms,
            holds,
            answer: None,
        });
        self.undecided += usize::from(holds);
        Ok(())
    }

    fn is_same(&self, ask: AskId, slot: &Slot, request: &Request, values: &[Value]) -> bool {
        let Some(other) = self.question(ask) else {
            return false;
        };
        other.request.owner == request.owner
            && other.request.reference == request.reference
            && other.values == values
            && other
                .slot
                .imports
                .iter()
                .map(|import| &import.to)
                .eq(slot.imports.iter().map(|import| &import.to))
    }

    pub(super) fn timeout(&self, slot: &Slot) -> Duration {
        slot.timeout.unwrap_or(self.core.options.fragment_timeout)
    }

    /// The values of the imports of the slot `number`.
    pub(super) fn import_values(&self, number: u32) -> &[Value] {
        let Some(found) = self.nodes.get(number as usize).map(|node| &node.found) else {
            return &[];
        };
        let captures = self
            .core
            .plan
            .sites
            .get(found.site)
            .map_or(0, |site| site.captures().len());
        found.values.get(captures..).unwrap_or_default()
    }

    /// Makes `ask` bring what `slot` wants too, on terms that suit all of them. Where it has left already it can't: it named
    /// the exports that may come back, and an earlier answer that suits it may be too old for `slot`.
    fn join(&mut self, id: AskId, slot: &Slot) -> bool {
        let has_left = id < self.unsent;
        let ask = &mut self.asks[id];
        let new: Vec<Arc<str>> = slot
            .exports
            .iter()
            .filter(|export| !ask.exports_name(&export.from))
            .map(|export| export.from.clone())
            .collect();
        let terms = Terms::of_both(ask.terms, slot.terms);
        let is_new = ask
            .answer
            .as_ref()
            .is_some_and(|answer| answer.outcome == Outcome::Rendered);
        if has_left && !(new.is_empty() && (is_new || terms == ask.terms)) {
            return false;
        }
        ask.exports.extend(new);
        ask.terms = terms;
        true
    }
}

/// The imports of `slot` that have a value, under the fragment's names.
pub(super) fn imports(slot: &Slot, values: &[Value]) -> Result<Attributes, value::TooDeep> {
    let given = slot.imports.iter().zip(values);
    given
        .filter(|(_, value)| !value.is_undefined())
        .map(|(import, value)| Ok((import.to.clone(), value::to_json(value)?)))
        .collect()
}

fn key(slot: &Slot, request: &Request, values: &[Value]) -> u64 {
    let mut hasher = DefaultHasher::new();
    request.owner.hash(&mut hasher);
    request.reference.hash(&mut hasher);
    for (import, value) in slot.imports.iter().zip(values) {
        import.to.hash(&mut hasher);
        value::hash(value, &mut hasher);
    }
    hasher.finish()
}
