//! Where fragments stand: loops, blocks, circles, fallbacks, and their names.

use super::*;

pub(super) fn tag(name: &str, attributes: &str) -> String {
    format!("<m:fragment service='{name}' ref='{name}' {attributes}>-</m:fragment>")
}

#[test]
fn a_repeated_fragment_exports_nothing() {
    let a = tag("a", "exports='x'");
    for (text, expected) in [
        (
            format!("{{% for i in [1] %}}{a}{{% endfor %}}{{{{ x }}}}"),
            vec!["export-in-loop"],
        ),
        (
            format!("{{% for i in [1] %}}{}{{% endfor %}}", tag("a", "")),
            vec![],
        ),
        (
            format!("{{% for i in [1] %}}-{{% else %}}{a}{{% endfor %}}{{{{ x }}}}"),
            vec![],
        ),
        (
            format!("{{% component card() %}}{a}{{% endcomponent %}}{{{{ <card/> }}}}{{{{ x }}}}"),
            vec!["export-in-loop"],
        ),
        (
            format!("{{% for i in [1] %}}{a}{a}{{% endfor %}}{{{{ x }}}}"),
            vec!["export-in-loop", "export-in-loop"],
        ),
    ] {
        assert_eq!(codes(&text, Severity::Error), expected, "{text}");
    }
}

#[test]
fn an_include_in_a_loop_is_in_the_loop() {
    let files = [
        (
            "page.html",
            "{% for i in [1] %}{% include 'part.html' %}{% endfor %}{{ x }}",
        ),
        ("part.html", &tag("a", "exports='x'")),
    ];
    let around = Around {
        contracts: vec![(
            "a",
            r#"{"service":"a","fragments":{"a":{"exports":{"x":"any"}}}}"#,
        )],
        contracts_given: true,
        ..Around::default()
    };
    let (_, problems) = problems_of(&files, &around);
    assert_eq!(problems.len(), 1, "{problems:?}");
    let labels: Vec<_> = problems[0]
        .labels
        .iter()
        .map(|label| label.text.as_ref())
        .collect();
    assert_eq!(
        labels,
        ["`a` of `a` exports it", "repeated here", "comes in here"]
    );
}

#[test]
fn an_export_with_a_mistake_is_not_unused_besides() {
    let text = format!("<html m:attributes='x'>{}</html>", tag("a", "exports='x'"));
    let (_, problems) = problems_of(&[("page.html", &text)], &Around::default());
    let codes: Vec<_> = problems.iter().map(|problem| problem.code.name()).collect();
    assert!(codes.contains(&"export-shadows-attribute"), "{codes:?}");
    assert!(!codes.contains(&"unused-export"), "{codes:?}");
}

#[test]
fn fragments_do_not_wait_for_each_other() {
    let ab = tag("a", "imports='y' exports='x'");
    let ba = tag("b", "imports='x' exports='y'");
    for (text, expected) in [
        (format!("{ab}{ba}"), 1),
        (format!("{ab}{}", tag("b", "exports='y'")), 0),
        (tag("a", "imports='x' exports='x'"), 1),
        (format!("{{% if x %}}{}{{% endif %}}", tag("a", "exports='x'")), 1),
        (format!("{{% if p %}}{ab}{{% else %}}{ba}{{% endif %}}"), 0),
        (
            format!(
                "{{% set z = x %}}{}{{{{ x }}}}",
                tag("a", "imports='z' exports='x'")
            ),
            1,
        ),
        (
            "<m:fragment service='{{ x }}' ref='a' exports='x'>-</m:fragment>".to_owned(),
            1,
        ),
        (
            format!(
                "{}{}{}",
                tag("a", "imports='z' exports='x'"),
                tag("b", "imports='x' exports='y'"),
                tag("c", "imports='y' exports='z'")
            ),
            1,
        ),
        (
            format!(
                "{ab}{ba}{}{}",
                tag("c", "imports='w' exports='v'"),
                tag("d", "imports='v' exports='w'")
            ),
            2,
        ),
    ] {
        assert_eq!(
            codes(&text, Severity::Error),
            vec!["import-cycle"; expected],
            "{text}"
        );
    }
}

