//! What is reported of one file by itself: one mistake, one report.

use std::collections::BTreeSet;

use crate::{problem::Problem, site::Site, source::Source};

/// The reports of a file: the code, and the text that is marked.
fn reports(text: &str) -> Vec<String> {
    problems(text)
        .iter()
        .map(|problem| {
            let marked = &text[problem.labels[0].location.span.range()];
            format!("{} {marked}", problem.code.name())
        })
        .collect()
}

fn problems(text: &str) -> Vec<Problem> {
    let sources = [Source::new("a.html", "a.html", text)];
    Site::parse(&sources, &BTreeSet::new()).1
}

#[test]
fn one_mistake_is_one_report() {
    let nested = format!(
        "{}{}",
        "<m:fragment ref='a'>".repeat(70),
        "</m:fragment>".repeat(70)
    );
    for (text, expected) in [
        (
            "<m:fragment service=\"o ref=\"r\" imports=\"a\">-</m:fragment>",
            "unclosed-quote \"",
        ),
        ("<div m:ref=\"x m:imports=\"a\">-</div>", "unclosed-quote \""),
        ("<div m:ref=\"x>-</div>", "unclosed-quote \""),
        ("<div m:ref='1 bad' m:imports='a'></div>", "bad-name 1 bad"),
        ("<div m:ref='' m:imports='a'></div>", "empty-value m:ref=''"),
        (nested.as_str(), "too-deep <m:fragment ref='a'>"),
        (
            "{% if a %}{% for b in c %}x{% endfor %}",
            "template-syntax {% if a %}",
        ),
        ("{% if a %}x{% else %}y", "template-syntax {% if a %}"),
        ("{% for a in b %}x{% endif %}", "template-syntax {% endif %}"),
        (
            "{% if a %}{% for b in c %}x{% endif %}{% endfor %}",
            "template-syntax {% for b in c %}",
        ),
        (
            "{% block a %}{% if b %}{% endblock %}",
            "template-syntax {% if b %}",
        ),
    ] {
        assert_eq!(reports(text), [expected], "{text}");
    }
}

#[test]
fn what_comes_after_the_page_can_not_decide_about_it() {
    for (attributes, expected) in [
        ("mode=lazy required", vec!["mode-conflict mode"]),
        ("exports=a mode=deferred", vec!["mode-conflict mode"]),
        ("exports=a mode=deferred required", vec!["mode-conflict mode"]),
        ("exports=a mode=inline required", vec![]),
        ("imports=a mode=lazy", vec![]),
    ] {
        let text = format!("<m:fragment ref='a' {attributes}>-</m:fragment>");
        assert_eq!(reports(&text), expected, "{text}");
    }
}

#[test]
fn values_that_mean_nothing_are_reported() {
    for (attributes, expected) in [
        ("mode='{{ m }}'", "bad-name {{ m }}"),
        ("timeout='{{ t }}'", "bad-duration {{ t }}"),
        ("required='false'", "bad-name false"),
        ("required='{{ a }}'", "bad-name {{ a }}"),
    ] {
        let text = format!("<m:fragment ref='a' {attributes}/>");
        assert_eq!(reports(&text), [expected], "{text}");
    }
    for (imports, expected) in [
        ("n: integer = 'x'", "bad-list n: integer = 'x'"),
        ("n: date = 1", "bad-list n: date = 1"),
        ("n: list<string> = 1", "bad-list n: list<string> = 1"),
        ("a, n:  strng = 'x'", "bad-name strng"),
    ] {
        let text = format!("<p m:ref='a' m:imports=\"{imports}\"></p>");
        assert_eq!(reports(&text), [expected], "{text}");
    }
    for (styles, expected) in [
        ("a.css, javascript:x", "bad-list javascript:x"),
        ("a.css,, b.css", "bad-list "),
        ("a.css, a.css", "bad-list a.css"),
        ("{{ a }}", "bad-list {{ a }}"),
    ] {
        for kind in ["styles", "scripts"] {
            let text = format!("<p m:ref='a' m:{kind}='{styles}'></p>");
            assert_eq!(reports(&text), [expected], "{text}");
        }
    }
    assert_eq!(
        reports("<p m:ref='a' m:style='a.css'></p>"),
        ["unknown-attribute m:style"]
    );
    let homeless = "<p m:styles='a.css'></p>";
    assert_eq!(reports(homeless), ["missing-ref <p m:styles='a.css'>"]);
    let twice = "<html m:attributes='a'><body m:attributes='b'></html>";
    assert_eq!(reports(twice), ["duplicate-attribute <body m:attributes='b'>"]);
}

#[test]
fn values_that_mean_something_are_not() {
    for text in [
        "<m:fragment ref='a' required/>",
        // These Tera reports.
        "{% if a %}{% for x of y %}{% endfor %}{% endif %}",
        "{% endif %}",
        "{% if a %}{% </b> %}{% endset %}{% endif %}",
        "{% set a += 1 %}",
        "{% if a %}{{ b",
        "<m:fragment ref='a' required='' />",
        "<m:fragment ref='a' required='required'/>",
        "<m:fragment ref='a' required=true />",
        "<m:fragment ref='{{ a ~ \"b c=\" }}' mode=lazy />",
        "<html m:attributes=''></html>",
        "<p m:ref='a' m:styles='css/a.css, /b.css,' m:scripts='https://cdn.example/a.js'></p>",
        "<p m:ref='a' m:imports='n: number = 1, m = 2, s: string = \"a b=\"'></p>",
    ] {
        assert_eq!(reports(text), [""; 0], "{text}");
    }
}

#[test]
fn help_can_be_followed() {
    for (text, expected) in [
        ("<m:fragment ref=''/>", "write the fragment's name"),
        ("<p m:ref='a' m:imports='a: strng'></p>", "did you mean `string`?"),
        (
            "<p xmlns:x='getmedusa.io'></x:fragment></p>",
            "remove it, or write the opening `<x:fragment …>` before it",
        ),
        ("<m:fragment service=\"o ref=\"r\"/>", "write \"o\""),
        (
            "<m:fragment ref='a' timeout='{{ t }}'/>",
            "write a whole number and its unit: `300ms`, `2s`, `10m` or `1h`",
        ),
    ] {
        let helps: Vec<_> = problems(text)
            .into_iter()
            .filter_map(|problem| problem.help)
            .collect();
        assert_eq!(helps, [expected], "{text}");
    }
}

#[test]
fn every_element_may_be_a_fragment() {
    for text in [
        "<iframe m:ref='a'></iframe>",
        "<title m:ref='a'>-</title>",
        "<x:y m:ref='a'></x:y>",
        "<b m:ref='a' onclick='if (1 < 2) go()' m:imports='n'></b>",
    ] {
        let sources = [Source::new("a.html", "a.html", text)];
        let (site, problems) = Site::parse(&sources, &BTreeSet::new());
        assert!(problems.is_empty(), "{problems:?}");
        let spans: Vec<_> = site.files[0]
            .tree
            .offers
            .iter()
            .map(|offer| offer.span.len())
            .collect();
        assert_eq!(spans, [text.len()], "{text}");
    }
}
