use serde::Serialize;

use super::*;
use crate::source::{Source, SourceId};

fn read(code: &str) -> Result<Vec<Field>, Vec<FieldProblem>> {
    fields(&syn::parse_str(code).unwrap())
}

fn names(code: &str) -> Vec<String> {
    read(code).unwrap().into_iter().map(|field| field.name).collect()
}

/// What serde itself calls the fields of `value`.
fn serde_names(value: impl Serialize) -> Vec<String> {
    match serde_json::to_value(value).unwrap() {
        serde_json::Value::Object(members) => members.keys().cloned().collect(),
        other => panic!("{other}"),
    }
}

/// Checks that the names found in a struct are those that serde writes: the same text is compiled and read.
macro_rules! same_as_serde {
    ($($(#[$attribute:meta])* struct $name:ident { $($(#[$field_attribute:meta])* $field:ident: $ty:ty),* $(,)? })+) => {
        $({
            #[derive(Default, Serialize)]
            $(#[$attribute])*
            struct $name { $($(#[$field_attribute])* $field: $ty),* }
            let code = stringify!($(#[$attribute])* struct $name { $($(#[$field_attribute])* $field: $ty),* });
            let mut found = names(code);
            found.sort();
            let value = $name::default();
            // Some attributes keep serde from reading a field.
            $(let _ = &value.$field;)*
            let mut expected = serde_names(value);
            expected.sort();
            assert_eq!(found, expected, "{code}");
        })+
    };
}

#[test]
fn names_are_those_that_serde_writes() {
    same_as_serde! {
        struct Plain { country_origin: u8, r#type: u8 }
        #[serde(rename_all = "lowercase")]
        struct Lower { country_origin: u8 }
        #[serde(rename_all = "UPPERCASE")]
        struct Upper { country_origin: u8 }
        #[serde(rename_all = "PascalCase")]
        struct Pascal { country_origin: u8, line2_b: u8 }
        #[serde(rename_all = "camelCase")]
        struct Camel { country_origin: u8, line2_b: u8, _hidden: u8, r#type: u8 }
        #[serde(rename_all = "snake_case")]
        struct Snake { country_origin: u8 }
        #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
        struct Screaming { country_origin: u8 }
        #[serde(rename_all(serialize = "camelCase", deserialize = "UPPERCASE"))]
        struct Both { country_origin: u8, #[serde(rename = "as_is")] other_name: u8 }
        struct Renamed {
            #[serde(rename = "countryOrigin")] country_origin: u8,
            #[serde(rename(serialize = "out", deserialize = "in"))] both: u8,
            #[serde(skip)] never: u8,
            #[serde(skip_serializing)] never_out: u8,
            #[serde(default, alias = "x")] stays: u8,
        }
    }
}

#[test]
fn each_case_of_rename_all_gives_the_names_that_serde_gives() {
    macro_rules! same_cases {
        ($($case:literal $name:ident),+) => {
            $({
                #[derive(Default, Serialize)]
                #[serde(rename_all = $case)]
                struct $name { country_origin: u8, line2_b: u8, _hidden: u8, r#type: u8, tail_: u8, x: u8 }
                let case = Case::from_name($case).unwrap();
                let fields = ["country_origin", "line2_b", "_hidden", "type", "tail_", "x"];
                let mut found = fields.map(|field| case.apply(field)).to_vec();
                found.sort();
                assert_eq!(found, serde_names($name::default()), "{}", $case);
            })+
            let compared = [$($case),+];
            assert_eq!(compared, Case::NAMES.map(|(name, _)| name), "all cases are compared");
        };
    }
    same_cases!(
        "lowercase" Lower, "UPPERCASE" Upper, "PascalCase" Pascal, "camelCase" Camel, "snake_case" Snake,
        "SCREAMING_SNAKE_CASE" ScreamingSnake, "kebab-case" Kebab, "SCREAMING-KEBAB-CASE" ScreamingKebab
    );
}

#[test]
fn two_fields_with_one_name_are_refused_at_the_second() {
    let problems = read("struct A { title: u8, #[serde(rename = \"title\")] heading: u8 }").unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0]
            .message
            .contains("`title` and `heading` are both `title`")
    );
    assert!(read("struct A { title: u8, #[serde(skip, rename = \"title\")] heading: u8 }").is_ok());
    let problems =
        read("#[serde(rename_all = \"camelCase\")] struct A { line_b: u8, lineB: u8 }").unwrap_err();
    assert!(
        problems[0]
            .message
            .contains("`line_b` and `lineB` are both `lineB`")
    );
}

#[test]
fn names_that_tera_can_not_use_are_refused() {
    for code in [
        "#[serde(rename_all = \"kebab-case\")] struct A { country_origin: u8 }",
        "#[serde(rename_all = \"SCREAMING-KEBAB-CASE\")] struct A { country_origin: u8 }",
        "struct A { #[serde(rename = \"zip code\")] zip: u8 }",
        "struct A { #[serde(rename = \"\")] zip: u8 }",
    ] {
        let problems = read(code).unwrap_err();
        assert!(
            problems[0].message.contains("templates can't name"),
            "{code}: {problems:?}"
        );
    }
}

#[test]
fn what_can_not_be_known_is_refused_in_words() {
    for (code, part) in [
        ("struct A(u8);", "named fields"),
        ("struct A;", "named fields"),
        ("struct A { #[serde(flatten)] rest: Rest }", "flattened"),
        ("#[serde(transparent)] struct A { a: u8 }", "`transparent`"),
        ("#[serde(into = \"B\")] struct A { a: u8 }", "`into`"),
        ("#[serde(tag = \"kind\")] struct A { a: u8 }", "`tag`"),
        (
            "#[serde(rename_all = \"Title Case\")] struct A { a: u8 }",
            "`camelCase`",
        ),
    ] {
        let problems = read(code).unwrap_err();
        assert!(
            problems.iter().any(|problem| problem.message.contains(part)),
            "{code}: {problems:?}"
        );
    }
}

#[test]
fn all_problems_are_found_at_once() {
    let code =
        "struct A { #[serde(flatten)] a: B, #[serde(rename = \"a b\")] c: u8, #[serde(flatten)] d: B }";
    assert_eq!(read(code).unwrap_err().len(), 3);
}

#[test]
fn types_are_told_by_their_names() {
    for (ty, expected) in [
        ("String", "string"),
        ("&'static str", "string"),
        ("Cow<'a, str>", "string"),
        ("Option<Box<i32>>", "integer"),
        ("f32", "number"),
        ("bool", "boolean"),
        ("hydra_runtime::Date", "date"),
        ("DateTime", "datetime"),
        ("Vec<Vec<u8>>", "list<list<integer>>"),
        ("[Date; 2]", "list<date>"),
        ("std::collections::BTreeMap<String, f64>", "map<number>"),
        ("BTreeMap<u8, f64>", "any"),
        ("Product", "any"),
        ("(u8, u8)", "any"),
        ("fn() -> u8", "any"),
    ] {
        let ty: syn::Type = syn::parse_str(ty).unwrap();
        assert_eq!(field_type(&ty).to_string(), expected);
    }
    let with =
        read("struct A { #[serde(with = \"hex\")] a: u8, #[serde(skip_serializing_if = \"f\")] b: u8 }")
            .unwrap();
    assert_eq!(
        (&with[0].ty, with[0].maybe, with[1].maybe),
        (&Type::Any, false, true)
    );
}

fn found(text: &str) -> Vec<crate::page_type::PageType> {
    crate_types(
        [(SourceId(7), &Source::new("main.rs", "src/main.rs", text))],
        false,
    )
    .pages
}

#[test]
fn page_types_are_found_with_their_places() {
    let text = "\u{feff}// é\nmod shop {\n    #[derive(Page)]\n    #[page(template = \"a.html\", path = \"/\")]\n    struct Home { dob: Date }\n}\nstruct Other;\n";
    let types = found(text);
    assert_eq!(types.len(), 1);
    let home = &types[0];
    assert_eq!(
        (home.template.as_str(), home.name.as_str(), home.open),
        ("a.html", "Home", false)
    );
    let source = Source::new("main.rs", "src/main.rs", text);
    assert_eq!(source.slice(home.place.span), "Home");
    assert_eq!(source.slice(home.fields[0].place.span), "dob");
    assert_eq!(home.fields[0].ty, Type::Date);
}

#[test]
fn a_struct_that_can_not_be_seen_whole_is_open() {
    let page = |inside: &str| {
        found(&format!("#[page(template = \"a\")] struct A {{ {inside} }}"))
            .remove(0)
            .open
    };
    assert!(!page("a: u8"));
    assert!(page("#[cfg(test)] a: u8"));
    assert!(page("#[cfg_attr(test, serde(skip))] a: u8"));
    assert!(page("#[serde(flatten)] a: B"));
    assert!(found("#[page(template = \"a\")] struct {").is_empty());
    assert!(found("#[page(path = \"a\")] struct A {}").is_empty());
}
