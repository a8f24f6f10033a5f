//! Protocols mixed on one page; what each service gets to see.

use std::sync::Arc;

use hydra_runtime_wire::{ActiveService, OrderedMap};
use serde_json::{Map, json};

use super::*;
use crate::{
    registry::{
        instance::{self, RegistrationRules, breaker::Work},
        state::{Event, Registry},
    },
    routing::snapshot::Choice,
};

const NONE: Previews = Previews::NONE;
const NOBODY: VersionContext<'static> = VersionContext {
    seed: 0,
    previews: &NONE,
    now: Millis(0),
};

/// Two services: `old` uses protocol 1, `new` protocol 2 with a contract.
fn snapshot() -> Snapshot {
    let mut registry = Registry::default();
    for (port, name, protocol) in [(1, "old", None), (2, "new", Some(2))] {
        let contract = json!({"service":"new","fragments":{"f":{"imports":{"a":{"type":"integer"}}}}});
        let registration = ActiveService {
            host: "10.0.0.1".into(),
            port,
            name: Some(name.into()),
            protocol,
            contract: serde_json::from_value(contract).expect("a contract"),
            ..ActiveService::default()
        };
        let instance =
            instance::check(registration, None, &RegistrationRules::default()).expect("a good registration");
        registry.apply(Event::Register(Arc::new(instance)), Millis(0));
    }
    Snapshot::build(&registry.view(), &Snapshot::default())
}

fn item(id: &str, attributes: Option<Value>) -> FragmentRequest {
    let attributes = attributes.and_then(|value| value.as_object().cloned());
    FragmentRequest {
        id: id.into(),
        reference: "f".into(),
        attributes,
        ..FragmentRequest::default()
    }
}

fn batch(protocol: Option<u32>, requests: Vec<(&str, Vec<FragmentRequest>)>) -> FragmentsRequest {
    FragmentsRequest {
        protocol,
        page: None,
        attributes: json!({"a":1,"secret":2}).as_object().cloned().unwrap_or_default(),
        requests: OrderedMap(
            requests
                .into_iter()
                .map(|(name, items)| (name.to_owned(), items))
                .collect(),
        ),
        sessions: [
            ("new".to_owned(), json!({"n":1})),
            ("old".to_owned(), json!({"o":1})),
        ]
        .into(),
    }
}

fn calls(plan: DispatchPlan) -> Vec<ServiceCall> {
    plan.jobs
        .into_iter()
        .map(|job| match job {
            Job::Call(call) => call,
            Job::Plain(plain) => panic!("not plain: {plain:?}"),
        })
        .collect()
}

#[test]
fn a_protocol_1_page_gives_all_to_protocol_1_and_the_contracts_imports_to_protocol_2() {
    let requests = vec![("old", vec![item("1", None)]), ("new", vec![item("2", None)])];
    let plan = plan(
        batch(None, requests),
        &[],
        &snapshot(),
        Protocol1Attributes::Pass,
        NOBODY,
    );
    let calls = calls(plan);
    assert_eq!(
        calls[0].shared.as_ref().map(|shared| json!(shared)),
        Some(json!({"a":1,"secret":2}))
    );
    assert_eq!(calls[1].shared, None);
    assert_eq!(
        calls[1].items[0].attributes.as_ref().map(|own| json!(own)),
        Some(json!({"a":1}))
    );
    assert_eq!(calls[1].session, Some(json!({"n":1})));
}

/// `shop` is being renewed: version 1 speaks protocol 1, version 2 protocol 2.
fn renewing() -> Snapshot {
    let mut registry = Registry::default();
    for (version, protocol) in [(1, None), (2, Some(2))] {
        let registration = ActiveService {
            host: "10.0.0.1".into(),
            port: u16::try_from(version).expect("small"),
            name: Some("shop".into()),
            version,
            protocol,
            ..ActiveService::default()
        };
        let instance =
            instance::check(registration, None, &RegistrationRules::default()).expect("a good registration");
        registry.apply(Event::Register(Arc::new(instance)), Millis(0));
    }
    Snapshot::build(&registry.view(), &Snapshot::default())
}

