//! Which pages of active services a contract breaks (design section 6, Contracts).
#![deny(clippy::disallowed_methods)]

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::{Arc, OnceLock},
};

use hydra_contract::{Contract, ContractProblem, FragmentContract, FragmentUse, unmet};
use hydra_runtime_wire::names::ServiceName;

use crate::{
    limits::{MAX_COMPARED_CONTRACTS, MAX_CONTRACT_COMPARISONS, MAX_CONTRACT_PROBLEMS},
    registry::instance::{FragmentProtocol, Instance},
};

/// The contracts of the active services: each contract once, however many instances state it.
#[derive(Debug, Default)]
pub(crate) struct Contracts(HashMap<String, ServiceContracts>);

/// The contracts of one service.
#[derive(Debug, Default)]
struct ServiceContracts {
    stated: Vec<StatedContract>,
    /// What pages of other services ask of this one: an instance that states the ask, and its index among the
    /// instance's asks. Each ask of a service occurs once.
    asked: Vec<(Arc<Instance>, usize)>,
    /// Whether all active instances of the service speak protocol 1, which has no exports.
    is_protocol_1: bool,
}

/// A contract, with an instance that states it.
#[derive(Debug)]
struct StatedContract {
    by: Arc<Instance>,
    /// Computed when it is first needed.
    problems: OnceLock<Vec<ContractProblem>>,
}

impl Contracts {
    /// The contracts of these services, each with its active instances.
    pub(crate) fn of<'a>(services: impl Iterator<Item = (&'a ServiceName, &'a [Arc<Instance>])>) -> Self {
        let mut all: HashMap<String, ServiceContracts> = HashMap::new();
        for (name, active) in services {
            let is_protocol_1 = |one: &Arc<Instance>| one.fragment_protocol == FragmentProtocol::Protocol1;
            if !active.is_empty() && active.iter().all(is_protocol_1) {
                all.entry(name.to_string()).or_default().is_protocol_1 = true;
            }
            let (mut contracts, mut asked) = (HashSet::new(), BTreeSet::new());
            let distinct = active
                .iter()
                .filter(|one| one.contract.is_some() && contracts.insert(one.contract_hash));
            for by in distinct.take(MAX_COMPARED_CONTRACTS) {
                let own = all.entry(name.to_string()).or_default();
                own.stated.push(StatedContract {
                    by: Arc::clone(by),
                    problems: OnceLock::new(),
                });
                for (place, ask) in asks(by).enumerate() {
                    if ask.service != **name && asked.insert(ask) {
                        let owner = all.entry(ask.service.clone()).or_default();
                        owner.asked.push((Arc::clone(by), place));
                    }
                }
            }
        }
        Self(all)
    }

    fn stated(&self, service: &str) -> &[StatedContract] {
        self.0.get(service).map_or(&[], |party| &party.stated)
    }

    fn is_protocol_1(&self, service: &str) -> bool {
        self.0.get(service).is_some_and(|party| party.is_protocol_1)
    }

    fn asked(&self, service: &str) -> &[(Arc<Instance>, usize)] {
        self.0.get(service).map_or(&[], |party| &party.asked)
    }

    fn find_problems(&self, instance: &Instance) -> Vec<ContractProblem> {
        let Some(own) = &instance.contract else {
            return Vec::new();
        };
        let broken = self.asked(&instance.service).iter().filter_map(|(asker, place)| {
            let ask = asker.contract.as_ref()?.asks.get(*place)?;
            Some((&*asker.service, ask, own))
        });
        let others = own.asks.iter().filter(|ask| ask.service != *instance.service);
        let lacking = others.flat_map(|ask| {
            let owners = self.stated(&ask.service).iter();
            owners
                .filter_map(|owner| owner.by.contract.as_ref())
                .map(move |owner| (&*instance.service, ask, owner))
        });
        let of_protocol_1 = own.asks.iter().filter(|ask| self.is_protocol_1(&ask.service));
        let without_exports = of_protocol_1.take(MAX_CONTRACT_COMPARISONS);
        let found: BTreeSet<_> = broken
            .take(MAX_CONTRACT_COMPARISONS)
            .chain(lacking.take(MAX_CONTRACT_COMPARISONS))
            .flat_map(|(asker, ask, owner)| compared(asker, ask, owner))
            .chain(without_exports.flat_map(|ask| exports_of_protocol_1(&instance.service, ask)))
            .collect();
        found.into_iter().take(MAX_CONTRACT_PROBLEMS).collect()
    }
}

