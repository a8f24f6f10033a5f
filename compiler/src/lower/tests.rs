mod forms;
mod size;

use std::collections::BTreeSet;

use hydra_contract::{InsertionKind, Plan};
use proptest::prelude::*;

use super::*;
use crate::source::Source;

fn plan(files: &[(&str, &str)]) -> (Plan, Vec<Problem>) {
    let mut sources: Vec<_> = files
        .iter()
        .map(|(name, text)| Source::new(*name, *name, *text))
        .collect();
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    let (site, _) = Site::parse(&sources, &BTreeSet::new());
    lower(&site, &site.pages(), Contract::default())
}

/// The lowered templates as `name: text`, and the sites as what they wait for.
fn lowered(files: &[(&str, &str)]) -> Vec<String> {
    let (plan, problems) = plan(files);
    assert_eq!(problems, []);
    let templates = plan
        .templates
        .iter()
        .map(|template| format!("{}: {}", template.name, template.source));
    let sites = plan
        .sites
        .iter()
        .enumerate()
        .map(|(index, site)| match &site.kind {
            InsertionKind::Slot(slot) => {
                let captures = slot.fallback.as_ref().map(|fallback| fallback.captures.join(" "));
                format!("{index} slot gives [{}] takes {captures:?}", site.gives.join(" "))
            }
            InsertionKind::Hole(hole) => {
                let (waits, captures) = (hole.waits.join(" "), hole.body.captures.join(" "));
                format!(
                    "{index} hole waits [{waits}] gives [{}] takes [{captures}]",
                    site.gives.join(" ")
                )
            }
        });
    templates.chain(sites).collect()
}

