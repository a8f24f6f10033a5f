//! What can be written.

use super::*;

/// The labels at the mark, with what they replace where that is not empty.
fn labels(marked: &str) -> String {
    let mut workspace = shop();
    let (path, position) = open(&mut workspace, "shop/templates/checkout.html", marked);
    let found = workspace.completions(&path, position);
    let labels: Vec<_> = found.iter().map(|completion| completion.label.as_str()).collect();
    labels.join(" ")
}

#[test]
fn what_can_be_written_is_known_in_half_written_files() {
    for (marked, expected) in [
        ("<p><m:|", "m:fragment"),
        (
            "<m:fragment |",
            "ref service imports exports timeout cache stale required mode",
        ),
        (
            "<m:fragment service='orders' |/>",
            "ref imports exports timeout cache stale required mode",
        ),
        (
            "<nav m:|>",
            "m:ref m:imports m:exports m:attributes m:styles m:scripts m:action",
        ),
        // Services.
        ("<m:fragment service=\"ord|\n<p>{{ total }}</p>", "orders self"),
        ("<m:fragment service='|'>-</m:fragment>", "orders self"),
        // Fragments, also where the service stands behind.
        ("<m:fragment service=\"orders\" ref=\"|", "checkout recent"),
        (
            "<m:fragment ref='|' service='orders'>-</m:fragment>",
            "checkout recent",
        ),
        ("<m:fragment ref='me|'/>", "menu"),
        ("<m:fragment service='self' ref='|'/>", "menu"),
        ("<m:fragment service='shop' ref='|'/>", "menu"),
        ("<m:fragment service='unknown' ref='|'/>", ""),
        // Imports: what the fragment takes and the page has comes first.
        (
            "<m:fragment service='orders' ref='checkout' imports='|'>-</m:fragment>",
            "dob total",
        ),
        (
            "<m:fragment service='orders' ref='checkout' imports='dob, |",
            "total",
        ),
        (
            "<m:fragment service='orders' ref='checkout' imports='dob, total as |'>",
            "country",
        ),
        (
            "<m:fragment service='orders' ref='checkout' imports='total as cou|'>",
            "country dob",
        ),
        // Exports.
        (
            "<m:fragment service='orders' ref='checkout' exports='|'>-</m:fragment>",
            "address zip",
        ),
        (
            "<m:fragment service='orders' ref='checkout' exports='address as home, |'>",
            "zip",
        ),
        (
            "<m:fragment service='orders' ref='checkout' exports='address as |'>",
            "",
        ),
        ("<m:fragment ref='menu' exports='o|", "open"),
        ("<m:fragment mode='|'>", "inline deferred lazy"),
        (
            "<div m:imports='a: |'>",
            "string integer number boolean date datetime list<any> map<any> any",
        ),
        ("<div m:imports='a|'>", ""),
        ("<div class='|'>", ""),
        // Expressions: fields, exports, and what the template sets.
        ("{{ |", "dob total"),
        ("{{ to|tal }}", "dob total"),
        (
            "<m:fragment service='orders' ref='recent' exports='count'>-</m:fragment>{% if |",
            "count dob total",
        ),
        ("{% for tea in teas %}{{ |", "dob total"),
        (
            "{% set x = 1 %}{% for tea in dob %}{{ t| }}{% endfor %}",
            "dob total x tea",
        ),
        ("{{ total.| }}", ""),
        ("{{ total | up| }}".trim_start_matches('x'), ""),
        ("{% |", ""),
        ("{% include '|", "index.html layout.html menu.html part.html"),
        ("plain | text", ""),
    ] {
        let marked = marked.replacen("total | up|", "total \u{1}up|", 1);
        let found = match marked.contains('\u{1}') {
            // A filter has a `|` of its own.
            true => labels_at(
                &marked.replacen("up|", "up", 1).replace('\u{1}', "| "),
                "{{ total | up".len(),
            ),
            false => labels(&marked),
        };
        assert_eq!(found, expected, "{marked}");
    }
}

fn labels_at(text: &str, character: usize) -> String {
    let mut workspace = shop();
    let path = PathBuf::from("/shop/templates/checkout.html");
    workspace.open(path.clone(), 1, text.to_owned());
    let position = Position {
        line: 0,
        character: character as u32,
    };
    let found = workspace.completions(&path, position);
    found
        .iter()
        .map(|completion| completion.label.as_str())
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn completions_have_types_and_replace_the_word() {
    let mut workspace = shop();
    let (path, position) = open(
        &mut workspace,
        "shop/templates/checkout.html",
        "<m:fragment service='orders' ref='checkout' imports='do|b2'>",
    );
    let found = workspace.completions(&path, position);
    let details: Vec<_> = found
        .iter()
        .map(|found| format!("{}: {}", found.label, found.detail))
        .collect();
    assert_eq!(
        details,
        [
            "dob: date, taken by `checkout`",
            "total: integer, a field of `Checkout`"
        ]
    );
    assert!(
        found
            .iter()
            .all(|found| (found.range.0.character, found.range.1.character) == (53, 57))
    );
}

#[test]
fn a_part_has_the_attributes_of_the_pages_that_include_it() {
    let mut workspace = shop();
    for (name, marked, expected) in [
        (
            "shop/templates/part.html",
            "<p>{{ |",
            "teas: list<string>, stated by `index.html`",
        ),
        (
            "shop/templates/menu.html",
            "<nav m:ref='menu' m:imports='here: string'>{{ | }}</nav>",
            "here: string, an import",
        ),
        (
            "shop/templates/layout.html",
            "<html>{{ |{% block main %}{% endblock %}</html>",
            "dob: date, a field of `Checkout`; total: integer, a field of `Checkout`",
        ),
    ] {
        let (path, position) = open(&mut workspace, name, marked);
        let found = workspace.completions(&path, position);
        let shown: Vec<_> = found
            .iter()
            .map(|found| format!("{}: {}", found.label, found.detail))
            .collect();
        assert_eq!(shown.join("; "), expected, "{name}");
    }
}