/// What active pages ask of this instance and its contract does not promise, and what its own pages ask of others and
/// their contracts do not promise. Services without a contract promise nothing and break nothing. Sorted, without
/// duplicates, at most 50.
pub(crate) fn problems(instance: &Instance, contracts: &Contracts) -> Vec<ContractProblem> {
    let known = contracts
        .stated(&instance.service)
        .iter()
        .find(|stated| stated.by.contract_hash == instance.contract_hash);
    match known {
        Some(known) => known.problems(contracts).to_vec(),
        None => contracts.find_problems(instance),
    }
}

/// The same for all active instances of a service.
pub(crate) fn problems_of(service: &str, contracts: &Contracts) -> Vec<ContractProblem> {
    let stated = contracts.stated(service).iter();
    let found: BTreeSet<_> = stated.flat_map(|stated| stated.problems(contracts)).collect();
    found.into_iter().take(MAX_CONTRACT_PROBLEMS).cloned().collect()
}

impl StatedContract {
    fn problems(&self, all: &Contracts) -> &[ContractProblem] {
        self.problems.get_or_init(|| all.find_problems(&self.by))
    }
}

fn compared(asker: &str, ask: &FragmentUse, owner: &Contract) -> Vec<ContractProblem> {
    unmet(asker, ask, owner.fragments.get(&ask.reference))
}

/// The exports that pages ask of a service of protocol 1: they are always absent.
fn exports_of_protocol_1(asker: &str, ask: &FragmentUse) -> Vec<ContractProblem> {
    let exports = FragmentUse {
        imports: BTreeMap::new(),
        ..ask.clone()
    };
    let problems = unmet(asker, &exports, Some(&FragmentContract::default())).into_iter();
    problems
        .map(|problem| ContractProblem {
            reason: format!("`{}` speaks protocol 1, which has no exports", problem.service),
            mend: "take the export off the tags, or let the service speak protocol 2".to_owned(),
            ..problem
        })
        .collect()
}

