//! Elements: where they end, and which of them are SVG's or MathML's.

use super::*;

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
