//! Sites as a whole: Rust types of pages, mistakes that follow from others, and the model for code generation.

use hydra_contract::Type;

use super::*;
use crate::{
    model::{CheckedModel, NeededAttribute},
    page_type::PageField,
    source::{Location, Span},
};

pub(super) fn page_type(fields: &[(&str, Type)], open: bool) -> PageType {
    let place = Location {
        source: SourceId(7_000),
        span: Span::default(),
    };
    let field = |(name, ty): &(&str, Type)| PageField {
        name: (*name).to_owned(),
        rust: crate::model::rust_name(name),
        place,
        ty: ty.clone(),
        maybe: false,
        shape: crate::shape::Shape::default(),
    };
    let fields = fields.iter().map(field).collect();
    PageType {
        template: "page.html".into(),
        name: "Page".into(),
        place,
        fields,
        open,
    }
}

fn with_type(text: &str, fields: &[(&str, Type)], open: bool) -> Vec<String> {
    let contracts = vec![(
        "a",
        r#"{"service":"a","fragments":{"a":{"imports":{"x":{"type":"date"}},"exports":{"y":"any"}}}}"#,
    )];
    let around = Around {
        contracts,
        contracts_given: true,
        page_types: vec![page_type(fields, open)],
        ..Around::default()
    };
    check_all(&[("page.html", text)], &around)
}

#[test]
fn the_fields_of_a_rust_type_are_the_page_s_attributes() {
    let tag = "<m:fragment service='a' ref='a' imports='x' exports='y'>-</m:fragment>{{ y }}";
    let date = ("x", Type::Date);
    for (fields, open, expected) in [
        (vec![date.clone()], false, ""),
        (
            vec![],
            false,
            "page.html:1:42 unknown-import nothing on this page provides `x`",
        ),
        (vec![], true, ""),
        (
            vec![("x", Type::String)],
            false,
            "page.html:1:42 type-mismatch `x` is `string`, and `a` of `a` wants `date`",
        ),
        (
            vec![date, ("y", Type::Any)],
            false,
            "page.html:1:54 export-shadows-attribute the page already has `y`",
        ),
    ] {
        assert_eq!(with_type(tag, &fields, open).join("\n"), expected);
    }
}

