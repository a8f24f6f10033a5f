//! The fragments that the folder offers: elements with `m:ref`. Their attributes come from the file beside the template, from
//! the defaults of their imports, and from the imports that the page passes; of these, the later ones override the earlier ones.

use std::collections::BTreeMap;

use futures_util::future::{BoxFuture, ready};
use hydra_contract::Contract;
use hydra_runtime::fragment_source::{LocalAnswer, LocalCall, LocalError, LocalFragments};
use hydra_runtime_wire::{Attributes, Outcome};
use tera::Context;

/// The offered fragments.
pub(super) struct Offers {
    contract: Contract,
    /// The attributes beside the template of each fragment, by `ref`.
    contexts: BTreeMap<String, Context>,
}

impl Offers {
    pub(super) fn new(contract: Contract, contexts: BTreeMap<String, Context>) -> Self {
        Self { contract, contexts }
    }

    fn answer(&self, call: LocalCall) -> Result<LocalAnswer, LocalError> {
        let failed = |reason: String| LocalError {
            outcome: Outcome::Failed,
            reason,
        };
        let Some(fragment) = self.contract.fragments.get(&call.reference) else {
            return Err(failed(format!("no template here offers `{}`", call.reference)));
        };
        let mut context = self.contexts.get(&call.reference).cloned().unwrap_or_default();
        let defaults = fragment
            .imports
            .iter()
            .filter_map(|(name, import)| Some((name, import.default.as_ref()?)));
        for (name, value) in defaults.chain(&call.imports) {
            context.insert(name.replace('-', "_"), value);
        }
        let exported = |name: &String| {
            let value = context.get(&name.replace('-', "_"))?;
            Some((name.clone(), serde_json::to_value(value).ok()?))
        };
        let exports: Attributes = fragment.exports.keys().filter_map(exported).collect();
        Ok(LocalAnswer {
            context,
            exports,
            ..LocalAnswer::default()
        })
    }
}

impl LocalFragments for Offers {
    fn call(&self, call: LocalCall) -> BoxFuture<'static, Result<LocalAnswer, LocalError>> {
        Box::pin(ready(self.answer(call)))
    }
}
