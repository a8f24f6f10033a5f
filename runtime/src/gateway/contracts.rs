//! Which live pages a contract breaks (design section 6, Contracts).
#![deny(clippy::disallowed_methods)]

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use hydra_contract::{Ask, Contract, ContractProblem, unmet};

use super::{registration::Instance, snapshot::Snapshot};

/// The most problems that one service is told. More of them have one cause.
const MOST: usize = 50;
/// The most comparisons for one answer.
const MOST_LOOKED_AT: usize = 20_000;

/// By service: the active instances with pages that ask it for fragments.
pub(crate) type Askers = HashMap<String, Vec<Arc<Instance>>>;

/// Who asks whom.
pub(crate) fn askers<'a>(active: impl Iterator<Item = &'a Arc<Instance>>) -> Askers {
    let mut askers = Askers::new();
    for instance in active {
        let asked: BTreeSet<&str> = asks(instance).map(|ask| ask.service.as_str()).collect();
        for service in asked {
            let known = askers.entry(service.to_owned()).or_default();
            known.push(Arc::clone(instance));
        }
    }
    askers
}

/// What live pages ask of this instance that its contract does not promise, and what its own pages ask of others that
/// their contracts do not. Services without a contract promise and break nothing. Sorted, each once, at most 50.
pub(crate) fn problems(instance: &Instance, snapshot: &Snapshot) -> Vec<ContractProblem> {
    let Some(own) = &instance.contract else {
        return Vec::new();
    };
    let broken = snapshot
        .askers(&instance.service)
        .iter()
        .filter(|asker| asker.service != instance.service)
        .flat_map(|asker| {
            asks(asker)
                .filter(|ask| ask.service == *instance.service)
                .map(move |ask| (&*asker.service, ask, own))
        });
    let lacking = own.asks.iter().flat_map(|ask| {
        let owners = snapshot
            .service(&ask.service)
            .filter(|_| ask.service != *instance.service);
        let owners = owners.into_iter().flat_map(|service| &service.active);
        owners
            .filter_map(|owner| owner.contract.as_ref())
            .map(move |owner| (&*instance.service, ask, owner))
    });
    let found: BTreeSet<_> = broken
        .chain(lacking)
        .take(MOST_LOOKED_AT)
        .flat_map(|(asker, ask, owner)| compared(asker, ask, owner))
        .collect();
    found.into_iter().take(MOST).collect()
}

/// The same for all active instances of a service.
pub(crate) fn problems_of(service: &str, snapshot: &Snapshot) -> Vec<ContractProblem> {
    let active = snapshot.service(service).map(|service| service.active.as_slice());
    // Instances of one version say the same: the first few say all there is to say.
    let few = active.unwrap_or_default().iter().take(MOST);
    let found: BTreeSet<_> = few.flat_map(|instance| problems(instance, snapshot)).collect();
    found.into_iter().take(MOST).collect()
}

fn compared(asker: &str, ask: &Ask, owner: &Contract) -> Vec<ContractProblem> {
    unmet(asker, ask, owner.fragments.get(&ask.reference))
}

fn asks(instance: &Instance) -> impl Iterator<Item = &Ask> {
    instance.contract.iter().flat_map(|contract| &contract.asks)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::gateway::{
        Millis,
        registration::{Rules, check},
        registry::{Event, Registry},
    };

    fn instance(name: &str, port: u16, contract: &Value) -> Arc<Instance> {
        let said = json!({"webProtocol":"http","host":"10.0.0.1","port":port,"name":name,"protocol":2,
                          "contract":contract});
        let said = serde_json::from_value(said).expect("a registration");
        Arc::new(check(said, None, &Rules::default()).expect("good"))
    }

    fn snapshot(instances: &[Arc<Instance>]) -> Snapshot {
        let mut registry = Registry::default();
        for instance in instances {
            registry.apply(Event::Register(Arc::clone(instance)), Millis(0));
        }
        Snapshot::build(&registry.view(), &Snapshot::default())
    }

    fn shop(reference: &str) -> Value {
        json!({"service":"shop","asks":[
            {"service":"orders","ref":reference,"exports":{"line":"string"},"pages":["a.html"]}]})
    }

    fn orders(fragments: &Value) -> Value {
        json!({"service":"orders","fragments":fragments})
    }

    /// The problems as `asker page service/ref attribute`.
    fn shown(found: &[ContractProblem]) -> Vec<String> {
        let line = |one: &ContractProblem| {
            let attribute = one.attribute.as_deref().unwrap_or("-");
            format!(
                "{} {} {}/{} {attribute}",
                one.asker, one.pages[0], one.service, one.reference
            )
        };
        found.iter().map(line).collect()
    }

    #[test]
    fn both_sides_are_told_the_same() {
        let shop = instance("shop", 1, &shop("checkout"));
        for (fragments, expected) in [
            (json!({"checkout":{"exports":{"line":"string"}}}), vec![]),
            (json!({"checkout":{}}), vec!["shop a.html orders/checkout line"]),
            (json!({"other":{}}), vec!["shop a.html orders/checkout -"]),
        ] {
            let orders = instance("orders", 2, &orders(&fragments));
            let snapshot = snapshot(&[Arc::clone(&shop), Arc::clone(&orders)]);
            assert_eq!(shown(&problems(&orders, &snapshot)), expected);
            assert_eq!(shown(&problems(&shop, &snapshot)), expected);
            assert_eq!(shown(&problems_of("shop", &snapshot)), expected);
        }
    }

    #[test]
    fn only_the_version_that_breaks_a_page_is_told_so() {
        let shop = instance("shop", 1, &shop("checkout"));
        let old = instance(
            "orders",
            2,
            &orders(&json!({"checkout":{"exports":{"line":"string"}}})),
        );
        let new = instance("orders", 3, &orders(&json!({})));
        let snapshot = snapshot(&[Arc::clone(&shop), Arc::clone(&old), Arc::clone(&new)]);
        assert_eq!(problems(&old, &snapshot), []);
        assert_eq!(problems(&new, &snapshot).len(), 1);
        assert_eq!(problems(&shop, &snapshot).len(), 1);
        assert_eq!(problems_of("orders", &snapshot).len(), 1);
    }

    #[test]
    fn who_is_away_or_has_no_contract_breaks_nothing() {
        let shop = instance("shop", 1, &shop("checkout"));
        let plain = instance("orders", 2, &Value::Null);
        assert_eq!(problems(&shop, &snapshot(&[Arc::clone(&shop)])), []);
        let snapshot = snapshot(&[Arc::clone(&shop), Arc::clone(&plain)]);
        assert_eq!(problems(&shop, &snapshot), []);
        assert_eq!(problems(&plain, &snapshot), []);
        assert_eq!(problems_of("nobody", &snapshot), []);
    }

    #[test]
    fn many_problems_are_few_in_the_answer() {
        let asks: Vec<_> = (0..5_000)
            .map(|n| json!({"service":"orders","ref":format!("r{n}"),"pages":["a.html"]}))
            .collect();
        let shop = instance("shop", 1, &json!({"service":"shop","asks":asks}));
        let orders = instance("orders", 2, &orders(&json!({})));
        let snapshot = snapshot(&[Arc::clone(&shop), Arc::clone(&orders)]);
        assert_eq!(problems(&orders, &snapshot).len(), MOST);
        assert_eq!(problems(&shop, &snapshot).len(), MOST);
    }
}
