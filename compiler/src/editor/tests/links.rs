//! Definitions, references and hovers.

use super::*;

/// The shop, and the service that owns the fragments that it shows.
fn two_sites() -> Workspace {
    let orders: Files<'_> = &[
        (
            "templates/checkout.html",
            "<form m:ref=\"checkout\" m:imports=\"dob: date\" m:exports=\"address: string\">{{ dob }}</form>",
        ),
        (
            "templates/own.html",
            "<m:fragment ref=\"checkout\" imports=\"x as dob\" exports=\"address\">-</m:fragment>{{ address }}",
        ),
    ];
    workspace(&[("orders", Some("orders"), orders), ("shop", Some("shop"), SHOP)])
}

const PAGE: &str = "shop/templates/checkout.html";

#[test]
fn names_lead_to_their_definitions() {
    for (marked, in_shop, in_both) in [
        (
            "<m:fragment service='orders' ref='check|out'>-</m:fragment>",
            "shop/contracts/orders.json 2:13",
            "orders/templates/checkout.html 1:14",
        ),
        (
            "<m:fragment service='ord|ers' ref='checkout'>-</m:fragment>",
            "shop/contracts/orders.json 1:1",
            "shop/contracts/orders.json 1:1",
        ),
        (
            "<m:fragment service='orders' ref='recent' exports='co|unt'>-</m:fragment>",
            "shop/contracts/orders.json 4:36",
            "shop/contracts/orders.json 4:36",
        ),
        (
            "<m:fragment service='orders' ref='checkout' exports='addr|ess'>-</m:fragment>",
            "shop/contracts/orders.json 3:38",
            "orders/templates/checkout.html 1:57",
        ),
        (
            "<m:fragment service='orders' ref='checkout' imports='dob as do|b'>-</m:fragment>",
            "shop/contracts/orders.json 2:38",
            "orders/templates/checkout.html 1:35",
        ),
        // Hydra's own.
        ("{% include 'hydra/form-er|rors.html' %}", "", ""),
        // An attribute of the page: a field, an export, a list.
        (
            "<m:fragment service='orders' ref='checkout' imports='do|b'>-</m:fragment>",
            "shop/src/main.rs 4:5",
            "shop/src/main.rs 4:5",
        ),
        ("{{ tot|al }}", "shop/src/main.rs 5:5", "shop/src/main.rs 5:5"),
        (
            "<m:fragment service='orders' ref='recent' exports='count as n'>-</m:fragment>{{ n| }}",
            "shop/templates/checkout.html 1:61",
            "shop/templates/checkout.html 1:61",
        ),
        (
            "{% set n = 1 %}{{ n| }}",
            "shop/templates/checkout.html 1:8",
            "shop/templates/checkout.html 1:8",
        ),
        (
            "<m:fragment ref='me|nu'>-</m:fragment>",
            "shop/templates/menu.html 1:13",
            "shop/templates/menu.html 1:13",
        ),
        (
            "<m:frag|ment ref='menu'>-</m:fragment>",
            "shop/templates/menu.html 1:13",
            "shop/templates/menu.html 1:13",
        ),
        (
            "<m:fragment service='self' ref='menu' imports='total as here|'>-</m:fragment>",
            "shop/templates/menu.html 1:30",
            "shop/templates/menu.html 1:30",
        ),
        (
            "{% extends \"lay|out.html\" %}",
            "shop/templates/layout.html 1:1",
            "shop/templates/layout.html 1:1",
        ),
        // Nothing is known, or nothing is there.
        ("<m:fragment service='unknown' ref='x|'>-</m:fragment>", "", ""),
        (
            "<m:fragment service='{{ total| }}' ref='x'>-</m:fragment>",
            "shop/src/main.rs 5:5",
            "shop/src/main.rs 5:5",
        ),
        ("<p|>{{ nothing }}", "", ""),
    ] {
        for (mut workspace, expected) in [(shop(), in_shop), (two_sites(), in_both)] {
            let (path, position) = open(&mut workspace, PAGE, marked);
            let found: Vec<_> = workspace.definition(&path, position).iter().map(shown).collect();
            assert_eq!(found.join(", "), expected, "{marked}");
        }
    }
}

#[test]
fn names_are_found_wherever_they_are_used() {
    let tag = "<m:fragment service='orders' ref='checkout' imports='dob' exports='address as home'>-</m:fragment>{{ home }} {{ dob }}";
    let mark = |at: &str| tag.replacen(at, &format!("{}|{}", &at[..1], &at[1..]), 1);
    for (marked, expected) in [
        (
            mark("checkout"),
            "orders/templates/checkout.html 1:14, orders/templates/own.html 1:18, shop/templates/checkout.html 1:35",
        ),
        (
            mark("address"),
            "orders/templates/checkout.html 1:57, orders/templates/own.html 1:56, shop/templates/checkout.html 1:68",
        ),
        (
            mark("orders"),
            "shop/contracts/orders.json 1:1, shop/templates/checkout.html 1:22",
        ),
        // Attributes belong to the page.
        (
            mark("dob"),
            "shop/src/main.rs 4:5, shop/templates/checkout.html 1:54, shop/templates/checkout.html 1:113",
        ),
        (
            mark("home"),
            "shop/templates/checkout.html 1:79, shop/templates/checkout.html 1:102",
        ),
    ] {
        let mut workspace = two_sites();
        let (path, position) = open(&mut workspace, PAGE, &marked);
        let found: Vec<_> = workspace
            .references(&path, position, true)
            .iter()
            .map(shown)
            .collect();
        assert_eq!(found.join(", "), expected, "{marked}");
    }
}

#[test]
fn a_hover_says_what_gives_a_name_and_what_uses_it() {
    let page = "{% extends \"layout.html\" %}{% block main %}<m:fragment service=\"orders\" ref=\"checkout\" imports=\"dob, total as country\" exports=\"zip\">-</m:fragment>\n{{ zip }} {{ total }}{% endblock %}";
    let mut all = String::new();
    for name in [
        "layout", "orders", "checkout", "dob", "country", "zip", "total }}",
    ] {
        let at = page.find(name).expect(name) + 1;
        let marked = format!("{}|{}", &page[..at], &page[at..]);
        let mut workspace = shop();
        let (path, position) = open(&mut workspace, PAGE, &marked);
        workspace.check();
        let hover = workspace.hover(&path, position).expect(name);
        all.push_str(&format!(
            "=== {name} {:?}\n{}\n",
            (hover.range.0.character, hover.range.1.character),
            hover.text
        ));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn a_hover_on_a_problem_explains_its_rule() {
    let mut workspace = shop();
    let (path, position) = open(
        &mut workspace,
        PAGE,
        "<m:fragment service='orders' ref='chek|out'>-</m:fragment>",
    );
    workspace.check();
    let hover = workspace.hover(&path, position).expect("a hover");
    assert!(hover.text.contains("# unknown-ref: "), "{}", hover.text);
    assert!(
        hover.text.starts_with("fragment `chekout` of `orders`"),
        "{}",
        hover.text
    );
}
