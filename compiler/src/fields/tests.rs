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

/// Values, types, patterns and items that the parser calls itself for, each a text before and behind what lies inside.
const NESTING: [(&str, &str); 18] = [
    ("(", ")"),
    ("[", "]"),
    ("{", "}"),
    ("!", ""),
    ("-", ""),
    ("&mut !", ""),
    ("!#[a]", ""),
    ("return ", ""),
    ("|a, b| ", ""),
    ("if a {} else ", ""),
    ("for A { .. } in ", "{}"),
    ("x = ", ""),
    ("a::<Vec<u8>, _>(", ")"),
    ("break 'a !(", ")"),
    ("if !(", ") {}"),
    ("x as ! + (", ")"),
    ("", ".page(a)"),
    ("", " + a"),
];

/// A file with a page type, and a function whose value nests so often.
fn nested((before, behind): (&str, &str), times: usize) -> String {
    let value = format!("{}{{x}}{}", before.repeat(times), behind.repeat(times));
    format!("#[page(template = \"a\")] struct A {{ b: u8 }} fn f() {{ let a = {value}; }}")
}

#[test]
fn a_file_that_nests_without_end_is_left_to_the_compiler() {
    for shape in NESTING {
        for times in [8, 100_000] {
            let found = found(&nested(shape, times)).len();
            assert_eq!(found, usize::from(times == 8), "{shape:?} {times} times");
        }
    }
    for (before, behind) in [
        ("Box<", ">"),
        ("Result<u8, ", ">"),
        ("&", ""),
        ("*const ", ""),
        ("fn() -> ", ""),
        ("[", "]"),
    ] {
        for times in [8, 100_000] {
            let ty = format!("{}u8{}", before.repeat(times), behind.repeat(times));
            let text = format!("#[page(template = \"a\")] struct A {{ b: {ty} }}");
            assert_eq!(
                found(&text).len(),
                usize::from(times == 8),
                "{before} {times} times"
            );
        }
    }
}

/// The parser has stack enough for whatever is just not too deep, in a program that is not optimized.
#[test]
fn what_is_just_not_too_deep_is_parsed() {
    for (before, behind) in
        NESTING
            .into_iter()
            .chain([("Box::<Box<", ">>::a + "), ("&", ""), ("async move ", "")])
    {
        // Each token or group counts at least once: the largest number of times that is not too deep lies below.
        let deepest =
            (1..=12).map(|bit| 4_096 >> bit).fold(0, |times, step| {
                match parser_depth::is_too_deep(nested((before, behind), times + step).parse().unwrap()) {
                    true => times,
                    false => times + step,
                }
            });
        assert!((100..4_096).contains(&deepest), "{before} {deepest} times");
        found(&nested((before, behind), deepest));
    }
}

#[test]
fn long_files_that_are_not_deep_are_read() {
    for (one, what) in [
        ("fn f() { a.b(c).d(e)?; }", "functions"),
        (
            "#[derive(Serialize)] struct B { a: Option<Vec<u8>>, b: u8 }",
            "structs",
        ),
        ("/// A line of a comment.\n#[a(b, c)]\n", "attributes"),
        ("const A: [(u8, &str); 2] = [(1, \"a\"), (2, \"b\"),];", "tables"),
        ("m! { a b c <d> e f {g} h }", "macros"),
        (
            "macro_rules! m { ($a:tt) => { a b c d e f } }",
            "definitions of macros",
        ),
        (
            "fn f(a: A) { match a { A | B => 1, C if d < e => { 2 } (f, g) => {} _ => {} } }",
            "matches",
        ),
        ("impl A<B> for C where D: E {}", "implementations"),
    ] {
        let text = format!(
            "{}struct Z; #[page(template = \"a\")] struct A {{ b: u8 }}",
            one.repeat(3_000)
        );
        assert_eq!(found(&text).len(), 1, "{what}");
    }
    let inside = [
        ("[", "(1, a < b),", "]"),
        ("[", "A | B,", "]"),
        ("match a {", "(A, B) | (C, D) => a.b(c),", "}"),
        ("match a {", "(A, _) => { b }", "}"),
        ("{", "if a { b } else { c }", "}"),
        ("m!{", "<a b=\"c\">{d}</a>", "}"),
        ("{", "let a: Vec<A<B>> = b.c::<D>();", "}"),
    ];
    for (start, one, end) in inside {
        let value = format!("{start}{}{end}", one.repeat(3_000));
        assert_eq!(
            found(&nested((&value, ""), 0).replace("= {x};", &format!("= {value};"))).len(),
            1,
            "{one}"
        );
    }
}

#[test]
fn places_are_told_behind_the_line_that_names_a_program() {
    for before in [
        "#!/usr/bin/env program\n",
        "\u{feff}#!/bin/program\n",
        "#![allow(unused)]\n",
        "#!\n[a]\n",
    ] {
        let text = format!("{before}#[page(template = \"a.html\")]\nstruct Home {{ dob: Date }}\n");
        let types = found(&text);
        let source = Source::new("main.rs", "src/main.rs", text);
        let shown: Vec<_> = types.iter().map(|page| source.slice(page.place.span)).collect();
        assert_eq!(shown, ["Home"], "{before}");
    }
}

/// The parser keeps the texts of a thread until it ends: a program that watches its files would keep each version of them.
#[test]
fn nothing_of_a_file_stays_in_the_thread_that_asks() {
    let place = || {
        let tokens: proc_macro2::TokenStream = "a".parse().unwrap();
        format!("{:?}", tokens.into_iter().next().unwrap().span())
    };
    let thread = std::thread::spawn(move || {
        for _ in 0..3 {
            assert_eq!(found("#[page(template = \"a\")] struct A { b: u8 }").len(), 1);
        }
        place()
    });
    let untouched = std::thread::spawn(place).join().unwrap();
    assert_eq!(thread.join().unwrap(), untouched);
}
