//! Compares the handlers of an application with the fragments and forms of its templates.
#![deny(clippy::disallowed_methods)]

use std::collections::{BTreeMap, BTreeSet};

use hydra_contract::Plan;

use super::{ActionRoute, Error, Result};

/// The actions of an application, by the names of their fragments, which are empty for forms of pages, and of their own.
pub(super) type ActionRoutes = BTreeMap<(&'static str, &'static str), ActionRoute<()>>;

/// The fragments that need a handler and have none.
pub(super) fn without_handler<'n, H>(
    needed: &[&'n str],
    handlers: &BTreeMap<&'static str, H>,
) -> Vec<&'n str> {
    let missing = needed
        .iter()
        .filter(|reference| !handlers.contains_key(**reference));
    missing.copied().collect()
}

/// Checks that a template offers each fragment that has a handler.
pub(super) fn check_fragments<'f>(handlers: impl Iterator<Item = &'f str>, plan: &Plan) -> Result<()> {
    for reference in handlers {
        if !plan.offers.contains_key(reference) {
            let offered: Vec<_> = plan.offers.keys().map(|name| format!("`{name}`")).collect();
            let hint = match offered.as_slice() {
                [] => ": no element has `m:ref`".to_owned(),
                names => format!("; they offer {}", names.join(", ")),
            };
            let reference = reference.to_owned();
            return Err(Error::UnknownFragment { reference, hint });
        }
    }
    Ok(())
}

/// Checks that each form of the templates has an action, and each action a form.
pub(super) fn check_actions(actions: &ActionRoutes, plan: &Plan) -> Result<()> {
    let fragments = plan.contract.fragments.iter();
    let of_fragments = fragments.flat_map(|(reference, fragment)| {
        let actions = fragment.actions.keys();
        actions.map(move |action| (reference.as_str(), action.as_str()))
    });
    let of_pages = plan.pages.iter().flat_map(|page| page.forms.keys());
    let of_pages = of_pages.map(|action| ("", action.as_str()));
    let forms: BTreeSet<(&str, &str)> = of_fragments.chain(of_pages).collect();
    let handled: BTreeSet<(&str, &str)> = actions.keys().copied().collect();
    let unhandled = forms.difference(&handled).next();
    if let Some((reference, action)) = unhandled {
        return Err(Error::FormWithoutAction {
            reference: (*reference).to_owned(),
            action: (*action).to_owned(),
        });
    }
    let formless = handled.difference(&forms).next();
    match formless {
        Some((reference, action)) => Err(Error::ActionWithoutForm {
            reference: (*reference).to_owned(),
            action: (*action).to_owned(),
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fragment_that_needs_a_handler_and_has_none_is_named() {
        let handlers = BTreeMap::from([("basket", ()), ("more", ())]);
        for (needed, expected) in [
            (&["basket", "order"][..], &["order"][..]),
            (&["basket"], &[]),
            (&[], &[]),
            (&["a", "b"], &["a", "b"]),
        ] {
            assert_eq!(without_handler(needed, &handlers), expected, "{needed:?}");
        }
    }
}
