use proptest::prelude::*;

use super::*;

/// The pieces of a file, each as its kind and its text.
fn pieces(text: &str) -> Vec<String> {
    let kind = |piece: &Piece| match &piece.kind {
        PieceKind::Text => "text",
        PieceKind::Print => "print",
        PieceKind::Statement => "statement",
        PieceKind::Opaque => "opaque",
        PieceKind::Unclosed(_) => "unclosed",
        PieceKind::Open(_) => "open",
        PieceKind::Close(_) => "close",
    };
    let parsed = parse(text, "m");
    parsed
        .pieces
        .iter()
        .map(|piece| format!("{} {}", kind(piece), &text[piece.span.range()]))
        .collect()
}

/// The first element with attributes of Hydra's, as far as it goes.
fn marked(text: &str) -> Option<&str> {
    let parsed = parse(text, "m");
    let marked = parsed.marked.first()?;
    text.get(marked.tag.span.start as usize..marked.end? as usize)
}

fn has_tag(text: &str) -> bool {
    pieces(text)
        .iter()
        .any(|piece| piece.starts_with("open") || piece.starts_with("close"))
}

#[test]
fn a_page_falls_into_its_pieces() {
    assert_eq!(
        pieces("<p>{{ a }}</p><m:fragment ref='x'>no {% if b %}b{% endif %}</m:fragment>{# c #}"),
        [
            "text <p>",
            "print {{ a }}",
            "text </p>",
            "open <m:fragment ref='x'>",
            "text no ",
            "statement {% if b %}",
            "text b",
            "statement {% endif %}",
            "close </m:fragment>",
            "opaque {# c #}",
        ]
    );
}

#[test]
fn a_tag_is_no_tag_where_html_has_none() {
    for text in [
        "<!-- <m:fragment ref='x'> -->",
        "<![CDATA[ <m:fragment ref='x'>",
        "<script>let a = '<m:fragment>'</script>",
        "<STYLE>/* <m:fragment> */</style>",
        "<textarea><m:fragment></textarea>",
        "<title><m:fragment></title>",
        "<xmp><m:fragment></xmp>",
        "<iframe><m:fragment></iframe>",
        "<noembed><m:fragment></noembed>",
        "<noframes><m:fragment></noframes>",
        "<plaintext><m:fragment>",
        "<a title=\"<m:fragment ref='x'>\">x</a>",
        "<a title='{{ a }} <m:fragment>'>x</a>",
        "{# <m:fragment> #}",
        "{% raw %}<m:fragment>{% endraw %}",
        "{%- raw -%}<m:fragment>{%- endraw -%}",
        "{{ '<m:fragment>' }}",
        "{% set a = `<m:fragment>` %}",
        "<mm:fragment>",
        "<svg:path/>",
    ] {
        assert!(!has_tag(text), "{text}");
    }
}

#[test]
fn a_tag_is_a_tag_everywhere_else() {
    for text in [
        "<M:Fragment ref=x>",
        "<!-- a --><m:fragment>",
        "<script></script><m:fragment>",
        "<scripted><m:fragment>",
        "a < b <m:fragment>",
        "<a title=\"it's\"><m:fragment>",
        "<a b='<p'><m:fragment>",
        "{{ '}}' }}<m:fragment>",
        "{% raw %}{{{% endraw %}<m:fragment>",
        "</m:fragment",
        "{ <m:fragment>",
        "<div {% if a %}class='b'{% endif %}><m:fragment>",
    ] {
        assert!(has_tag(text), "{text}");
    }
}

