use hydra_contract::Contract;
use proc_macro2::TokenStream;
use quote::quote;

use super::*;
use crate::{
    compile::{artifacts, compile},
    input::{Input, KnownContract},
    source::{Source, SourceId},
};

const CHECKOUT: &str = "<html><h1>{{ title }}</h1>\n\
    <m:fragment service=\"orders\" ref=\"checkout\" imports=\"dob, countryOrigin as country\" exports=\"line2 as address\">x</m:fragment>\n\
    {% if address %}{{ address }}{% endif %}{% set y = 1 %}{{ y }}{% for t in tags %}{{ t }}{% endfor %}</html>";

const OFFER: &str = "<div m:ref=\"recent-orders\" m:imports=\"userId: integer, type: string = 'all'\" m:exports=\"count: integer\" \
    m:attributes=\"orders: list<string>\">{{ type }}{% for o in orders %}{{ o }}{% endfor %}</div>";

mod forms;
mod long_lines;
mod paths;

fn orders() -> Contract {
    serde_json::from_value(serde_json::json!({"service": "orders", "fragments": {"checkout": {
        "imports": {"dob": {"type": "date"}, "country": {"type": "string"}}, "exports": {"line2": "string"}}}}))
    .unwrap()
}

/// What the build script would leave for these templates, and the Rust files behind them.
fn built(templates: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut input = Input {
        contracts_given: true,
        ..Input::default()
    };
    for (name, text) in templates {
        input
            .sources
            .push(Source::new(*name, format!("templates/{name}"), *text));
    }
    let is_template = |(name, _): &&(&str, &str)| !name.ends_with(".rs");
    input.templates = templates.iter().filter(is_template).count();
    let known = KnownContract {
        source: SourceId(0),
        contract: orders(),
    };
    input.contracts.insert("orders".to_owned(), known);
    let compiled = compile(&input);
    let problems = compiled.problems;
    artifacts(&compiled.site.unwrap_or_else(|| panic!("{problems:?}")))
}

fn model_of(templates: &[(&str, &str)]) -> Model {
    let files = built(templates);
    let (_, text) = files.iter().find(|(name, _)| name == MODEL_FILE).unwrap();
    serde_json::from_str(text).unwrap()
}

fn bindings_of(templates: &[(&str, &str)]) -> String {
    built(templates)
        .into_iter()
        .find(|(name, _)| name == BINDINGS_FILE)
        .unwrap()
        .1
}

fn found(templates: &[(&str, &str)]) -> BuildScriptOutput {
    BuildScriptOutput::Text(serde_json::to_string(&model_of(templates)).unwrap())
}

/// The messages of the `compile_error!`s in `tokens`.
fn errors(tokens: &TokenStream) -> Vec<String> {
    let file: syn::File = syn::parse2(tokens.clone()).unwrap();
    let macros = file.items.into_iter().filter_map(|item| match item {
        syn::Item::Macro(found) if found.mac.path.segments.last().unwrap().ident == "compile_error" => {
            Some(found.mac)
        }
        _ => None,
    });
    macros
        .map(|found| found.parse_body::<syn::LitStr>().unwrap().value())
        .collect()
}