#[test]
fn a_call_is_written_in_the_protocol_of_the_instance_that_gets_it() {
    let snapshot = renewing();
    let service = snapshot.service("shop").expect("registered");
    let mut versions = Vec::new();
    for seed in 0..100 {
        let requests = vec![("shop", vec![item("1", None)])];
        let now = Millis(0);
        let visitor = VersionContext {
            seed,
            previews: &NONE,
            now,
        };
        let plan = plan(
            batch(Some(2), requests),
            &[],
            &snapshot,
            Protocol1Attributes::Pass,
            visitor,
        );
        let call = calls(plan).remove(0);
        let choice = |key, speaks| Choice {
            seed,
            rotation: seed,
            key,
            work: Work::Request,
            preview: None,
            fragment_protocol: speaks,
            now,
        };
        let speaks = call.fragment_protocol();
        let instance = service
            .choose(choice(None, Some(&speaks)), &[])
            .expect("an instance");
        assert_eq!(
            call.shared.is_some(),
            instance.registration.version == 1,
            "{seed}"
        );
        let page = service.choose(choice(None, None), &[]).expect("an instance");
        assert_eq!(
            instance.registration.version, page.registration.version,
            "the visitor's version"
        );
        let others = service.choose(choice(None, Some(&speaks)), &[instance]);
        assert!(others.is_none(), "only its own service can read it");
        versions.push(page.registration.version);
    }
    assert!(versions.contains(&1) && versions.contains(&2));
}

#[test]
fn a_call_is_written_for_a_version_that_can_be_called() {
    let snapshot = renewing();
    let service = snapshot.service("shop").expect("registered");
    for _ in 0..5 {
        service.active[0].breaker.failed(Millis(0));
    }
    for seed in 0..100 {
        let (requests, now) = (vec![("shop", vec![item("1", None)])], Millis(1));
        let visitor = VersionContext {
            seed,
            previews: &NONE,
            now,
        };
        let batch = batch(Some(2), requests);
        let plan = plan(batch, &[], &snapshot, Protocol1Attributes::Pass, visitor);
        assert_eq!(calls(plan)[0].fragment_protocol(), FragmentProtocol::Protocol2);
    }
}

#[test]
fn attributes_can_be_kept_from_protocol_1_services() {
    let plan = plan(
        batch(None, vec![("old", vec![item("1", None)])]),
        &[],
        &snapshot(),
        Protocol1Attributes::Drop,
        NOBODY,
    );
    assert_eq!(calls(plan)[0].shared, Some(Map::new()));
}

#[test]
fn protocol_1_services_get_one_set_of_attributes_per_call() {
    let items = vec![
        item("1", Some(json!({"a":1}))),
        item("2", Some(json!({"a":2}))),
        item("3", Some(json!({"a":1}))),
        item("4", None),
    ];
    let plan = plan(
        batch(Some(2), vec![("old", items)]),
        &[],
        &snapshot(),
        Protocol1Attributes::Pass,
        NOBODY,
    );
    let groups: Vec<Vec<_>> = calls(plan)
        .iter()
        .map(|call| call.items.iter().map(|item| item.id.clone()).collect::<Vec<_>>())
        .collect();
    assert_eq!(groups, [vec!["1", "3"], vec!["2"], vec!["4"]]);
}

#[test]
fn a_protocol_2_item_keeps_its_own_attributes() {
    let items = vec![item("1", Some(json!({"x":1}))), item("2", None)];
    let plan = plan(
        batch(Some(2), vec![("new", items)]),
        &[],
        &snapshot(),
        Protocol1Attributes::Pass,
        NOBODY,
    );
    let calls = calls(plan);
    assert_eq!(calls.len(), 1);
    assert_eq!(
        calls[0].items[0].attributes.as_ref().map(|own| json!(own)),
        Some(json!({"x":1}))
    );
    assert_eq!(
        calls[0].items[1].attributes, None,
        "the page's attributes are protocol 1 only"
    );
}