#[test]
fn attributes_come_in_every_html_form() {
    let text = "<m:fragment a b=c d = \"e {{ f['\\\"'] }}\" g='h' i= />";
    let parsed = parse(text, "m");
    let Some(Piece {
        kind: PieceKind::Open(tag),
        ..
    }) = parsed.pieces.first()
    else {
        panic!("no tag")
    };
    let shown: Vec<_> = tag
        .attributes
        .iter()
        .map(|at| {
            (
                &text[at.name.range()],
                at.value.as_ref().map(|value| &text[value.span.range()]),
            )
        })
        .collect();
    let value = Some("e {{ f['\\\"'] }}");
    assert_eq!(
        shown,
        [
            ("a", None),
            ("b", Some("c")),
            ("d", value),
            ("g", Some("h")),
            ("i", Some(""))
        ]
    );
    assert_eq!(tag.end, TagEnd::SelfClosed);
}

#[test]
fn an_open_quote_ends_at_the_next_tag() {
    let text = "<m:fragment ref=\"x>fallback</m:fragment><p class=\"y\">";
    let parsed = parse(text, "m");
    let Some(Piece {
        kind: PieceKind::Open(tag),
        ..
    }) = parsed.pieces.first()
    else {
        panic!("no tag")
    };
    assert_eq!(tag.end, TagEnd::Missing);
    assert!(
        tag.attributes[0]
            .value
            .as_ref()
            .is_some_and(|value| value.open_quote.is_some())
    );
    assert!(has_tag(&text[tag.span.end as usize..]));
}

#[test]
fn a_less_than_in_a_quoted_value_is_text() {
    for text in [
        "<b onclick=\"if (a < 1) go()\" m:imports=\"n: integer\">{{ n }}</b>",
        "<b data-tpl='<i>hi</i>' m:imports=n>",
        "<iframe title='a < b' m:imports=n></iframe>",
        "<svg:g title='a < b' m:imports=n>",
        "<b m:imports='n: list<string>'>",
    ] {
        let parsed = parse(text, "m");
        let Some(Marked { tag, .. }) = parsed.marked.first() else {
            panic!("no element: {text}")
        };
        let names: Vec<_> = tag.attributes.iter().map(|at| &text[at.name.range()]).collect();
        assert_eq!(names.last(), Some(&"m:imports"), "{text}");
    }
    assert!(!has_tag(
        "<div m:ref=\"x\">a</div><a title=\"1 < 2 <m:fragment ref='y'>\">"
    ));
    assert!(!has_tag("<svg:g title=\"{{ a }} < 3 <m:fragment ref='q'>\">"));
}

#[test]
fn a_tag_with_another_prefix_is_a_tag_by_any_name() {
    let text = "<y:fragment/><x:fragment ref='a'></x:fragment><X:other title='a < b'/></x:other>";
    let tags = parse(text, "x")
        .pieces
        .into_iter()
        .filter_map(|piece| match piece.kind {
            PieceKind::Open(tag) => Some(tag.name),
            PieceKind::Close(close) => Some(close.name),
            _ => None,
        });
    let names: Vec<_> = tags.map(|name| &text[name.range()]).collect();
    assert_eq!(names, ["fragment", "fragment", "other", "other"]);
}

/// Whether the tag behind each beginning is one.
#[track_caller]
fn tag_after(rows: &[(&str, &str, bool)]) {
    for (section, before, is_tag) in rows {
        let text = format!("{before}<m:fragment ref='f'/>");
        assert_eq!(has_tag(&text), *is_tag, "{section}: {text}");
    }
}

#[test]
fn comments_end_where_html_ends_them() {
    tag_after(&[
        ("13.2.5.43", "<!-->", true),
        ("13.2.5.44", "<!--->", true),
        ("13.2.5.44", "<!---!>", false),
        ("13.2.5.45", "<!-- > ->", false),
        ("13.2.5.46", "<!-- <!>", false),
        ("13.2.5.49", "<!-- <!--> ", true),
        ("13.2.5.50", "<!-- x -- >", false),
        ("13.2.5.51", "<!-- x -->", true),
        ("13.2.5.51", "<!-- x ----->", true),
        ("13.2.5.51", "<!---->", true),
        ("13.2.5.52", "<!-- x --!>", true),
        ("13.2.5.52", "<!-- x --!- >", false),
        ("13.2.5.52", "<!----!>", true),
        ("13.2.5.41", "<!x>", true),
        ("13.2.5.41", "<?xml version='1.0'?>", true),
        ("13.2.5.41", "</ x", false),
        ("13.2.5.41", "</ x>", true),
        ("13.2.5.7", "</>", true),
        ("13.2.5.53", "<!DOCTYPE html>", true),
        ("Tera", "<!-- {{ '-->' }}", false),
        ("Tera", "<!-- {# --> #}", false),
        ("Tera", "<!-- {{ '-->' }} -->", true),
    ]);
}

