//! Texts made to take long: what grows with the square of their size would take minutes.

use crate::limits::{MAX_CIRCLE_STEPS, MAX_PROBLEMS_PER_FILE};

use super::{Around, Code, problems_of};

/// `start` once, then `one` until the text is large.
fn many(start: &str, one: &str) -> String {
    format!("{start}{}", one.repeat(500_000 / one.len()))
}

#[test]
fn what_never_ends_is_read_once() {
    for text in [
        many("", "{% raw %}"),
        many("{{ \"", "\\\""),
        many("{% if \"", "\\\""),
        many("", "xmlns:"),
        many("", "<a xmlns:b="),
        many("<a xmlns:b='getmedusa.io'>", "<b:fragment ref='"),
    ] {
        let (_, problems) = problems_of(&[("page.html", &text)], &Around::default());
        assert!(!problems.is_empty() || text.contains("xmlns:"), "{}", &text[..20]);
    }
}

#[test]
fn tags_without_end_are_each_read_once() {
    let nested: String = (0..20_000).map(|n| format!("<div m:ref='a{n}'>")).collect();
    for text in [
        many("", "<m:"),
        many("", "</m:x>"),
        many("", "<m:fragment "),
        many("<html xmlns:x='getmedusa.io'>", "<x:fragment "),
        many("", "<m:a b=\""),
        many("<m:fragment ", "a "),
        many("<b m:x ", "m:a "),
        many("", "<b m:ref=a>"),
        many("<b m:ref=a>", "{% if a %}<i>{% else %}<u>{% endif %}"),
        format!("{nested}{}", "</div>".repeat(20_000)),
    ] {
        let (_, problems) = problems_of(&[("page.html", &text)], &Around::default());
        assert!(
            (1..=MAX_PROBLEMS_PER_FILE + 1).contains(&problems.len()),
            "{}: {}",
            &text[..20],
            problems.len()
        );
    }
}

#[test]
fn attributes_without_number_are_each_looked_at_once() {
    let attributes: String = (0..20_000).map(|n| format!(" a{n}='b'")).collect();
    let tag = format!("<m:fragment ref='a'{attributes}></m:fragment>");
    let (_, problems) = problems_of(&[("page.html", &tag)], &Around::default());
    // More than anyone reads, though not as many as a file may hold.
    assert!(
        (20..=MAX_PROBLEMS_PER_FILE + 1).contains(&problems.len()),
        "{}",
        problems.len()
    );
}

#[test]
fn a_statement_that_is_not_nested_well_is_one_report() {
    for (text, message) in [
        (
            "{% if a %}{% for b in c %}x{% endfor %}-",
            "this `{% if %}` is never closed",
        ),
        (
            "{% for a in b %}x{% endif %}",
            "`{% endif %}` closes a `{% for %}`",
        ),
    ] {
        let (_, problems) = problems_of(&[("page.html", text)], &Around::default());
        let messages: Vec<_> = problems.iter().map(|problem| &problem.message).collect();
        assert_eq!(messages, [message], "{text}");
    }
}

/// Tera would write the whole line of each: gigabytes.
#[test]
fn unknown_names_without_number_on_one_line_cost_no_more_than_their_text() {
    for one in [
        "<p>{{ t(key=\"some.key.name\") }}</p>",
        "{{ a | t }}",
        "{% if a is t %}b{% endif %}",
        "{{ <t /> }}",
        "{% <t> %}{% </t> %}",
        "{% filter t %}a{% endfilter %}",
        "{% include \"t.html\" %}",
    ] {
        let (_, problems) = problems_of(&[("page.html", &one.repeat(5_000))], &Around::default());
        let found: usize = problems.iter().map(|problem| 1 + problem.more).sum();
        assert!(
            found >= 5_000 && problems.iter().all(|problem| problem.help.is_some()),
            "{one}: {found}"
        );
    }
    // Where no white space stands between the names, each is still compared with the next words only.
    let names = format!("{{{{ [{}] }}}}", "t,".repeat(100_000));
    let (_, problems) = problems_of(&[("page.html", &names)], &Around::default());
    assert!(problems.len() <= 500, "{}", problems.len());
    let one_expression = format!("{{{{ [{}] }}}}", "t(), ".repeat(20_000));
    let (_, problems) = problems_of(&[("page.html", &one_expression)], &Around::default());
    assert!(problems.len() <= 500, "{}", problems.len());
    let blocks: String = (0..5_000)
        .map(|n| format!("{{% block b{n} %}}{{% endblock %}}"))
        .collect();
    let files = [
        ("base.html", "a"),
        ("page.html", &format!("{{% extends 'base.html' %}}{blocks}")),
    ];
    let (_, problems) = problems_of(&files, &Around::default());
    assert!(
        problems[0].message.contains("block") && problems.len() <= 500,
        "{problems:#?}"
    );
}

