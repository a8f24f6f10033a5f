//! Forms: what they send, and where they can't stand.

use hydra_contract::ActionContract;
use serde_json::{Value, json};

use super::*;

/// What the fragment `a` sends, as its contract says.
fn actions(inside: &str) -> Value {
    let text = format!("<div m:ref='a'>{inside}</div>");
    let sources = [Source::new("a.html", "a.html", text.as_str())];
    let (site, mut local) = Site::parse(&sources, &BTreeSet::new());
    let contracts = BTreeMap::new();
    let options = Options::default();
    let known = SiteContext {
        contracts: &contracts,
        contracts_given: false,
        page_types: &[],
        options: &options,
    };
    let (problems, model) = check(&site, &mut local, &known, CheckGoal::Site, None);
    assert!(
        problems
            .iter()
            .all(|problem| problem.code.severity() != Severity::Error),
        "{inside}: {problems:?}"
    );
    let fragment = model.contract.fragments.get("a").expect("the fragment");
    json!(fragment.actions)
}

#[test]
fn controls_are_fields_of_a_kind() {
    for (control, expected) in [
        ("<input name=a>", json!({"a": "text"})),
        ("<INPUT NAME='a' TYPE=Password>", json!({"a": "secret"})),
        ("<input name=a type=email>", json!({"a": "text"})),
        ("<input name=a type=hidden value=1>", json!({"a": "text"})),
        ("<input name=a type=file>", json!({"a": "file"})),
        ("<input name=a type=checkbox>", json!({"a": "checkbox"})),
        (
            "<input name=a type=checkbox><input name=a type=checkbox>",
            json!({"a": "list"}),
        ),
        (
            "<input name=a type=hidden><input name=a type=checkbox>",
            json!({"a": "checkbox"}),
        ),
        (
            "<input name=a type=radio><input name=a type=radio>",
            json!({"a": "text"}),
        ),
        (
            "{% for x in [1] %}<input name=a>{% endfor %}",
            json!({"a": "list"}),
        ),
        (
            "<input name=a>{% for x in [1] %}{% for y in [1] %}<b></b>{% endfor %}<input name=b>{% endfor %}<input name=c>",
            json!({"a": "text", "b": "list", "c": "text"}),
        ),
        (
            "<input name=a type=checkbox><input name=a type=password><input name=a>",
            json!({"a": "secret"}),
        ),
        (
            "{% if form.action %}<input name=a>{% endif %}",
            json!({"a": "text"}),
        ),
        (
            "<input name=a autocomplete='billing cc-number'>",
            json!({"a": "secret"}),
        ),
        ("<input name=a type='{{ form.action }}'>", json!({"a": "secret"})),
        (
            "<input {% if form.action %}type=text{% else %}type=password{% endif %} name=a>",
            json!({"a": "secret"}),
        ),
        (
            "<input {% if form.action %}autocomplete=off{% else %}autocomplete=cc-csc{% endif %} name=a>",
            json!({"a": "secret"}),
        ),
        (
            "<button name=a {% if form.action %}type=button{% else %}type=submit{% endif %}>Go</button>",
            json!({"a": "text"}),
        ),
        ("<select name=a><option>1</select>", json!({"a": "text"})),
        ("<select name=a multiple><option>1</select>", json!({"a": "list"})),
        ("<textarea name=a><input name=b></textarea>", json!({"a": "text"})),
        (
            "<button name=a>Go</button><button name=b type=button>x</button>",
            json!({"a": "text"}),
        ),
        ("<input type=image name=a><input type=reset name=b>", json!({})),
        ("<input name=a form=other><input><input name=''>", json!({})),
        ("<!-- <input name=a> --><p name=b>{# <input name=c> #}", json!({})),
    ] {
        let found = actions(&format!("<form m:action='go'>{control}</form><input name=z>"));
        let expected = match expected == json!({}) {
            true => json!({"go": {}}),
            false => json!({"go": {"fields": expected}}),
        };
        assert_eq!(found, expected, "{control}");
    }
}

#[test]
fn a_control_that_names_a_form_belongs_to_that_one() {
    for (text, fields, open) in [
        (
            "<form id=f m:action=go></form><input form=f name=a>",
            &["a"][..],
            false,
        ),
        (
            "<input form=f name=a><form id=f m:action=go><input name=b></form>",
            &["a", "b"],
            false,
        ),
        (
            "<form id=f m:action=go><input form=f name=a></form>",
            &["a"],
            false,
        ),
        ("<form id=f m:action=go><input form=g name=a></form>", &[], false),
        (
            "<form m:action=go><input form=g name=a></form><input form=f name=b>",
            &[],
            false,
        ),
        (
            "<form id='f-{{ x }}' m:action=go></form><input form='f-{{ x }}' name=a>",
            &["a"],
            false,
        ),
        (
            "<form id=f m:action=go></form><input form='{{ x }}' name=a>",
            &[],
            true,
        ),
        (
            "<form id='{{ x }}' m:action=go><input form=f name=a></form>",
            &[],
            true,
        ),
        (
            "<form id=f m:action=go></form><input form=f name='{{ x }}'>",
            &[],
            true,
        ),
    ] {
        let found = actions(&format!("{{% set x = 1 %}}{text}"));
        let form: ActionContract = serde_json::from_value(found["go"].clone()).expect("a form");
        assert_eq!(form.fields.keys().collect::<Vec<_>>(), fields, "{text}");
        assert_eq!(form.open, open, "{text}");
    }
    let repeated = "<form id=f m:action=go></form>{% for x in [1] %}<input form=f name=a>{% endfor %}";
    assert_eq!(actions(repeated)["go"], json!({"fields": {"a": "list"}}));
    let of_another = "<form id=f m:action=go></form></div><div m:ref=b><input form=f name=a>";
    assert_eq!(actions(of_another), json!({"go": {}}));
}