#[test]
fn an_end_tag_has_just_the_name() {
    tag_after(&[
        ("13.2.5.17", "<script>'</scriptx>';", false),
        ("13.2.5.17", "<script>'</script-x>';", false),
        ("13.2.5.17", "<script></script", false),
        ("13.2.5.17", "<script></script\n>", true),
        ("13.2.5.17", "<script></SCRIPT/>", true),
        ("13.2.5.14", "<style></styles>", false),
        ("13.2.5.14", "<style></style >", true),
        ("13.2.5.11", "<title></titles>", false),
        ("13.2.5.11", "<title></title\t>", true),
        ("13.2.5.11", "<textarea></text></textarea>", true),
        ("13.2.5.8", "<script.x>", true),
        ("13.2.5.8", "<script:x>", true),
        ("13.2.5.8", "<script/x>", false),
        ("13.2.5.8", "<titlé>", true),
    ]);
}

#[test]
fn scripts_are_escaped_twice_as_html_has_it() {
    tag_after(&[
        ("13.2.5.20", "<script><!-- </script>", true),
        ("13.2.5.26", "<script><!-- \"<script></script>\" ", false),
        ("13.2.5.26", "<script><!-- <script/></script>", false),
        ("13.2.5.26", "<script><!-- <scripted></script>", true),
        ("13.2.5.26", "<script><!-- <script", false),
        ("13.2.5.22", "<script><!--> <script></script>", true),
        ("13.2.5.22", "<script><!---> <script></script>", true),
        ("13.2.5.31", "<script><!-- <script></script> </script>", true),
        ("13.2.5.31", "<script><!-- <script></scripts> </script>", false),
        ("13.2.5.29", "<script><!-- <script> --></script>", true),
        ("13.2.5.29", "<script><!-- <script></script> --></script>", true),
        (
            "13.2.5.29",
            "<script><!-- <SCRIPT ></Script\n> --></script>",
            true,
        ),
        ("13.2.5.18", "<script><! -- <script></script>", true),
        ("13.2.5.18", "<script><!- - <script></script>", true),
        ("Tera", "<script>{{ '</script>' }}", false),
        ("Tera", "<script>{# </script> #}</script>", true),
    ]);
}

#[test]
fn svg_and_mathml_have_no_raw_text() {
    tag_after(&[
        ("13.2.6.5", "<svg><title/></svg>", true),
        ("13.2.6.5", "<svg><title/>", true),
        ("13.2.6.5", "<svg><style><b>", true),
        ("13.2.6.5", "<svg><script>", true),
        ("13.2.6.5", "<svg><script/>", true),
        ("13.2.6.5", "<math><style>", true),
        ("13.2.6.5", "<SVG><g><title>", true),
        ("13.2.6.5", "<svg/><title>", false),
        ("13.2.6.5", "<svg></svg><title>", false),
        ("13.2.6.5", "<div><svg></div><title>", false),
        ("13.2.6.5", "<svg><foreignObject><title>", false),
        (
            "13.2.6.5",
            "<svg><foreignObject><p></p></foreignObject><title>",
            true,
        ),
        ("13.2.6.5", "<svg><desc><style>", false),
        ("13.2.6.5", "<svg><title><style>", false),
        ("13.2.6.5", "<math><mi><style>", false),
        (
            "13.2.6.5",
            "<math><annotation-xml encoding='Text/HTML'><style>",
            false,
        ),
        ("13.2.6.5", "<math><annotation-xml encoding='x'><style>", true),
        ("13.2.6.5", "<math><annotation-xml><svg><style>", true),
        ("13.2.6.5", "<svg><div><style>", false),
        ("13.2.6.5", "<svg><font><style>", true),
        ("13.2.6.5", "<svg><font color='red'><style>", false),
        ("13.2.6.5", "<svg></p><style>", false),
        ("13.2.5.42", "<svg><![CDATA[ > ", false),
        ("13.2.5.42", "<svg><![CDATA[ > ]]>", true),
        ("13.2.5.42", "<svg></svg><![CDATA[ > ", true),
        (
            "Tera",
            "{% if a %}<svg>{% else %}<svg class='b'>{% endif %}</svg><title>",
            false,
        ),
        ("Tera", "{% if a %}<svg>{% else %}<i>{% endif %}", true),
    ]);
}

