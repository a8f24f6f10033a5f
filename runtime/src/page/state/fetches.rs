//! The fetches of a page. The same fragment with the same imports is fetched once.

use std::{
    hash::{BuildHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use hydra_contract::{Import, Mode};
use hydra_runtime_wire::{Attributes, Outcome};
use tera::Value;

use crate::page::{
    answer::{Answer, FetchId},
    plan::{PreparedSlot, cache_policy::CachePolicy, fragment_name::FragmentName},
    render::value,
    report::reason::ReasonKind,
    state::PageState,
};

/// A fetch and its answer.
pub(super) struct Fetch {
    first: u32,
    more: Vec<u32>,
    /// How many of its slots got the answer.
    served: usize,
    exports: Vec<Arc<str>>,
    timeout: Duration,
    /// How long an answer may be used again. It suits all slots of the fetch.
    policy: Option<CachePolicy>,
    /// Whether the page waits for the fetch, or has its answer.
    pub(super) page_waits: bool,
    /// Also `None` while the answer is being delivered.
    pub(super) answer: Option<Answer>,
}

/// What a fetch asks its owner for.
pub(crate) struct FetchQuery<'a> {
    pub(crate) fragment: &'a FragmentName,
    slot: &'a PreparedSlot,
    values: &'a [Value],
    /// The exports that the page wants, under the fragment's names.
    pub(crate) exports: &'a [Arc<str>],
    pub(crate) timeout: Duration,
    policy: Option<CachePolicy>,
}

impl Fetch {
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

impl FetchQuery<'_> {
    /// The imports that have a value, under the fragment's names.
    pub(crate) fn imports(&self) -> Result<Attributes, value::TooDeep> {
        imports(self.slot, self.values)
    }

    /// How long the tags let an answer be used again. `None`: not at all.
    pub(crate) fn policy(&self) -> Option<CachePolicy> {
        self.policy
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
    /// What a fetch asks its owner for. `None`: the page has no such fetch.
    pub(crate) fn query(&self, fetch: FetchId) -> Option<FetchQuery<'_>> {
        let fetch = self.fetches.get(fetch)?;
        let (slot, _) = self.slot(&self.shared.plan, fetch.first)?;
        let fragment = self.fragment(fetch.first)?;
        Some(FetchQuery {
            fragment,
            slot,
            values: self.import_values(fetch.first),
            exports: &fetch.exports,
            timeout: fetch.timeout,
            policy: fetch.policy,
        })
    }

    /// Fetches the fragment of the slot `number`, or lets the slot join the fetch of the same fragment.
    pub(super) fn fetch(&mut self, number: u32) -> Result<(), ReasonKind> {
        let plan = self.shared.plan.clone();
        let (Some((slot, _)), Some(fragment)) = (self.slot(&plan, number), self.fragment(number)) else {
            return Err(ReasonKind::NotPlanned);
        };
        if fragment.reference.is_empty() {
            return Err(ReasonKind::NoRef);
        }
        let values = self.import_values(number);
        let key = key(self.by_hash.hasher(), slot, fragment, values);
        // A lazy fragment that the page fetches is shown in its place.
        let page_waits = self.mode(number) != Mode::Deferred;
        if let Some(&fetch) = self.by_hash.get(&key)
            && self.is_same(fetch, slot, fragment, values)
            && self.join(fetch, slot)
        {
            self.fetches[fetch].more.push(number);
            self.fetches[fetch].timeout = self.fetches[fetch].timeout.max(self.timeout(slot));
            if let Some(answer) = self.fetches[fetch].answer.take() {
                self.deliver(fetch, answer);
            } else if page_waits && !self.fetches[fetch].page_waits {
                self.fetches[fetch].page_waits = true;
                self.undecided += 1;
            }
            return Ok(());
        }
        if self.fetches.len() >= self.shared.options.max_fragments {
            return Err(ReasonKind::TooMany);
        }
        self.by_hash.insert(key, self.fetches.len());
        self.fetches.push(Fetch {
            first: number,
            more: Vec::new(),
            served: 0,
            exports: slot.exports.iter().map(|export| export.from.clone()).collect(),
            timeout: self.timeout(slot),
            policy: slot.policy,
            page_waits,
            answer: None,
        });
        self.undecided += usize::from(page_waits);
        Ok(())
    }

    fn is_same(
        &self,
        fetch: FetchId,
        slot: &PreparedSlot,
        fragment: &FragmentName,
        values: &[Value],
    ) -> bool {
        let Some(other) = self.query(fetch) else {
            return false;
        };
        other.fragment.owner == fragment.owner
            && other.fragment.reference == fragment.reference
            && other.values == values
            && other
                .slot
                .imports
                .iter()
                .map(|import| &import.to)
                .eq(slot.imports.iter().map(|import| &import.to))
    }

    pub(super) fn timeout(&self, slot: &PreparedSlot) -> Duration {
        slot.timeout.unwrap_or(self.shared.options.fragment_timeout)
    }

    /// The values of the imports of the slot `number`.
    pub(super) fn import_values(&self, number: u32) -> &[Value] {
        let Some(found) = self.nodes.get(number as usize).map(|node| &node.found) else {
            return &[];
        };
        let captures = self
            .shared
            .plan
            .sites
            .get(found.site)
            .map_or(0, |site| site.captures().len());
        found.values.get(captures..).unwrap_or_default()
    }

    /// Makes the fetch `id` bring what `slot` wants too, with a cache policy that suits all of its slots. Returns
    /// whether it can. A fetch that has left can't: it named the exports that may come back, and a kept answer that
    /// suits it may be too old for `slot`.
    fn join(&mut self, id: FetchId, slot: &PreparedSlot) -> bool {
        let has_left = id < self.unsent;
        let fetch = &mut self.fetches[id];
        let new: Vec<Arc<str>> = slot
            .exports
            .iter()
            .filter(|export| !fetch.exports_name(&export.from))
            .map(|export| export.from.clone())
            .collect();
        let policy = CachePolicy::for_both(fetch.policy, slot.policy);
        let is_new = fetch
            .answer
            .as_ref()
            .is_some_and(|answer| answer.outcome == Outcome::Rendered);
        if has_left && !(new.is_empty() && (is_new || policy == fetch.policy)) {
            return false;
        }
        fetch.exports.extend(new);
        fetch.policy = policy;
        true
    }
}

/// The imports of `slot` that have a value, under the fragment's names.
pub(super) fn imports(slot: &PreparedSlot, values: &[Value]) -> Result<Attributes, value::TooDeep> {
    let given = slot.imports.iter().zip(values);
    given
        .filter(|(_, value)| !value.is_undefined())
        .map(|(import, value)| Ok((import.to.clone(), value::to_json(value)?)))
        .collect()
}

fn key(hasher: &impl BuildHasher, slot: &PreparedSlot, fragment: &FragmentName, values: &[Value]) -> u64 {
    let mut hasher = hasher.build_hasher();
    fragment.owner.hash(&mut hasher);
    fragment.reference.hash(&mut hasher);
    for (import, value) in slot.imports.iter().zip(values) {
        import.to.hash(&mut hasher);
        value::hash(value, &mut hasher);
    }
    hasher.finish()
}