/// What takes many times the memory of its text is kept up to a number, and one report says so.
#[test]
fn what_is_without_number_is_refused_once() {
    let fragments = many("", "<m:fragment ref='a' required></m:fragment>");
    let offers: String = (0..20_000).map(|n| format!("<p m:ref='a{n}'></p>")).collect();
    let names: String = (0..5_000).map(|n| format!("a{n}, ")).collect();
    let forms: String = (0..20_000)
        .map(|n| format!("<form m:action='a{n}'></form>"))
        .collect();
    for (text, message) in [
        (
            format!("<p m:ref='a'>{forms}</p>"),
            "more than 500 forms with `m:action` stand in this file",
        ),
        (fragments, "more than 10000 fragments stand in this file"),
        (offers, "more than 10000 offered fragments stand in this file"),
        (
            format!("<m:fragment ref='a' required imports='{names}' />"),
            "`imports` lists more than 1000 names",
        ),
        (
            format!("<m:fragment ref='a' required exports='{names}' />"),
            "`exports` lists more than 1000 names",
        ),
        (
            format!("<p m:ref='a' m:imports='{names}'></p>"),
            "`m:imports` lists more than 1000 names",
        ),
        (
            format!("<p m:attributes='{names}'></p>"),
            "`m:attributes` lists more than 1000 names",
        ),
    ] {
        let (_, problems) = problems_of(&[("page.html", &text)], &Around::default());
        let said = problems.iter().filter(|problem| problem.message == message);
        assert_eq!(said.count(), 1, "{message}");
    }
}

/// Tera would write the whole line of each block that it does not find.
#[test]
fn blocks_without_number_cost_no_more_than_their_text_where_the_parent_is_missing() {
    let blocks: String = (0..5_000)
        .map(|n| format!("{{% block b{n} %}}{{% endblock %}}"))
        .collect();
    let page = format!("{{% extends 'base.html' %}}{blocks}");
    for files in [
        vec![("page.html", page.as_str())],
        vec![
            ("page.html", page.as_str()),
            ("base.html", "{% extends 'gone.html' %}"),
        ],
        vec![
            ("page.html", page.as_str()),
            ("base.html", "{% extends 'page.html' %}"),
        ],
    ] {
        let (_, problems) = problems_of(&files, &Around::default());
        assert_eq!(problems.len(), 1, "{problems:#?}");
    }
}

/// Each is compared with each of the names that it may have been meant to be: a hundred million times.
#[test]
fn mistyped_names_without_number_are_compared_with_few() {
    const MANY: usize = 10_000;
    let offers: String = (0..MANY)
        .map(|n| format!("<p m:ref='fragment{n}'></p>\n"))
        .collect();
    let refs: String = (0..MANY)
        .map(|n| format!("<m:fragment ref='fargment{n}'>-</m:fragment>\n"))
        .collect();
    let services: String = (0..MANY)
        .map(|n| format!("<m:fragment service='s{n}' ref='a'>-</m:fragment>\n"))
        .collect();
    let spread: Vec<(String, String)> = (0..500)
        .map(|n| {
            (
                format!("p{n}.html"),
                "<m:fragment ref='fargmnet'>-</m:fragment>".repeat(20),
            )
        })
        .collect();
    let around = Around {
        contracts_given: true,
        ..Around::default()
    };
    let files = [
        ("offers.html", offers.as_str()),
        ("page.html", &refs),
        ("services.html", &services),
    ];
    let spread = spread.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let files: Vec<_> = files.into_iter().chain(spread).collect();
    let (_, problems) = problems_of(&files, &around);
    for code in [Code::UnknownRef, Code::UnknownService] {
        let alike = problems.iter().filter(|problem| problem.code == code);
        let found: usize = alike.clone().map(|problem| 1 + problem.more).sum();
        assert!(found >= MANY, "{code:?}: {found}");
        assert!(alike.clone().all(|problem| problem.help.is_some()));
    }
    let near = |problem: &&crate::problem::Problem| {
        problem
            .help
            .as_deref()
            .is_some_and(|help| help.starts_with("did you"))
    };
    assert!(
        problems.iter().filter(near).count() >= 1,
        "the first ones have the nearest name"
    );
}

