use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::limits::MAX_BRANCH_DEPTH;
use crate::source::Source;

/// What Tera says to files: `file:line:column message`.
fn said(files: &[(&str, &str)]) -> Vec<String> {
    let sources: Vec<Source> = files
        .iter()
        .map(|(name, text)| Source::new(*name, *name, *text))
        .collect();
    let (site, _) = Site::parse(&sources, &BTreeSet::new());
    let options = Options {
        functions: vec!["price".into()],
        filters: vec!["money".into()],
        tests: vec!["sold".into()],
        ..Options::default()
    };
    let components = Components::of(&site);
    let syntax = check(&site, &components, &options, &BTreeSet::new(), None);
    let mut problems = syntax.problems;
    problems.extend(syntax.undefined.into_iter().map(|undefined| undefined.problem));
    crate::check::sort(&mut problems);
    let line = |problem: &Problem| {
        let location = problem.labels[0].location;
        let source = &sources[location.source.0 as usize];
        let at = source.line_column(location.span.start);
        let code = problem.code.name();
        let help = problem.help.as_deref().unwrap_or("-");
        format!(
            "{}:{}:{} {code}: {} ({help})",
            source.name, at.line, at.column, problem.message
        )
    };
    problems.iter().map(line).collect()
}

/// What one file says by itself.
fn local(text: &str) -> Vec<String> {
    let sources = [Source::new("a.html", "a.html", text)];
    let (_, problems) = Site::parse(&sources, &BTreeSet::new());
    let line = |problem: &Problem| format!("{}: {}", problem.code.name(), problem.message);
    problems.iter().map(line).collect()
}

