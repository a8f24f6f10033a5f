//! What works, though likely not as meant.

use super::*;

fn tag(attributes: &str) -> String {
    format!("<m:fragment service='a' ref='a' {attributes}>-</m:fragment>")
}

#[test]
fn a_fallback_is_not_empty() {
    for (text, expected) in [
        ("<m:fragment service='a' ref='a'/>", 1),
        ("<m:fragment service='a' ref='a'> \n </m:fragment>", 1),
        ("<m:fragment service='a' ref='a'>{# later #}</m:fragment>", 1),
        ("<m:fragment service='a' ref='a' required/>", 0),
        ("<m:fragment service='a' ref='a'>{{ x }}</m:fragment>", 0),
        (
            "<m:fragment service='a' ref='a'><m:fragment service='a' ref='b'/></m:fragment>",
            1,
        ),
    ] {
        assert_eq!(
            codes(text, Severity::Warning),
            vec!["empty-fallback"; expected],
            "{text}"
        );
    }
}

#[test]
fn an_export_is_used() {
    let a = tag("exports='x'");
    for (text, expected) in [
        (a.clone(), 1),
        (format!("{a}{{{{ x }}}}"), 0),
        (format!("{a}{}", tag("imports='x as y'")), 0),
        (format!("{a}{{% if x %}}{{% endif %}}"), 0),
        (format!("{a}{{% set y = x %}}{{{{ y }}}}"), 0),
        (format!("{a}{{% for x in [1] %}}{{{{ x }}}}{{% endfor %}}"), 1),
        (format!("{a}{{{{ __tera_context }}}}"), 0),
        (
            "<m:fragment service='a' ref='a' exports='x'>{{ x }}</m:fragment>".to_owned(),
            0,
        ),
        (format!("<p m:ref='p' m:exports='x'>{a}</p>"), 0),
    ] {
        assert_eq!(
            codes(&text, Severity::Warning),
            vec!["unused-export"; expected],
            "{text}"
        );
    }
}

#[test]
fn one_page_of_several_is_enough_to_use_an_export() {
    let part = tag("exports='x'");
    let files = [
        ("a.html", "{% include 'part.html' %}"),
        ("b.html", "{% include 'part.html' %}{{ x }}"),
        ("part.html", part.as_str()),
    ];
    let found = |files: &[(&str, &str)]| {
        check_all(files, &Around::default())
            .iter()
            .filter(|line| line.contains("unused-export"))
            .count()
    };
    assert_eq!(found(&files), 0);
    assert_eq!(found(&[files[0], files[2]]), 1);
}

#[test]
fn an_export_is_used_below_its_tag() {
    let a = tag("exports='x'");
    for (text, expected) in [
        (format!("<title>{{{{ x }}}}</title>{a}{{{{ x }}}}"), 1),
        (format!("{{{{ x }}}}{{{{ x }}}}{a}"), 1),
        (format!("{a}{{{{ x }}}}"), 0),
        (format!("{}{a}", tag("imports='x'")), 0),
        (format!("{{% if p %}}{{{{ x }}}}{{% else %}}{a}{{% endif %}}"), 0),
        (
            format!("{{% if p %}}{a}{{% else %}}{{{{ x }}}}{a}{{% endif %}}"),
            1,
        ),
    ] {
        assert_eq!(
            codes(&text, Severity::Warning),
            vec!["late-export"; expected],
            "{text}"
        );
    }
}

