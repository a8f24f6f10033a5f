//! What Tera can do with text, a page can do with fragments and their exports: written cases, through the real compiler.
//! Random ones are in `differential`, which knows no components and no parents.

use std::collections::BTreeSet;

use futures_util::{StreamExt, stream, stream::BoxStream};
use hydra_compile::{lower, site::Site, source::Source};
use hydra_runtime::{
    fragment_source::{Caller, FragmentSource},
    page::{Engine, Options},
    wire::{Attributes, FragmentsRequest, ResolvedFragment, ResolvedFragments},
};
use tera::{Context, Tera, context};

use crate::support::{request, text};

/// Stands for a fragment in the templates below.
const HERE: &str = "@";
/// Stands for one that gives the page `y`.
const GIVER: &str = "^";

/// Answers `<ref x>` at once.
struct Fragments;

impl FragmentSource for Fragments {
    fn resolve(&self, batch: FragmentsRequest, _: Caller) -> BoxStream<'static, ResolvedFragments> {
        let items = batch.requests.0.into_iter().flat_map(|(_, items)| items);
        let fragments = items.map(|item| {
            let x = &item.attributes.unwrap_or_default()["x"];
            let exports = match item.exports.is_empty() {
                true => Attributes::new(),
                false => Attributes::from_iter([("e".to_owned(), EXPORTED.into())]),
            };
            ResolvedFragment {
                id: item.id,
                html: Some(format!("<{x}>")),
                exports,
                ..ResolvedFragment::default()
            }
        });
        let all = ResolvedFragments {
            fragments: fragments.collect(),
            ..ResolvedFragments::default()
        };
        stream::iter([all]).boxed()
    }
}

/// What `y` is.
const EXPORTED: &str = "a < b";

fn values() -> Context {
    context! { x => &1, list => &[1, 2, 3], empty => &[] as &[u8; 0] }
}

/// With every fragment's HTML in its place from the start.
fn plain(templates: &[(&str, &str)]) -> String {
    let mut tera = Tera::default();
    let filled = templates
        .iter()
        .map(|(name, text)| (*name, text.replace(HERE, "<{{ x }}>").replace(GIVER, "<{{ x }}>")));
    tera.add_raw_templates(filled).unwrap();
    let mut values = values();
    values.insert("y", EXPORTED);
    tera.render("page.html", &values).unwrap()
}

async fn hydra(templates: &[(&str, &str)]) -> String {
    let tag = "<m:fragment service=\"s\" ref=\"f\" imports=\"x\">-</m:fragment>";
    let giver = "<m:fragment service=\"s\" ref=\"g\" imports=\"x\" exports=\"e as y\">-</m:fragment>";
    let sources: Vec<Source> = templates
        .iter()
        .map(|(name, text)| (name, text.replace(HERE, tag).replace(GIVER, giver)))
        .map(|(name, text)| Source::new(*name, *name, text))
        .collect();
    let (site, problems) = Site::parse(&sources, &BTreeSet::new());
    assert_eq!(problems, []);
    let (plan, problems) = lower::lower(&site, &[0], hydra_contract::Contract::default());
    assert_eq!(problems, []);
    let engine = Engine::new(plan, Options::new("storefront"), |_| ()).unwrap();
    let mut request = request(values(), None);
    request.visitor.source = Some(std::sync::Arc::new(Fragments));
    text(engine.page(request).await).await
}

async fn same(templates: &[(&str, &str)]) {
    let expected = plain(templates);
    assert!(expected.contains("<1>"), "a fragment is shown: {expected}");
    assert_eq!(hydra(templates).await, expected, "{templates:?}");
}

#[tokio::test]
async fn parents_blocks_and_super_are_as_in_tera() {
    let root = "<a>{% block one %}1@{% endblock %}{% block two %}2{% endblock %}</a>@";
    let middle = "{% extends \"root.html\" %}{% block one %}({{ super() }}@){% endblock %}";
    let page = "{% extends \"middle.html\" %}{% block one %}[{{ super() }}]@{% endblock %}{% block two %}@{% endblock %}";
    same(&[("page.html", page), ("middle.html", middle), ("root.html", root)]).await;
}