#[test]
fn the_report_of_a_circle_goes_all_the_way_round() {
    let text = format!(
        "{}\n{}\n{}",
        tag("a", "imports='z' exports='x'"),
        tag("b", "imports='x' exports='y'"),
        tag("c", "imports='y' exports='z'")
    );
    let (sources, problems) = problems_of(&[("page.html", &text)], &Around::default());
    let circle = problems
        .iter()
        .find(|problem| problem.code == Code::ImportCycle)
        .expect("a circle");
    assert_eq!(
        circle.message,
        "3 fragments wait for each other's exports, in a circle"
    );
    let labels: Vec<_> = circle
        .labels
        .iter()
        .map(|label| (sources[0].slice(label.location.span), label.text.as_ref()))
        .collect();
    let expected = [
        ("z", "waits for `z`, an export of `c` of `c`"),
        ("x", "waits for `x`, an export of `a` of `a`"),
        ("y", "waits for `y`, an export of `b` of `b`"),
    ];
    assert_eq!(labels.len(), 3);
    assert!(expected.iter().all(|step| labels.contains(step)), "{labels:?}");
}

#[test]
fn an_export_does_not_decide_about_blocks() {
    let base = "{% block a %}base{% endblock %}{% block b %}{% endblock %}";
    let child = |a: &str, b: &str| {
        format!(
            "{{% extends 'base.html' %}}{{% block a %}}{a}{{% endblock %}}{{% block b %}}{b}{{% endblock %}}"
        )
    };
    let a = tag("a", "exports='x'");
    for (page, expected) in [
        (
            child(&format!("{a}{{% if x %}}{{{{ super() }}}}{{% endif %}}"), ""),
            1,
        ),
        (
            child(
                &format!("{a}{{% if x %}}{{% set s = '-' ~ super() %}}{{% endif %}}"),
                "",
            ),
            1,
        ),
        (
            child(
                &format!("{a}{{% if x %}}{{{{ superseded | default(value='-') }}}}{{% endif %}}"),
                "",
            ),
            0,
        ),
        (child(&format!("{a}{{{{ super() }}}}{{{{ x }}}}"), ""), 0),
        (
            child(
                &format!("{a}{{{{ x }}}}{{% if p %}}{{{{ super() }}}}{{% endif %}}"),
                "",
            ),
            0,
        ),
        (
            child(
                &format!("{a}{{% if p %}}-{{% elif x %}}-{{% else %}}{{{{ super() }}}}{{% endif %}}"),
                "",
            ),
            1,
        ),
        (child(&format!("{a}{{% set y = x %}}{{{{ y }}}}"), ""), 0),
        (child(&format!("{a}{{% set y = x %}}"), "{{ y }}"), 1),
        (child(&format!("{a}{{{{ x }}}}{{% set y = 1 %}}"), "{{ y }}"), 0),
        (
            child(
                &format!("{a}{{% if x %}}{{% set y = 1 %}}{{% endif %}}"),
                "{{ y }}",
            ),
            1,
        ),
        (
            child(
                &format!("{a}{{% filter upper %}}{{{{ super() }}}}{{{{ x }}}}{{% endfilter %}}"),
                "",
            ),
            1,
        ),
        (
            format!("{a}{{% if x %}}{{% block c %}}{{% endblock %}}{{% endif %}}"),
            1,
        ),
    ] {
        let found = check_all(&[("base.html", base), ("page.html", &page)], &Around::default());
        let found = found
            .iter()
            .filter(|line| line.contains(" export-in-block-structure "))
            .count();
        assert_eq!(found, expected, "{page}");
    }
}

#[test]
fn names_that_become_one() {
    for (text, expected) in [
        (
            format!(
                "{}{}{{{{ a_b }}}}",
                tag("a", "exports='a-b'"),
                tag("b", "exports='a_b'")
            ),
            vec!["name-collision"],
        ),
        (
            format!(
                "{}{}{{{{ aB }}}}{{{{ a_b }}}}",
                tag("a", "exports='aB'"),
                tag("b", "exports='a_b'")
            ),
            vec!["name-collision"],
        ),
        (
            format!(
                "<html m:attributes='aB'>{}{{{{ a_b }}}}{{{{ aB }}}}</html>",
                tag("a", "exports='a_b'")
            ),
            vec!["name-collision"],
        ),
        (tag("a", "imports='x as aB, y as a_b'"), vec!["name-collision"]),
        (
            "<p m:ref='x' m:imports='aB' m:attributes='a-b'>{{ aB }}{{ a_b }}</p>".to_owned(),
            vec!["name-collision"],
        ),
        (
            format!("{}{{{{ aB }}}}", tag("a", "imports='a_b' exports='aB'")),
            vec![],
        ),
    ] {
        assert_eq!(codes(&text, Severity::Error), expected, "{text}");
    }
}

