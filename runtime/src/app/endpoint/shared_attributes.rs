//! The attributes that all items of a call share, as protocol 1 sends them.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeSet;

use hydra_contract::{Contract, FragmentContract};
use hydra_runtime_net::limits::MAX_CALL_BYTES;
use hydra_runtime_wire::{
    Attributes, FragmentRequest, StatedImport,
    copy_budget::{BudgetSpent, CopyBudget},
    stated_imports,
};

/// The attributes of a call, and how many bytes of them the items may still get. Each item gets a copy of what it imports.
pub(super) struct SharedAttributes {
    attributes: Attributes,
    budget: CopyBudget,
}

impl SharedAttributes {
    pub(super) fn new(attributes: Attributes) -> Self {
        Self {
            attributes,
            budget: CopyBudget::new(MAX_CALL_BYTES),
        }
    }

    /// What an item gets: the attributes that its fragment imports by its contract, or all without a contract. A fragment that is
    /// not in `offers` gets none.
    pub(super) fn of_item(
        &mut self,
        contract: &Contract,
        offers: &BTreeSet<String>,
        item: &FragmentRequest,
    ) -> Result<Attributes, BudgetSpent> {
        let Self { attributes, budget } = self;
        let contract = match contract.fragments.get(&item.reference) {
            Some(contract) => contract,
            None if !offers.contains(&item.reference) => return Ok(Attributes::new()),
            None => {
                for (name, value) in &*attributes {
                    budget.spend_on_name(name)?;
                    budget.spend_on(value)?;
                }
                return Ok(attributes.clone());
            }
        };
        if let Some(renamed) = renamed(contract, item, attributes, budget)? {
            return Ok(renamed);
        }
        let mut named = Attributes::new();
        for (name, value) in contract
            .imports
            .keys()
            .filter_map(|name| attributes.get_key_value(name))
        {
            budget.spend_on(value)?;
            named.insert(name.clone(), value.clone());
        }
        Ok(named)
    }
}

/// What the contract of a fragment names of the attributes, where the imports of its item state aliases or paths: a gateway of
/// protocol 1 passes both on as the page sent them. `None`: they state none.
fn renamed(
    contract: &FragmentContract,
    item: &FragmentRequest,
    attributes: &Attributes,
    budget: &mut CopyBudget,
) -> Result<Option<Attributes>, BudgetSpent> {
    let imports = item.imports.as_deref().unwrap_or_default();
    let is_alias = |import: StatedImport<'_>| import.path != import.name;
    if !stated_imports(imports).flatten().any(is_alias) {
        return Ok(None);
    }
    let mut named = Attributes::new();
    for import in stated_imports(imports).flatten() {
        let is_new = contract.imports.contains_key(import.name) && !named.contains_key(import.name);
        let value = is_new.then(|| {
            import
                .value_in(attributes)
                .or_else(|| attributes.get(import.name))
        });
        if let Some(value) = value.flatten() {
            budget.spend_on(value)?;
            named.insert(import.name.to_owned(), value.clone());
        }
    }
    Ok(Some(named))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn shared(attributes: Value) -> SharedAttributes {
        SharedAttributes::new(attributes.as_object().cloned().expect("an object"))
    }

    fn item(reference: &str, imports: &[&str]) -> FragmentRequest {
        FragmentRequest {
            reference: reference.to_owned(),
            imports: (!imports.is_empty()).then(|| imports.iter().map(|&text| text.to_owned()).collect()),
            ..FragmentRequest::default()
        }
    }

    /// `named` has a contract with the import `a`, `bare` has none.
    fn given(shared: &mut SharedAttributes, item: &FragmentRequest) -> Result<Value, BudgetSpent> {
        let contract =
            json!({"service": "shop", "fragments": {"named": {"imports": {"a": {"type": "any"}}}}});
        let contract = serde_json::from_value(contract).expect("a contract");
        let offers = ["named", "bare"].map(str::to_owned).into();
        shared.of_item(&contract, &offers, item).map(Value::Object)
    }

    #[test]
    fn an_item_gets_what_its_fragment_imports() {
        for (item, expected) in [
            (item("named", &[]), json!({"a": 1})),
            (item("named", &["b.c as a"]), json!({"a": 2})),
            (item("named", &["a", "b"]), json!({"a": 1})),
            (item("bare", &[]), json!({"a": 1, "b": {"c": 2}})),
            (item("other", &[]), json!({})),
            (item("", &[]), json!({})),
            (item("", &["a as b"]), json!({})),
        ] {
            let mut shared = shared(json!({"a": 1, "b": {"c": 2}}));
            assert_eq!(given(&mut shared, &item), Ok(expected), "{item:?}");
        }
    }

    /// Two thousand items of one call, each with a copy of one long attribute, would take gigabytes.
    #[test]
    fn what_all_items_together_get_is_bounded() {
        let megabyte = "x".repeat(1 << 20);
        for (item, most) in [
            (item("named", &[]), 8),
            (item("named", &["b as a"]), 8),
            (item("bare", &[]), 4),
        ] {
            let mut shared = shared(json!({"a": megabyte, "b": megabyte}));
            let answers: Vec<_> = (0..2_000).map(|_| given(&mut shared, &item).map(drop)).collect();
            let given = answers.iter().take_while(|answer| answer.is_ok()).count();
            assert!((1..=most).contains(&given), "{item:?}: {given}");
            assert!(answers[given..].iter().all(|answer| *answer == Err(BudgetSpent)));
        }
        let mut shared = shared(json!({"a": megabyte}));
        assert!((0..2_000).all(|_| given(&mut shared, &item("", &[])) == Ok(json!({}))));
    }
}
