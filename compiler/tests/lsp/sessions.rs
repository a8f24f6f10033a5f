//! Sessions that are kept.

use serde_json::json;

use crate::driver::Session;

/// A crate with two pages, a contract and a page type.
pub(crate) const SHOP: &[(&str, &str)] = &[
    ("shop/Cargo.toml", "[package]\nname = \"shop\"\n"),
    (
        "shop/build.rs",
        "fn main() { hydra_compile::Build::new(\"templates\").service(\"shop\").contracts(\"contracts\").run_or_exit(); }\n",
    ),
    (
        "shop/src/main.rs",
        "#[derive(Page, Serialize)]\n#[page(template = \"checkout.html\")]\nstruct Checkout {\n    dob: Date,\n    total: u32,\n}\n",
    ),
    (
        "shop/contracts/orders.json",
        "{\"service\": \"orders\", \"fragments\": {\"checkout\": {\"imports\": {\"dob\": {\"type\": \"date\"}}, \"exports\": {\"address\": \"string\"}}}}\n",
    ),
    (
        "shop/templates/layout.html",
        "<html><body>{% block main %}{% endblock %}</body></html>\n",
    ),
    (
        "shop/templates/checkout.html",
        "{% extends \"layout.html\" %}{% block main %}\n<m:fragment service=\"orders\" ref=\"checkout\" imports=\"dob\" exports=\"address\">-</m:fragment>\n<p>{{ address }}: {{ total }}</p>\n{% endblock %}\n",
    ),
    (
        "shop/templates/menu.html",
        "<nav m:ref=\"menu\" m:imports=\"here: string\"><a href=\"/\">{{ here }}</a></nav>\n",
    ),
];

#[test]
fn problems_are_told_as_the_user_types_and_go_when_they_are_mended() {
    let mut session = Session::start(SHOP);
    session.initialize(&["utf-16"]);
    session.open("shop/templates/checkout.html");
    // A letter is taken out of `address` in the list.
    session.change("shop/templates/checkout.html", 2, Some([1, 63, 1, 64]), "");
    // The tag is half written.
    session.change("shop/templates/checkout.html", 3, Some([1, 40, 1, 90]), "");
    session.change("shop/templates/checkout.html", 4, None, SHOP[5].1);
    session.close("shop/templates/checkout.html");
    session.request("shutdown", json!(null));
    insta::assert_snapshot!("typing", session.said);
    session.send(&json!({"method": "exit"}));
    assert_eq!(session.end().code(), Some(0));
}

#[test]
fn a_change_in_another_file_is_told_at_the_templates_that_depend_on_it() {
    let mut session = Session::ready(SHOP);
    session.open("shop/templates/checkout.html");
    // The contract takes an export away, and gives it back.
    session.write("shop/contracts/orders.json", "{\"service\": \"orders\", \"fragments\": {\"checkout\": {\"imports\": {\"dob\": {\"type\": \"date\"}}}}}\n");
    session.write("shop/contracts/orders.json", SHOP[3].1);
    // The Rust type loses a field.
    session.write("shop/src/main.rs", &SHOP[2].1.replace("    total: u32,\n", ""));
    session.write("shop/src/main.rs", SHOP[2].1);
    // The layout vanishes, and comes back.
    session.remove("shop/templates/layout.html");
    session.write("shop/templates/layout.html", SHOP[4].1);
    // An include that only the editor has.
    session.change(
        "shop/templates/checkout.html",
        2,
        Some([2, 0, 2, 0]),
        "{% include \"new.html\" %}",
    );
    session.open_with("shop/templates/new.html", "{{ total }}");
    session.close("shop/templates/new.html");
    insta::assert_snapshot!("across-files", session.said);
}

#[test]
fn characters_are_counted_as_the_editor_counts() {
    for encoding in ["utf-8", "utf-16", "utf-32"] {
        let mut session = Session::start(&[("templates/a.html", "x"), ("hydra.toml", "")]);
        session.initialize(&[encoding]);
        session.said.clear();
        session.open_with("templates/a.html", "<p>\u{1F375}é<m:fragment/></p>");
        insta::assert_snapshot!(format!("encoding-{encoding}"), session.said);
    }
}

#[test]
fn questions_about_a_place_are_answered() {
    let mut session = Session::ready(SHOP);
    let page = "shop/templates/checkout.html";
    session.open(page);
    let text = SHOP[5].1;
    let marked = |at: &str| text.replacen(at, &format!("{}|{}", &at[..1], &at[1..]), 1);
    session.ask("textDocument/hover", page, &marked("total }}"));
    session.ask("textDocument/definition", page, &marked("checkout\""));
    session.ask("textDocument/references", page, &marked("address }}"));
    session.change(page, 2, Some([1, 0, 1, 200]), "<m:fragment service=\"ord");
    session.ask("textDocument/completion", page, "\n<m:fragment service=\"ord|");
    session.change(
        page,
        3,
        None,
        "<m:fragment service=\"orders\" ref=\"chekout\" imports=\"dob\">-</m:fragment>",
    );
    let range = json!({"start": {"line": 0, "character": 36}, "end": {"line": 0, "character": 36}});
    let document = json!({"uri": session.uri(page)});
    session.request(
        "textDocument/codeAction",
        json!({"textDocument": document, "range": range, "context": {"diagnostics": []}}),
    );
    insta::assert_snapshot!("questions", session.said);
}
