//! Large and hostile sites: the time of a check grows with their size alone.

use super::*;

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