/// What Tera says to one file, without the help.
fn said_of(text: &str) -> Vec<String> {
    let lines = said(&[("a.html", text)]);
    lines
        .iter()
        .map(|line| line.split(" (").next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn what_is_no_tera_is_shown_at_its_place() {
    for (text, expected) in [
        ("<p>Hello {{ user.name }}", ""),
        (
            "a\n é {{ user name }}",
            "a.html:2:12 template-syntax: Tera can't read this: `}}` is missing before this name",
        ),
        (
            "<m:fragment ref=\"é\" service=\"{{ user + }}\">{{ a }}</m:fragment>",
            "a.html:1:40 template-syntax: Tera can't read this: a value is missing before `}}`",
        ),
        (
            "<m:fragment ref='a'>{{ a b }}</m:fragment>",
            "a.html:1:26 template-syntax: Tera",
        ),
        (
            "{% if a %}",
            "a.html:1:9 template-syntax: Tera can't read this: unexpected end of input",
        ),
        ("{{ a", "a.html:1:4 template-syntax: Tera"),
        ("<p m:x='a b'>{{ a }}</p>", ""),
    ] {
        let found = said_of(text).join("\n");
        assert!(
            found.starts_with(expected) && found.is_empty() == expected.is_empty(),
            "{text}: {found}"
        );
    }
}

#[test]
fn unknown_names_come_with_the_nearest_one() {
    for (text, expected) in [
        (
            "{{ a | uper }}",
            "a.html:1:8 template-syntax: there is no filter `uper` (did you mean `upper`?)",
        ),
        (
            "{{ a | moneyy }}",
            "a.html:1:8 template-syntax: there is no filter `moneyy` (did you mean `money`?)",
        ),
        (
            "é\n{{ prise() }}",
            "a.html:2:4 template-syntax: there is no function `prise` (did you mean `price`?)",
        ),
        (
            "{% if a is solt %}{% endif %}",
            "a.html:1:12 template-syntax: there is no test `solt` (did you mean `sold`?)",
        ),
        (
            "{{ <crad /> }}{% component card() %}{% endcomponent %}",
            "a.html:1:5 template-syntax: there is no component `crad` (did you mean `card`?)",
        ),
        (
            "{% extends \"\" %}{% block b %}{% endblock %}",
            "a.html:1:1 template-syntax: the name of the template is empty (write the path of a template between the quotes)",
        ),
        (
            "{% extends '' %}",
            "a.html:1:1 template-syntax: the name of the template is empty (write the path of a template between the quotes)",
        ),
        (
            "{%- include `` -%}",
            "a.html:1:1 template-syntax: the name of the template is empty (write the path of a template between the quotes)",
        ),
        (
            "{% include '' %}x",
            "a.html:1:1 template-syntax: the name of the template is empty (write the path of a template between the quotes)",
        ),
        (
            "{% include 'c.html' %}",
            "a.html:1:1 template-syntax: there is no template `c.html` (did you mean `a.html`?)",
        ),
        (
            "{{ x | zzzzzz }}",
            "a.html:1:8 template-syntax: there is no filter `zzzzzz` (if the application adds it, name it in the build: `.filters([\"zzzzzz\"])`)",
        ),
    ] {
        assert_eq!(said(&[("a.html", text)]), [expected], "{text}");
    }
}

#[test]
fn what_other_files_have_is_known() {
    let files = [
        (
            "base.html",
            "{% block a %}{% endblock %}{% include 'part.html' %}",
        ),
        ("card.html", "{% component card(a) %}{{ a }}{% endcomponent %}"),
        (
            "page.html",
            "{% extends 'base.html' %}{% block a %}{{ <card a={price()} /> }}{{ x | money }}{{ super() }}{% endblock %}",
        ),
        ("part.html", "{{ x }}"),
    ];
    assert_eq!(said(&files), [""; 0]);
}

#[test]
fn a_circle_of_files_is_one_report() {
    for (files, expected) in [
        (
            &[("a.html", "{% extends 'a.html' %}{% block b %}{% endblock %}")][..],
            "a.html:1:1 template-syntax: `a.html` comes round to itself",
        ),
        (
            &[("a.html", "{% extends 'a.html' %}")],
            "a.html:1:1 template-syntax: `a.html` comes round to itself",
        ),
        (
            &[("a.html", "{% include 'a.html' %}{% block b %}{% endblock %}")],
            "a.html:1:1 template-syntax: `a.html` comes round to itself",
        ),
        (
            &[
                ("a.html", "{% extends 'b.html' %}{% block x %}{% endblock %}"),
                ("b.html", "{% extends 'a.html' %}{% block y %}{% endblock %}"),
            ],
            "a.html:1:1 template-syntax: `a.html` comes round to itself",
        ),
        (
            &[
                ("a.html", "{% extends 'b.html' %}"),
                ("b.html", "{% include 'b.html' %}"),
            ],
            "b.html:1:1 template-syntax: `b.html` comes round to itself",
        ),
    ] {
        let found = said(files);
        assert!(
            found.len() == 1 && found[0].starts_with(expected),
            "{files:?}: {found:?}"
        );
    }
}

#[test]
fn a_missing_parent_is_one_report() {
    for parent in [
        &[][..],
        &[("b.html", "{% extends 'x.html' %}")],
        &[
            ("b.html", "{% extends 'c.html' %}"),
            ("c.html", "{% extends 'x.html' %}"),
        ],
    ] {
        let name = parent.first().map_or("x.html", |(name, _)| *name);
        let child = format!("{{% extends '{name}' %}}{{% block b %}}{{% endblock %}}");
        let files: Vec<_> = [("a.html", child.as_str())]
            .into_iter()
            .chain(parent.iter().copied())
            .collect();
        let found = said(&files);
        assert!(
            found.len() == 1 && found[0].contains("there is no template `x.html`"),
            "{found:?}"
        );
    }
}

#[test]
fn files_that_do_not_fit_together() {
    let circle = [
        ("a.html", "{% include 'b.html' %}"),
        ("b.html", "{% include 'a.html' %}"),
    ];
    assert_eq!(
        said(&circle),
        [
            "a.html:1:1 template-syntax: `a.html` comes round to itself (take one step out of the circle: Tera could never finish the page)"
        ]
    );
    let block = [
        ("a.html", "{% block a %}{% endblock %}"),
        ("b.html", "{% extends 'a.html' %}{% block c %}{% endblock %}"),
    ];
    assert_eq!(
        said(&block),
        [
            "b.html:1:32 template-syntax: no parent template has a block `c` (use the name of a block of the parent, or add this one there)"
        ]
    );
    let dropped = [
        ("a.html", ""),
        (
            "b.html",
            "{% extends 'a.html' %}<m:fragment ref='a'>-</m:fragment>",
        ),
    ];
    let found = said(&dropped);
    assert!(found.len() == 1 && found[0].starts_with("b.html:1:"), "{found:?}");
    let open = [
        ("a.html", "{% block b %}{% endblock %}"),
        (
            "b.html",
            "{% extends 'a.html' %}{% block b %}<m:fragment ref='a'>-</m:fragment>",
        ),
    ];
    let found = said(&open);
    assert!(
        found.len() == 1 && found[0].contains("unexpected end of input"),
        "{found:?}"
    );
    let twice = [
        ("a.html", "{% component c() %}{% endcomponent %}"),
        ("b.html", "{% component c() %}{% endcomponent %}"),
    ];
    let found = said(&twice);
    assert!(
        found.len() == 1
            && found[0].starts_with("b.html:1:1 template-syntax: the component `c` is defined twice"),
        "{found:?}"
    );
}

#[test]
fn the_lists_of_names_are_those_of_tera() {
    let base = base(&Options::default());
    let knows = |text: String| {
        let mut tera = base.clone();
        tera.add_raw_template("a", &text).is_ok()
    };
    for name in names::FILTERS {
        assert!(knows(format!("{{{{ a | {name} }}}}")), "{name}");
    }
    for name in names::TESTS {
        assert!(knows(format!("{{{{ a is {name} }}}}")), "{name}");
    }
    for name in names::FUNCTIONS.into_iter().chain(names::OURS) {
        assert!(knows(format!("{{{{ {name}() }}}}")), "{name}");
    }
    assert!(!knows("{{ a | money }}".to_owned()));
}

#[test]
fn the_functions_of_every_application_are_known() {
    let good = "{% for link in menu(name='main') %}{% if is_there(path=link.href) %}{{ link.label }}{% endif %}{% endfor %}";
    assert_eq!(said(&[("a.html", good)]), [""; 0]);
    let wrong = said(&[("a.html", "{{ is_their(path='/') }}")]);
    assert!(wrong[0].contains("did you mean `is_there`?"), "{wrong:?}");
    assert_eq!(said(&[("a.html", "{{ asset(file='a.css') }}")]), [""; 0]);
    let wrong = said(&[("a.html", "{{ assets(file='a.css') }}")]);
    assert!(wrong[0].contains("did you mean `asset`?"), "{wrong:?}");
}

#[test]
fn what_tera_nests_passes() {
    let nested = |open: &str, close: &str, number: usize| open.repeat(number) + &close.repeat(number);
    for (open, close) in [
        ("{% if a %}", "{% endif %}"),
        ("{% if a %}b{% elif c %}", "{% else %}d{% endif %}"),
        ("{% for a in b %}", "{% endfor %}"),
        ("{% set a %}", "{% endset %}"),
        ("{% filter upper %}", "{% endfilter %}"),
        ("{% <c> %}", "{% </c> %}"),
        ("<m:fragment ref='f'>{% if a %}", "{% endif %}</m:fragment>"),
    ] {
        let takes = |number: usize| {
            let text = nested(open, close, number) + "{% component c() %}{% endcomponent %}";
            let takes = base(&Options::default()).add_raw_template("a", &text).is_ok();
            (takes, said_of(&text), local(&text))
        };
        let most = (1..200).take_while(|number| takes(*number).0).count();
        let (_, syntax, alone) = takes(most);
        assert_eq!((syntax, alone), (vec![], vec![]), "{open}");
        let message = format!("too-deep: statements nest deeper than {most} levels");
        assert_eq!(takes(most + 1).2, [message], "{open}");
    }
}

/// Tera's parser calls itself; tests and worker threads have 2 MB of stack.
#[test]
fn deep_texts_are_refused_before_they_use_up_the_stack() {
    let many = |text: &str| text.repeat(100_000);
    let branches = |number: usize| format!("{{% if a %}}{}{{% endif %}}", "{% elif a %}".repeat(number));
    let nested = |number: usize| {
        let open: String = (0..30)
            .map(|_| format!("{{% if a %}}{}", "{% elif a %}".repeat(number)))
            .collect();
        open + &"{% endif %}".repeat(30)
    };
    for text in [
        branches(100_000),
        branches(MAX_BRANCH_DEPTH),
        nested(100),
        format!("{{{{ {}", many("(")),
        format!("{{{{ {}a }}}}", many("not ")),
        format!("{{{{ {}a }}}}", many("-")),
        format!("{{{{ {}", many("[")),
        format!("{{{{ {}", many("{'a':")),
        format!("{{{{ a{} }}}}", many("[a")),
        format!("{{{{ a{} }}}}", many(".a")),
        format!("{{{{ a{} }}}}", many(" ~ a")),
        format!("{{{{ a{} }}}}", many(" ** a")),
        format!("{{{{ a{} }}}}", many(" if a else a")),
        format!("{{{{ a{} }}}}", many(" | upper")),
        format!("{{{{ {}", many("<a b={")),
        many("{% if a %}"),
        many("{% for a in b %}"),
        many("{% <a> %}"),
    ] {
        let found = said_of(&text);
        assert!(found.len() == 1, "{}: {found:?}", &text[..40]);
    }
    assert_eq!(said_of(&branches(MAX_BRANCH_DEPTH - 1)), [""; 0]);
    assert_eq!(said_of(&nested(3)), [""; 0]);
}

/// Texts made of what Tera and the grammar look for.
fn soup(most: usize) -> impl Strategy<Value = String> {
    let tokens = prop::sample::select(vec![
        "{{ a }}",
        "{{- a -}}",
        "{{ a.b }}",
        "{{ not }}",
        "{{ loop.a }}",
        "{{ true.a }}",
        "{{ super() }}",
        "{% component c() %}",
        "{% endcomponent %}",
        "{{ 'b }}' }}",
        "{{ a b }}",
        "{{",
        "}}",
        "{% if a %}",
        "{% else %}",
        "{%- endif -%}",
        "{% for a in b %}",
        "{% endfor %}",
        "{% set a = 1 %}",
        "{% raw %}",
        "{% endraw %}",
        "{# c",
        "#}",
        "{%",
        "%}",
        "{",
        "<m:fragment ref='a'>",
        "<m:fragment ref='{{ a }}'/>",
        "</m:fragment>",
        "<p title='",
        "'>",
        "<!--",
        "-->",
        "<script>",
        "</script>",
        "text",
        " ",
        "\n",
        "é",
        "\"",
        "`",
        "<b m:ref='c'>",
        "</b>",
        "{% block d %}",
        "{% endblock %}",
    ]);
    prop::collection::vec(tokens, 0..most).prop_map(|tokens| tokens.concat())
}

proptest! {
    #[test]
    fn text_decides_nothing_for_tera(text in soup(20)) {
        prop_assert!(reads_alike(text));
    }

    #[test]
    fn repetition_decides_nothing_for_tera(text in soup(6)) {
        prop_assert!(reads_alike(text.repeat(20)));
    }
}

/// Whether Tera says the same to what is doubtful in a text as to all of it.
fn reads_alike(text: String) -> bool {
    let sources = [Source::new("a.html", "a.html", text)];
    let (site, _) = Site::parse(&sources, &BTreeSet::new());
    let tree = &site.files[0].tree;
    let reads = |text: &str| base(&Options::default()).add_raw_template("a", text).is_ok();
    let text = sources[0].text.as_str();
    reads(&doubtful(tree, text)) == reads(&blanked(tree, text))
}