#[test]
fn what_sends_a_form_in_another_way_is_an_error() {
    for (inside, expected) in [
        ("<button formmethod=get>Go</button>", 1),
        ("<input type=image FormAction='/x'>", 1),
        ("<button formenctype=text/plain formmethod=post>Go</button>", 2),
        ("<button form=f formmethod=get>Go</button>", 1),
        ("<button formmethod=dialog>Close</button><p formmethod=get>", 0),
        ("<button form=g formmethod=get>Go</button>", 0),
        ("<button formtarget=_blank formnovalidate>Go</button>", 0),
    ] {
        let text = format!("<div m:ref=a><form id=f m:action=go>{inside}</form></div>");
        assert_eq!(
            codes(&text, Severity::Error),
            vec!["form-override"; expected],
            "{inside}"
        );
    }
    let text = "<div m:ref=a><form id=f m:action=go accept-charset=latin1></form><button form=f formaction=/x>Go</button></div>";
    assert_eq!(codes(text, Severity::Error), ["form-override"; 2]);
}

#[test]
fn a_form_that_may_send_more_is_open() {
    for (inside, open) in [
        ("<input name='{{ form.action }}'>", true),
        ("<input name='a&amp;b'>", true),
        ("{{ form.action | safe }}", true),
        ("{{ form.action }}", false),
        ("{% filter upper %}<b>x</b>{% endfilter %}", false),
        ("<m:fragment service='b' ref='b'>-</m:fragment>", false),
    ] {
        let found = actions(&format!("<form m:action='go'>{inside}</form>"));
        let form: ActionContract = serde_json::from_value(found["go"].clone()).expect("a form");
        assert_eq!(form.open, open, "{inside}");
    }
}

#[test]
fn a_form_must_stand_where_it_can_be_sent() {
    for (text, expected) in [
        ("<div m:ref=a><form m:action=go></form></div>", &[][..]),
        ("<form m:ref=a m:action=go></form>", &[]),
        (
            "<div m:ref=a><form m:action=go></form><form m:action=stay></form></div>",
            &[],
        ),
        ("<form m:action=go></form>", &["misplaced-action"]),
        ("<div m:ref=a><p m:action=go></p></div>", &["misplaced-action"]),
        (
            "<div m:ref=a><div m:ref=b><form m:action=go></form></div></div>",
            &["misplaced-action"],
        ),
        (
            "<div m:ref=a><m:fragment service=s ref=r><form m:action=go></form></m:fragment></div>",
            &["misplaced-action"],
        ),
        (
            "<table m:ref=a><form m:action=go></form></table>",
            &["misplaced-action"],
        ),
        ("<table m:ref=a><tr><td><form m:action=go></form></table>", &[]),
        (
            "text<div m:ref=a><form m:action=go></form></div>",
            &["misplaced-action"],
        ),
        ("<div m:ref=a><form m:action=go></div>", &["unclosed-tag"]),
        (
            "<div m:ref=a><form m:action=go method=get></form></div>",
            &["duplicate-attribute"],
        ),
        (
            "<div m:ref=a><form m:action='{{ x }}'></form></div>",
            &["bad-name"],
        ),
        ("<div m:ref=a><form m:action=''></form></div>", &["empty-value"]),
        (
            "<div m:ref=a><form m:action=go></form><form m:action=go></form></div>",
            &["duplicate-action"],
        ),
        (
            "<div m:ref=a><form m:action=go><form m:action=stay></form></form></div>",
            &["form-in-form"],
        ),
        (
            "<div m:ref=a><form><p><form m:action=go></form></p></form></div>",
            &["form-in-form"],
        ),
        (
            "<div m:ref=a><form m:action=go><form></form></form></div>",
            &["form-in-form"],
        ),
        (
            "<div m:ref=a m:attributes='form: string'><form m:action=go></form></div>",
            &["reserved-name"],
        ),
        (
            "<div m:ref=a><m:fragment service=s ref=r exports='x as form'>-</m:fragment>{{ form }}<form m:action=go></form></div>",
            &["reserved-name"],
        ),
        ("<div m:ref=a m:attributes='form: string'>{{ form }}</div>", &[]),
    ] {
        assert_eq!(codes(text, Severity::Error), expected, "{text}");
    }
}

