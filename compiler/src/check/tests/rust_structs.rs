//! Fields of Rust structs, as templates name them.

use super::*;

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

/// What other languages have as members of lists and texts, and what stands there instead for Tera. `""`: it is not reported.
#[test]
fn members_of_lists_and_texts_are_filters_here() {
    for (shown, expected) in [
        ("{{ names.size }}", "write `names | length`"),
        ("{{ names.length }}", "write `names | length`"),
        ("{{ names.Count }}", "write `names | length`"),
        ("{{ names.first }}", "write `names | first`"),
        ("{{ names.last | upper }}", "write `names | last`"),
        ("{{ names[\"size\"] }}", "write `names | length`"),
        ("{% if names.isEmpty %}x{% endif %}", "write `not names`"),
        ("{% if names.size > 1 %}x{% endif %}", "write `(names | length)`"),
        ("{% set n = names.len %}{{ n }}", "write `names | length`"),
        (
            "{% for n in names.sorted %}{{ n }}{% endfor %}",
            "write `names | sort`",
        ),
        (
            "{% for n in names %}{{ n.length }}{% endfor %}",
            "write `n | length`",
        ),
        (
            "{{ names.keys }}",
            "a list has items, as in `names[0]`, and filters, as in `names | length`",
        ),
        ("{{ title.upper }}", "write `title | upper`"),
        ("{{ title.size }}", "write `title | length`"),
        ("{{ title.first }}", "a text has filters, as in `title | length`"),
        ("{{ names.size or 0 }}", ""),
        ("{{ names?.size or 0 }}", ""),
        ("{{ names.size | default(value=0) }}", ""),
        ("{% if names.size is defined %}x{% endif %}", ""),
        ("{{ names[0] }}{{ names | length }}", ""),
        ("{{ prices.size }}{{ anything.size }}{{ day.size }}", ""),
    ] {
        let all = "names: list<string>, title: string, prices: map<number>, anything: any, day: date";
        let used = "{{ names }}{{ title }}{{ prices }}{{ anything }}{{ day }}";
        let page = format!("<html m:attributes=\"{all}\">{used}{shown}</html>");
        let (_, problems) = problems_of(&[("page.html", &page)], &Around::default());
        let helps: Vec<_> = problems
            .iter()
            .filter(|problem| problem.code == Code::UnknownField)
            .filter_map(|problem| problem.help.as_deref())
            .collect();
        assert_eq!(helps.join(""), expected, "{shown}: {problems:#?}");
        // What is reported fails, but for a condition, which is never true; what the help says renders.
        let is_right = expected.is_empty() && !shown.contains("day");
        let is_condition = shown.starts_with("{% if");
        assert!(
            is_right == renders(shown) || is_condition || shown.contains("day"),
            "{shown}"
        );
        let new = expected
            .strip_prefix("write `")
            .and_then(|new| new.strip_suffix('`'));
        let label = problems.iter().find(|problem| problem.code == Code::UnknownField);
        let label = label.and_then(|problem| problem.labels.first());
        if let (Some(new), Some(label)) = (new, label) {
            let span = label.location.span;
            let start = page.len() - shown.len() - "</html>".len();
            let mended = [&page[start..span.start as usize], new, &page[span.end as usize..]].concat();
            assert!(renders(&mended), "{shown}: {mended}");
        }
    }
}

/// Whether Tera renders a template with two names and a title.
fn renders(template: &str) -> bool {
    let mut context = tera::Context::new();
    context.insert("names", &["b", "a"]);
    context.insert("title", "x");
    tera::Tera::one_off(template, &context, true).is_ok()
}
