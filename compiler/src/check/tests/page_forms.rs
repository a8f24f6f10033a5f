//! The own forms of pages.

use hydra_contract::Type;

use super::{whole::page_type, *};
use crate::source::Span;

const FORM: &str = "<form m:action=send><input name=zip></form>";

/// `page.html` has a Rust type, whose attributes are not known.
fn typed() -> Around {
    Around {
        page_types: vec![page_type(&[], true)],
        ..Around::default()
    }
}

/// The codes of the errors of a site with `page.html`, whose Rust type is known.
fn codes_of(files: &[(&str, &str)]) -> Vec<&'static str> {
    let (_, problems) = problems_of(files, &typed());
    let errors = problems
        .iter()
        .filter(|problem| problem.code.severity() == Severity::Error);
    errors.map(|problem| problem.code.name()).collect()
}

#[test]
fn a_page_may_have_a_form_in_its_files() {
    let layout = format!("<html>{FORM}{{% block main %}}{{% endblock %}}</html>");
    for (page, other) in [
        (FORM, ("other.html", "text")),
        ("{% include 'part.html' %}", ("part.html", FORM)),
        (
            "{% extends 'layout.html' %}{% block main %}{{ form.values.zip }}{% endblock %}",
            ("layout.html", layout.as_str()),
        ),
        // By intent.
        (
            "{% include 'part.html' %}{% set zip = form.values.zip %}\
             <m:fragment service=s ref=r imports='zip'>-</m:fragment>",
            ("part.html", FORM),
        ),
        (
            "{{ form.first }}<form m:action=send></form>",
            ("part.html", "<p m:ref=a></p>"),
        ),
    ] {
        assert_eq!(codes_of(&[("page.html", page), other]), [""; 0], "{page}");
    }
}

#[test]
fn a_form_of_a_page_must_stand_where_it_can_be_sent() {
    let part = ("part.html", FORM);
    for (page, expected) in [
        ("<table><form m:action=go></form></table>", "misplaced-action"),
        (
            "<m:fragment service=s ref=r><form m:action=go></form></m:fragment>",
            "misplaced-action",
        ),
        ("<p m:ref=a>{% include 'part.html' %}</p>", "misplaced-action"),
        (
            "{% component box() %}<form m:action=go></form>{% endcomponent %}",
            "misplaced-action",
        ),
        ("<form>{% include 'part.html' %}</form>", "form-in-form"),
        (
            "{% component box() %}<form>{{ body }}</form>{% endcomponent %}{% <box> %}<form m:action=go></form>{% </box> %}",
            "form-in-form",
        ),
        (
            "{% include 'part.html' %}<form m:action=send></form>",
            "duplicate-action",
        ),
        (
            "<html m:attributes='form: string'>{{ form }}{% include 'part.html' %}</html>",
            "reserved-name",
        ),
        (
            "{% include 'part.html' %}<m:fragment service=s ref=r exports='x as form'>-</m:fragment>{{ form }}",
            "reserved-name",
        ),
        (
            "{% include 'part.html' %}<m:fragment service=s ref=r imports='form.values.zip as zip'>-</m:fragment>",
            "reserved-name",
        ),
    ] {
        let part = page.contains("include").then_some(part);
        let files: Vec<_> = [("page.html", page)].into_iter().chain(part).collect();
        assert_eq!(codes_of(&files), [expected], "{page}");
    }
}

#[test]
fn a_form_of_a_page_needs_rust() {
    let found = check_all(&[("page.html", FORM)], &Around::default());
    let expected = "page.html:1:7 misplaced-action the form `send` belongs to no fragment, and `page.html` has no Rust type";
    assert_eq!(found, [expected]);
}

#[test]
fn one_page_that_shows_a_form_has_a_rust_type() {
    let include = "{% include 'part.html' %}";
    let extends = "{% extends 'part.html' %}";
    let error = |place: &str, page: &str| {
        format!(
            "{place} misplaced-action the form `send` belongs to no fragment, and `{page}` has no Rust type"
        )
    };
    for (files, expected) in [
        // The type of another page is not enough.
        (
            [("page.html", "text"), ("other.html", FORM)],
            vec![error("other.html:1:7", "other.html")],
        ),
        (
            [("other.html", include), ("part.html", FORM)],
            vec![error("part.html:1:7", "other.html")],
        ),
        (
            [("other.html", extends), ("part.html", FORM)],
            vec![error("part.html:1:7", "other.html")],
        ),
        ([("page.html", include), ("part.html", FORM)], vec![]),
    ] {
        assert_eq!(check_all(&files, &typed()), expected, "{files:?}");
    }
    // What two pages show has the handler of the one with a type.
    for both in [include, extends] {
        let files = [("error.html", both), ("page.html", both), ("part.html", FORM)];
        assert_eq!(check_all(&files, &typed()), [""; 0], "{both}");
    }
}

