//! Forms in fragments: what their tags get.

use super::*;

#[test]
fn a_form_gets_its_attributes() {
    let text = "<div m:ref='a'><form class=x m:action='go'>x</form></div>";
    let found = lowered(&[("p", text)]);
    let form = "<form class=x method=\"post\" action=\"{{ form.addresses[\"go\"] }}\">x</form>";
    assert_eq!(
        found,
        [
            format!("p: <div>{form}</div>"),
            format!("#a/p: <div>{form}</div>")
        ]
    );

    let text = "<form m:action=go m:ref=a><input type=file name=f aria-invalid=false></form>";
    let form = "<form method=\"post\" action=\"{{ form.addresses[\"go\"] }}\" enctype=\"multipart/form-data\"><input type=file \
                name=f aria-invalid=false></form>";
    let found = lowered(&[("p", text)]);
    assert_eq!(found, [format!("p: {form}"), format!("#a/p: {form}")]);
}

#[test]
fn the_first_control_of_each_field_says_whether_it_is_wrong() {
    let mark = |field: &str, attributes: &str, focus: bool| {
        let focus = match focus {
            true => format!("{{% if form.first == \"{field}\" %}} autofocus{{% endif %}}"),
            false => String::new(),
        };
        format!(
            "{{% if form.action == \"go\" and form.errors[\"{field}\"] %}}{attributes}{focus}{{% endif %}}"
        )
    };
    let invalid = " aria-invalid=\"true\"";
    for (before, behind, after) in [
        ("<input", mark("f", invalid, true), " name=f>"),
        ("<select", mark("f", invalid, true), " name=f></select>"),
        (
            "<textarea",
            mark("f", invalid, true),
            " name=\"f\">{{ a }}</textarea>",
        ),
        (
            "<INPUT",
            mark("f", " aria-invalid=\"true\" aria-describedby=\"f-error\"", true),
            " name=f><p id=\"f-error\">x</p>",
        ),
        (
            "<input",
            mark("f", "", true),
            " type=radio name=f value=a><input type=radio name=f value=b>",
        ),
        ("<input", mark("f", invalid, false), " autofocus name=f>"),
        (
            "{% if a %}<input",
            mark("f", invalid, true),
            " name=f>{% endif %}",
        ),
        // What visitors can't see or type into, what is repeated, and what says it by itself.
        ("<input type=hidden name=f>", String::new(), ""),
        ("<button name=f></button>", String::new(), ""),
        ("<input name='f g'>", String::new(), ""),
        ("{% for a in b %}<input name=f>{% endfor %}", String::new(), ""),
        ("<input name=f aria-invalid={{ a }}>", String::new(), ""),
        (
            "<input name=f {% if a %}aria-describedby=b{% endif %}>",
            String::new(),
            "",
        ),
    ] {
        let text = format!("<form m:ref=a m:action=go>{before}{after}</form><input name=f>");
        let found = lowered(&[("p", &text)]);
        let form = "<form method=\"post\" action=\"{{ form.addresses[\"go\"] }}\">";
        let expected = format!("p: {form}{before}{behind}{after}</form><input name=f>");
        assert_eq!(found.first(), Some(&expected), "{text}");
    }
}

/// A part that waits for an export is rendered by itself, and needs the form's address there too.
#[test]
fn a_form_in_a_hole_takes_its_address_along() {
    let form = "{% if e %}<form m:action='go'></form>{% endif %}";
    let text = &format!("<div m:ref='a'><m:fragment ref='f' exports='e'/>{form}</div>");
    let found = lowered(&[("p", text)]);
    let holes: Vec<_> = found
        .iter()
        .filter(|line| line.contains("hole waits [e]"))
        .collect();
    assert!(
        holes.len() == 2 && holes.iter().all(|hole| hole.ends_with("takes [e form]")),
        "{found:?}"
    );
}
