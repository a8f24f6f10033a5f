//! Fragments in parts of a page of which Tera makes a value.

use super::{structure::tag, *};

/// The codes of the errors in a page with its components and its layout.
fn errors_of(page: &str, parts: &str, root: &str) -> Vec<&'static str> {
    let files = [("page.html", page), ("parts.html", parts), ("root.html", root)];
    let (_, problems) = problems_of(&files, &Around::default());
    problems
        .iter()
        .map(|problem| problem.code)
        .filter(|code| code.severity() == Severity::Error)
        .map(Code::name)
        .collect()
}

#[test]
fn a_fragment_is_not_filtered_or_kept() {
    let a = tag("a", "");
    for (text, expected) in [
        (format!("{{% filter upper %}}{a}{{% endfilter %}}"), 1),
        (format!("{{% set s %}}{a}{{% endset %}}{{{{ s }}}}"), 1),
        (
            format!("{{% set_global s %}}{{% if p %}}{a}{{% endif %}}{{% endset %}}{{{{ s }}}}"),
            1,
        ),
        (format!("{{% filter upper %}}b{{% endfilter %}}{a}"), 0),
    ] {
        assert_eq!(
            codes(&text, Severity::Error),
            vec!["fragment-in-capture"; expected],
            "{text}"
        );
    }
}

/// A component in each of two ways, and a page with its fragment `@` in a block that a child overrides.
#[test]
fn what_becomes_a_value_holds_no_fragment() {
    let a = tag("a", "");
    let refused = ["fragment-in-capture"].as_slice();
    for (block, expected) in [
        ("{{ super() }}", [].as_slice()),
        ("{{ super() | safe }}{{- super() -}}", &[]),
        ("{% if n %}{{ super() }}{% endif %}", &[]),
        ("{% <box> %}{{ super() }}{% </box> %}", &[]),
        ("{{ super() | upper }}", refused),
        ("{{ super() | safe | upper }}", refused),
        ("{{ super() ~ 'a' }}", refused),
        ("{{ super() if n else 'a' }}", refused),
        ("{{ [super()] | length }}", refused),
        ("{{ <mark x={super()} /> }}", refused),
        ("{% set s = super() %}{{ s }}", refused),
        ("{% set s %}{{ super() }}{% endset %}", refused),
        ("{% set_global s = super() | trim %}", refused),
        ("{% filter upper %}{{ super() }}{% endfilter %}", refused),
        (
            "{% filter replace(from=super(), to='b') %}a{% endfilter %}",
            refused,
        ),
        ("{% if super() %}a{% endif %}", refused),
        ("{% if n %}{% elif super() == '' %}a{% endif %}", refused),
        ("{% for c in super() %}a{% endfor %}", refused),
        ("{% <cut> %}{{ super() }}{% </cut> %}", refused),
        ("<m:fragment ref='{{ super() }}'/>", refused),
    ] {
        let page = format!("{{% extends 'root.html' %}}{{% block one %}}{block}{{% endblock %}}");
        let root = format!("{{% block one %}}{a}{{% endblock %}}");
        let parts = "{% component box() %}{{ body }}{% endcomponent %}{% component cut() %}{{ body | truncate }}\
            {% endcomponent %}{% component mark(x) %}{{ x }}{% endcomponent %}";
        assert_eq!(errors_of(&page, parts, &root), expected, "{block}");
    }
}

#[test]
fn a_component_with_a_fragment_is_printed_as_it_is() {
    let a = tag("a", "");
    let card = format!(
        "{{% component card() %}}{a}{{% endcomponent %}}{{% component box(x='') %}}{{{{ x }}}}{{{{ body }}}}{{% endcomponent %}}"
    );
    for (page, right) in [
        ("{{ <card /> }}", true),
        ("{{ <card/> | safe }}", true),
        ("{% <box> %}{{ <card /> }}{% </box> %}", true),
        ("{{ <card /> | upper }}", false),
        ("{{ <card /> ~ <card /> }}", false),
        ("{% if <card /> %}a{% endif %}", false),
        ("{% set s = <card /> %}", false),
        ("{% filter upper %}{{ <card /> }}{% endfilter %}", false),
        ("{% <box x={<card />}> %}{% </box> %}", false),
        ("{{ <box x={<card />} /> }}", false),
        ("{{ [<card />] | length }}", false),
    ] {
        let (_, problems) = problems_of(&[("page.html", page), ("parts.html", &card)], &Around::default());
        let codes: Vec<_> = problems.iter().map(|problem| problem.code.name()).collect();
        assert_eq!(
            codes.contains(&"fragment-in-capture"),
            !right,
            "{page}: {codes:?}"
        );
    }
}

