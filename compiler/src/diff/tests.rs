use hydra_contract::Contract;

use super::*;
use crate::graph::{GraphFlow, GraphPage};

fn contract(json: &str) -> Contract {
    serde_json::from_str(json).expect("a contract")
}

fn with_checkout(fragment: &str) -> Contract {
    contract(&format!(
        r#"{{"service": "orderService", "fragments": {{"checkout": {fragment}}}}}"#
    ))
}

/// A page whose line 3 takes `addressLine2` and passes `dob`, and whose line 9 asks another service.
fn site() -> Graph {
    let flow = |from: &str, to: &str| GraphFlow {
        from: from.into(),
        to: to.into(),
    };
    let tag = GraphFragment {
        line: 3,
        column: 5,
        service: Some("orderService".into()),
        reference: "checkout".into(),
        imports: vec![flow("dob", "dob")],
        exports: vec![flow("addressLine2", "address")],
        ..GraphFragment::default()
    };
    let other = GraphFragment {
        line: 9,
        service: Some("billing".into()),
        ..tag.clone()
    };
    Graph {
        pages: vec![GraphPage {
            template: "shop.html".into(),
            attributes: Vec::new(),
            fragments: vec![tag, other],
        }],
    }
}

/// Each change as text: `!` where it breaks, and how many tags it breaks.
fn check(old: &Contract, new: &Contract, expected: &[(&str, usize)]) {
    let changes = diff(old, new, &site());
    let shown: Vec<(String, usize)> = changes
        .iter()
        .map(|change| {
            (
                format!("{}{}", if change.breaking { "!" } else { "" }, change.message),
                change.breaks.len(),
            )
        })
        .collect();
    let shown: Vec<(&str, usize)> = shown
        .iter()
        .map(|(text, count)| (text.as_str(), *count))
        .collect();
    assert_eq!(shown, expected);
}

const BASE: &str = r#"{"imports": {"dob": {"type": "date"}, "note": {"type": "string", "default": ""}},
                       "exports": {"addressLine2": "string", "zip": "number"}}"#;

#[test]
fn the_same_contract_breaks_nothing() {
    check(&with_checkout(BASE), &with_checkout(BASE), &[]);
    assert!(!breaks(&[], false));
    assert_eq!(render(&[], true), "The contracts promise the same.\n");
}

#[test]
fn a_fragment_that_is_gone_breaks_its_tags() {
    let new = contract(r#"{"service": "orderService", "fragments": {"checkOut": {}}}"#);
    check(
        &with_checkout(BASE),
        &new,
        &[
            ("!the fragment is gone; `checkOut` is new", 1),
            ("the fragment is new", 0),
        ],
    );
}

#[test]
fn exports_break_those_who_take_them() {
    let new = with_checkout(
        r#"{"imports": {"dob": {"type": "date"}, "note": {"type": "string", "default": ""}},
            "exports": {"addressLine2": "integer", "city": "string"}}"#,
    );
    check(
        &with_checkout(BASE),
        &new,
        &[
            ("!the export `addressLine2` is now integer, not string", 1),
            ("!it no longer exports `zip`", 0),
            ("it also exports `city`", 0),
        ],
    );
}

#[test]
fn a_narrower_export_and_a_wider_import_are_harmless() {
    let new = with_checkout(
        r#"{"imports": {"dob": {"type": "any"}, "note": {"type": "string", "default": "x"}},
            "exports": {"addressLine2": "string", "zip": "integer"}}"#,
    );
    check(
        &with_checkout(BASE),
        &new,
        &[
            ("the export `zip` is now integer, not number", 0),
            ("the import `dob` must now be any, not date", 0),
            ("the import `note` has another default", 0),
        ],
    );
}

#[test]
fn imports_break_those_who_pass_or_lack_them() {
    let new = with_checkout(
        r#"{"imports": {"note": {"type": "string"}, "country": {"type": "string"}, "gift": {"default": false}},
            "exports": {"addressLine2": "string", "zip": "number"}, "provides": ["dob", "total"]}"#,
    );
    check(
        &with_checkout(BASE),
        &new,
        &[
            ("!it no longer imports `dob`", 1),
            ("!the import `note` is no longer optional", 1),
            ("!it now needs the import `country` (string)", 1),
            ("it can also import `gift`", 0),
            ("!it now has a `dob` of its own, which no import may hide", 1),
        ],
    );
}

#[test]
fn a_renamed_service_breaks_all_its_tags_and_no_others() {
    let new = contract(r#"{"service": "orders", "fragments": {}}"#);
    let old = contract(r#"{"service": "orderService", "fragments": {}}"#);
    check(
        &old,
        &new,
        &[("!the service is now called `orders`, not `orderService`", 1)],
    );
}

#[test]
fn a_breaking_change_that_no_given_page_meets_is_no_break() {
    let new = with_checkout(
        r#"{"imports": {"dob": {"type": "date"}, "note": {"type": "string", "default": ""}},
                                "exports": {"addressLine2": "string"}}"#,
    );
    let changes = diff(&with_checkout(BASE), &new, &site());
    assert!(!breaks(&changes, true));
    assert!(breaks(&changes, false));
    let expected = "breaks  `checkout`: it no longer exports `zip`\n        no page of these templates\n";
    assert_eq!(render(&changes, true), expected);
}

#[test]
fn a_tag_that_computes_what_it_asks_for_may_break() {
    let old = with_checkout(r#"{"imports": {}, "exports": {}}"#);
    let new = contract(r#"{"service": "orderService", "fragments": {}}"#);
    let mut site = site();
    let tags = &mut site.pages[0].fragments;
    (tags[0].reference, tags[0].any_reference) = ("{{ r }}".into(), true);
    (tags[1].service, tags[1].any_service) = (Some("{{ s }}".into()), true);
    let changes = diff(&old, &new, &site);
    let lines: Vec<u32> = changes[0].may_break.iter().map(|place| place.line).collect();
    assert_eq!((changes[0].breaks.len(), lines), (0, vec![3, 9]));
    assert!(!render(&changes, true).contains("no page of these templates"));
    assert!(!breaks(&changes, true));
}