#[tokio::test]
async fn includes_are_as_in_tera() {
    let part = "<i>@{% include \"deep.html\" %}</i>";
    let page = "@{% include \"part.html\" %}{% for x in list %}{% include \"part.html\" %}{% endfor %}";
    same(&[("page.html", page), ("part.html", part), ("deep.html", "é@\r\n")]).await;
}

#[tokio::test]
async fn loops_and_conditions_are_as_in_tera() {
    for page in [
        "{% for x in list %}{{ loop.index }}@{% if x == 2 %}{% break %}{% endif %}{% endfor %}",
        "{% for x in empty %}@{% else %}none @{% endfor %}",
        "{% if x == 2 %}@{% elif x == 1 %}one @{% else %}@{% endif %}",
        "{% for a in list %}{% for x in list %}{% if loop.first %}{% continue %}{% endif %}{{ a }}@{% endfor %}{% endfor %}@",
        "{% set x = 1 %}@ {%- if x -%} @ {%- endif %}",
    ] {
        same(&[("page.html", page)]).await;
    }
}

#[tokio::test]
async fn components_are_as_in_tera() {
    let card = "{% component card(x, y=2) %}<b>@{{ y }}{{ body }}</b>{% endcomponent card %}\
        {% component mark(x) %}<i>@</i>{% endcomponent mark %}";
    let page = "{% <card x={x}> %}in @{% </card> %}{% for x in list %}{{ <mark x={x} /> }}{% endfor %}";
    same(&[("page.html", page), ("card.html", card)]).await;
}

#[tokio::test]
async fn what_prints_a_part_as_it_is_is_as_in_tera() {
    let parts = "{% component card(x) %}{% if body %}<b>{{ body }}</b>{{ body | safe }}{% else %}none{% endif %}\
        {% endcomponent card %}{% component outer(x) %}{% <card x={x}> %}({{ body }}){% </card> %}\
        {{ body | default(value='none') }}{% endcomponent outer %}";
    let root = "{% block one %}1@{% endblock %}";
    for page in [
        "{% extends \"root.html\" %}{% block one %}{{ super() | safe }}{{ super() }}{% endblock %}",
        "{% extends \"root.html\" %}{% block one %}{% <card x={x}> %}{{ super() }}{% </card> %}{% endblock %}",
        "{% <card x={x}> %}@{% </card> %}{{ <card x={x} /> }}",
        "{% <outer x={x}> %}@ and @{% </outer> %}",
        "{% for x in list %}{% <outer x={x}> %}@{% </outer> %}{% endfor %}",
    ] {
        same(&[("page.html", page), ("parts.html", parts), ("root.html", root)]).await;
    }
}

#[tokio::test]
async fn exports_in_parents_blocks_and_components_are_as_in_tera() {
    let root = "<title>{{ y }}</title>{% block one %}1{% endblock %}{% if y == 'a < b' %}is{% else %}is not{% endif %}\
        {% block two %}({{ y | upper }}){% endblock %}";
    let middle = "{% extends \"root.html\" %}{% block one %}[{{ y }}@]{% endblock %}";
    for page in [
        "{% extends \"root.html\" %}{% block one %}^{{ y }}{% endblock %}",
        "{% extends \"root.html\" %}{% block one %}{{ super() }}^{{ y }}{% endblock %}",
        "{% extends \"root.html\" %}{% block one %}{{ y }}{{ super() }}^{% endblock %}{% block two %}{{ y }}@{% endblock %}",
        "{% extends \"middle.html\" %}{% block one %}^{{ y }}{{ super() }}{% endblock %}",
        "{% extends \"middle.html\" %}{% block two %}{{ super() }}{% if y %}{{ y }}{% endif %}^{% endblock %}",
    ] {
        same(&[("page.html", page), ("middle.html", middle), ("root.html", root)]).await;
    }
    let card = "{% component card(x, y='') %}<b>{{ x }}{{ y }}{{ body }}@</b>{% endcomponent card %}\
        {% component mark(x) %}<i>{{ x }}</i>{% endcomponent mark %}";
    for page in [
        "^{{ <mark x={y} /> }}",
        "{{ <mark x={y} /> }}^{{ y }}",
        "^{% <card x={x} y={y}> %}in {{ y }}{% </card> %}",
        "{% for z in list %}{{ <mark x={y ~ z} /> }}{% endfor %}^",
    ] {
        same(&[("page.html", page), ("card.html", card)]).await;
    }
}