#[test]
fn a_page_shows_its_form_once() {
    let include = "{% include 'part.html' %}";
    let layout = format!("{{% block main %}}{{% endblock %}}{include}");
    let twice = format!("{include}{include}");
    let more = "{% include 'more.html' %}";
    let error = |place: &str| {
        vec![format!(
            "{place} duplicate-action `page.html` has the form `send` twice"
        )]
    };
    for (page, more_html, expected) in [
        (twice.clone(), "", error("page.html:1:26")),
        (format!("{more}{include}"), include, error("page.html:1:26")),
        (format!("{include}{more}"), include, error("page.html:1:26")),
        (format!("{more}{more}"), include, error("page.html:1:26")),
        (more.to_owned(), twice.as_str(), error("more.html:1:26")),
        (
            format!("{{% if a %}}{include}{{% endif %}}{include}"),
            "",
            error("page.html:1:47"),
        ),
        (
            format!("{{% extends 'more.html' %}}{{% block main %}}{include}{{% endblock %}}"),
            layout.as_str(),
            error("more.html:1:31"),
        ),
        // Never both are shown.
        (
            format!("{{% if a %}}{include}{{% else %}}{include}{{% endif %}}"),
            "",
            vec![],
        ),
        // One form, however often a loop repeats it.
        (
            format!("{{% for a in [1, 2] %}}{include}{{% endfor %}}"),
            "",
            vec![],
        ),
        (format!("{{% for a in [1, 2] %}}{FORM}{{% endfor %}}"), "", vec![]),
    ] {
        let part = match page.contains(FORM) {
            true => "",
            false => FORM,
        };
        let files = [
            ("more.html", more_html),
            ("page.html", &page),
            ("part.html", part),
        ];
        assert_eq!(check_all(&files, &typed()), expected, "{page}");
    }
}

#[test]
fn a_form_that_comes_in_twice_names_both_includes() {
    let page = "{% include 'part.html' %}{% include 'part.html' %}";
    let (_, problems) = problems_of(&[("page.html", page), ("part.html", FORM)], &typed());
    let labels = problems.iter().flat_map(|problem| &problem.labels);
    let labels: Vec<_> = labels
        .map(|label| (label.location.source.0, label.location.span.start, &*label.text))
        .collect();
    assert_eq!(
        labels,
        [(0, 25, "here again"), (0, 0, "first here"), (1, 6, "this form")]
    );
}

#[test]
fn two_pages_have_no_action_of_one_name() {
    let files = [("other.html", FORM), ("page.html", FORM)];
    let mut around = typed();
    around.page_types.push(page_type(&[], true));
    around.page_types[1].template = "other.html".into();
    let found = check_all(&files, &around);
    let expected = "page.html:1:16 duplicate-action two forms of pages have the action `send`";
    assert_eq!(found, [expected]);
}

#[test]
fn a_base_leads_the_form_of_a_page_away() {
    let page = format!("<base href=/x/>{FORM}");
    let found = check_all(&[("page.html", &page)], &typed());
    let expected = "page.html:1:22 form-with-base the page has the form `send` and a `<base>`";
    assert_eq!(found, [expected]);
}

#[test]
fn a_field_named_form_is_in_the_way_of_the_form() {
    let mut around = typed();
    let mut of_page = page_type(&[("form", Type::Any)], true);
    of_page.fields[0].place = Span::default().at(SourceId(0));
    around.page_types = vec![of_page];
    let found = check_all(&[("page.html", FORM)], &around);
    let expected = "page.html:1:1 reserved-name a page with a form keeps the name `form` for itself";
    assert_eq!(found, [expected]);
}

#[test]
fn the_name_form_is_known_on_pages_with_a_form_only() {
    let mut around = typed();
    around.page_types[0].open = false;
    let text = "{{ form.message }}";
    let with_form = format!("{text}{FORM}");
    assert_eq!(check_all(&[("page.html", &with_form)], &around), [""; 0]);
    let found = check_all(&[("page.html", text)], &around);
    let expected = "page.html:1:4 unknown-page-attribute nothing gives `page.html` a `form`";
    assert_eq!(found, [expected]);
}
