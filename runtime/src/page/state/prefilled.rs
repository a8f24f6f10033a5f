//! The slot whose fragment has its answer already, because the visitor sent its form (protocol section 9).

use std::ops::Range;

use hydra_runtime_wire::{forms::imports_hash, keep_good};

use crate::page::{
    answer::PrefilledSlot,
    state::{PageState, fetches},
};

/// The fragment that has its answer already, and its slot.
#[derive(Default)]
pub(super) struct Prefilled {
    /// The fragment, until its slot has it.
    fragment: Option<Box<PrefilledSlot>>,
    /// The number of its slot.
    at: Option<u32>,
}

impl Prefilled {
    pub(super) fn new(fragment: Option<Box<PrefilledSlot>>) -> Self {
        Self { fragment, at: None }
    }

    /// Whether the slot is still to be found.
    pub(super) fn is_awaited(&self) -> bool {
        self.fragment.is_some() && self.at.is_none()
    }

    /// Whether this is the number of the slot.
    pub(super) fn is_at(&self, number: u32) -> bool {
        self.at == Some(number)
    }
}

impl PageState {
    /// Whether the fragment that has its answer already stands in the page, or will stand there.
    pub(crate) fn has_prefilled(&self) -> bool {
        self.prefilled.at.is_some()
    }

    /// Looks for the slot of the prefilled fragment among the slots of a text, which have these numbers: the first one with
    /// its imports, or else the only one. Imports that are not known are those of the first slot.
    pub(super) fn look_for_prefilled(&mut self, numbers: Range<u32>) {
        let Some(prefilled) = self
            .prefilled
            .fragment
            .as_ref()
            .filter(|_| self.prefilled.is_awaited())
        else {
            return;
        };
        let owner = self.shared.plan.owner(&prefilled.service);
        let mut named = numbers.filter(|&number| {
            let fragment = self.fragment(number);
            let is_placed = self.nodes.get(number as usize).is_some_and(|node| node.placed);
            is_placed && fragment.is_some_and(|it| *it.reference == *prefilled.reference && it.owner == owner)
        });
        let Some(first) = named.next() else { return };
        let others: Vec<u32> = named.take(self.shared.options.max_fragments).collect();
        let is_any = others.is_empty() || prefilled.imports.is_empty();
        self.prefilled.at = match is_any {
            true => Some(first),
            false => std::iter::once(first)
                .chain(others)
                .find(|&number| self.imports_hash(number).as_ref() == Some(&prefilled.imports)),
        };
    }

    /// Gives the prefilled fragment to its slot, if that has been found.
    pub(super) fn place_prefilled(&mut self) {
        let Some(number) = self.prefilled.at else { return };
        let Some(prefilled) = self.prefilled.fragment.take() else {
            return;
        };
        let mut answer = prefilled.answer.checked(self.shared.options.max_fragment_bytes);
        let mut assets = std::mem::take(&mut answer.assets).into_vec();
        keep_good(&mut assets);
        answer.assets = assets.into_boxed_slice();
        self.apply(number, &answer);
    }

    fn imports_hash(&self, number: u32) -> Option<String> {
        let (slot, _) = self.slot(&self.shared.plan, number)?;
        let imports = fetches::imports(slot, self.import_values(number)).ok()?;
        Some(imports_hash(&imports))
    }
}
