//! What the contract of the other side says.

use super::*;

const CONTRACT: &str = r#"{"service": "orders", "fragments": {"checkout": {
    "imports": {"dob": {"type": "date"}, "country": {"type": "string", "default": "BE"}},
    "exports": {"addressLine2": "string", "total": "number"},
    "provides": ["sum"]
}}}"#;

fn around() -> Around {
    Around {
        contracts: vec![("orders", CONTRACT)],
        contracts_given: true,
        ..Around::default()
    }
}

/// The problems of a page with these attributes on a tag of `orders`.
fn found(attributes: &str) -> Vec<String> {
    let text = format!(
        "<html m:attributes='dob: date, n: integer, s: string'>{{{{ dob }}}}{{{{ n }}}}{{{{ s }}}}
<m:fragment service='orders' {attributes}>-</m:fragment>{{{{ address is defined }}}}</html>"
    );
    check_all(&[("page.html", &text)], &around())
}

#[test]
fn an_export_counts_where_its_branch_and_the_import_can_both_be() {
    let give = |export: &str| {
        format!(
            "<m:fragment service='orders' ref='checkout' imports='d as dob' exports='{export} as x'>-</m:fragment>"
        )
    };
    let take = "<m:fragment service='orders' ref='checkout' imports='d as dob, x as country'>-</m:fragment>";
    let (text, number) = (give("addressLine2"), give("total"));
    for (page, expected) in [
        (
            format!("{{% if p %}}{text}{take}{{% else %}}{number}{take}{{% endif %}}"),
            1,
        ),
        (
            format!("{{% if p %}}{number}{{% else %}}{text}{take}{{% endif %}}"),
            0,
        ),
        (
            format!("{{% if p %}}{text}{{% else %}}{number}{{% endif %}}{take}"),
            1,
        ),
    ] {
        let found = check_all(&[("page.html", &page)], &around());
        let mismatches = found
            .iter()
            .filter(|line| line.contains(" type-mismatch "))
            .count();
        assert_eq!(mismatches, expected, "{page}: {found:#?}");
    }
}

#[test]
fn imports_without_a_value_are_one_mistake() {
    for attributes in ["ref='checkout' imports", "ref='checkout' imports=''"] {
        let codes: Vec<_> = problems_of(
            &[(
                "page.html",
                &format!("<m:fragment service='orders' {attributes}>-</m:fragment>"),
            )],
            &around(),
        )
        .1
        .iter()
        .map(|problem| problem.code.name())
        .collect();
        assert_eq!(codes, ["empty-value"], "{attributes}");
    }
}

#[test]
fn a_tag_keeps_the_contract() {
    for (attributes, expected) in [
        ("ref='checkout' imports='dob'", ""),
        (
            "ref='checkout' imports='dob, s as country' exports='addressLine2 as address'",
            "",
        ),
        (
            "ref='chekout' imports='dob'",
            "page.html:2:35 unknown-ref `orders` offers no fragment `chekout`",
        ),
        ("ref='{{ s }}' imports='dob'", ""),
        (
            "ref='checkout'",
            "page.html:2:1 missing-import `checkout` of `orders` needs `dob`",
        ),
        (
            "ref='checkout' imports='s as dob'",
            "page.html:2:54 type-mismatch `s` is `string`, and `checkout` of `orders` wants `date`",
        ),
        (
            "ref='checkout' imports='dob, n as country'",
            "page.html:2:59 type-mismatch `n` is `integer`, and `checkout` of `orders` wants `string`",
        ),
        ("ref='checkout' imports='dob, s.x as country'", ""),
        (
            "ref='checkout' imports='dob, s as sum'",
            "page.html:2:64 import-conflict `checkout` of `orders` has a `sum` of its own already",
        ),
        (
            "ref='checkout' imports='dob, s as county'",
            "page.html:2:64 unknown-fragment-import `checkout` of `orders` imports no `county`",
        ),
        // Handed over under a wrong name, `dob` is not missing besides.
        (
            "ref='checkout' imports='dob as birth, s as country'",
            "page.html:2:61 unknown-fragment-import `checkout` of `orders` imports no `birth`",
        ),
        (
            "ref='checkout' imports='dob' exports='adressLine2 as address'",
            "page.html:2:68 unknown-export `checkout` of `orders` exports no `adressLine2`",
        ),
    ] {
        assert_eq!(found(attributes).join("\n"), expected, "{attributes}");
    }
}