#[test]
fn names_that_are_kept() {
    for (attributes, expected) in [
        ("exports='x as loop'", 1),
        ("exports='__hydra_n'", 1),
        ("imports='x as true'", 1),
        ("imports='none as x'", 1),
        ("exports='type, body'", 0),
    ] {
        let text = format!("{}{{{{ type }}}}{{{{ body }}}}", tag("a", attributes));
        assert_eq!(
            codes(&text, Severity::Error),
            vec!["reserved-name"; expected],
            "{attributes}"
        );
    }
    let text = format!(
        "{{% for i in [1] %}}{}{{% endfor %}}",
        tag("a", "imports='loop.index as index'")
    );
    assert_eq!(codes(&text, Severity::Error), [""; 0]);
    assert_eq!(
        codes("<p m:ref='x' m:imports='self'>-</p>", Severity::Error),
        ["reserved-name"]
    );
}

#[test]
fn a_fragment_is_one_piece_of_the_template() {
    let text = "{% if a %}<p m:ref='x'>{% endif %}</p>";
    assert_eq!(codes(text, Severity::Error), ["unclosed-tag"]);
}

#[test]
fn a_fallback_that_is_shown_at_once_holds_nothing_that_the_page_waits_for() {
    let around = |mode: &str, inside: &str| {
        format!("<m:fragment ref='o' service='o' mode={mode}>{inside}</m:fragment>")
    };
    let (required, exporting) = (
        tag("a", "required"),
        format!("{}{{{{ x }}}}", tag("a", "exports=x")),
    );
    let nested = |inside: &str| {
        format!("{{% if p %}}<m:fragment ref='n' service='n'>{inside}</m:fragment>{{% endif %}}")
    };
    for (text, expected) in [
        (around("deferred", &required), 1),
        (around("lazy", &exporting), 1),
        (around("lazy", &tag("a", "exports=x required")), 1),
        (around("lazy", &format!("{required}{exporting}")), 2),
        (around("deferred", &nested(&required)), 1),
        (around("lazy", &around("inline", &required)), 1),
        // One mistake, one report: the inner tag contradicts itself.
        (around("lazy", &tag("a", "mode=lazy required")), 1),
        (
            around(
                "lazy",
                &format!("<m:fragment ref='n' service='n' mode=lazy>{required}</m:fragment>"),
            ),
            1,
        ),
        (around("deferred", &tag("a", "")), 0),
        (around("inline", &nested(&required)), 0),
        (format!("{}{required}", around("lazy", "-")), 0),
    ] {
        assert_eq!(
            codes(&text, Severity::Error),
            vec!["mode-conflict"; expected],
            "{text}"
        );
    }
}

#[test]
fn what_comes_into_a_fallback_by_an_include_or_a_component_is_in_it() {
    let outer = |inside: &str| format!("<m:fragment ref='o' service='o' mode='lazy'>{inside}</m:fragment>");
    let included = problems_of(
        &[
            ("page.html", &outer("{% include 'part.html' %}")),
            ("part.html", &tag("a", "exports='x' required")),
        ],
        &Around::default(),
    );
    let called = format!(
        "{{% component card() %}}{}{{% endcomponent %}}{}",
        tag("a", "required"),
        outer("{{ <card/> }}")
    );
    let called = problems_of(&[("page.html", &called)], &Around::default());
    for ((_, problems), expected) in [
        (
            included,
            vec![
                "the page would wait for this",
                "the page would wait for it",
                "comes after the page: its fallback is shown at once",
                "comes in here",
            ],
        ),
        (
            called,
            vec![
                "the page would wait for it",
                "comes after the page: its fallback is shown at once",
                "comes in here",
            ],
        ),
    ] {
        let problem = problems
            .iter()
            .find(|problem| problem.code == Code::ModeConflict)
            .expect("a conflict");
        let labels: Vec<_> = problem.labels.iter().map(|label| label.text.as_ref()).collect();
        assert_eq!(labels, expected);
    }
}