#[test]
fn in_svg_a_slash_closes_an_element() {
    for (before, element, after) in [
        ("", "<svg m:ref=i><title/></svg>", "<p>"),
        ("", "<svg m:ref=i/>", "</svg>"),
        ("<svg>", "<path m:ref=i />", "</svg>"),
        ("<math>", "<mi m:ref='i'/>", "</math>"),
        ("", "<svg m:ref=i ><g/><g></g><script/></svg>", "</svg>"),
        (
            "<svg><foreignObject>",
            "<div m:ref=i ><br/><p/></div>",
            "</foreignObject></svg>",
        ),
    ] {
        let found = format!("{before}{element}{after}").replace("=i/", "='i'/");
        let element = element.replace("=i/", "='i'/");
        assert_eq!(marked(&found), Some(element.as_str()), "{found}");
    }
    // The slash of an element of HTML means nothing (section 13.2.5.40).
    assert_eq!(marked("<div m:ref='i'/>"), None);
    assert_eq!(marked("<div m:ref='i'/></div>"), Some("<div m:ref='i'/></div>"));
}

#[test]
fn an_element_ends_where_html_has_it() {
    for (before, element, after) in [
        ("<p>", "<b m:ref=x><b>a</b></b>", "</p>"),
        (
            "",
            "<div m:ref=x>{% if a %}<div>{% else %}<div>{% endif %}hi</div></div>",
            "</div>",
        ),
        (
            "",
            "<div m:ref=x>{% if a %}<div>{% elif b %}<p>{% if c %}<div>{% else %}-{% endif %}{% else %}<div>{% endif %}</div></div>",
            "",
        ),
        (
            "{% if a %}<a>{% endif %}",
            "<b m:ref=x></b>",
            "{% if a %}</a>{% endif %}",
        ),
        (
            "",
            "<div m:ref=x>{% if a %}<a>{% else %}<i>{% endif %}-{% if a %}</a>{% else %}</i>{% endif %}</div>",
            "</div>",
        ),
        ("", "<br m:ref=x>", "</br>"),
        ("", "<iframe m:ref=x><p></iframe>", ""),
        ("", "<x:y m:ref=x><x:z></x:z></x:y>", "</x:y>"),
    ] {
        assert_eq!(marked(&format!("{before}{element}{after}")), Some(element));
    }
    for text in ["<div m:ref=x>", "<div m:ref=x><div></div>", "<p><b m:ref=x></p>"] {
        assert_eq!(marked(text), None, "{text}");
    }
}