fn asks(instance: &Instance) -> impl Iterator<Item = &FragmentUse> {
    instance.contract.iter().flat_map(|contract| &contract.asks)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        Millis,
        registry::{
            instance::{RegistrationRules, check},
            state::{Event, Registry},
        },
        routing::snapshot::Snapshot,
    };

    fn problems(instance: &Instance, snapshot: &Snapshot) -> Vec<ContractProblem> {
        super::problems(instance, snapshot.contracts())
    }

    fn problems_of(service: &str, snapshot: &Snapshot) -> Vec<ContractProblem> {
        super::problems_of(service, snapshot.contracts())
    }

    fn instance(name: &str, port: u16, contract: &Value) -> Arc<Instance> {
        let registration = json!({"webProtocol":"http","host":"10.0.0.1","port":port,"name":name,"protocol":2,
                          "contract":contract});
        let registration = serde_json::from_value(registration).expect("a registration");
        let mut rules = RegistrationRules::default();
        rules.limits.instance = 1 << 20;
        Arc::new(check(registration, None, &rules).expect("good"))
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
    fn exports_asked_of_a_service_of_protocol_1_are_a_warning_for_the_pages() {
        let old = |port: u16, protocol: u32| {
            let registration = json!({"webProtocol":"http","host":"10.0.0.1","port":port,"name":"orders","protocol":protocol});
            let registration = serde_json::from_value(registration).expect("a registration");
            Arc::new(check(registration, None, &RegistrationRules::default()).expect("good"))
        };
        let asks = |exports: Value| {
            instance(
                "shop",
                1,
                &json!({"service":"shop","asks":[
                {"service":"orders","ref":"checkout","imports":{"dob":"date"},"exports":exports,"pages":["a.html"]}]}),
            )
        };
        for (exports, owners, expected) in [
            (
                json!({"line": "string"}),
                vec![old(2, 1)],
                vec!["shop a.html orders/checkout line"],
            ),
            (json!({}), vec![old(2, 1)], vec![]),
            (json!({"line": "string"}), vec![old(2, 2)], vec![]),
            (json!({"line": "string"}), vec![old(2, 1), old(3, 2)], vec![]),
            (json!({"line": "string"}), vec![], vec![]),
        ] {
            let shop = asks(exports);
            let all: Vec<_> = owners.into_iter().chain([Arc::clone(&shop)]).collect();
            let snapshot = snapshot(&all);
            let found = problems(&shop, &snapshot);
            assert_eq!(shown(&found), expected);
            assert!(
                found.iter().all(|one| one.reason.contains("protocol 1")),
                "{found:?}"
            );
            assert_eq!(shown(&problems_of("shop", &snapshot)), expected);
        }
    }

    #[test]
    fn many_problems_are_few_in_the_answer() {
        let asks: Vec<_> = (0..5_000)
            .map(|n| json!({"service":"orders","ref":format!("r{n}"),"pages":["a.html"]}))
            .collect();
        let shop = instance("shop", 1, &json!({"service":"shop","asks":asks}));
        let orders = instance("orders", 2, &orders(&json!({})));
        let snapshot = snapshot(&[Arc::clone(&shop), Arc::clone(&orders)]);
        assert_eq!(problems(&orders, &snapshot).len(), MAX_CONTRACT_PROBLEMS);
        assert_eq!(problems(&shop, &snapshot).len(), MAX_CONTRACT_PROBLEMS);
    }

    fn many(name: &str, count: u16, contract: &Value, from: u16) -> Vec<Arc<Instance>> {
        (0..count).map(|n| instance(name, from + n, contract)).collect()
    }

    #[test]
    fn many_instances_that_ask_hide_nothing_that_is_asked_of_others() {
        let asks: Vec<_> = (0..200)
            .map(|n| json!({"service":"orders","ref":format!("r{n}"),"pages":["a.html"]}))
            .collect();
        let fragments: serde_json::Map<_, _> = (0..200).map(|n| (format!("r{n}"), json!({}))).collect();
        let lacking = json!({"service":"orders","fragments":fragments,
            "asks":[{"service":"shop","ref":"gone","pages":["o.html"]}]});
        let mut all = many("shop", 110, &json!({"service":"shop","asks":asks}), 1);
        all.extend(many("orders", 3, &lacking, 1_000));
        let snapshot = snapshot(&all);
        let expected = ["orders o.html shop/gone -"];
        assert_eq!(shown(&problems(all.last().expect("one"), &snapshot)), expected);
        assert_eq!(shown(&problems_of("orders", &snapshot)), expected);
    }

    #[test]
    fn the_last_of_many_instances_is_heard() {
        let good = json!({"checkout":{"exports":{"line":"string"}}});
        let mut all = many("orders", 60, &orders(&good), 1);
        all.extend(many("orders", 1, &orders(&json!({})), 60_000));
        all.push(instance("shop", 1, &shop("checkout")));
        assert_eq!(problems_of("orders", &snapshot(&all)).len(), 1);
    }

    #[test]
    fn instances_that_state_the_same_are_compared_once() {
        let mut all = many("shop", 40, &shop("checkout"), 1);
        all.extend(many("orders", 40, &orders(&json!({})), 1_000));
        let snapshot = snapshot(&all);
        let contracts = snapshot.contracts();
        assert_eq!(contracts.stated("shop").len(), 1);
        assert_eq!(contracts.asked("orders").len(), 1);
        let [stated] = contracts.stated("orders") else {
            panic!("one contract");
        };
        for instance in &all {
            assert_eq!(problems(instance, &snapshot).len(), 1);
        }
        assert!(stated.problems.get().is_some(), "it is kept");
    }
}
