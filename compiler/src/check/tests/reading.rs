//! How templates are read, and which problems are reported when a template can't be read as its author meant it.

use super::{Around, check_all, problems_of};

/// All that is said to one page: code and message.
fn told(text: &str) -> Vec<String> {
    let lines = check_all(&[("page.html", text)], &Around::default());
    lines
        .iter()
        .filter_map(|line| line.split_once(' ').map(|(_, told)| told.to_owned()))
        // What the rules say of fragments that are read well is theirs to test.
        .filter(|told| {
            !["no-contract", "empty-fallback", "unknown-ref"]
                .iter()
                .any(|code| told.starts_with(code))
        })
        .collect()
}

#[test]
fn a_closing_tag_of_an_unknown_element_closes_nothing() {
    for (text, expected, nearest) in [
        (
            "<p></m:other></p>",
            "stray-close-tag `</m:other>` closes nothing",
            Some("<p>"),
        ),
        ("</m:other>", "stray-close-tag `</m:other>` closes nothing", None),
        (
            "<ul><li><b></b></M:Frag ></ul>",
            "stray-close-tag `</M:Frag >` closes nothing",
            Some("<li>"),
        ),
        (
            "<m:fragment ref='f'><i>-</i></m:fragmnt></m:fragment>",
            "stray-close-tag `</m:fragmnt>` closes nothing",
            Some("<m:fragment>"),
        ),
        (
            "<m:fragment ref='f'><i>-</m:x></i></m:fragment>",
            "stray-close-tag `</m:x>` closes nothing",
            Some("<i>"),
        ),
        (
            "<i><m:fragment ref='f'>-</m:x></m:fragment></i>",
            "stray-close-tag `</m:x>` closes nothing",
            Some("<m:fragment>"),
        ),
        (
            "<p></m:></p>",
            "stray-close-tag `</m:>` closes nothing",
            Some("<p>"),
        ),
    ] {
        assert_eq!(told(text), [expected], "{text}");
        let (_, problems) = problems_of(&[("page.html", text)], &Around::default());
        let stray = problems
            .iter()
            .find(|problem| problem.message.ends_with("closes nothing"));
        let label = stray.and_then(|problem| problem.labels.get(1));
        let named = label.map(|label| {
            label
                .text
                .trim_start_matches("the nearest open tag is ")
                .trim_matches('`')
        });
        assert_eq!(named, nearest, "{text}");
    }
    // The opening tag is the mistake.
    assert_eq!(
        told("<m:other></m:other>"),
        ["unknown-element Hydra knows no element `<m:other>`"]
    );
}

#[test]
fn typographic_quotes_are_told_and_read_as_they_were_meant() {
    for (text, quotes, helps) in [
        (
            "<m:fragment service=“svc” ref=“r”>x</m:fragment>",
            2,
            "write `service=\"svc\"`, write `ref=\"r\"`",
        ),
        ("<m:fragment ref=„r“>x</m:fragment>", 1, "write `ref=\"r\"`"),
        ("<m:fragment ref=‘r’>x</m:fragment>", 1, "write `ref=\"r\"`"),
        ("<m:fragment ref=«r»/>", 1, "write `ref=\"r\"`"),
        ("<m:fragment ref=”r\">x</m:fragment>", 1, "write `ref=\"r\"`"),
        (
            "{% set a = 1 %}{% set b = 2 %}<m:fragment ref='r' imports=“a, b as c”>x</m:fragment>",
            1,
            "write `imports=\"a, b as c\"`",
        ),
        (
            "<m:fragment ref='r' timeout=“2s” >x</m:fragment>",
            1,
            "write `timeout=\"2s\"`",
        ),
        ("<p m:ref=“r”>x</p>", 1, "write `m:ref=\"r\"`"),
        (
            "<p m:ref='r' m:imports=“a: string, b”>{{ a }}{{ b }}</p>",
            1,
            "write `m:imports=\"a: string, b\"`",
        ),
    ] {
        let told = told(text);
        assert_eq!(told.len(), quotes, "{text}: {told:?}");
        assert!(
            told.iter().all(|told| told.starts_with("typographic-quote ")),
            "{text}: {told:?}"
        );
        let (_, problems) = problems_of(&[("page.html", text)], &Around::default());
        let found = problems
            .iter()
            .filter(|problem| problem.code.name() == "typographic-quote");
        let found: Vec<_> = found.filter_map(|problem| problem.help.as_deref()).collect();
        assert_eq!(found.join(", "), helps, "{text}");
    }
    // In quotes of HTML's, they are the author's.
    assert_eq!(
        told("<m:fragment ref='{{ \"“r”\" }}' service=\"s\">x</m:fragment>"),
        [""; 0]
    );
    assert_eq!(
        told("<m:fragment ref=\"r”>x</m:fragment>"),
        ["unclosed-quote this quote is never closed"]
    );
}

#[test]
fn a_byte_order_mark_is_accepted() {
    let base = ("base.html", "{% block b %}{% endblock %}");
    for child in [
        "\u{feff}{% extends 'base.html' %}{% block b %}x{% endblock %}",
        "\u{feff}\r\n{% extends 'base.html' %}\r\n{% block b %}x{% endblock %}",
        "\u{feff}{# c #}{% extends 'base.html' %}{% block b %}x{% endblock %}",
        "\u{feff}{%- extends 'base.html' -%}{% block b %}x{% endblock %}",
        "\u{feff}{{ a }}<p m:ref='f'>x</p>",
        "\u{feff}<html xmlns:x='getmedusa.io'><x:fragment ref='f'>x</x:fragment></html>",
    ] {
        let found = check_all(&[base, ("page.html", child)], &Around::default());
        let errors: Vec<_> = found
            .iter()
            .filter(|line| line.contains("template-syntax"))
            .collect();
        assert!(errors.is_empty(), "{child}: {errors:?}");
    }
    let text = "x\u{feff}{% extends 'base.html' %}";
    let found = check_all(&[base, ("page.html", text)], &Around::default());
    assert!(
        found.iter().any(|line| line.contains("template-syntax")),
        "{found:?}"
    );
}
