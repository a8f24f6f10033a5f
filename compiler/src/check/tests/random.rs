//! Random pages: no panic, the same result twice, and aliases that help.

use proptest::prelude::*;

use super::*;

/// Pieces of templates, most of them sound.
fn piece() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["a", "b", "c-d", "c_d", "aB"]);
    let pair = (name.clone(), name.clone()).prop_map(|(from, to)| format!("{from} as {to}"));
    let tag = (
        prop::collection::vec(pair.clone(), 0..3),
        prop::collection::vec(pair, 0..3),
        any::<bool>(),
    )
        .prop_map(|(imports, exports, fallback)| {
            let list = |name: &str, items: &[String]| match items {
                [] => String::new(),
                items => format!(" {name}='{}'", items.join(", ")),
            };
            let open = format!(
                "<m:fragment service='s' ref='r'{}{}",
                list("imports", &imports),
                list("exports", &exports)
            );
            if fallback {
                format!("{open}>{{{{ a }}}}</m:fragment>")
            } else {
                format!("{open}/>")
            }
        });
    let fixed = [
        "{{ a }}",
        "{{ aB.b | upper }}",
        "{% if a %}",
        "{% elif b %}",
        "{% else %}",
        "{% endif %}",
        "{% for a in b %}",
        "{% endfor %}",
        "{% set a = b %}",
        "{% set_global b = a %}",
        "{% set a %}",
        "{% endset %}",
        "{% block x %}",
        "{% endblock %}",
        "{{ super() }}",
        "{% filter upper %}",
        "{% endfilter %}",
        "{% include 'b.html' %}",
        "{% extends 'b.html' %}",
        "{% component card(a) %}",
        "{% endcomponent %}",
        "{{ <card a={b} /> }}",
        "{% <card> %}",
        "{% </card> %}",
        "<p m:ref='x' m:imports='a: string'>",
        "</p>",
        "<html m:attributes='a, b'>",
        "<m:fragment ref='{{ a }}'>",
        "</m:fragment>",
        "{% break %}",
        "é",
    ];
    prop_oneof![3 => tag, 5 => prop::sample::select(fixed.to_vec()).prop_map(str::to_owned)]
}

fn template() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..14).prop_map(|pieces| pieces.concat())
}

/// Templates of Tera alone.
fn plain() -> impl Strategy<Value = String> {
    let pieces = [
        "{{ a }}",
        "{{ a | upper }}",
        "{{ a | nope }}",
        "{{ a b }}",
        "{% if a %}",
        "{% elif b is odd %}",
        "{% else %}",
        "{% endif %}",
        "{% for a in b %}",
        "{% endfor %}",
        "{% set a = b %}",
        "{% set a %}",
        "{% endset %}",
        "{% block x %}",
        "{% block y %}",
        "{% endblock %}",
        "{{ super() }}",
        "{% filter upper %}",
        "{% endfilter %}",
        "{% include 'a.html' %}",
        "{% include 'b.html' %}",
        "{% include 'none.html' %}",
        "{% extends 'b.html' %}",
        "{% component card(a) %}",
        "{% endcomponent %}",
        "{{ <card a={b} /> }}",
        "{% <card> %}",
        "{% </card> %}",
        "{% break %}",
        "{# a #}",
        "<p m='x'>é</p>",
        "{% raw %}{{{% endraw %}",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..6).prop_map(|pieces| pieces.concat())
}

/// Tags in nested branches, which export names that may be the same.
fn exporting() -> impl Strategy<Value = Vec<(u8, String)>> {
    let name = prop::sample::select(vec!["a", "b", "addressLine", "x_y"]).prop_map(str::to_owned);
    prop::collection::vec((0_u8..6, name), 2..10)
}

fn page(parts: &[(u8, String)], renamed: &BTreeMap<usize, String>) -> String {
    let (mut text, mut open) = (String::new(), 0);
    for (index, (kind, name)) in parts.iter().enumerate() {
        match kind {
            0 => {
                text.push_str("{% if p %}");
                open += 1;
            }
            1 if open > 0 => {
                text.push_str("{% endif %}");
                open -= 1;
            }
            _ => {}
        }
        let exports = renamed
            .get(&index)
            .cloned()
            .unwrap_or_else(|| format!("exports=\"{name}\""));
        text.push_str(&format!(
            "<m:fragment service='svc{index}' ref='r' {exports}>-</m:fragment>\n"
        ));
    }
    text + &"{% endif %}".repeat(open)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn random_templates_are_checked_the_same_way_twice(one in template(), two in template()) {
        let files = [("a.html", one.as_str()), ("b.html", two.as_str())];
        let first = check_all(&files, &Around::default());
        prop_assert_eq!(first, check_all(&files, &Around::default()));
    }

    /// Where no tag of Hydra's is, Tera alone decides.
    #[test]
    fn plain_templates_are_refused_exactly_where_tera_refuses_them(one in plain(), two in plain()) {
        let files = [("a.html", one.as_str()), ("b.html", two.as_str())];
        let found = check_all(&files, &Around::default());
        let all = tera::Tera::default().add_raw_templates(files);
        // Tera sees no circle that goes through both `extends` and `include`: rendering it would never end.
        let circle = found.iter().any(|line| line.ends_with(" comes round to itself"));
        prop_assert!(circle || found.is_empty() == all.is_ok(), "{:?}\n{:?}", found, all);
        prop_assert!(found.iter().all(|line| line.contains(" template-syntax ")), "{:?}", found);
    }

    #[test]
    fn a_suggested_alias_ends_the_conflict_and_makes_no_other(parts in exporting()) {
        let text = page(&parts, &BTreeMap::new());
        let conflicts = |text: &str| {
            let (sources, problems) = problems_of(&[("page.html", text)], &Around::default());
            let errors = problems.into_iter().filter(|problem| problem.code.severity() == Severity::Error);
            (sources, errors.collect::<Vec<_>>())
        };
        let (sources, found) = conflicts(&text);
        // The line of a tag is its number.
        let renamed: BTreeMap<usize, String> = found
            .iter()
            .map(|problem| {
                let line = sources[0].line_column(problem.labels[0].location.span.start).line as usize - 1;
                let help = problem.help.clone().unwrap_or_default();
                (line, help.split('`').nth(1).unwrap_or_default().to_owned())
            })
            .collect();
        prop_assert!(found.iter().all(|problem| problem.code == Code::ExportConflict), "{:?}", found);
        let (_, left) = conflicts(&page(&parts, &renamed));
        prop_assert!(left.is_empty(), "{}\n{:?}", page(&parts, &renamed), left);
    }
}