/// HTML, section 13.1.2.4, paragraph by paragraph.
#[test]
fn an_element_without_end_tag_ends_where_html_ends_it() {
    for (before, element, after) in [
        // html, head, body
        ("", "<html m:ref=x><body>a", ""),
        ("<html>", "<head m:ref=x><title>a</title>", "<body>b"),
        ("<html>", "<head m:ref=x><meta>", "<p>b"),
        ("<html>", "<body m:ref=x>a", "</html>"),
        ("", "<body m:ref=x>a\n", ""),
        // li
        ("<ul>", "<li m:ref=x>a<ul><li>b</ul></li>", "</ul>"),
        ("<ul>", "<li m:ref=x>a", "<li>b</ul>"),
        ("<ul>", "<li m:ref=x>a", "</ul>"),
        ("<ul>", "<li m:ref=x><p>a", "<li>b</ul>"),
        ("<ul>", "<li m:ref=x><b>a", "<li>b</ul>"),
        ("<ul>", "<li m:ref=x><div>a", "<li>b</ul>"),
        ("<ul>", "<li m:ref=x>a<ol><li>b<li>c</ol>d", "<li>e</ul>"),
        ("", "<li m:ref=x>a", ""),
        // dt, dd
        ("<dl>", "<dt m:ref=t>a", "<dd>b</dl>"),
        ("<dl>", "<dt m:ref=t>a", "<dt>b</dl>"),
        ("<dl><dt>a", "<dd m:ref=t>b", "<dt>c</dl>"),
        ("<dl><dt>a", "<dd m:ref=t>b<p>c", "<dd>c</dl>"),
        ("<dl><dt>a", "<dd m:ref=t>b", "</dl>"),
        ("<dl><div>", "<dt m:ref=t>a", "</div></dl>"),
        // p
        ("", "<p m:ref=x>a", "<div>b</div>"),
        ("", "<p m:ref=x>a", "<p>b"),
        ("", "<p m:ref=x>a", "<h1>b</h1>"),
        ("", "<p m:ref=x>a<br>", "<table></table>"),
        ("", "<p m:ref=x><b>a", "<ul></ul>"),
        ("", "<p m:ref=x><i>a</i>", "<search></search>"),
        ("", "<p m:ref=x>a", "<hr>"),
        ("<div>", "<p m:ref=x>a", "</div>"),
        ("<b>", "<p m:ref=x>a", "</b>"),
        ("", "<p m:ref=x>a<button><div>b</div></button></p>", "<p>"),
        // rt, rp
        ("<ruby>a", "<rt m:ref=x>b", "<rt>c</ruby>"),
        ("<ruby>a", "<rt m:ref=x>b", "<rp>)</ruby>"),
        ("<ruby>a", "<rp m:ref=x>(", "<rt>c</ruby>"),
        ("<ruby>a", "<rt m:ref=x>b", "</ruby>"),
        // optgroup, option
        ("<select>", "<option m:ref=x>a", "<option>b</select>"),
        ("<select>", "<option m:ref=x>a", "<optgroup></select>"),
        ("<select>", "<option m:ref=x>a", "<hr></select>"),
        ("<select>", "<option m:ref=x>a", "</select>"),
        ("<datalist>", "<option m:ref=x>a", "</datalist>"),
        ("<select>", "<optgroup m:ref=x><option>a", "<optgroup></select>"),
        ("<select>", "<optgroup m:ref=x><option>a", "<hr></select>"),
        ("<select>", "<optgroup m:ref=x><option>a", "</select>"),
        // colgroup, caption
        ("<table>", "<colgroup m:ref=x><col>", "<tr><td>a</table>"),
        ("<table>", "<colgroup m:ref=x><col><col>", "<colgroup></table>"),
        ("<table>", "<caption m:ref=x>a", "<tr><td>b</table>"),
        ("<table>", "<caption m:ref=x><b>a", "<colgroup></table>"),
        ("<table>", "<caption m:ref=x>a", "</table>"),
        // thead, tbody, tfoot
        ("<table>", "<thead m:ref=x><tr><th>a", "<tbody></table>"),
        ("<table>", "<thead m:ref=x><tr><th>a", "<tfoot></table>"),
        ("<table>", "<tbody m:ref=x><tr><td>a", "<tbody></table>"),
        ("<table>", "<tbody m:ref=x><tr><td>a", "<tfoot></table>"),
        ("<table>", "<tfoot m:ref=x><tr><td>a", "</table>"),
        // tr, td, th
        ("<table>", "<tr m:ref=x><td>a<td>b", "<tr><td>c</table>"),
        ("<table>", "<tr m:ref=x><td>a", "<tbody></table>"),
        ("<table>", "<tr m:ref=x><td>a", "</tbody></table>"),
        ("<table>", "<tr m:ref=x><td>a", "</table>"),
        ("<table><tr>", "<td m:ref=x>a", "<td>b</table>"),
        ("<table>", "<td m:ref=x>a", "</tr></table>"),
        ("<table><tr>", "<td m:ref=x>a<div>b", "<th>b</table>"),
        ("<table><tr>", "<th m:ref=x>a", "<td>b</table>"),
        ("<table><tr>", "<td m:ref=x>a", "<tr></table>"),
        (
            "<table><tr>",
            "<td m:ref=x>a<table><tr><td>b</table>c",
            "<td></table>",
        ),
        ("<table><tr>", "<td m:ref=x>a</div>b</td>", "</table>"),
        // Branches
        (
            "<ul>",
            "<li m:ref=x>a{% if b %}<p>c{% else %}<b>d{% endif %}",
            "<li>e</ul>",
        ),
    ] {
        let text = format!("{before}{element}{after}");
        assert_eq!(marked(&text), Some(element), "{text}");
    }
    // The end of these parents does not end a `p`, and an element that needs its end tag ends only there.
    for text in [
        "<a><p m:ref=x>b</a>",
        "<ins><p m:ref=x>b</ins>",
        "<x-card><p m:ref=x>b</x-card>",
        "<ul><li><b m:ref=x>b<li></ul>",
        "<td><div m:ref=x>b<td>",
    ] {
        assert_eq!(marked(text), None, "{text}");
    }
}