#[test]
fn the_help_can_be_pasted() {
    for (attributes, expected) in [
        (
            "ref='checkout' imports='s as country'",
            "write `imports=\"s as country, dob\"`; `a as dob` hands over `a`",
        ),
        (
            "ref='checkout' imports='dob, s as county'",
            "did you mean `s as country`?",
        ),
        (
            "ref='checkout' imports='dob' exports='adressLine2 as address'",
            "did you mean `addressLine2 as address`?",
        ),
        (
            "ref='checkout' imports='dob' exports='adressLine2'",
            "did you mean `addressLine2`?",
        ),
        ("ref='chekout' imports='dob'", "did you mean `ref=\"checkout\"`?"),
    ] {
        let text =
            format!("<m:fragment service='orders' {attributes}>-</m:fragment>{{{{ address is defined }}}}");
        let (_, problems) = problems_of(&[("page.html", &text)], &around());
        let helps: Vec<_> = problems
            .iter()
            .filter_map(|problem| problem.help.as_deref())
            .collect();
        assert_eq!(helps, [expected], "{attributes}");
    }
}

#[test]
fn a_service_must_be_known_where_contracts_are() {
    let text = "<m:fragment service='order' ref='x'>-</m:fragment><m:fragment service='order' ref='y'>-</m:fragment>";
    let files = [("a.html", text), ("b.html", text)];
    let line = |at: &str| format!("{at} unknown-service there is no contract of a service `order`");
    let expected: Vec<_> = ["a.html:1:22", "a.html:1:72", "b.html:1:22", "b.html:1:72"]
        .map(line)
        .into();
    assert_eq!(check_all(&files, &around()), expected);
    // Without any, one warning for each service.
    let expected =
        ["a.html:1:22 no-contract no contract of `order` was given: its fragments can't be checked"];
    assert_eq!(check_all(&files, &Around::default()), expected);
}

#[test]
fn what_this_service_offers_is_its_contract() {
    let offers = "<div m:ref='basket' m:imports=\"user: string, n: integer = 1\" m:exports='count: integer'>{{ user }}</div>";
    let own = Around {
        options: Options {
            service: Some("shop".into()),
            ..Options::default()
        },
        contracts_given: true,
        ..Around::default()
    };
    for (tag, expected) in [
        (
            "<m:fragment ref='basket' imports='a as user' exports='count'>-</m:fragment>{{ count }}",
            "",
        ),
        (
            "<m:fragment service='self' ref='basket' imports='a as user'>-</m:fragment>",
            "",
        ),
        (
            "<m:fragment service='shop' ref='basket' imports='a as user'>-</m:fragment>",
            "",
        ),
        (
            "<m:fragment ref='basket'>-</m:fragment>",
            "page.html:1:1 missing-import `basket` of this service needs `user`",
        ),
        (
            "<m:fragment ref='baskt'>-</m:fragment>",
            "page.html:1:18 unknown-ref this service offers no fragment `baskt`",
        ),
        (
            "<m:fragment ref='basket' imports='a as user' exports='cuont'>-</m:fragment>{{ cuont }}",
            "page.html:1:55 unknown-export `basket` of this service exports no `cuont`",
        ),
    ] {
        assert_eq!(
            check_all(&[("offers.html", offers), ("page.html", tag)], &own).join("\n"),
            expected,
            "{tag}"
        );
    }
    // A file that can't be read may offer it.
    let broken = format!("{offers}<div m:ref='other'></m:fragment>");
    let files = [
        ("offers.html", broken.as_str()),
        ("page.html", "<m:fragment ref='baskt'>-</m:fragment>"),
    ];
    assert!(
        check_all(&files, &own)
            .iter()
            .all(|line| !line.contains("unknown-ref"))
    );
}

#[test]
fn one_ref_is_offered_once() {
    let files = [
        ("a.html", "<p m:ref='x'>a</p>"),
        ("b.html", "<p m:ref='x'>b</p><p m:ref='y'>c</p>"),
    ];
    assert_eq!(
        check_all(&files, &around()),
        ["b.html:1:11 duplicate-ref this service offers `x` twice"]
    );
    let own = [(
        "a.html",
        "<p m:ref='x' m:imports='a' m:attributes='a'>{{ a }}</p>",
    )];
    assert_eq!(
        check_all(&own, &around()),
        ["a.html:1:25 import-conflict this fragment imports `a`, and has one of its own"]
    );
}

#[test]
fn types_of_exports_are_known_by_the_contract() {
    let text =
        "<m:fragment service='orders' ref='checkout' imports='d as dob' exports='total as t'>-</m:fragment>
<m:fragment service='orders' ref='checkout' imports='t as dob'>-</m:fragment>";
    let expected = ["page.html:2:54 type-mismatch `t` is `number`, and `checkout` of `orders` wants `date`"];
    assert_eq!(check_all(&[("page.html", text)], &around()), expected);
}
