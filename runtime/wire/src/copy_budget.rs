//! How many bytes the copies of shared values may take.
#![deny(clippy::disallowed_methods)]

use serde_json::Value;

/// How many bytes may still be copied. What many receivers share is copied for each, so that one long value in a body could
/// fill the memory.
#[derive(Clone, Copy, Debug)]
pub struct CopyBudget {
    left: usize,
}

/// There is no budget left for a copy, nor for any after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetSpent;

impl CopyBudget {
    /// A budget of so many bytes.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self { left: bytes }
    }

    /// Takes bytes off.
    ///
    /// # Errors
    /// There are fewer left. Then nothing is left.
    pub fn spend(&mut self, bytes: usize) -> Result<(), BudgetSpent> {
        let rest = self.left.checked_sub(bytes);
        self.left = rest.unwrap_or_default();
        rest.map(drop).ok_or(BudgetSpent)
    }

    /// Takes off what a name takes as JSON, roughly.
    ///
    /// # Errors
    /// As [`Self::spend`].
    pub fn spend_on_name(&mut self, name: &str) -> Result<(), BudgetSpent> {
        self.spend(name.len() + 3)
    }

    /// Takes off what a value takes as JSON, roughly. It stops where the budget ends, so that all values together cost no more
    /// time than the budget is long.
    ///
    /// # Errors
    /// As [`Self::spend`].
    pub fn spend_on(&mut self, value: &Value) -> Result<(), BudgetSpent> {
        match value {
            Value::String(text) => self.spend_on_name(text),
            Value::Array(items) => {
                items.iter().try_for_each(|item| self.spend_on(item))?;
                self.spend(3)
            }
            Value::Object(members) => {
                for (name, member) in members {
                    self.spend_on_name(name)?;
                    self.spend_on(member)?;
                }
                self.spend(3)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => self.spend(8),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_costs_about_its_json() {
        for value in [
            json!("abc"),
            json!(["a", "b", ["c"]]),
            json!({"a": {"b": "c"}, "d": []}),
            json!("x".repeat(1_000)),
        ] {
            let length = value.to_string().len();
            assert_eq!(CopyBudget::new(2 * length).spend_on(&value), Ok(()), "{value}");
            assert_eq!(
                CopyBudget::new(length / 2).spend_on(&value),
                Err(BudgetSpent),
                "{value}"
            );
        }
    }

    #[test]
    fn what_does_not_fit_spends_all() {
        let mut budget = CopyBudget::new(100);
        assert_eq!(budget.spend_on(&json!("x".repeat(200))), Err(BudgetSpent));
        assert_eq!(budget.spend_on_name("a"), Err(BudgetSpent));
        assert_eq!(budget.spend(0), Ok(()));
    }
}