#[test]
fn idioms_of_other_engines_without_end_are_each_read_once() {
    for text in [
        many("", "<% "),
        many("", "{!! "),
        many("", "[[${ "),
        many("", "{@html "),
        many("", "\n@if(a"),
        many("", "\n@if(a) "),
        format!("{}@endif", many("", "\n@if(a) ")),
        format!("{} %>", many("", "<% ")),
        many("<p ", "a={ "),
        format!("<p {}", "th:a=' ".repeat(10_000)),
        many("<p m:ref='a' ", "a=b "),
        format!("{{{{ a{} }}}}", many("", " | append: b")),
        format!("{{% elseif a{} %}}", many("", " | append: b")),
    ] {
        problems_of(&[("page.html", &text)], &Around::default());
    }
}

/// The first signs of the idioms, again and again in one line, and values in values.
#[test]
fn beginnings_of_idioms_in_one_line_are_each_read_once() {
    let signs = |start: &str, one: &str| format!("{start}{}", one.repeat(50_000 / one.len()));
    for text in [
        format!("{}{}", signs("", " "), " @else".repeat(5_000)),
        format!("{}{}", signs("", " "), " @model".repeat(5_000)),
        signs("", "{"),
        signs("", "}"),
        signs("", "@"),
        signs("", "$"),
        signs("", "#"),
        signs("", "#{"),
        signs("", "${"),
        signs("", "${a"),
        signs("", "@{"),
        signs("", "#if("),
        signs("", "{$a"),
        signs("", "<#"),
        signs("", "<c:"),
        signs("", "[[${a"),
        signs("", "\"{a"),
        signs("", "{{\"${"),
        format!("{{{{ \"{}\" }}}}", signs("", "#{a}")),
        format!("{{{{ `{}` }}}}", signs("", "${a}")),
        format!("{{{{ f\"{}\" }}}}", signs("", "{a")),
        format!("<p {}>", signs("", " ${a}")),
        format!("<p {}>", signs("", " v-if=")),
        format!("<p {}>", signs("", "{a}")),
    ] {
        problems_of(&[("page.html", &text)], &Around::default());
    }
}

#[test]
fn only_what_may_hold_half_a_delimiter_is_read_again() {
    for (text, expected) in [
        (
            "{{ a }} {% if a %}b{% endif %} {# c #} {% raw %}{% endraw %}",
            false,
        ),
        ("<style>a { b: c } d { e: f }</style>", false),
        ("<script>if (a) { b({ c: 1 }) }</script>", false),
        ("{% raw %}{ a }{% endraw %}", false),
        ("{ a }}", true),
        ("% if a %}", true),
        ("a #}", true),
        ("{{ a }}}", true),
        ("{# a {# b #}", true),
        ("{% raw %}{{ a }}{% endraw %}", true),
    ] {
        let (tree, _) = crate::tree::tree(crate::source::SourceId(0), text, crate::tag_prefix::prefix(text));
        assert_eq!(tree.stray_braces, expected, "{text}");
    }
}

/// The last character of a print that is never closed may have several bytes.
#[test]
fn a_print_that_is_never_closed_ends_with_any_character() {
    let far = "\u{20ac}".repeat(30_000);
    for last in [
        "a",
        "é",
        "\u{20ac}",
        "\u{1f600}",
        " \u{20ac} ",
        "-\u{1f600}",
        "}",
        "\u{20ac}}",
        far.as_str(),
    ] {
        for start in [
            "<m:fragment ref={{ ",
            "<m:fragment ref='a' service={{",
            "<m:fragment ref=\"{{ ",
            "<m:fragment ref=a imports={{",
            "<m:fragment ref=a timeout={{-",
            "<p m:ref={{ ",
            "<p m:attributes={{",
            "{{ ",
            "{% if ",
        ] {
            let (_, problems) = problems_of(&[("page.html", &format!("{start}{last}"))], &Around::default());
            let syntax = problems
                .iter()
                .filter(|problem| problem.code == Code::TemplateSyntax);
            let shown: String = last.chars().take(8).collect();
            assert!(
                syntax.count() == 1 || !problems.is_empty(),
                "{start}{shown}: {problems:?}"
            );
        }
    }
}

