//! The page that requests fragments, and the attributes that it passes to each.
#![deny(clippy::disallowed_methods)]

use hydra_contract::Contract;
use hydra_runtime_net::limits::MAX_BATCH_BYTES;
use hydra_runtime_wire::{
    Attributes, FragmentRequest,
    copy_budget::{BudgetSpent, CopyBudget},
    lines::cut,
    stated_imports,
};

use crate::config::Protocol1Attributes;

/// The page that requests the fragments.
pub(super) struct AskingPage {
    pub(super) is_protocol_1: bool,
    /// Protocol 1: all attributes of the page, which its items share.
    attributes: Attributes,
    settings: Protocol1Attributes,
    /// How many bytes the page's attributes may still take in all items together. Each item gets a copy of the attributes
    /// that it imports, so that a page with one long value could fill the memory by importing it many times.
    room: CopyBudget,
    /// What a list of the names of all attributes takes.
    names_bytes: usize,
}

/// The attributes of all items together are longer than a page of protocol 2 could send.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoRoom;

impl From<BudgetSpent> for NoRoom {
    fn from(BudgetSpent: BudgetSpent) -> Self {
        Self
    }
}

impl NoRoom {
    pub(super) fn reason() -> String {
        format!("the page passes more than {MAX_BATCH_BYTES} bytes of attributes to its fragments")
    }
}

impl AskingPage {
    pub(super) fn new(is_protocol_1: bool, attributes: Attributes, settings: Protocol1Attributes) -> Self {
        Self {
            is_protocol_1,
            names_bytes: attributes.keys().map(|name| name.len() + 3).sum(),
            attributes,
            settings,
            room: CopyBudget::new(MAX_BATCH_BYTES),
        }
    }

    /// What an item imports, under the fragment's names, where the page speaks protocol 1 and the item states imports.
    /// `None`: it states none, so that it imports everything. Entries that can't be read go to `unread`.
    pub(super) fn stated(
        &mut self,
        item: &FragmentRequest,
        unread: &mut Vec<String>,
    ) -> Result<Option<Attributes>, NoRoom> {
        let Some(imports) = &item.imports else {
            return Ok(None);
        };
        let mut attributes = Attributes::new();
        for import in stated_imports(imports) {
            let import = match import {
                Ok(import) => import,
                Err(text) => {
                    unread.push(cut(text).to_owned());
                    continue;
                }
            };
            if let Some(value) = import.value_in(&self.attributes) {
                self.room.spend_on_name(import.name)?;
                self.room.spend_on(value)?;
                attributes.insert(import.name.to_owned(), value.clone());
            }
        }
        Ok(Some(attributes))
    }

    /// What a service of protocol 1 gets for an item that states no imports: the attributes of the whole page.
    pub(super) fn unstated(&self) -> Attributes {
        match (self.is_protocol_1, self.settings) {
            (true, Protocol1Attributes::Pass) => self.attributes.clone(),
            (true, Protocol1Attributes::Drop) | (false, _) => Attributes::new(),
        }
    }

    /// Makes room for the list of imports of an item that states none: it names all attributes.
    pub(super) fn name_all(&mut self) -> Result<(), NoRoom> {
        if self.settings == Protocol1Attributes::Drop {
            return Ok(());
        }
        self.room.spend(self.names_bytes)?;
        Ok(())
    }

    /// What a fragment of protocol 2 gets of a page of protocol 1: those attributes that its contract imports.
    pub(super) fn contracted(
        &mut self,
        item: &FragmentRequest,
        stated: Option<Attributes>,
        contract: Option<&Contract>,
    ) -> Result<Attributes, NoRoom> {
        let fragment = contract.and_then(|contract| contract.fragments.get(&item.reference));
        let mut names = fragment.into_iter().flat_map(|fragment| fragment.imports.keys());
        if let Some(mut stated) = stated {
            let mut kept = Attributes::new();
            kept.extend(names.filter_map(|name| stated.remove_entry(name)));
            return Ok(kept);
        }
        names.try_fold(Attributes::new(), |mut kept, name| {
            if let Some(value) = self.attributes.get(name) {
                self.room.spend_on(value)?;
                kept.insert(name.clone(), value.clone());
            }
            Ok(kept)
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn page(attributes: Value) -> AskingPage {
        let attributes = attributes.as_object().cloned().expect("an object");
        AskingPage::new(true, attributes, Protocol1Attributes::Pass)
    }

    fn importing(texts: impl IntoIterator<Item = String>) -> FragmentRequest {
        FragmentRequest {
            imports: Some(texts.into_iter().collect()),
            ..FragmentRequest::default()
        }
    }

    #[test]
    fn one_long_value_cannot_be_imported_without_end() {
        let long = MAX_BATCH_BYTES / 4;
        let mut page = page(json!({"long": "x".repeat(long), "short": 1}));
        let many = importing((0..100_000).map(|n| format!("long as l{n}")));
        assert_eq!(page.stated(&many, &mut Vec::new()), Err(NoRoom));
        let short = importing(["short".to_owned()]);
        assert_eq!(
            page.stated(&short, &mut Vec::new()),
            Err(NoRoom),
            "the room is used up"
        );
    }

    #[test]
    fn names_that_every_item_lists_are_bounded_too() {
        let names = (0..1_000).map(|n| (format!("a name of an attribute {n:>1000}"), json!(1)));
        let mut page = AskingPage::new(true, names.collect(), Protocol1Attributes::Pass);
        let listed = (0..2_000).take_while(|_| page.name_all().is_ok()).count();
        assert!((1..10).contains(&listed), "{listed}");
        // The names are counted once and not for each item.
        let names = (0..200_000).map(|n| (format!("a{n}"), json!(1)));
        let mut page = AskingPage::new(true, names.collect(), Protocol1Attributes::Pass);
        let listed = (0..100_000).filter(|_| page.name_all().is_ok()).count();
        assert!((1..10).contains(&listed), "{listed}");
    }

    #[test]
    fn entries_that_cannot_be_read_are_told_and_cost_no_other() {
        let (mut page, mut unread) = (page(json!({"a": 1})), Vec::new());
        let item = importing(["a".to_owned(), "a as".to_owned(), "x ".repeat(10_000)]);
        assert_eq!(
            page.stated(&item, &mut unread).map(|found| json!(found)),
            Ok(json!({"a": 1}))
        );
        assert_eq!(unread.len(), 2);
        assert!(unread.iter().all(|text| text.len() <= 200));
    }
}