#[test]
fn an_import_always_has_a_value() {
    let stated = |body: &str| {
        format!(
            "<html m:attributes='p, q'>{{{{ p }}}}{{{{ q }}}}{body}{}</html>",
            tag("imports='x'")
        )
    };
    for (text, expected) in [
        (stated("{% if p %}{% set x = 1 %}{% endif %}"), 1),
        (
            stated("{% if p %}{% set x = 1 %}{% else %}{% set x = 2 %}{% endif %}"),
            0,
        ),
        (
            stated("{% if p %}{% set x = 1 %}{% elif q %}{% set x = 2 %}{% endif %}"),
            1,
        ),
        (
            stated(
                "{% if p %}{% if q %}{% set x = 1 %}{% else %}{% set x = 2 %}{% endif %}{% else %}{% set x = 3 %}{% endif %}",
            ),
            0,
        ),
        (stated("{% set x = 0 %}{% if p %}{% set x = 1 %}{% endif %}"), 0),
        (stated("{% for i in p %}{% set_global x = 1 %}{% endfor %}"), 1),
        (stated("{% filter upper %}{% set x = 1 %}{% endfilter %}"), 0),
        (
            format!("{{% if p %}}{{% set x = 1 %}}{{% endif %}}{}", tag("imports='x'")),
            0,
        ),
    ] {
        assert_eq!(
            codes(&text, Severity::Warning),
            vec!["maybe-unset"; expected],
            "{text}"
        );
        assert_eq!(codes(&text, Severity::Error), [""; 0], "{text}");
    }
}

#[test]
fn a_name_comes_from_somewhere() {
    let stated = |body: &str| format!("<html m:attributes='p'>{{{{ p }}}}{body}</html>");
    for (text, expected) in [
        (stated("{{ x }}"), 1),
        (
            "<p m:ref='a' m:imports='i' m:exports='e' m:attributes='p'>{{ i }}{{ e }}{{ p }}</p>".to_owned(),
            0,
        ),
        (
            "<p m:ref='a' m:imports='i' m:exports='e' m:attributes='p'>{{ x }}</p>".to_owned(),
            1,
        ),
        ("{{ x }}".to_owned(), 0),
        (stated("{{ x }}{{ x }}{{ y }}"), 2),
        (stated("{{ x is defined }}{{ x }}"), 0),
        (stated("{{ x | default(value=1) }}{{ x?.y }}"), 0),
        (stated("{% set x = 1 %}{{ x }}"), 0),
        (stated("{{ x }}{% set x = 1 %}"), 1),
        (
            stated("{% for a, b in p %}{{ a }}{{ b }}{{ loop.index }}{% endfor %}"),
            0,
        ),
        (stated("{% for a in p %}{% endfor %}{{ a }}"), 1),
        (stated("{{ [a for a in p if a] }}"), 0),
        (stated("{{ [a.b for a in p] | length }}{{ {'k': p} }}"), 0),
        (
            stated("{{ range(end=p) }}{{ p | replace(from='a', to=p) }}{{ p is divisible_by(divisor=p) }}"),
            0,
        ),
        (
            stated("{% filter replace(from='a', to=p) %}{% endfilter %}{% filter upper %}{% endfilter %}"),
            0,
        ),
        (
            stated(
                "{{ <card title={p} p /> }}{% component card(title, p=1) %}{{ title }}{{ p }}{{ body }}{% endcomponent %}",
            ),
            0,
        ),
        (
            "{% component card(title) %}{{ titel }}{% endcomponent %}".to_owned(),
            0,
        ),
        (
            format!(
                "{{% component card(title) %}}{{{{ titel }}}}{}{{% endcomponent %}}",
                tag("")
            ),
            1,
        ),
        (stated("<m:fragment service='{{ x }}' ref='a'>-</m:fragment>"), 1),
        (stated("<m:fragment service='a' ref='a'>{{ x }}</m:fragment>"), 1),
        (
            stated("{% if p and x %}{% elif y %}{% endif %}{% set z = w %}"),
            3,
        ),
        (
            stated("{% raw %}{{ x }}{% endraw %}{# {{ x }} #}<script>let a = {{ p }}; '{{ x }}'</script>"),
            1,
        ),
    ] {
        assert_eq!(
            codes(&text, Severity::Warning),
            vec!["unknown-page-attribute"; expected],
            "{text}"
        );
    }
}