/// A component that prints its body in the body of the next one, and so on: the search for what happens to a body calls itself for
/// each.
#[test]
fn components_in_components_without_end_are_one_report() {
    const MANY: usize = 5_000;
    let chain = |inside: &dyn Fn(usize) -> String| {
        let all =
            (0..MANY).map(|n| format!("{{% component c{n}() %}}{}{{% endcomponent %}}\n", inside(n + 1)));
        format!(
            "{}{{% component c{MANY}() %}}{{{{ body }}}}{{% endcomponent %}}",
            all.collect::<String>()
        )
    };
    let calls = chain(&|next| format!("{{% <c{next}> %}}{{{{ body }}}}{{% </c{next}> %}}"));
    let branches = chain(&|next| {
        format!("{{% if true %}}{{% <c{next}> %}}{{{{ body }}}}{{% </c{next}> %}}{{% endif %}}")
    });
    let includes =
        chain(&|next| format!("{{% <c{next}> %}}{{% include 'p{next}.html' %}}{{% </c{next}> %}}"));
    let included: Vec<(String, String)> = (1..=MANY)
        .map(|n| (format!("p{n}.html"), format!("{{% include 'p{}.html' %}}", n + 1)))
        .collect();
    for components in [calls, branches, includes] {
        let mut files = vec![
            ("components.html", components.as_str()),
            (
                "page.html",
                "{% <c0> %}<m:fragment ref='a' required></m:fragment>{% </c0> %}",
            ),
        ];
        files.extend(included.iter().map(|(name, text)| (name.as_str(), text.as_str())));
        let (sources, problems) = problems_of(&files, &Around::default());
        let of_page = problems
            .iter()
            .filter(|problem| sources[problem.labels[0].location.source.0 as usize].name == "page.html");
        let codes: Vec<_> = of_page.map(|problem| problem.code).collect();
        assert_eq!(codes, [Code::TooDeep], "{}", &components[..60]);
    }
}

/// What happens to a body is known from the first time on that a component is looked into.
#[test]
fn a_component_that_keeps_its_body_keeps_it_each_time() {
    let keeps = "{% component k() %}{% set a %}{{ body }}{% endset %}{{ a }}{% endcomponent %}";
    let page = "{% <c> %}<m:fragment ref='a' required></m:fragment>{% </c> %}";
    for (inside, kept) in [
        ("{{ body }}", false),
        ("{% <k> %}a{% </k> %}{{ body }}", false),
        ("{% <k> %}{{ body }}{% </k> %}", true),
        ("{% <k> %}a{% </k> %}{% <k> %}{{ body }}{% </k> %}", true),
        (
            "{% <k> %}{% <k> %}a{% </k> %}{% </k> %}{% <k> %}{{ body }}{% </k> %}",
            true,
        ),
        ("{% <c> %}a{% </c> %}{{ body }}", false),
    ] {
        let components = format!("{keeps}{{% component c() %}}{inside}{{% endcomponent %}}");
        let files = [("components.html", components.as_str()), ("page.html", page)];
        let (_, problems) = problems_of(&files, &Around::default());
        let found = problems
            .iter()
            .any(|problem| problem.code == Code::FragmentInCapture);
        assert_eq!(found, kept, "{inside}: {problems:?}");
    }
}

/// Each tag closes a circle with each of the first ones: what is kept of them would grow with the third power.
#[test]
fn circles_without_number_are_kept_up_to_a_number() {
    const MANY: usize = 600;
    let first: String = (0..100).map(|n| format!(", e{n}")).collect();
    let page: String = (0..MANY)
        .map(|n| {
            format!(
                "<m:fragment ref='a' exports='e{n}' imports='e{}{first}'>-</m:fragment>",
                n + 1
            )
        })
        .collect();
    let (_, problems) = problems_of(&[("page.html", &page)], &Around::default());
    let circles = problems
        .iter()
        .filter(|problem| problem.code == Code::ImportCycle);
    let labels: usize = circles.map(|problem| problem.labels.len()).sum();
    assert!((MANY..=MAX_CIRCLE_STEPS / 2).contains(&labels), "{labels}");
}

/// For each name that stands twice in a list, a name is sought that the whole text does not have.
#[test]
fn names_that_stand_twice_without_number_cost_no_more_than_their_text() {
    let taken: String = (2..20_000).map(|n| format!("aX{n} ")).collect();
    let tags =
        "<m:fragment service='a' ref='a' exports='b as x, c as x, d as x'>-</m:fragment>\n".repeat(5_000);
    let page = format!("<p>aX aServiceX {taken}</p>{tags}");
    let (_, problems) = problems_of(&[("page.html", &page)], &Around::default());
    let doubles = problems
        .iter()
        .filter(|problem| problem.code == Code::DuplicateExport);
    let found: usize = doubles.clone().map(|problem| 1 + problem.more).sum();
    assert_eq!(found, 10_000);
    assert!(doubles.clone().all(|problem| problem.help.is_some()) && doubles.count() <= 500);
}
