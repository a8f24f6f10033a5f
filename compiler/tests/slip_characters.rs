//! Slips of the finger, and idioms of other engines, with letters and signs of several bytes at every place in them and beside them:
//! each is reported, and every place that a report marks lies between two characters.

use hydra_compile::{
    Input, compile,
    report::{self, Findings, Format, ReportStyle},
    source::Source,
};

/// Letters, a byte order mark, a picture, and white space of several bytes.
const CHARACTERS: [&str; 6] = ["é", "\u{feff}", "😀", "\u{a0}", "\u{3000}", "\u{2028}"];

/// One text for each way to look for a slip.
const SLIPS: [&str; 38] = [
    "<m:fragment ref=\"a\"",
    "<p>a</p",
    "<p class=\"a\" <b>c</b></p>",
    "<p class=\"a>b</p>",
    "<p class=a\">b</p>",
    "<p class==\"a\">b</p>",
    "<p class=\"\"a\">b</p>",
    "<p class\"a\">b</p>",
    "<div m:ref=\"a\"><p>b<p></div>",
    "<<div m:ref=\"a\">b</div>",
    "<div m:ref=\"a\">b<//div>",
    "< div m:ref=\"a\">b</div>",
    "d<iv m:ref=\"a\">b</div>",
    "div m:ref=\"a\">b</div>",
    "<div m:ref=\"a\">b/div>",
    "<section m:ref=\"a\">b</secton>",
    "<!-- a -- <p>b</p>",
    "<m:fragment ref='a'>b<m:fragment>",
    "{{ a }",
    "{ a }}",
    "{{ a",
    "{{{ a }}",
    "{{% a }}",
    "{% if a b %}c{% endif %}",
    "{% if a % b{% endif %}",
    "{% if a }b{% endif %}",
    "{%% if a %}b{% endif %}",
    "{% endfi %}",
    "{% if a %}b{% end if %}",
    "{% set a = \"b %}\n{{ c }}",
    "{% set a = b\" %}",
    "{{ a | default(value='b) }}",
    "{# a }\n<p>b</p>",
    "{# a",
    "{#if a}b{/if}",
    "{% raw %}a{% endraw }",
    "{% raw %}a",
    "a %} b #} c }}",
];

/// One text for each way to look for another engine's idiom.
const IDIOMS: [&str; 31] = [
    "<%= a %>",
    "<%>",
    "<%- a -%> <%# b %> <% if (c) { %>",
    "<?= $a ?><?php foreach ($a as $b): ?>",
    "{!! $a !!}",
    "{!!}",
    "[[${a}]] [(${b})]",
    "{@html a}",
    "@if($a) b @endif",
    "@include('a.b')",
    "<p th:text=\"${a}\" th:each=\"b : ${c}\">d</p>",
    "<p th:text=\"a></p>",
    "<p className={a}>b</p>",
    "{{#if a}}b{{/if}}",
    "{{> a}}{{^b}}{{&c}}{{!d}}{{~e~}}{{=f}}{{@index}}{{.g}}",
    "{{-- a --}}{{/* b */}}",
    "{{ a ? 'b' : 'c' }}",
    "{{ a ?? b }}",
    "{{ a && !b }}",
    "{{ a.0.1 }}",
    "{{ a | append: 'b' | plus: 1 }}",
    "{{ '%s' | format(a) }}",
    "{{ `a ${b}` }}",
    "{{ a.upper() }}",
    "{{ a::b(c=\"d\") }}",
    "{{ $a := 1 }}",
    "{{ None }}",
    "{% elseif a %}",
    "{% for a in 1..5 %}b{% endfor %}",
    "{% include 'a' with { b: 1 } %}",
    "{% if a %-}b{% endif %}",
];

/// A text with `character` at each of its places, one at a time.
fn around<'t>(text: &'t str, character: &'t str) -> impl Iterator<Item = String> + 't {
    let places = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    places.map(move |at| [&text[..at], character, &text[at..]].concat())
}

/// Checks a text as a page. The result is how many reports there are.
fn reports(text: &str) -> usize {
    let input = Input {
        sources: vec![Source::new("page.html", "page.html", text)],
        templates: 1,
        ..Input::default()
    };
    let compiled = compile(&input);
    for label in compiled.problems.iter().flat_map(|problem| &problem.labels) {
        let span = label.location.span;
        let marked = text.get(span.start as usize..span.end as usize);
        assert!(marked.is_some(), "{text:?}: {span:?} {:?}", compiled.problems);
    }
    let findings = Findings {
        problems: &compiled.problems,
        sources: &input.sources,
        templates: input.templates,
    };
    for format in [Format::Human, Format::Json] {
        let style = ReportStyle {
            width: 80,
            color: false,
            unicode: false,
        };
        let rendered = report::render(findings, format, style);
        assert!(!rendered.is_empty(), "{text:?}");
    }
    compiled.problems.len()
}

#[test]
fn a_slip_beside_letters_of_several_bytes_is_reported() {
    // Some are a slip in the elements of a fragment only.
    let told: Vec<&str> = SLIPS.into_iter().filter(|slip| reports(slip) > 0).collect();
    assert!(told.len() >= 25, "{told:?}");
    for slip in SLIPS {
        for character in CHARACTERS {
            for text in around(slip, character) {
                reports(&text);
                reports(&format!("<div m:ref=\"x\">{text}{character}\n</div>"));
            }
            let text = format!("{character} {slip} {character}\n");
            assert!(reports(&text) > 0 || !told.contains(&slip), "{text:?}");
        }
    }
}

#[test]
fn idioms_beside_letters_of_several_bytes_are_read_as_far_as_they_go() {
    for idiom in IDIOMS {
        for character in CHARACTERS {
            for text in around(idiom, character) {
                reports(&text);
                reports(&format!("<p>{character}{text}{character}</p>"));
            }
        }
    }
}