#[test]
fn nobody_is_asked_for_what_is_refused() {
    let circle = FragmentRequest {
        call_chain: vec!["page".into(), "old/f".into(), "shop/g".into()],
        ..item("1", None)
    };
    let many = (0..=MAX_BATCH_FRAGMENTS)
        .map(|n| item(&format!("m{n}"), None))
        .collect();
    let requests = vec![
        ("old", vec![circle]),
        ("away", vec![item("2", None)]),
        ("new", many),
    ];
    let plan = plan(
        batch(Some(2), requests),
        &[],
        &snapshot(),
        Protocol1Attributes::Pass,
        NOBODY,
    );
    let refused: Vec<_> = plan
        .refused
        .iter()
        .map(|one| (one.answer.id.as_str(), one.answer.outcome))
        .collect();
    assert_eq!(refused[..2], [("1", Outcome::Refused), ("2", Outcome::Inactive)]);
    assert_eq!(refused.len(), 2 + 3, "ids count over all services");
    assert!(
        plan.refused[0]
            .answer
            .reason
            .as_deref()
            .is_some_and(|reason| reason.contains("circle: page > old/f > shop/g > old/f"))
    );
}

/// An answer is longer than an item: answers to all of them would take many times what the batch does.
#[test]
fn a_page_that_asks_for_many_more_than_it_may_gets_no_more_answers() {
    for (asked, refused, unanswered) in [
        (MAX_BATCH_FRAGMENTS, 0, 0),
        (2 * MAX_BATCH_FRAGMENTS, MAX_BATCH_FRAGMENTS, 0),
        (
            20 * MAX_BATCH_FRAGMENTS,
            MAX_BATCH_FRAGMENTS,
            18 * MAX_BATCH_FRAGMENTS,
        ),
    ] {
        let items = |from: usize, to: usize| (from..to).map(|n| item(&n.to_string(), None)).collect();
        let requests = vec![
            ("away", items(0, 10)),
            ("new", items(10, asked / 2)),
            ("old", items(asked / 2, asked)),
        ];
        let plan = plan(
            batch(Some(2), requests),
            &["page".to_owned()],
            &snapshot(),
            Protocol1Attributes::Pass,
            NOBODY,
        );
        assert_eq!(
            (plan.refused.len(), plan.unanswered),
            (10 + refused, unanswered),
            "{asked}"
        );
        let called: usize = calls(plan).iter().map(|call| call.items.len()).sum();
        assert_eq!(called, MAX_BATCH_FRAGMENTS - 10, "{asked}");
    }
}

#[test]
fn a_service_may_be_at_work_twice_but_not_too_deep() {
    let other = FragmentRequest {
        call_chain: vec!["old".into(), "old/other".into(), "new/f".into()],
        ..item("1", None)
    };
    let deep = FragmentRequest {
        call_chain: (0..MAX_CALL_CHAIN_DEPTH).map(|n| format!("s/{n}")).collect(),
        ..item("2", None)
    };
    let plan = plan(
        batch(Some(2), vec![("old", vec![other, deep])]),
        &[],
        &snapshot(),
        Protocol1Attributes::Pass,
        NOBODY,
    );
    let refused: Vec<_> = plan.refused.iter().map(|one| one.answer.id.as_str()).collect();
    assert_eq!(refused, ["2"]);
    assert!(
        plan.refused[0]
            .answer
            .reason
            .as_deref()
            .is_some_and(|reason| reason.contains("nest too deep"))
    );
}

#[test]
fn the_callers_chain_holds_for_items_that_bring_none() {
    let requests = vec![("old", vec![item("1", None)]), ("new", vec![item("2", None)])];
    let chain = ["old/f".to_owned()];
    let plan = plan(
        batch(Some(2), requests),
        &chain,
        &snapshot(),
        Protocol1Attributes::Pass,
        NOBODY,
    );
    assert_eq!(plan.refused.len(), 1);
    assert_eq!(calls(plan)[0].items[0].call_chain, chain);
}

#[test]
fn a_call_lasts_as_long_as_its_most_patient_item() {
    let deadline = |ms| FragmentRequest {
        deadline: ms,
        ..FragmentRequest::default()
    };
    assert_eq!(
        longest_deadline(&[deadline(Some(5)), deadline(Some(9))]),
        Some(Duration::from_millis(9))
    );
    assert_eq!(longest_deadline(&[deadline(Some(5)), deadline(None)]), None);
}

