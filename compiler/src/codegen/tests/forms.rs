//! `#[derive(Form)]` and `#[action]`.

use super::*;

const TEMPLATE: &str = "<div m:ref=\"checkout\">\n<form m:action=\"place\"><input name=\"postalCode\"><input name=\"e-mail\">\n\
    <input name=\"photo\" type=\"file\"></form>\n<form m:action=\"more\"><input name=\"{{ form.action }}\"></form></div>";

fn form(attribute: TokenStream, fields: TokenStream) -> TokenStream {
    let item = quote! {
        #[derive(Form)]
        #attribute
        struct Place { #fields }
    };
    derive_form(item, &found(&[("checkout.html", TEMPLATE)]))
}

fn place(fields: TokenStream) -> Vec<String> {
    errors(&form(quote!(#[form("checkout", "place")]), fields))
}

#[test]
fn the_fields_of_both_are_compared() {
    let rest = quote!(e_mail: String, photo: Upload);
    for (fields, expected) in [
        (quote!(postal_code: String, #rest), &[][..]),
        (quote!(#[form(name = "postalCode")] zip: String, #rest), &[]),
        (
            quote!(postal_code: String, e_mail: String, photo: Option<form::Upload>),
            &[],
        ),
        (
            quote!(postal_code: String, count: u8, #rest),
            &["the form has no field `count`"],
        ),
        (
            quote!(#rest),
            &["`Place` has no field for `postalCode`, which the form sends"],
        ),
        (
            quote!(postal_code: String, #[form(name = "postalCode")] zip: String, #rest),
            &["two fields of `Place` are the field `postalCode` of the form"],
        ),
        (
            quote!(postal_code: String, e_mail: String, photo: String),
            &["`photo` sends a file"],
        ),
        (
            quote!(postal_code: Upload, #rest),
            &["`postalCode` sends no file"],
        ),
    ] {
        let found = place(fields.clone());
        let first: Vec<_> = found
            .iter()
            .filter_map(|message| message.lines().next())
            .collect();
        assert_eq!(first, expected, "{fields}");
    }
}

#[test]
fn a_message_shows_the_place_in_the_template() {
    let found = place(quote!(e_mail: String, photo: Upload));
    let expected = "`Place` has no field for `postalCode`, which the form sends\n  --> templates/checkout.html:2:24\n 2 | <form \
                    m:action=\"place\"><input name=\"postalCode\"><input name=\"e-mail\">\n   |                        \
                    ^^^^^^^^^^^^^^^^^^^^^^^^^ sent by this\n  = help: add a field `postal_code`, or leave its `name` out of the template";
    assert_eq!(found, [expected]);
}

#[test]
fn a_form_is_one_of_the_templates() {
    for (attribute, expected) in [
        (quote!(#[form("checkout", "more")]), None),
        (quote!(#[form("checkout", "plac")]), Some("did you mean `place`?")),
        (
            quote!(#[form("checkout", "x")]),
            Some("there are `place`, `more`"),
        ),
        (
            quote!(#[form("check", "place")]),
            Some("no template offers the fragment `check`"),
        ),
        (
            quote!(#[form("place")]),
            Some("the fragment `checkout` has one, which is `#[form(\"checkout\", \"place\")]`"),
        ),
        (
            quote!(#[form("send")]),
            Some("no page has a form with the action `send`: write `<form m:action=\"send\">`"),
        ),
        (
            quote!(#[form("a", "b", "c")]),
            Some("name the fragment and the action"),
        ),
        (quote!(#[form]), Some("name the fragment and the action")),
        (quote!(), Some("name the fragment and the action")),
    ] {
        let found = errors(&form(attribute.clone(), quote!(name: String)));
        match expected {
            None => assert_eq!(found, [""; 0], "{attribute}"),
            Some(expected) => assert!(found.len() == 1 && found[0].contains(expected), "{found:?}"),
        }
    }
}

#[test]
fn a_long_file_says_how_long_it_may_be() {
    let rest = quote!(postal_code: String, e_mail: String);
    for (photo, expected) in [
        (quote!(#[form(max = "500MB")] photo: UploadFile), None),
        (
            quote!(#[form(max = "1GiB", name = "photo")] it: Option<form::UploadFile>),
            None,
        ),
        (quote!(#[form(max = "1KB")] photo: Vec<UploadFile>), None),
        (quote!(photo: UploadFile), Some("say how long the file may be")),
        (
            quote!(#[form(max = "5MB")] photo: Upload),
            Some("`max` bounds an `UploadFile`"),
        ),
        (
            quote!(#[form(max = "5")] photo: UploadFile),
            Some("`max` is a size"),
        ),
        (
            quote!(#[form(max = "0MB")] photo: UploadFile),
            Some("`max` is a size"),
        ),
        (
            quote!(#[form(most = "5MB")] photo: UploadFile),
            Some("on a field, `#[form(…)]` has"),
        ),
    ] {
        let found = place(quote!(#rest, #photo));
        match expected {
            None => assert_eq!(found, [""; 0], "{photo}"),
            Some(expected) => assert!(found.len() == 1 && found[0].contains(expected), "{found:?}"),
        }
    }
    let tokens = form(
        quote!(#[form("checkout", "place")]),
        quote!(#rest, #[form(max = "500MB")] photo: UploadFile),
    );
    let text = tokens.to_string();
    assert!(text.contains(r#"& [("photo" , 500000000u64)]"#), "{text}");
}

#[test]
fn a_form_of_a_page_has_no_fragment() {
    let item = quote! {
        #[derive(Form)]
        #[form("send")]
        struct Send { zip: String }
    };
    let rust = "#[derive(Page, Serialize)] #[page(template = \"contact.html\")] struct Contact {}";
    let page = "<html><form m:action=\"send\"><input name=\"zip\"><input name=\"count\"></form></html>";
    let tokens = derive_form(item, &found(&[("contact.html", page), ("main.rs", rust)]));
    let found = errors(&tokens);
    assert!(
        found.len() == 1 && found[0].contains("`Send` has no field for `count`"),
        "{found:?}"
    );
    let text = tokens.to_string();
    assert!(text.contains("REF : & 'static str = \"\" ;"), "{text}");
}

#[test]
fn the_names_of_the_form_reach_the_runtime() {
    let tokens = form(
        quote!(#[form("checkout", "place")]),
        quote!(postal_code: String, e_mail: String, photo: Upload),
    );
    let text = tokens.to_string();
    assert!(
        text.contains(r#"& ["postalCode" , "e-mail" , "photo"]"#),
        "{text}"
    );
}

#[test]
fn the_handler_of_an_action_is_checked() {
    let good = quote!(
        async fn place(form: Place) -> Result<Done, Invalid<Place>> {}
    );
    for (arguments, item, expected) in [
        (quote!(), good.clone(), None),
        (quote!(roles("ADMIN")), good.clone(), None),
        (quote!("place"), good.clone(), Some("expected identifier")),
        (quote!(rolls("ADMIN")), good, Some("has nothing but `roles")),
        (
            quote!(),
            quote!(
                fn place() -> Result<Done, Invalid<Place>> {}
            ),
            Some("an `async fn`"),
        ),
        (
            quote!(),
            quote!(
                async fn place() {}
            ),
            Some("gives a `Result<Done"),
        ),
        (
            quote!(),
            quote!(
                struct Place;
            ),
            Some("stands on an `async fn`"),
        ),
    ] {
        let tokens = action_handler(arguments.clone(), item);
        let found = errors(&tokens);
        match expected {
            None => assert_eq!(found, [""; 0], "{arguments}"),
            Some(expected) => assert!(found.len() == 1 && found[0].contains(expected), "{found:?}"),
        }
    }
    let guarded = action_handler(
        quote!(roles("ADMIN")),
        quote!(
            async fn place(form: Place) -> Done {}
        ),
    );
    assert!(guarded.to_string().contains("user :: Guard <"), "{guarded}");
}
