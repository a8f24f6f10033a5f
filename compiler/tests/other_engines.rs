//! The table in `docs/guide/from-other-engines.md`: the help of each row's report names how it is written here.

mod idioms;

use hydra_compile::{Input, compile, problem::Severity, source::Source};
use idioms::{Row, rows};

fn check(text: &str) -> Vec<hydra_compile::problem::Problem> {
    let sources = vec![Source::new("page.html", "page.html", text.to_owned())];
    compile(&Input {
        sources,
        templates: 1,
        ..Input::default()
    })
    .problems
}

#[test]
fn the_help_says_how_it_is_written_here() {
    let rows = rows();
    assert!(rows.len() > 100, "{} rows", rows.len());
    let mut wrong = Vec::new();
    for Row { there, named, .. } in &rows {
        let problems = check(there);
        let helps: Vec<_> = problems
            .iter()
            .filter_map(|problem| problem.help.as_deref())
            .collect();
        if !helps.iter().any(|help| help.contains(named.as_str())) {
            wrong.push(format!("{there}: {helps:?} lacks {named}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// A whole example of the column "here" is right. The others show a part of one, such as a single tag.
#[test]
fn what_is_written_here_is_not_reported() {
    let is_error = |text: &str| {
        check(text)
            .iter()
            .any(|problem| problem.code.severity() == Severity::Error)
    };
    let is_whole = |text: &str| {
        let opened = [
            "{% if",
            "{% for",
            "{% block",
            "{% component",
            "{% set x %}",
            "{% raw",
        ];
        let is_part = opened.iter().any(|open| text.contains(open)) && !text.contains("{% end");
        text.contains('{')
            && !is_part
            && !text.contains("include")
            && !text.contains("extends")
            && !text.contains('<')
    };
    let rows = rows();
    let whole: Vec<_> = rows.iter().filter(|row| is_whole(&row.here)).collect();
    assert!(whole.len() > 50, "{} examples", whole.len());
    let is_lone = |text: &str| {
        ["{% el", "{% end", "super()", "{{ body }}"]
            .iter()
            .any(|lone| text.starts_with(lone))
    };
    for row in whole.iter().filter(|row| !is_lone(&row.here)) {
        assert!(!is_error(&row.here), "{}: {:?}", row.here, check(&row.here));
    }
}

/// Pages that are right: what other engines write means something here, or is shown as it stands.
const RIGHT: [&str; 26] = [
    "<p>Write to info@example.org or @if_you_like on any network.</p>",
    "<pre>@if($a) x @endif</pre><code>${a}</code><kbd>#if($a)</kbd>",
    "<script>const a = `Hi ${name}`; if (a) { b({ c: 1 }) }</script>",
    "<style>@media print { a { color: red } } .b{*zoom:1}{/* c */}</style>",
    "<div x-data=\"{ a: 1 }\" x-text=\"`Hi ${a}`\" :class=\"{ b: a }\" @click=\"a++\"></div><script src=\"alpine.js\"></script>",
    "<div id=\"app\"><p v-if=\"a\">x</p><a :href=\"url\">y</a></div><script src=\"vue.js\"></script>",
    "<template><li>${name}</li></template>",
    "<ul><li repeat.for=\"a of as\">${a.name}</li></ul>",
    "<p>It costs $5.00, or $a lot.</p>",
    "<p>Set ${HOME} and ${PREFIX:-/usr} first.</p>",
    "<a href=\"#if-let\">if let</a> <a href=\"#set\">set</a> <p>#foreach</p>",
    "<p>See issue #12 (and #if you want #more).</p>",
    "<p>{name} is a placeholder, {if} and {block} too, {else}.</p>",
    "<p>An object { a: 1 } and a set {1, 2, 3}.</p>",
    "<x-app></x-app><my-element some=\"a\"></my-element>",
    "<p>@author Jane, @model citizen, @using it, @for example</p>",
    "<p>[deprecated] [[x]] (optional)</p>",
    "<input pattern=\"[a-z]{2,}\" placeholder=\"a@b.c\">",
    "<p [text]=\"a\">x</p><script async src=\"amp.js\"></script>",
    "<p>Use a {@link Foo} or @param name.</p>",
    "<a href=\"https://example.org/@name/{id}\">x</a>",
    "<svg><path d=\"M0 0\"/><use href=\"#a\"/></svg>",
    "<p data-a=\"${b}\" onclick=\"f(`${c}`)\">x</p>",
    "<p>100 % {% raw %}${a} @if($b) x @endif{% endraw %}</p>",
    "{{ items | join(sep=\", \") | default(value=\"x\", boolean=true) | truncate(length=9) }}",
    "{% for k, v in a %}{{ loop.index }} {{ k ~ v }}{% endfor %}",
];

#[test]
fn what_is_right_is_not_warned_of() {
    for text in RIGHT {
        let problems = check(text);
        assert!(problems.is_empty(), "{text}: {problems:#?}");
    }
}

/// A letter of several bytes at each place of each row: nothing panics, and what is marked is text.
#[test]
fn letters_of_several_bytes_cut_no_idiom() {
    for (index, Row { there, .. }) in rows().iter().enumerate() {
        let character = ["\u{a0}", "é", "“"][index % 3];
        let places = there.char_indices().map(|(at, _)| at).chain([there.len()]);
        for at in places {
            let text = [&there[..at], character, &there[at..]].concat();
            for label in check(&text).iter().flat_map(|problem| &problem.labels) {
                let marked = text.get(label.location.span.range());
                assert!(marked.is_some(), "{text:?}: {label:?}");
            }
            // What is cut off in the middle is read as far as it goes.
            check(&there[..at]);
        }
    }
}

/// Idioms that are broken in the middle, among them all that random texts have found: each has a report, and none is too much.
const BROKEN: [(&str, &str); 14] = [
    (
        "{% include \"a.html\" with a == b %}",
        "the name of a template and nothing else",
    ),
    (
        "{% include \"a.html\" with a = = b %}",
        "the name of a template and nothing else",
    ),
    (
        "{% include \"a.html\" with = a %}",
        "the name of a template and nothing else",
    ),
    (
        "{% include \"a.html\" with == %}",
        "the name of a template and nothing else",
    ),
    (
        "{%- include \"b.html\"<m:= %}",
        "the name of a template and nothing else",
    ),
    (
        "{% include \"a.html\" with a => => b %}",
        "the name of a template and nothing else",
    ),
    (
        "{% include \"a.html\" with é=é=é %}",
        "the name of a template and nothing else",
    ),
    ("{% with a = = b %}{% endwith %}", "no statement `with`"),
    ("{% render \"a\", a: : b %}", "`include` takes the name"),
    ("{{> card a==b}}", "Tera has no `{{> … }}`"),
    ("<% render('a', a: : b) %>", "`<%` is not a delimiter"),
    ("{{ a is None }}", "there is no test `None`"),
    ("{{ a is not None }}", "not written as in Tera"),
    ("{% if a is None or b %}x{% endif %}", "there is no test `None`"),
];

#[test]
fn what_is_broken_in_the_middle_is_reported() {
    for (text, message) in BROKEN {
        let problems = check(text);
        assert!(
            problems.iter().any(|problem| problem.message.contains(message)),
            "{text}: {problems:#?}"
        );
    }
}