#[test]
fn too_many_fields_are_refused() {
    let fields: String = (0..300).map(|number| format!("<input name=f{number}>")).collect();
    let text = format!("<div m:ref=a><form m:action=go>{fields}</form></div>");
    assert_eq!(codes(&text, Severity::Error), ["too-deep"]);
}

#[test]
fn a_fragment_with_a_form_does_not_stand_in_a_form() {
    let around = Around {
        contracts: vec![(
            "s",
            r#"{"service": "s", "fragments": {"r": {"actions": {"go": {}}}, "plain": {}}}"#,
        )],
        contracts_given: true,
        ..Around::default()
    };
    let own = ("own.html", "<div m:ref=own><form m:action=go></form></div>");
    for (page, expected) in [
        ("<form><m:fragment service=s ref=r>-</m:fragment></form>", 1),
        (
            "<FORM><p><m:fragment service=s ref=r>-</m:fragment></p></FORM>",
            1,
        ),
        ("<form><m:fragment ref=own>-</m:fragment></form>", 1),
        ("<form>{% include 'part.html' %}</form>", 1),
        (
            "{% extends 'layout.html' %}{% block main %}<m:fragment service=s ref=r>-</m:fragment>{% endblock %}",
            1,
        ),
        (
            "{% extends 'layout.html' %}{% block end %}<m:fragment service=s ref=r>-</m:fragment>{% endblock %}",
            0,
        ),
        (
            "{% <sent> %}<m:fragment service=s ref=r>-</m:fragment>{% </sent> %}",
            1,
        ),
        (
            "{% <framed> %}<m:fragment service=s ref=r>-</m:fragment>{% </framed> %}",
            1,
        ),
        (
            "{% <beside> %}<m:fragment service=s ref=r>-</m:fragment>{% </beside> %}",
            0,
        ),
        ("<form></form><m:fragment service=s ref=r>-</m:fragment>", 0),
        ("<form><m:fragment service=s ref=plain>-</m:fragment></form>", 0),
        (
            "<form><m:fragment service=s ref='{{ x }}'>-</m:fragment></form>",
            0,
        ),
    ] {
        let part = ("part.html", "<m:fragment service=s ref=r>-</m:fragment>");
        let layout = (
            "layout.html",
            "<form>{% block main %}{% endblock %}</form>{% block end %}{% endblock %}",
        );
        let components = (
            "components.html",
            "{% component sent() %}<form>{{ body }}</form>{% endcomponent %}\
             {% component framed() %}{% <sent> %}<p>{{ body }}</p>{% </sent> %}{% endcomponent %}\
             {% component beside() %}<form></form>{{ body }}{% endcomponent %}",
        );
        let found = check_all(&[own, ("page.html", page), part, layout, components], &around);
        let count = found.iter().filter(|line| line.contains("form-in-form")).count();
        assert_eq!(count, expected, "{page}: {found:?}");
    }
}

#[test]
fn a_base_leads_the_form_of_a_fragment_away_from_its_page() {
    let around = Around {
        contracts: vec![(
            "s",
            r#"{"service": "s", "fragments": {"r": {"actions": {"go": {}}}, "plain": {}}}"#,
        )],
        contracts_given: true,
        ..Around::default()
    };
    let tag = "<m:fragment service=s ref=r>-</m:fragment>";
    for (page, expected) in [
        (format!("<base href=/x/>{tag}"), 1),
        (format!("<BASE HREF='/x/'>{tag}{tag}"), 2),
        (format!("{tag}{{% include 'part.html' %}}"), 1),
        ("<base href=/x/><m:fragment ref=own>-</m:fragment>".to_owned(), 1),
        (format!("<base target=_blank>{tag}"), 0),
        (format!("<basefont href=x>{tag}"), 0),
        (format!("<!-- <base href=/x/> -->{tag}"), 0),
        (
            "<base href=/x/><m:fragment service=s ref=plain>-</m:fragment>".to_owned(),
            0,
        ),
        (
            "<base href=/x/><m:fragment service=s ref='{{ x }}'>-</m:fragment>".to_owned(),
            0,
        ),
    ] {
        let own = ("own.html", "<div m:ref=own><form m:action=go></form></div>");
        let part = ("part.html", "<base href=/x/>");
        let found = check_all(&[own, ("page.html", &page), part], &around);
        let count = found
            .iter()
            .filter(|line| line.contains("form-with-base"))
            .count();
        assert_eq!(count, expected, "{page}: {found:?}");
    }
}

#[test]
fn the_name_form_needs_no_handler() {
    let text = "<div m:ref='a' m:attributes=''><form m:action='go'>{{ form.values.x }}</form></div>";
    assert_eq!(check_all(&[("a.html", text)], &Around::default()), [""; 0]);
}
