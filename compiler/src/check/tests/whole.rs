//! Sites as a whole: Rust types, cascades, what is left for code generation, size.

use hydra_contract::Type;

use super::*;
use crate::{
    model::{CheckedModel, NeededAttribute},
    page_type::PageField,
    source::{Location, Span},
};

fn page_type(fields: &[(&str, Type)], open: bool) -> PageType {
    let place = Location {
        source: SourceId(7_000),
        span: Span::default(),
    };
    let field = |(name, ty): &(&str, Type)| PageField {
        name: (*name).to_owned(),
        rust: crate::model::rust_name(name),
        place,
        ty: ty.clone(),
        maybe: false,
        shape: crate::shape::Shape::default(),
    };
    let fields = fields.iter().map(field).collect();
    PageType {
        template: "page.html".into(),
        name: "Page".into(),
        place,
        fields,
        open,
    }
}

fn with_type(text: &str, fields: &[(&str, Type)], open: bool) -> Vec<String> {
    let contracts = vec![(
        "a",
        r#"{"service":"a","fragments":{"a":{"imports":{"x":{"type":"date"}},"exports":{"y":"any"}}}}"#,
    )];
    let around = Around {
        contracts,
        contracts_given: true,
        page_types: vec![page_type(fields, open)],
        ..Around::default()
    };
    check_all(&[("page.html", text)], &around)
}

#[test]
fn the_fields_of_a_rust_type_are_the_page_s_attributes() {
    let tag = "<m:fragment service='a' ref='a' imports='x' exports='y'>-</m:fragment>{{ y }}";
    let date = ("x", Type::Date);
    for (fields, open, expected) in [
        (vec![date.clone()], false, ""),
        (
            vec![],
            false,
            "page.html:1:42 unknown-import nothing on this page provides `x`",
        ),
        (vec![], true, ""),
        (
            vec![("x", Type::String)],
            false,
            "page.html:1:42 type-mismatch `x` is `string`, and `a` of `a` wants `date`",
        ),
        (
            vec![date, ("y", Type::Any)],
            false,
            "page.html:1:54 export-shadows-attribute the page already has `y`",
        ),
    ] {
        assert_eq!(with_type(tag, &fields, open).join("\n"), expected);
    }
}