fn derive(fields: TokenStream) -> Vec<String> {
    let item = quote! {
        #[derive(Page, Serialize)]
        #[page(template = "checkout.html", path = "/checkout")]
        struct Checkout { #fields }
    };
    errors(&derive_page(item, &found(&[("checkout.html", CHECKOUT)])))
}

#[test]
fn a_crate_with_another_name_for_the_runtime_says_so() {
    let found = found(&[("orders.html", OFFER)]);
    let bindings = || Some(bindings_of(&[("orders.html", OFFER)]));
    for (arguments, expected) in [
        (quote!(crate = hydra), ":: hydra ::"),
        (quote!(crate = ::hydra), ":: hydra ::"),
        (quote!(crate = "hydra"), ":: hydra ::"),
        (quote!(crate = crate::web::hydra,), "crate :: web :: hydra ::"),
    ] {
        let tokens = app(arguments, &found, bindings).to_string();
        assert!(
            tokens.contains(expected) && !tokens.contains("hydra_runtime"),
            "{tokens}"
        );
    }
    for wrong in [
        quote!(hydra),
        quote!(crate),
        quote!(crate = 5),
        quote!(crate = hydra, 2),
        quote!(name = hydra),
    ] {
        let messages = errors(&app(wrong, &found, bindings));
        assert_eq!(messages.len(), 1, "{messages:?}");
        assert!(messages[0].contains("`app!()` takes `crate = …`"), "{messages:?}");
    }
    let derived = |attribute: TokenStream| {
        let item = quote! {
            #[page(template = "checkout.html")]
            #attribute
            struct Checkout { title: String, dob: Date, #[serde(rename = "countryOrigin")] country: String, tags: Vec<String> }
        };
        derive_page(item, &self::found(&[("checkout.html", CHECKOUT)]))
    };
    let tokens = derived(quote!(#[hydra(crate = "hydra")])).to_string();
    assert!(
        tokens.contains(":: hydra :: Page") && !tokens.contains("hydra_runtime"),
        "{tokens}"
    );
    for wrong in [
        quote!(#[hydra(path = "x")]),
        quote!(#[hydra(crate = "a b")]),
        quote!(#[hydra(crate = "a", crate = "b")]),
    ] {
        assert_eq!(errors(&derived(wrong.clone())).len(), 1, "{wrong}");
    }
}

#[test]
fn the_model_says_what_a_page_needs_gets_and_hands_over() {
    let model = model_of(&[("checkout.html", CHECKOUT)]);
    let page = model.page("checkout.html").unwrap();
    let needs: Vec<_> = page.needs.iter().map(|need| need.name.as_str()).collect();
    assert_eq!(needs, ["title", "dob", "countryOrigin", "tags"]);
    assert_eq!((page.needs[0].spot.line, page.needs[0].spot.column), (1, 14));
    let exports: Vec<_> = page.exports.iter().map(|export| export.name.as_str()).collect();
    assert_eq!(exports, ["address"]);
    let imports: Vec<_> = page
        .imports
        .iter()
        .map(|import| (import.name.as_str(), import.ty.to_string()))
        .collect();
    assert_eq!(
        imports,
        [("dob", "date".to_owned()), ("countryOrigin", "string".to_owned())]
    );
}

#[test]
fn a_struct_with_all_that_the_template_needs_is_a_page() {
    let good = quote! { title: String, dob: Date, #[serde(rename = "countryOrigin")] country: String, tags: Vec<String>, more: u8 };
    assert_eq!(derive(good), [] as [String; 0]);
}

#[test]
fn a_name_that_the_template_needs_and_the_struct_lacks_is_an_error_with_its_place() {
    let messages = derive(quote! { title: String, dob: Date, country_origin: String, tags: Vec<u8> });
    // The line is too long to be shown.
    let expected = "`Checkout` has no `countryOrigin`, which its template needs\n  \
        --> templates/checkout.html:2:59: needed here\n  \
        = help: templates see this field as `country_origin`; write `#[serde(rename = \"countryOrigin\")]` on it";
    assert_eq!(messages, [expected]);
}

#[test]
fn a_field_that_an_export_shadows_is_an_error_that_names_a_free_alias() {
    let all = quote! { title: String, dob: Date, #[serde(rename = "countryOrigin")] country: String, tags: Vec<u8> };
    let messages = derive(quote! { #all, address: String });
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(
        messages[0]
            .starts_with("the field `address` is shadowed by an export\n  --> templates/checkout.html:2:")
    );
    assert!(
        messages[0].contains("`checkout` of `orders` exports it here"),
        "{messages:?}"
    );
    assert!(
        messages[0].contains("write `line2 as ") && !messages[0].contains("line2 as address`"),
        "{messages:?}"
    );
}

#[test]
fn the_alias_for_a_shadowed_field_is_no_field_of_the_struct() {
    let all = quote! { title: String, dob: Date, #[serde(rename = "countryOrigin")] country: String, tags: Vec<u8> };
    let messages = derive(quote! { #all, address: String, orders_address: String });
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(
        messages[0].contains("write `line2 as ordersServiceAddress`"),
        "{messages:?}"
    );
}

#[test]
fn an_import_of_another_type_than_the_contract_says_is_an_error() {
    let messages = derive(
        quote! { title: u8, dob: String, #[serde(rename = "countryOrigin")] c: Option<String>, tags: u8 },
    );
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(
        messages[0].starts_with("`dob` is `string` here, and `checkout` of `orders` takes `date` for `dob`")
    );
    assert!(
        messages[0].ends_with("make the field a `hydra_runtime::Date`"),
        "{messages:?}"
    );
}

#[test]
fn a_field_that_serde_may_leave_out_is_an_error_where_it_is_needed() {
    let messages = derive(quote! {
        #[serde(skip_serializing_if = "Option::is_none")] title: Option<String>, dob: Date,
        #[serde(rename = "countryOrigin")] c: String, tags: Vec<u8>,
        #[serde(skip_serializing_if = "Option::is_none")] unused: Option<u8>
    });
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(
        messages[0].contains("serde may leave `title` out")
            && messages[0].contains("1 | <html><h1>{{ title }}")
    );
}

#[test]
fn what_is_wrong_around_the_fields_is_said_too() {
    let found = found(&[("checkout.html", CHECKOUT)]);
    for (item, part) in [
        (
            quote! { #[page(template = "chekout.html")] struct A { a: u8 } },
            "did you mean `checkout.html`?",
        ),
        (
            quote! { #[page(path = "/a")] struct A { a: u8 } },
            "needs its template",
        ),
        (quote! { struct A { a: u8 } }, "needs its template"),
        (
            quote! { #[page(template = "a", tempalte = "b")] struct A { a: u8 } },
            "`path = \"…\"`",
        ),
        (
            quote! { #[page(template = "checkout.html")] struct A(u8); },
            "named fields",
        ),
        (quote! { enum A { B } }, "named fields"),
    ] {
        let messages = errors(&derive_page(item, &found));
        assert!(messages.len() == 1 && messages[0].contains(part), "{messages:?}");
    }
}

/// The table of all paths is that of `page_path`. This compares all that the derive says of one.
#[test]
fn what_is_offered_becomes_types_with_the_contracts_own() {
    let text = bindings_of(&[("orders.html", OFFER)]);
    for part in [
        "pub struct RecentOrdersImports {",
        "#[serde(rename = \"userId\")]\n        pub user_id: i64,",
        "pub r#type: ::std::string::String,",
        "pub struct RecentOrders {",
        "/// `orders`: `list<string>`.\n        pub orders: ::std::vec::Vec<::std::string::String>,",
        "pub count: i64,",
        "const REF: &'static str = \"recent-orders\";",
        "const EXPORTS: &'static [&'static str] = &[\"count\"];",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn the_fragments_of_a_page_become_types_too() {
    let text = bindings_of(&[("shop/check-out.html", CHECKOUT)]);
    for part in [
        "pub mod shop_check_out {",
        "pub const TEMPLATE: &str = \"shop/check-out.html\";",
        "pub struct OrdersCheckoutImports {",
        "pub dob: ::hydra_runtime::Date,",
        "pub country: ::std::string::String,",
        "pub struct OrdersCheckoutExports {",
        "pub address: ::std::option::Option<::std::string::String>,",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn names_that_would_be_one_in_rust_are_told_apart() {
    let offer = |name: &str| format!("<p m:ref=\"{name}\">{name}</p>\n");
    let offers = offer("recent-orders") + &offer("recentOrders") + &offer("recent-orders-imports");
    let text = bindings_of(&[
        ("a.html", &offers),
        ("9.html", "<p>"),
        ("type.html", "<p>"),
        ("a-b.html", "<p>"),
        ("a_b.html", "<p>"),
    ]);
    assert!(syn::parse_file(&text).is_ok());
    for part in [
        "struct RecentOrders {",
        "struct RecentOrders2 {",
        "struct RecentOrdersImports2 {",
        "mod _9 {",
        "mod r#type {",
        "mod a_b {",
        "mod a_b2 {",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn app_brings_the_bindings_in_or_says_what_is_missing() {
    let good = app(quote!(), &found(&[("orders.html", OFFER)]), || None).to_string();
    assert!(good.contains("include") && good.contains("/hydra.rs"));
    for (found, part) in [
        (
            BuildScriptOutput::NoBuildScript,
            "no build script: write a `build.rs`",
        ),
        (BuildScriptOutput::NoModel, "compiles no templates"),
        (BuildScriptOutput::Text("{}".to_owned()), "one version"),
        (
            BuildScriptOutput::Text("{\"format\": 99}".to_owned()),
            "format 99",
        ),
    ] {
        let messages = errors(&app(quote!(), &found, || None));
        assert!(messages.len() == 1 && messages[0].contains(part), "{messages:?}");
    }
}

fn handler(reference: &str, function: TokenStream) -> Vec<String> {
    let found = found(&[
        ("orders.html", OFFER),
        ("other.html", "<p m:ref=\"other\">{{ a }}</p>"),
    ]);
    errors(&fragment_handler(quote!(#reference), function, &found))
}

#[test]
fn a_handler_is_held_to_its_fragment() {
    let good =
        quote! { async fn f(i: fragments::RecentOrdersImports) -> Result<fragments::RecentOrders, E> { x } };
    assert_eq!(handler("recent-orders", good.clone()), [] as [String; 0]);
    for (reference, function, part) in [
        ("recent-order", good, "did you mean `recent-orders`?"),
        (
            "recent-orders",
            quote! { async fn f() -> fragments::Other { x } },
            "is a `fragments::RecentOrders`, and this gives a `Other`",
        ),
        (
            "recent-orders",
            quote! { async fn f(i: fragments::OtherImports) -> fragments::RecentOrders { x } },
            "takes `OtherImports`",
        ),
        (
            "recent-orders",
            quote! { fn f() -> fragments::RecentOrders { x } },
            "`async fn`",
        ),
        (
            "recent-orders",
            quote! { async fn f() {} },
            "gives a `fragments::RecentOrders`",
        ),
        ("recent-orders", quote! { struct A; }, "stands on an `async fn`"),
    ] {
        let messages = handler(reference, function);
        assert!(messages.len() == 1 && messages[0].contains(part), "{messages:?}");
    }
}

#[test]
fn roles_guard_a_page_and_a_fragment() {
    let page = |arguments: TokenStream| {
        let item = quote! {
            #[page(template = "checkout.html", #arguments)]
            struct Checkout { title: String, dob: Date, #[serde(rename = "countryOrigin")] country: String, tags: Vec<String> }
        };
        derive_page(item, &self::found(&[("checkout.html", CHECKOUT)]))
    };
    let tokens = page(quote!(path = "/checkout", roles("ADMIN", "OWNER"))).to_string();
    assert!(
        tokens.contains("ROLES : & 'static [& 'static str] = & [\"ADMIN\" , \"OWNER\"]"),
        "{tokens}"
    );
    assert!(!page(quote!(path = "/checkout")).to_string().contains("ROLES"));
    for (arguments, expected) in [
        (
            quote!(path = "/checkout", roles()),
            "write the roles of which a user needs one",
        ),
        (
            quote!(path = "/checkout", roles("A,B")),
            "a role has no spaces and commas",
        ),
        (quote!(path = "/checkout", roles("A"), roles("B")), "said twice"),
        (
            quote!(roles("A")),
            "a page without a path is guarded where its route is",
        ),
        (quote!(path = "/checkout", role("A")), "`roles(\"…\")`"),
    ] {
        let messages = errors(&page(arguments.clone()));
        assert!(
            messages.len() == 1 && messages[0].contains(expected),
            "{arguments}: {messages:?}"
        );
    }
    let fragment = |arguments: TokenStream| {
        let function = quote! { #[hydra(crate = "hydra")] pub async fn f() -> fragments::RecentOrders { x } };
        fragment_handler(arguments, function, &found(&[("orders.html", OFFER)]))
    };
    let tokens = fragment(quote!("recent-orders", roles("ADMIN"),)).to_string();
    for part in [
        "pub async fn f (_ : :: hydra :: user :: Guard < __RolesOf_f >)",
        "pub enum __RolesOf_f { }",
        "const ROLES : & 'static [& 'static str] = & [\"ADMIN\"]",
    ] {
        assert!(tokens.contains(part), "{part}: {tokens}");
    }
    assert!(!fragment(quote!("recent-orders")).to_string().contains("Guard"));
    for (arguments, expected) in [
        (quote!("recent-orders", "ADMIN"), "write the fragment's name"),
        (
            quote!("recent-orders", role("ADMIN")),
            "after the fragment's name may stand `roles",
        ),
        (
            quote!("recent-orders", roles()),
            "write the roles of which a user needs one",
        ),
        (
            quote!("recent-orders", roles("A B")),
            "a role has no spaces and commas",
        ),
        (
            quote!("recent-orders", roles("A"), "x"),
            "nothing may stand after the roles",
        ),
    ] {
        let messages = errors(&fragment(arguments.clone()));
        assert!(
            messages.len() == 1 && messages[0].contains(expected),
            "{arguments}: {messages:?}"
        );
    }
}