#[test]
fn branches_without_number_take_no_longer_for_each() {
    for one in [
        "{% if a %}</a>{% else %}{% endif %}",
        "{% if a %}<b>",
        "{% if a %}{% else %}</c>",
    ] {
        let text = format!("<a m:ref=x>{}{}", "<b>".repeat(20_000), one.repeat(20_000));
        assert_eq!(marked(&text), None);
    }
}

#[test]
fn a_value_is_a_value_whatever_stands_in_it() {
    for (text, values) in [
        (
            "<m:fragment service=\"s\" ref=\"</m:fragment>\">",
            &["s", "</m:fragment>"][..],
        ),
        ("<m:fragment ref='<p>'/>", &["<p>"]),
        ("<m:fragment ref=\"a<b\" service='>'>", &["a<b", ">"]),
        (
            "<m:fragment ref=\"<m:fragment ref='x'/>\">",
            &["<m:fragment ref='x'/>"],
        ),
        (
            "<m:fragment ref=\"{{ '<' }}\" service=\"<!--\">",
            &["{{ '<' }}", "<!--"],
        ),
        (
            "<m:fragment imports=\"a,\n <b>\n c\" ref='r'>",
            &["a,\n <b>\n c", "r"],
        ),
    ] {
        let parsed = parse(text, "m");
        let Some(Piece {
            kind: PieceKind::Open(tag),
            ..
        }) = parsed.pieces.first()
        else {
            panic!("no tag: {text}")
        };
        let found: Vec<_> = tag.attributes.iter().filter_map(|at| at.value.as_ref()).collect();
        assert!(found.iter().all(|value| value.open_quote.is_none()), "{text}");
        let found: Vec<_> = found.iter().map(|value| &text[value.span.range()]).collect();
        assert_eq!(found, values, "{text}");
        assert_ne!(tag.end, TagEnd::Missing, "{text}");
    }
}