#[test]
fn one_mistake_gives_one_report() {
    let stated = |body: &str| format!("<html m:attributes='p'>{{{{ p }}}}{body}</html>");
    for (text, expected) in [
        // The lost name is not missing elsewhere.
        (
            stated("<m:fragment service='a' ref='a' exports='x y'>-</m:fragment>{{ x }}{{ y }}"),
            vec!["bad-list"],
        ),
        (
            stated("<m:fragment service='a' ref='a' export='x'>-</m:fragment>{{ x }}"),
            vec!["unknown-attribute"],
        ),
        (
            stated("<m:fragment service='a' ref='a'>{{ x }}"),
            vec!["unclosed-tag"],
        ),
        (
            stated("{% if p %}<m:fragment service='a' ref='a'>{% endif %}</m:fragment>{{ x }}"),
            vec!["unclosed-tag"],
        ),
        (stated("{{ x | nofilter }}{{ p }"), vec!["template-syntax"]),
        (
            stated("{% include 'nope.html' %}{{ x }}"),
            vec!["template-syntax"],
        ),
        // Three mistakes in one file: three reports.
        (
            stated(
                "<m:fragment service='a'>-</m:fragment><m:fragment service='a' ref='a' imports='q'>-</m:fragment>{{ p | nofilter }}",
            ),
            vec!["missing-ref", "unknown-import", "template-syntax"],
        ),
    ] {
        let (_, problems) = problems_of(&[("page.html", &text)], &Around::default());
        let found: Vec<_> = problems
            .iter()
            .filter(|problem| problem.code != Code::NoContract)
            .map(|problem| problem.code.name())
            .collect();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn a_shared_file_is_reported_once() {
    let part = "<m:fragment service='a' ref='a' exports='x'>-</m:fragment><m:fragment service='b' ref='b' exports='x'>-</m:fragment>{{ x }}";
    let page = "{% include 'part.html' %}";
    let found = check_all(
        &[("a.html", page), ("b.html", page), ("part.html", part)],
        &Around::default(),
    );
    let found: Vec<_> = found
        .iter()
        .filter(|line| !line.contains("no-contract"))
        .collect();
    assert_eq!(
        found,
        ["part.html:1:100 export-conflict `x` reaches this page twice"]
    );
}

#[test]
fn a_file_that_comes_in_twice_is_in_conflict_with_itself() {
    let files = [
        ("page.html", "{% include 'part.html' %}{% include 'part.html' %}"),
        (
            "part.html",
            "<m:fragment service='a' ref='a' exports='x'>-</m:fragment>{{ x }}",
        ),
    ];
    let (_, problems) = problems_of(&files, &Around::default());
    let conflict = problems
        .iter()
        .find(|problem| problem.code == Code::ExportConflict)
        .expect("a conflict");
    assert_eq!(conflict.labels.len(), 3, "{conflict:?}");
    assert_eq!(
        conflict.help.as_deref(),
        Some("include it once, or leave the export out of the tag")
    );
}

fn checked(files: &[(&str, &str)]) -> CheckedModel {
    let sources: Vec<Source> = files
        .iter()
        .map(|(name, text)| Source::new(*name, *name, *text))
        .collect();
    let (site, local) = Site::parse(&sources, &BTreeSet::new());
    let (contracts, options) = (BTreeMap::new(), Options::default());
    check(
        &site,
        &local,
        &SiteContext {
            contracts: &contracts,
            contracts_given: false,
            page_types: &[],
            options: &options,
        },
        CheckGoal::Site,
    )
    .1
}

#[test]
fn what_is_left_says_all_that_bindings_and_graph_need() {
    let page = "<html m:attributes='dob: date'>
<m:fragment service='orders' ref='checkout' imports='dob' exports='line2 as address'>-</m:fragment>
{% if address %}<m:fragment ref='{{ which }}' imports='address'/>{% endif %}{{ title }}</html>";
    let offers = "<div m:ref='card' m:imports='a: string' m:exports='b: integer'>{{ a }}{{ c }}<m:fragment service='x' ref='y' exports='d'>-</m:fragment>{{ d }}</div>";
    let site = checked(&[("card.html", offers), ("page.html", page)]);
    assert_eq!(
        site.pages.len(),
        1,
        "a file that only offers fragments is not a page"
    );
    let page = &site.pages[0];
    let attribute =
        |needed: &NeededAttribute| format!("{}:{} {}", needed.name, needed.ty, needed.used.is_some());
    let attributes: Vec<_> = page.attributes.iter().map(attribute).collect();
    assert_eq!(attributes, ["dob:date true", "title:any true", "which:any true"]);
    let given = &page.fragments[0].exports[0];
    assert_eq!((given.from.as_str(), given.to.as_str()), ("line2", "address"));
    let fragments: Vec<_> = page
        .fragments
        .iter()
        .map(|at| {
            (
                at.at.line,
                at.at.column,
                (at.service.as_str(), at.own),
                at.reference.as_str(),
                at.fallback,
                at.wave,
            )
        })
        .collect();
    assert_eq!(
        fragments,
        [
            (2, 1, ("orders", false), "checkout", true, 0),
            (3, 17, ("", true), "{{ which }}", false, 1)
        ]
    );
    let offer = &site.offers[0];
    let needs: Vec<_> = offer.needs.iter().map(|needed| needed.name.as_str()).collect();
    assert_eq!(
        (offer.reference.as_str(), needs, offer.imports[0].name.as_str()),
        ("card", vec!["c"], "a")
    );
    assert_eq!(site.contract.fragments["card"].exports["b"], Type::Integer);
}

#[test]
fn the_contract_says_what_pages_ask_others_for() {
    let checkout = "<m:fragment service='orders' ref='checkout' imports='dob as born, x' exports='line2 as address' required>-</m:fragment>";
    let layout = "<m:fragment service='menu' ref='main'>-</m:fragment>{% block b %}{% endblock %}";
    let page = |rest: &str| format!("{{% extends \"layout.html\" %}}{{% block b %}}{rest}{{% endblock %}}");
    let own = "<m:fragment ref='card' imports='x'>-</m:fragment><m:fragment service='{{ s }}' ref='y'>-</m:fragment>";
    let set = "{% set dob = 1 %}<m:fragment service='orders' ref='age' imports='dob'>-</m:fragment>";
    let offer = "<div m:ref='card' m:imports='x: string'><m:fragment service='orders' ref='owner' imports='x'>-</m:fragment></div>";
    let stated = format!("<html m:attributes='dob: date, x: integer'>{checkout}{own}</html>");
    let site = checked(&[
        ("a.html", &page("")),
        ("b.html", &page("")),
        ("card.html", offer),
        ("layout.html", layout),
        ("set.html", set),
        ("stated.html", &stated),
    ]);
    let asks = serde_json::to_value(&site.contract.asks).expect("JSON");
    let expected = serde_json::json!([
        {"service": "menu", "ref": "main", "pages": ["a.html", "b.html"]},
        {"service": "orders", "ref": "age", "imports": {"dob": "any"}, "pages": ["set.html"]},
        {"service": "orders", "ref": "checkout", "imports": {"born": "date", "x": "integer"},
         "exports": {"line2": "any"}, "required": true, "pages": ["stated.html"]},
        {"service": "orders", "ref": "owner", "imports": {"x": "string"}, "pages": ["card.html"]},
    ]);
    assert_eq!(asks, expected);
}

#[test]
fn the_order_of_fragments() {
    let tag = |attributes: &str| format!("<m:fragment service='a' ref='a' {attributes}>-</m:fragment>");
    for (text, expected) in [
        (format!("{}{}", tag(""), tag("imports='p'")), vec![0, 0]),
        (
            format!(
                "{}{}{}",
                tag("imports='y' exports='z'"),
                tag("imports='x' exports='y'"),
                tag("exports='x'")
            ),
            vec![2, 1, 0],
        ),
        (
            format!("{{% if x %}}{}{{% endif %}}{}", tag(""), tag("exports='x'")),
            vec![1, 0],
        ),
        (
            format!("{{% set y = x.a %}}{}{}", tag("imports='y'"), tag("exports='x'")),
            vec![1, 0],
        ),
        (
            format!(
                "{{% for i in x %}}{}{{% endfor %}}{}",
                tag("imports='i.a as b'"),
                tag("exports='x'")
            ),
            vec![1, 0],
        ),
        (
            format!(
                "<m:fragment service='a' ref='a' imports='x'>{}</m:fragment>{}",
                tag(""),
                tag("exports='x'")
            ),
            vec![1, 1, 0],
        ),
        (
            format!(
                "{{{{ <card a={{x}} /> }}}}{}{{% component card(a) %}}{}{{% endcomponent %}}",
                tag("exports='x'"),
                tag("imports='a'")
            ),
            vec![1, 0],
        ),
    ] {
        let site = checked(&[("page.html", &text)]);
        let waves: Vec<_> = site.pages[0]
            .fragments
            .iter()
            .map(|fragment| fragment.wave)
            .collect();
        assert_eq!(waves, expected, "{text}");
    }
}

/// Thousands of anything on one page: what grows with the square would take minutes.
#[test]
fn time_grows_with_size_alone() {
    const MANY: usize = 4_000;
    let many = |one: &dyn Fn(usize) -> String| (0..MANY).map(one).collect::<String>();
    let tag = |attributes: String| format!("<m:fragment service='a' ref='a' {attributes}>-</m:fragment>");
    for text in [
        many(&|n| tag(format!("imports='a{n}' exports='e{n}'"))),
        many(&|n| format!("{}{{{{ e{n} }}}}", tag(format!("exports='e{n}'")))),
        many(&|_| tag("exports='x'".into())),
        many(&|n| tag(format!("imports='e{}' exports='e{n}'", n + 1))),
        many(&|n| tag(format!("imports='e{}' exports='e{n}'", (n + 1) % MANY))),
        format!(
            "<html m:attributes='p'>{}</html>",
            many(&|n| tag(format!("imports='a{n}'")))
        ),
        format!(
            "<html m:attributes='p'>{}</html>",
            many(&|n| format!("{{{{ a{n} }}}}{{% set b{n} = c{n} %}}"))
        ),
        format!(
            "<html m:attributes='x'>{}</html>",
            many(&|_| tag("exports='x'".into()))
        ),
        many(&|n| {
            format!(
                "{{% if a %}}{}{{% else %}}{}{{% endif %}}",
                tag(format!("exports='e{n}'")),
                tag(format!("imports='e{n}'"))
            )
        }),
        tag(format!("exports='{}'", many(&|_| "x,".into()))),
        tag(format!(
            "imports='{}'",
            many(&|n| format!("x{n} as aB{n}, x{n} as a_b{n},"))
        )),
        format!(
            "{{% set a = x %}}{}{}",
            many(&|_| "{% set a = a ~ x %}".into()),
            tag("imports='a' exports='x'".into())
        ),
        many(&|n| format!("<p m:ref='r' m:imports='a{n}'>{{{{ a{n} }}}}</p>")),
        many(&|_| "{{ a|foo }}\n".into()),
    ] {
        let problems = check_all(&[("page.html", &text)], &Around::default());
        assert!(problems.len() <= 4 * MANY + 4);
    }
}

/// Nothing but what the grammar knows, over and over.
#[test]
fn hostile_texts_end() {
    for one in [
        "<m:",
        "<m:fragment ",
        "</m:fragment>",
        "{{",
        "{%",
        "{#",
        "'",
        "\"",
        "<",
        "<p m:ref='a' ",
        "<p m:ref=a>",
        "{{ a }}",
        "<m:fragment>",
    ] {
        let text = one.repeat(60_000 / one.len());
        assert!(problems_of(&[("page.html", &text)], &Around::default()).1.len() <= 2 * text.len());
    }
    let list = |items: &str| {
        format!(
            "<m:fragment ref='a' imports='{}'>-</m:fragment>",
            items.repeat(60_000 / items.len())
        )
    };
    for text in [
        list("as as as "),
        list(","),
        list("a.b as c,"),
        list("x"),
        list("&#44;"),
    ] {
        assert!(
            !problems_of(&[("page.html", &text)], &Around::default())
                .1
                .is_empty()
        );
    }
}

#[test]
fn includes_that_multiply_are_cut_short() {
    let files: Vec<(String, String)> = (0..30)
        .map(|n| {
            (
                format!("f{n:02}.html"),
                format!(
                    "{{% include 'f{0:02}.html' %}}{{% include 'f{0:02}.html' %}}",
                    n + 1
                ),
            )
        })
        .chain([(
            "f30.html".to_owned(),
            "<m:fragment service='a' ref='a'>-</m:fragment>".to_owned(),
        )])
        .collect();
    let files: Vec<_> = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let found = check_all(&files, &Around::default());
    assert!(
        found.iter().any(|line| line.starts_with("f00.html:1:1 too-deep")),
        "{found:?}"
    );
    let deep: Vec<(String, String)> = (0..1_000)
        .map(|n| {
            (
                format!("f{n:04}.html"),
                format!("{{% if a %}}{{% include 'f{:04}.html' %}}{{% endif %}}", n + 1),
            )
        })
        .chain([("f1000.html".to_owned(), String::new())])
        .collect();
    let deep: Vec<_> = deep
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let found = check_all(&deep, &Around::default());
    assert_eq!(found.len(), 1, "{found:?}");
}

/// The problems of a page whose type and structs stand in Rust files.
fn with_rust(page: &str, files: &[(&str, &str)]) -> Vec<String> {
    let rust: Vec<Source> = files
        .iter()
        .map(|(name, text)| Source::new(*name, *name, *text))
        .collect();
    let sources = rust
        .iter()
        .enumerate()
        .map(|(index, source)| (SourceId(7_000 + index as u32), source));
    let around = Around {
        contracts: vec![(
            "a",
            r#"{"service":"a","fragments":{"a":{"imports":{"x":{"type":"any"}}}}}"#,
        )],
        contracts_given: true,
        page_types: crate::fields::crate_types(sources, false).pages,
        ..Around::default()
    };
    let (_, problems) = problems_of(
        &[
            ("page.html", page),
            ("part.html", "{{ post.titel or '' }}{{ post.slug }}"),
        ],
        &around,
    );
    let found = problems
        .iter()
        .filter(|problem| problem.code == Code::UnknownField);
    found
        .map(|problem| {
            format!(
                "{} ({})",
                problem.message,
                problem.help.as_deref().unwrap_or_default()
            )
        })
        .collect()
}

const MAIN: &str = "use std::collections::HashMap; use crate::models::{Author, Tag as Label}; use serde_json::Value; use other::Foreign;
    mod models;
    #[derive(Page, Serialize)] #[page(template = \"page.html\")]
    struct Index<'a> { post: Post, posts: Vec<&'a Post>, maybe: Option<Box<Post>>, many: [Vec<Post>; 2], map: HashMap<String, Post>, value: Value,
        foreign: Foreign, kind: Kind, generic: Generic<Post>, alias: Alias, #[serde(with = \"x\")] with: Post, label: Label, open: Open,
        twin: models::Twin, hand: Hand, flat: Flat }
    #[derive(Debug, serde::Serialize)] #[serde(rename_all = \"camelCase\")]
    struct Post { title: String, slug: String, author: Author, posted_on: String, #[serde(skip)] secret: String, #[serde(rename = \"body\")] text: String }
    #[derive(Serialize)] enum Kind { A { b: u8 } }
    #[derive(Serialize)] struct Generic<T> { t: T }
    type Alias = Post;
    #[derive(Serialize)] struct Open { a: u8, #[cfg(test)] b: u8 }
    #[derive(Serialize)] struct Flat { a: u8, #[serde(flatten)] b: Post }
    struct Hand { a: u8 }
    #[derive(Serialize)] struct Twin { a: u8 }";

const MODELS: &str =
    "#[derive(Serialize)] pub struct Author { pub name: String, pub friends: Vec<Author>, pub tag: Tag }
    #[derive(Serialize)] pub struct Tag { pub id: u8 }
    #[derive(Serialize)] pub struct Twin { a: u8 }
    #[derive(Serialize)] pub struct Foreign { a: u8 }";

#[test]
fn fields_of_structs_are_checked_to_any_depth() {
    let no_title = "`Post` has no field `titel` (did you mean `title`?)";
    let no_nam = "`Author` has no field `nam` (did you mean `name`?)";
    for (page, expected) in [
        (
            "{{ post.title }}{{ post.author.friends[0].tag.id }}{{ post.postedOn }}{{ post.body }}",
            [].as_slice(),
        ),
        ("{{ post.titel }}", &[no_title]),
        ("{{ post[\"titel\"] }}", &[no_title]),
        ("{{ post.titel | upper }}", &[no_title]),
        ("{{ 'a' ~ post.titel }}", &[no_title]),
        ("{% if post.titel == 'a' %}{% endif %}", &[no_title]),
        ("{{ maybe.titel }}", &[no_title]),
        ("{{ post.author.nam }}", &[no_nam]),
        ("{{ post.author.friends[0].friends[1].nam }}", &[no_nam]),
        (
            "{{ posts[0].titel }}{{ posts[1:][0].titel }}",
            &[no_title, no_title],
        ),
        (
            "{% for p in posts %}{{ p.titel }}{{ loop.index }}{% endfor %}",
            &[no_title],
        ),
        (
            "{% for p in posts | reverse | sort(attribute=\"slug\") %}{{ p.titel }}{% endfor %}",
            &[no_title],
        ),
        (
            "{% for l in many %}{% for p in l %}{{ p.titel }}{% endfor %}{% endfor %}",
            &[no_title],
        ),
        (
            "{% for f in post.author.friends %}{{ f.nam }}{% endfor %}",
            &[no_nam],
        ),
        ("{% set p = post.author %}{{ p.nam }}", &[no_nam]),
        ("{% set p = posts | first %}{{ p.titel }}", &[no_title]),
        (
            "{% if post %}{% set q = post %}{% endif %}{{ q.titel }}",
            &[no_title],
        ),
        (
            "<m:fragment service='a' ref='a' imports='post.titel as x'>-</m:fragment>",
            &[no_title],
        ),
        (
            "{{ post.secret }}",
            &["`Post` has no field `secret` (it has `author`, `body`, `postedOn`, `slug`, `title`)"],
        ),
        (
            "{{ post.text }}{{ post.posted_on }}",
            &[
                "`Post` has no field `text` (it has `author`, `body`, `postedOn`, `slug`, `title`)",
                "`Post` has no field `posted_on` (did you mean `postedOn`?)",
            ],
        ),
        (
            "{{ label.idd }}",
            &["`Tag` has no field `idd` (did you mean `id`?)"],
        ),
        ("{% include 'part.html' %}{% set post = 1 %}{{ post.x }}", &[]),
        // What does without a value.
        (
            "{{ post.titel or '' }}{{ post.titel | default(value='') }}{{ post?.titel }}{% if post.titel is defined %}{% endif %}",
            &[],
        ),
        // What may have any member.
        (
            "{{ map.x.y }}{{ value.x }}{{ foreign.x }}{{ kind.x }}{{ generic.x }}{{ alias.x }}{{ with.x }}{{ open.b }}",
            &[],
        ),
        (
            "{{ twin.x }}{{ hand.x }}{{ flat.x }}{% for p in posts | map_it %}{{ p.x }}{% endfor %}{% for k, v in post %}{{ v.x }}{% endfor %}",
            &[],
        ),
        (
            "{% for post in map %}{{ post.x }}{% endfor %}{% set post = value %}{{ post.x }}{{ 'post.titel' }}",
            &[],
        ),
    ] {
        let found = with_rust(page, &[("src/main.rs", MAIN), ("src/models.rs", MODELS)]);
        assert_eq!(found, expected, "{page}");
    }
}

#[test]
fn a_struct_is_the_one_that_its_module_means() {
    let page_of = |inner: &str| {
        format!(
            "{inner} #[derive(Page, Serialize)] #[page(template = \"page.html\")] struct Index {{ post: Post }}"
        )
    };
    let post = "#[derive(Serialize)] pub struct Post { title: String }";
    let other = ("src/other.rs", post);
    for (main, others, checked) in [
        (page_of("mod other; use other::Post;"), vec![other], true),
        (page_of("mod other; use other::*;"), vec![other], true),
        (page_of("use crate::other::{self, Post};"), vec![other], true),
        (
            page_of(&format!("pub mod inner {{ {post} }} use self::inner::Post;")),
            vec![],
            true,
        ),
        (page_of(post), vec![other], true),
        (page_of("use some_crate::Post;"), vec![other], false),
        (page_of("use some_crate::*;"), vec![other], false),
        (page_of("use ::other::Post;"), vec![other], false),
        (
            page_of("use crate::other::Post;"),
            vec![other, ("src/twin.rs", post)],
            false,
        ),
        (
            page_of("use crate::other::Post;"),
            vec![("src/other.rs", "pub type Post = u8;")],
            false,
        ),
        (
            page_of("use crate::other::Post;"),
            vec![("src/other.rs", "#[derive(Serialize)] pub struct Post(u8);")],
            false,
        ),
        (
            page_of("use crate::other::Post;"),
            vec![("src/other.rs", "not Rust: Serialize")],
            false,
        ),
    ] {
        let mut files = vec![("src/main.rs", main.as_str())];
        files.extend(others);
        let found = with_rust("{{ post.titel }}", &files);
        assert_eq!(found.len(), usize::from(checked), "{files:?}: {found:?}");
    }
}