#[test]
fn a_body_with_a_fragment_is_printed_as_it_is() {
    let a = tag("a", "");
    for (card, right) in [
        ("{{ body }}", true),
        ("{{ body | safe }}{{ body | default(value='none') }}", true),
        ("{% if body %}<b>{{ body }}</b>{% else %}none{% endif %}", true),
        ("{% if not body and n == 1 %}none{% endif %}", true),
        ("{% for i in [1, 2] %}{{ body }}{% endfor %}", true),
        ("{% <other> %}{{ body }}{% </other> %}", true),
        ("{% include 'shows.html' %}", true),
        ("none", true),
        ("{{ body | truncate(length=5) }}", false),
        ("{{ body | length }}", false),
        ("{{ body ~ '' }}", false),
        ("{{ body[0:5] }}", false),
        ("{% if body | length > 5 %}long{% endif %}", false),
        ("{% if body == '' %}none{% endif %}", false),
        ("{% for c in body %}{{ c }}{% endfor %}", false),
        ("{% set b = body %}{{ b }}", false),
        ("{% set b %}{{ body }}{% endset %}", false),
        ("{% filter upper %}{{ body }}{% endfilter %}", false),
        ("{% <cut> %}{{ body }}{% </cut> %}", false),
        ("{{ <mark x={body} /> }}", false),
        ("{% include 'cuts.html' %}", false),
        ("<m:fragment ref='b' imports='body'/>", false),
        ("<m:fragment ref='b'>{{ body }}</m:fragment>", false),
        ("{{ __tera_context }}", false),
    ] {
        let parts = format!(
            "{{% component card(n=1) %}}{card}{{% endcomponent %}}{{% component other() %}}{{{{ body }}}}{{% endcomponent %}}\
            {{% component cut() %}}{{{{ body | trim }}}}{{% endcomponent %}}{{% component mark(x) %}}{{{{ x }}}}{{% endcomponent %}}"
        );
        let page = format!("{{% <card> %}}in {a}{{% </card> %}}");
        let files = [
            ("cuts.html", "{{ body | upper }}"),
            ("page.html", &page),
            ("parts.html", &parts),
            ("shows.html", "{{ body }}"),
        ];
        let (_, problems) = problems_of(&files, &Around::default());
        let captured = problems
            .iter()
            .filter(|problem| problem.code == Code::FragmentInCapture)
            .count();
        assert_eq!(captured, usize::from(!right), "{card}: {problems:#?}");
    }
}

/// What a parent's block shows of an export comes later, as a fragment does.
#[test]
fn what_becomes_a_value_waits_for_no_export() {
    for (block, expected) in [
        ("{{ super() }}", [].as_slice()),
        ("{{ super() | upper }}", &["export-in-block-structure"]),
        ("{% if super() %}a{% endif %}", &["export-in-block-structure"]),
        (
            "{% <cut> %}{{ super() }}{% </cut> %}",
            &["export-in-block-structure"],
        ),
        (
            "{% filter upper %}{{ super() }}{% endfilter %}",
            &["export-in-block-structure"],
        ),
    ] {
        let page = format!("{{% extends 'root.html' %}}{{% block one %}}{block}{{% endblock %}}");
        let root = format!(
            "{}{{% block one %}}{{{{ y }}}}{{% endblock %}}",
            tag("a", "exports='y'")
        );
        let parts = "{% component cut() %}{{ body | truncate }}{% endcomponent %}";
        assert_eq!(errors_of(&page, parts, &root), expected, "{block}");
    }
}

#[test]
fn what_is_done_with_the_content_is_said() {
    let a = tag("a", "");
    for (text, expected) in [
        (format!("{{% filter upper %}}{a}{{% endfilter %}}"), "filtered"),
        (
            format!("{{% set filtered %}}{a}{{% endset %}}{{{{ filtered }}}}"),
            "kept in a variable",
        ),
    ] {
        let found = check_all(&[("page.html", &text)], &Around::default());
        let message = format!("the HTML of a fragment can't be {expected}");
        assert!(found.iter().any(|line| line.ends_with(&message)), "{found:?}");
    }
}