#[test]
fn an_attribute_that_the_tag_did_not_name_is_dropped_and_counted() {
    let asked = |protocol, imports: Option<&[&str]>| {
        let imports = imports.map(|all| all.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
        let item = |id| FragmentRequest {
            imports: imports.clone(),
            ..item(id, Some(json!({"a": 1, "b": 2, "secret": 3})))
        };
        let requests = vec![("new", vec![item("1")]), ("old", vec![item("2")])];
        plan(
            batch(protocol, requests),
            &[],
            &snapshot(),
            Protocol1Attributes::Pass,
            NOBODY,
        )
    };
    let check = |protocol, imports, dropped: &[(&str, usize)], new: Value, old: Value| {
        let plan = asked(protocol, imports);
        let counted: Vec<_> = plan
            .dropped
            .iter()
            .map(|(name, count)| (&**name, *count))
            .collect();
        assert_eq!(counted, dropped);
        let calls = calls(plan);
        assert_eq!(json!(calls[0].items[0].attributes), new);
        assert_eq!(json!(calls[1].shared), old);
    };
    let all = json!({"a": 1, "b": 2, "secret": 3});
    let named = json!({"a": 1, "b": 2});
    let imports: Option<&[&str]> = Some(&["x.y as a", "b"]);
    check(Some(2), imports, &[("new", 1), ("old", 1)], named.clone(), named);
    check(
        Some(2),
        Some(&[]),
        &[("new", 3), ("old", 3)],
        json!({}),
        json!({}),
    );
    check(Some(2), None, &[], all.clone(), all.clone());
}

#[test]
fn imports_of_a_protocol_1_page_count() {
    // What the page states, what a service of protocol 1 gets, and what one of protocol 2 gets, whose contract imports `a`.
    for (imports, old, new) in [
        (None, json!({"a": 1, "p": {"a": 5}, "secret": 2}), json!({"a": 1})),
        (Some(&[][..]), json!({}), json!({})),
        (Some(&["a"]), json!({"a": 1}), json!({"a": 1})),
        (Some(&["secret as a"]), json!({"a": 2}), json!({"a": 2})),
        (
            Some(&["p.a as a", "secret"]),
            json!({"a": 5, "secret": 2}),
            json!({"a": 5}),
        ),
        (Some(&["secret as b"]), json!({"b": 2}), json!({})),
        (Some(&["missing", "p.b as a"]), json!({}), json!({})),
        (Some(&["p.a", "a as"]), json!({}), json!({})),
    ] {
        let imports = imports.map(|all| all.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
        let item = |id| FragmentRequest {
            imports: imports.clone(),
            // Protocol 1 has no such member.
            ..item(id, Some(json!({"a": "forged", "forged": 1})))
        };
        let requests = vec![("new", vec![item("1")]), ("old", vec![item("2")])];
        let mut batch = batch(None, requests);
        batch.attributes = json!({"a": 1, "p": {"a": 5}, "secret": 2})
            .as_object()
            .cloned()
            .expect("an object");
        let plan = plan(batch, &[], &snapshot(), Protocol1Attributes::Pass, NOBODY);
        let calls = calls(plan);
        assert_eq!(json!(calls[0].items[0].attributes), new, "{imports:?}");
        assert_eq!(
            calls[0].items[0].imports, None,
            "nothing may be dropped on the way: {imports:?}"
        );
        assert_eq!(json!(calls[1].shared), old, "{imports:?}");
    }
}

#[test]
fn stated_imports_pass_although_protocol_1_attributes_are_dropped() {
    let stating = FragmentRequest {
        imports: Some(vec!["secret as s".to_owned()]),
        ..item("1", None)
    };
    let requests = vec![("old", vec![stating, item("2", None)])];
    let plan = plan(
        batch(None, requests),
        &[],
        &snapshot(),
        Protocol1Attributes::Drop,
        NOBODY,
    );
    let shared: Vec<_> = calls(plan).into_iter().map(|call| json!(call.shared)).collect();
    assert_eq!(shared, [json!({"s": 2}), json!({})]);
}