#[test]
fn one_mistake_gives_one_report() {
    let stated = |body: &str| format!("<html m:attributes='p'>{{{{ p }}}}{body}</html>");
    for (text, expected) in [
        // The lost name is not missing elsewhere.
        (
            stated("<m:fragment service='a' ref='a' exports='x y'>-</m:fragment>{{ x }}{{ y }}"),
            vec!["bad-list"],
        ),
        (
            stated("<m:fragment service='a' ref='a' export='x'>-</m:fragment>{{ x }}"),
            vec!["unknown-attribute"],
        ),
        (
            stated("<m:fragment service='a' ref='a'>{{ x }}"),
            vec!["unclosed-tag"],
        ),
        (
            stated("{% if p %}<m:fragment service='a' ref='a'>{% endif %}</m:fragment>{{ x }}"),
            vec!["unclosed-tag"],
        ),
        (stated("{{ x | nofilter }}{{ p }"), vec!["template-syntax"]),
        (
            stated("{% include 'nope.html' %}{{ x }}"),
            vec!["template-syntax"],
        ),
        // Three mistakes in one file: three reports.
        (
            stated(
                "<m:fragment service='a'>-</m:fragment><m:fragment service='a' ref='a' imports='q'>-</m:fragment>{{ p | nofilter }}",
            ),
            vec!["missing-ref", "unknown-import", "template-syntax"],
        ),
    ] {
        let (_, problems) = problems_of(&[("page.html", &text)], &Around::default());
        let found: Vec<_> = problems
            .iter()
            .filter(|problem| problem.code != Code::NoContract)
            .map(|problem| problem.code.name())
            .collect();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn a_shared_file_is_reported_once() {
    let part = "<m:fragment service='a' ref='a' exports='x'>-</m:fragment><m:fragment service='b' ref='b' exports='x'>-</m:fragment>{{ x }}";
    let page = "{% include 'part.html' %}";
    let found = check_all(
        &[("a.html", page), ("b.html", page), ("part.html", part)],
        &Around::default(),
    );
    let found: Vec<_> = found
        .iter()
        .filter(|line| !line.contains("no-contract"))
        .collect();
    assert_eq!(
        found,
        ["part.html:1:100 export-conflict `x` reaches this page twice"]
    );
}

#[test]
fn a_file_that_comes_in_twice_is_in_conflict_with_itself() {
    let files = [
        ("page.html", "{% include 'part.html' %}{% include 'part.html' %}"),
        (
            "part.html",
            "<m:fragment service='a' ref='a' exports='x'>-</m:fragment>{{ x }}",
        ),
    ];
    let (_, problems) = problems_of(&files, &Around::default());
    let conflict = problems
        .iter()
        .find(|problem| problem.code == Code::ExportConflict)
        .expect("a conflict");
    assert_eq!(conflict.labels.len(), 3, "{conflict:?}");
    assert_eq!(
        conflict.help.as_deref(),
        Some("include it once, or leave the export out of the tag")
    );
}

fn checked(files: &[(&str, &str)]) -> CheckedModel {
    let sources: Vec<Source> = files
        .iter()
        .map(|(name, text)| Source::new(*name, *name, *text))
        .collect();
    let (site, mut local) = Site::parse(&sources, &BTreeSet::new());
    let (contracts, options) = (BTreeMap::new(), Options::default());
    check(
        &site,
        &mut local,
        &SiteContext {
            contracts: &contracts,
            contracts_given: false,
            page_types: &[],
            options: &options,
        },
        CheckGoal::Site,
        None,
    )
    .1
}

#[test]
fn what_is_left_says_all_that_bindings_and_graph_need() {
    let page = "<html m:attributes='dob: date'>
<m:fragment service='orders' ref='checkout' imports='dob' exports='line2 as address'>-</m:fragment>
{% if address %}<m:fragment ref='{{ which }}' imports='address'/>{% endif %}{{ title }}</html>";
    let offers = "<div m:ref='card' m:imports='a: string' m:exports='b: integer'>{{ a }}{{ c }}<m:fragment service='x' ref='y' exports='d'>-</m:fragment>{{ d }}</div>";
    let site = checked(&[("card.html", offers), ("page.html", page)]);
    assert_eq!(
        site.pages.len(),
        1,
        "a file that only offers fragments is not a page"
    );
    let page = &site.pages[0];
    let attribute =
        |needed: &NeededAttribute| format!("{}:{} {}", needed.name, needed.ty, needed.used.is_some());
    let attributes: Vec<_> = page.attributes.iter().map(attribute).collect();
    assert_eq!(attributes, ["dob:date true", "title:any true", "which:any true"]);
    let given = &page.fragments[0].exports[0];
    assert_eq!((given.from.as_str(), given.to.as_str()), ("line2", "address"));
    let fragments: Vec<_> = page
        .fragments
        .iter()
        .map(|at| {
            (
                at.at.line,
                at.at.column,
                (at.service.as_str(), at.own),
                at.reference.as_str(),
                at.fallback,
                at.wave,
            )
        })
        .collect();
    assert_eq!(
        fragments,
        [
            (2, 1, ("orders", false), "checkout", true, 0),
            (3, 17, ("", true), "{{ which }}", false, 1)
        ]
    );
    let offer = &site.offers[0];
    let needs: Vec<_> = offer.needs.iter().map(|needed| needed.name.as_str()).collect();
    assert_eq!(
        (offer.reference.as_str(), needs, offer.imports[0].name.as_str()),
        ("card", vec!["c"], "a")
    );
    assert_eq!(site.contract.fragments["card"].exports["b"], Type::Integer);
}

#[test]
fn the_contract_says_what_pages_ask_others_for() {
    let checkout = "<m:fragment service='orders' ref='checkout' imports='dob as born, x' exports='line2 as address' required>-</m:fragment>";
    let layout = "<m:fragment service='menu' ref='main'>-</m:fragment>{% block b %}{% endblock %}";
    let page = |rest: &str| format!("{{% extends \"layout.html\" %}}{{% block b %}}{rest}{{% endblock %}}");
    let own = "<m:fragment ref='card' imports='x'>-</m:fragment><m:fragment service='{{ s }}' ref='y'>-</m:fragment>";
    let set = "{% set dob = 1 %}<m:fragment service='orders' ref='age' imports='dob'>-</m:fragment>";
    let offer = "<div m:ref='card' m:imports='x: string'><m:fragment service='orders' ref='owner' imports='x'>-</m:fragment></div>";
    let stated = format!("<html m:attributes='dob: date, x: integer'>{checkout}{own}</html>");
    let site = checked(&[
        ("a.html", &page("")),
        ("b.html", &page("")),
        ("card.html", offer),
        ("layout.html", layout),
        ("set.html", set),
        ("stated.html", &stated),
    ]);
    let asks = serde_json::to_value(&site.contract.asks).expect("JSON");
    let expected = serde_json::json!([
        {"service": "menu", "ref": "main", "pages": ["a.html", "b.html"]},
        {"service": "orders", "ref": "age", "imports": {"dob": "any"}, "pages": ["set.html"]},
        {"service": "orders", "ref": "checkout", "imports": {"born": "date", "x": "integer"},
         "exports": {"line2": "any"}, "required": true, "pages": ["stated.html"]},
        {"service": "orders", "ref": "owner", "imports": {"x": "string"}, "pages": ["card.html"]},
    ]);
    assert_eq!(asks, expected);
}

#[test]
fn the_order_of_fragments() {
    let tag = |attributes: &str| format!("<m:fragment service='a' ref='a' {attributes}>-</m:fragment>");
    for (text, expected) in [
        (format!("{}{}", tag(""), tag("imports='p'")), vec![0, 0]),
        (
            format!(
                "{}{}{}",
                tag("imports='y' exports='z'"),
                tag("imports='x' exports='y'"),
                tag("exports='x'")
            ),
            vec![2, 1, 0],
        ),
        (
            format!("{{% if x %}}{}{{% endif %}}{}", tag(""), tag("exports='x'")),
            vec![1, 0],
        ),
        (
            format!("{{% set y = x.a %}}{}{}", tag("imports='y'"), tag("exports='x'")),
            vec![1, 0],
        ),
        (
            format!(
                "{{% for i in x %}}{}{{% endfor %}}{}",
                tag("imports='i.a as b'"),
                tag("exports='x'")
            ),
            vec![1, 0],
        ),
        (
            format!(
                "<m:fragment service='a' ref='a' imports='x'>{}</m:fragment>{}",
                tag(""),
                tag("exports='x'")
            ),
            vec![1, 1, 0],
        ),
        (
            format!(
                "{{{{ <card a={{x}} /> }}}}{}{{% component card(a) %}}{}{{% endcomponent %}}",
                tag("exports='x'"),
                tag("imports='a'")
            ),
            vec![1, 0],
        ),
    ] {
        let site = checked(&[("page.html", &text)]);
        let waves: Vec<_> = site.pages[0]
            .fragments
            .iter()
            .map(|fragment| fragment.wave)
            .collect();
        assert_eq!(waves, expected, "{text}");
    }
}