#[test]
fn a_quote_that_another_value_closes_was_forgotten() {
    for text in [
        "<m:fragment ref=\"x>fb</m:fragment><p class=\"y\">",
        "<m:fragment ref=\"x>fb</m:fragment><p class=\" y\">",
        "<m:fragment ref=\"x>fb</m:fragment><p class=\"\">",
        "<m:fragment ref='x>fb</m:fragment> it's",
        "<m:fragment ref=\"x>fb</m:fragment>",
        "<m:fragment ref=\"x>A</m:fragment>\n<m:fragment ref = \"y\">B</m:fragment>",
    ] {
        let parsed = parse(text, "m");
        let Some(Piece {
            kind: PieceKind::Open(tag),
            span,
        }) = parsed.pieces.first()
        else {
            panic!("no tag: {text}")
        };
        let value = tag.attributes.last().and_then(|at| at.value.as_ref());
        assert!(value.is_some_and(|value| value.open_quote.is_some()), "{text}");
        assert!(text[span.end as usize..].starts_with("</m:fragment>"), "{text}");
    }
}

#[test]
fn only_what_may_be_an_attribute_makes_elements_count() {
    for (text, offers) in [
        ("<m:fragment ref='f'></m:fragment>", false),
        ("<p title='a'>m:b</p>", false),
        ("<p m:ref='f'>", true),
        ("<p a='b'm:ref='f'>", true),
        ("<p/m:ref='f'>", true),
        ("<p {% if a %}{% endif %}m:ref='f'>", true),
        ("<p\nM:Ref='f'>", true),
    ] {
        assert_eq!(may_offer(text, "m"), offers, "{text}");
        assert_eq!(parse(text, "m").marked.len(), usize::from(offers), "{text}");
    }
}

#[test]
fn what_never_closes_says_what_it_is() {
    let never = |text: &str| match parse(text, "m").pieces.pop().map(|piece| piece.kind) {
        Some(PieceKind::Unclosed(Unclosed { kind, string })) => Some((kind, string)),
        _ => None,
    };
    for (text, expected) in [
        ("a {{ b", (UnclosedKind::Print, None)),
        ("a {% if b", (UnclosedKind::Statement, None)),
        ("{# }} %}", (UnclosedKind::Comment, None)),
        ("{% raw %}{{ a }}", (UnclosedKind::Raw, None)),
        ("{{ 'b }}", (UnclosedKind::Print, Some(3))),
        ("<!-- {% set a = \"\\\" %}", (UnclosedKind::Statement, Some(16))),
        ("<p title='{{ \"a }}'>", (UnclosedKind::Print, Some(13))),
    ] {
        assert_eq!(never(text), Some(expected), "{text}");
    }
}

/// Texts made of what the grammar knows: random bytes alone would hardly ever reach its corners.
fn soup() -> impl Strategy<Value = String> {
    let tokens = prop::sample::select(vec![
        "<m:fragment",
        "</m:fragment>",
        "<m:",
        "m:ref=",
        " ",
        ">",
        "/>",
        "\"",
        "'",
        "`",
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "#}",
        "{% raw %}",
        "{% endraw %}",
        "<!--",
        "-->",
        "<script>",
        "</script",
        "<a ",
        "</a>",
        "<b title=\"",
        "<svg:g a='",
        "</ ",
        "=",
        "as",
        ",",
        "é",
        "\r\n",
        "\u{feff}",
        "\0",
        "<",
        "{",
        "-",
        "\\",
        "<![CDATA[",
        "]]>",
        "<title>",
        "xmlns:x='getmedusa.io'",
    ]);
    prop::collection::vec(tokens, 0..40).prop_map(|tokens| tokens.concat())
}

proptest! {
    #[test]
    fn the_pieces_are_the_file(text in prop_oneof![soup(), ".*"]) {
        let parsed = parse(&text, "m");
        let joined: String = parsed.pieces.iter().map(|piece| &text[piece.span.range()]).collect();
        prop_assert_eq!(joined, text);
    }
}