fn check(text: &str, expected: &[&str]) {
    let text = format!("{text}<m:fragment ref='f' exports='e'/>");
    let last = "{{ N | __hydra }}";
    let mut found = lowered(&[("p", &text)]);
    found.retain(|line| !line.ends_with("slot gives [e] takes None"));
    for line in &mut found {
        if line.starts_with("p: ") {
            let start = line.rfind("{{").expect("the last slot");
            line.replace_range(start.., last);
        }
    }
    let expected: Vec<String> = expected
        .iter()
        .map(|line| {
            if line.starts_with("p: ") {
                format!("{line}{last}")
            } else {
                (*line).to_owned()
            }
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn a_print_of_an_export_is_a_hole() {
    check(
        "a {{- e -}} b",
        &[
            "#0/p: {{- e -}}",
            "p: a {{- 0 | __hydra -}} b",
            "0 hole waits [e] gives [] takes [e]",
        ],
    );
    check("{{ x.e }}{{ 'e' }}", &["p: {{ x.e }}{{ 'e' }}"]);
}

#[test]
fn a_condition_on_an_export_is_a_hole_as_a_whole() {
    check(
        "{% if x %}{% if e %}a{{ y }}{% endif %}{% endif %}",
        &[
            "#0/p: {% if e %}a{{ y }}{% endif %}",
            "p: {% if x %}{{ 0 | __hydra }}{% endif %}",
            "0 hole waits [e] gives [] takes [e y]",
        ],
    );
}

#[test]
fn a_loop_variable_hides_an_export_of_its_name() {
    check(
        "{% for e in x %}{{ e }}{% endfor %}",
        &["p: {% for e in x %}{{ e }}{% endfor %}"],
    );
}

#[test]
fn a_hole_in_a_loop_takes_the_loop_along() {
    check(
        "{% for a in x %}{{ e ~ loop.index ~ a }}{% endfor %}",
        &[
            "#0/p: {{ e ~ loop.index ~ a }}",
            "p: {% for a in x %}{{ 0 | __hydra(l=[loop.index, loop.index0, loop.first, loop.last, loop.length]) }}{% endfor %}",
            "0 hole waits [e] gives [] takes [a e]",
        ],
    );
}

#[test]
fn a_set_from_an_export_is_said_again_where_its_name_is_used() {
    check(
        "{%- set y = e ~ 'a' -%}b{% set z = y %}{{ c }}{{ z }}{{ y }}",
        &[
            "#0/p: {%- set y = e ~ 'a' -%}{% set z = y %}{{ z }}",
            "#1/p: {%- set y = e ~ 'a' -%}{{ y }}",
            "p: {{- '' -}}b{{ '' }}{{ c }}{{ 0 | __hydra }}{{ 1 | __hydra }}",
            "0 hole waits [e] gives [] takes [e y z]",
            "1 hole waits [e] gives [] takes [e y]",
        ],
    );
}

#[test]
fn a_set_that_can_not_be_said_again_holds_the_rest_of_its_scope() {
    check(
        "{% for a in x %}b{% if e %}{% set y = a %}{% endif %}{{ y }} {%- endfor %}",
        &[
            "#0/p: {% if e %}{% set y = a %}{% endif %}{{ y }}",
            "p: {% for a in x %}b{{ 0 | __hydra }} {%- endfor %}",
            "0 hole waits [e] gives [] takes [a e y]",
        ],
    );
}

#[test]
fn a_jump_in_a_hole_makes_all_of_its_loop_one() {
    check(
        "{% for a in x %}{% if e %}{% break %}{% endif %}{{ a }}{% endfor %}",
        &[
            "#0/p: {% for a in x %}{% if e %}{% break %}{% endif %}{{ a }}{% endfor %}",
            "p: {{ 0 | __hydra }}",
            "0 hole waits [e] gives [] takes [a e x]",
        ],
    );
}

#[test]
fn a_fragment_that_imports_an_export_is_a_slot_in_a_hole() {
    let found = lowered(&[(
        "p",
        "<m:fragment ref='a' imports='e as x'/><m:fragment ref='f' exports='e'/>",
    )]);
    assert_eq!(
        found,
        [
            "#0/p: {{ 1 | __hydra }}",
            "p: {{ 0 | __hydra }}{{ 2 | __hydra }}",
            "0 hole waits [e] gives [] takes [e]",
            "1 slot gives [] takes None",
            "2 slot gives [e] takes None",
        ]
    );
}

#[test]
fn a_filter_section_with_an_export_is_a_hole_also_through_an_include() {
    let found = lowered(&[
        ("i", "{{ e }}"),
        (
            "p",
            "{% filter upper %}{% include 'i' %}{% endfilter %}{% include 'i' %}<m:fragment ref='f' exports='e'/>",
        ),
    ]);
    assert_eq!(
        found[..5],
        [
            "i: {{ e }}",
            "#0/p: {% filter upper %}{% include 'i' %}{% endfilter %}",
            "p: {{ 0 | __hydra }}{% include \"#+0/i\" %}{{ 1 | __hydra }}",
            "#2/i: {{ e }}",
            "#+0/i: {{ 2 | __hydra }}",
        ]
    );
}

#[test]
fn the_name_of_a_filter_a_capture_or_a_component_is_no_use_of_an_export() {
    for text in [
        "{% filter e %}a{% endfilter %}",
        "{% set e | upper %}a{% endset %}",
        "{{ <e a={b} /> }}",
        "{% <e> %}a{% </e> %}",
    ] {
        check(text, &[&format!("p: {text}")]);
    }
    check(
        "{% filter replace(from=e, to='') %}a{% endfilter %}",
        &[
            "#0/p: {% filter replace(from=e, to='') %}a{% endfilter %}",
            "p: {{ 0 | __hydra }}",
            "0 hole waits [e] gives [] takes [e]",
        ],
    );
}

#[test]
fn a_dynamic_reference_is_an_argument_of_the_call() {
    let found = lowered(&[(
        "p",
        "<m:fragment service='{{ s }}' ref=\"{{ 'a' ~ r }}\">no {{ x }}</m:fragment>",
    )]);
    assert_eq!(
        found,
        [
            "#0/p: no {{ x }}",
            "p: {{ 0 | __hydra(service=(s), ref=('a' ~ r)) }}",
            "0 slot gives [] takes Some(\"x\")",
        ]
    );
}

#[test]
fn an_offered_element_is_a_template_without_its_own_attributes() {
    let (plan, problems) = plan(&[(
        "o.html",
        "<ul>{% if a %}<li m:ref='one' m:exports='x'>{{ b }}</li>{% endif %}</ul>",
    )]);
    assert_eq!(problems, []);
    let text = |name: &str| {
        plan.templates
            .iter()
            .find(|found| found.name == name)
            .map(|found| &*found.source)
    };
    assert_eq!(plan.offers["one"], "#one/o.html");
    assert_eq!(text("#one/o.html"), Some("<li>{{ b }}</li>"));
    assert_eq!(
        text("o.html"),
        Some("<ul>{% if a %}<li>{{ b }}</li>{% endif %}</ul>")
    );
}

#[test]
fn an_export_that_decides_about_a_block_is_refused() {
    let (_, problems) = plan(&[(
        "p",
        "{% if e %}{% set t = 1 %}{% endif %}{% block a %}{{ t }}{% endblock %}<m:fragment ref='f' exports='e'/>",
    )]);
    assert_eq!(
        problems
            .iter()
            .map(|problem| problem.code.name())
            .collect::<Vec<_>>(),
        ["export-in-block-structure"]
    );
}

/// Thousands of exports, each used: what grows with the square would take minutes.
#[test]
fn time_grows_with_size_alone() {
    const MANY: usize = 4_000;
    let many = |one: &dyn Fn(usize) -> String| (0..MANY).map(one).collect::<String>();
    let tag = "<m:fragment ref='f' exports='e0'/>";
    for (text, sites) in [
        (
            many(&|n| format!("<m:fragment ref='f' exports='e{n}'/>{{{{ e{n} }}}}")),
            2 * MANY,
        ),
        (many(&|n| format!("{{% set e{} = e{n} %}}", n + 1)) + tag, 1),
        (
            many(&|n| format!("{{% set a{n} = e0 %}}{{{{ a{n} }}}}")) + tag,
            MANY + 1,
        ),
        (
            format!(
                "{{% for a in b %}}{}{{% endfor %}}{tag}",
                many(&|n| format!("{{% set a{n} = e0 %}}{{{{ a{n} }}}}"))
            ),
            MANY + 1,
        ),
    ] {
        let (plan, problems) = plan(&[("p", &text)]);
        assert_eq!(problems, []);
        assert_eq!(plan.sites.len(), sites);
    }
}

#[test]
fn a_hole_ends_behind_the_last_use_of_what_it_sets() {
    let set = "{% if e %}{% set y = 1 %}{% endif %}";
    for (behind, left) in [
        ("{{ a }}<b>", "{{ a }}<b>"),
        ("{{ y }}<b>{{ a }}", "<b>{{ a }}"),
        ("{{ a }}{{ y }}", ""),
        ("{{ a }}{% set z = y %}{{ b }}{{ z }}c", "c"),
        ("{{ a }}{% if b %}{{ y }}{% endif %}c", "c"),
        ("{{ a }}{{ __tera_context }}c", "c"),
        ("{% set y = 2 %}{{ y }}c", "c"),
        ("{% include 'q' %}c", "c"),
        ("{{ a }}{% <card y={y}> %}{% </card> %}c", "c"),
    ] {
        let page = format!("{set}{behind}");
        let files = [
            ("p", format!("{page}<m:fragment ref='f' exports='e'/>")),
            ("q", "{{ y }}".to_owned()),
        ];
        let lines = lowered(&files.each_ref().map(|(name, text)| (*name, text.as_str())));
        let page = lines
            .iter()
            .find(|line| line.starts_with("p: "))
            .expect("the page");
        assert_eq!(
            *page,
            format!("p: {{{{ 0 | __hydra }}}}{left}{{{{ 1 | __hydra }}}}"),
            "{behind}"
        );
    }
}

#[test]
fn holes_in_holes_have_an_end() {
    let page = |count: usize| {
        let holes = (0..count).map(|n| format!("{{% if e{n} %}}{{% set_global v = {n} %}}{{% endif %}}\n"));
        let givers = (0..count).map(|n| format!("<m:fragment ref='f' exports='e{n}'/>\n"));
        givers.chain(holes).collect::<String>()
    };
    // Where nothing sees what they set, they lie beside each other.
    assert_eq!(plan(&[("p", &page(5_000))]).1, []);
    let page = |count| format!("{}{{{{ v }}}}", page(count));
    assert_eq!(plan(&[("p", &page(60))]).1, []);
    let (_, problems) = plan(&[("p", &page(5_000))]);
    assert_eq!(
        problems
            .iter()
            .map(|problem| problem.code.name())
            .collect::<Vec<_>>(),
        ["too-deep"]
    );
}

proptest! {
    #[test]
    fn what_holds_no_tag_is_lowered_to_itself(
        tokens in prop::collection::vec(prop::sample::select(vec![
            "\u{feff}", "\r\n", "\0", "<p>", "</p>", "{{ a }}", "{{- a -}}", "{% if a %}", "{% else %}", "{% endif %}",
            "{% for a in b %}", "{% endfor %}", "{# c #}", "{% raw %}{{{% endraw %}", "{% set a = 1 %}", "{% include 'p' %}",
            "<!--", "-->", "<script>", "é", "{", "<", "\"", "{% block b %}", "{% endblock %}", "{% set x %}", "{% endset %}",
        ]), 0..30)
    ) {
        let text = tokens.concat();
        let (plan, _) = plan(&[("p", &text)]);
        prop_assert_eq!(&plan.templates[0].source, &text);
    }
}

/// Checks that what was copied says where it stood: letter by letter.
fn originals(files: &[(&str, &str)]) {
    let (plan, problems) = plan(files);
    assert_eq!(problems, []);
    for template in &plan.templates {
        let Some(origin) = &template.origin else {
            let own = files.iter().find(|(name, _)| *name == template.name);
            assert_eq!(own, Some(&(template.name.as_str(), template.source.as_str())));
            continue;
        };
        let file = files.iter().find(|(name, _)| *name == origin.file).unwrap().1;
        let letter = |text: &str, line: u32, column: u32| {
            let line = text.split('\n').nth(line as usize - 1)?;
            line.chars().nth(column as usize - 1)
        };
        for (index, part) in origin.parts.iter().enumerate().filter(|(_, part)| !part.made) {
            let end = origin.parts.get(index + 1).map(|next| (next.line, next.column));
            let (mut line, mut column) = (part.line, part.column);
            let (mut from_line, mut from_column) = (part.from_line, part.from_column);
            while end.is_none_or(|end| (line, column) < end) {
                let Some(found) = letter(&template.source, line, column) else {
                    (line, column, from_line, from_column) = (line + 1, 1, from_line + 1, 1);
                    if line as usize > template.source.split('\n').count() {
                        break;
                    }
                    continue;
                };
                assert_eq!(Some(found), letter(file, from_line, from_column), "{template:?}");
                (column, from_column) = (column + 1, from_column + 1);
            }
        }
    }
}

#[test]
fn each_letter_of_a_lowered_text_is_the_one_at_its_original_place() {
    let tag = "<m:fragment\r\n ref='f' exports='e'>é\n\n{{ own }}</m:fragment>";
    let set = "é{%- set x = e.a -%}\n {% set y = x %}";
    let page = format!(
        "ü\r\n{set}{tag}é\n {{% if e %}}\né {{{{ y }}}}{{% endif %}}\n{{% include 'part' %}} <p m:ref='p'\n>{{{{ q }}}}</p>\n"
    );
    originals(&[
        ("page", &page),
        ("part", "é {{ own }}\n{{ e -}}\n ü"),
        ("other", "<p>\n"),
    ]);
}

#[test]
fn the_times_of_a_tag_are_in_the_plan_in_milliseconds() {
    let tag =
        "<m:fragment ref='f' timeout='300ms' cache='30s' stale='10m'/><m:fragment ref='g' timeout='2s'/>";
    let (plan, problems) = plan(&[("p", tag)]);
    assert_eq!(problems, []);
    let times = plan.sites.iter().map(|site| match &site.kind {
        InsertionKind::Slot(slot) => (slot.timeout, slot.cache, slot.stale),
        InsertionKind::Hole(_) => panic!("no hole"),
    });
    let expected = [
        (Some(300), Some(30_000), Some(600_000)),
        (Some(2_000), None, None),
    ];
    assert_eq!(times.collect::<Vec<_>>(), expected);
}
