//! Where a render error says that it stands: in the file that the author wrote, through the real compiler.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use axum::response::IntoResponse;
use hydra_compile::{lower, site::Site, source::Source};
use hydra_runtime::page::{Engine, Options, PageFailure};
use serde_json::json;
use tera::context;

use crate::support::{Locals, Log, echo, request, source, text};

/// An engine for these templates, as the compiler lowers them; `page.html` is the page. What an error page is told is kept.
fn engine(templates: &[(&str, &str)]) -> (Engine, Arc<Mutex<Vec<String>>>) {
    let sources: Vec<Source> = templates
        .iter()
        .map(|(name, text)| Source::new(*name, *name, *text))
        .collect();
    let (site, problems) = Site::parse(&sources, &BTreeSet::new());
    assert_eq!(problems, []);
    let pages: Vec<usize> = (0..templates.len())
        .filter(|index| templates[*index].0 == "page.html")
        .collect();
    let (plan, problems) = lower::lower(&site, &pages, hydra_contract::Contract::default());
    assert_eq!(problems, []);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = seen.clone();
    let mut options = Options::new("storefront");
    options.error_page = Some(Arc::new(move |failure: &PageFailure| {
        told.lock().unwrap().push(failure.to_string());
        failure.status().into_response()
    }));
    (Engine::new(plan, options, |_| ()).unwrap(), seen)
}

/// The place of `needle` in `text`: `page.html:3:14`.
fn place(file: &str, text: &str, needle: &str) -> String {
    assert_eq!(text.matches(needle).count(), 1, "{needle} in {text}");
    let before = &text[..text.find(needle).unwrap()];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
    format!("{file}:{line}:{column}: ")
}

/// Checks that the page of these templates fails as a whole, at `needle` in `file`.
async fn fails_at(templates: &[(&str, &str)], file: &str, needle: &str) {
    let (engine, seen) = engine(templates);
    let response = engine.page(request(context! { product => &1 }, None)).await;
    assert_eq!(response.status(), 500);
    let text = templates.iter().find(|(name, _)| *name == file).unwrap().1;
    let expected = place(file, text, needle);
    let seen = seen.lock().unwrap();
    assert!(
        seen.len() == 1 && seen[0].starts_with(&expected),
        "{expected}: {seen:?}"
    );
}

const TAGS: &str = "<m:fragment service=\"s\"\r\n  ref=\"f\">é\r\n\r\n</m:fragment>";

#[tokio::test]
async fn an_error_behind_tags_of_several_lines_names_its_own_line_and_column() {
    let page = format!("<p>é</p>\r\n{TAGS}{TAGS}ü {{{{ product.name.first }}}}\r\n");
    fails_at(&[("page.html", &page)], "page.html", "name.first").await;
    let page = format!("<html m:attributes=\"product: any\">\n{TAGS}\n\n{{{{ product.name.first }}}}</html>");
    fails_at(&[("page.html", &page)], "page.html", "name.first").await;
}

#[tokio::test]
async fn an_error_before_the_first_tag_and_in_a_page_without_tags_names_its_place() {
    let page = format!("é\n {{{{ product.name.first }}}}{TAGS}");
    fails_at(&[("page.html", &page)], "page.html", "name.first").await;
    fails_at(
        &[("page.html", "é\r\n é{{ product.name.first }}")],
        "page.html",
        "name.first",
    )
    .await;
}

#[tokio::test]
async fn an_error_in_a_parent_or_an_include_names_that_file() {
    let part = format!("{TAGS}\n<i>é {{{{ product.name.first }}}}</i>");
    let page = format!("{TAGS}\n{{% include \"part.html\" %}}");
    fails_at(
        &[("page.html", &page), ("part.html", &part)],
        "part.html",
        "name.first",
    )
    .await;
    let parent = format!("{TAGS}\n<i>é {{{{ product.name.first }}}}</i>{{% block b %}}{{% endblock %}}");
    let page = format!("{{% extends \"part.html\" %}}{{% block b %}}{TAGS}{{% endblock %}}");
    fails_at(
        &[("page.html", &page), ("part.html", &parent)],
        "part.html",
        "name.first",
    )
    .await;
}

/// Checks that a part of the page shows nothing, and that the log says where: at `needle` in `file`. The fragment `f` exports
/// `address`, the others fail.
async fn logs(templates: &[(&str, &str)], file: &str, needle: &str) {
    let (engine, _) = engine(templates);
    let log = Log::start();
    let (source, mut batches) = source();
    let page = async {
        text(
            engine
                .page(request(context! { product => &1 }, Some(source)))
                .await,
        )
        .await
    };
    let answers = async {
        let batch = batches.recv().await.unwrap();
        batch.give("f", "F", json!({"address": 1}));
    };
    let (shown, ()) = tokio::join!(page, answers);
    assert!(shown.contains('F'), "the rest of the page is there: {shown}");
    let text = templates.iter().find(|(name, _)| *name == file).unwrap().1;
    let expected = place(file, text, needle);
    let logged = log.text();
    assert!(logged.contains(&expected), "{expected}: {logged}");
}

const GIVER: &str = "<m:fragment service=\"s\"\n  ref=\"f\" exports=\"address\"/>";

#[tokio::test]
async fn an_error_in_a_hole_names_its_place_in_the_page() {
    let page = format!("{GIVER}é\r\n é{{% if address %}}\r\n é {{{{ address.street.number }}}}{{% endif %}}");
    logs(&[("page.html", &page)], "page.html", "street.number").await;
}

#[tokio::test]
async fn an_error_in_a_set_that_a_hole_says_again_names_the_set() {
    let page = format!("{GIVER}\n{{% set street = address.street.number %}}\n\n<p>{{{{ street }}}}</p>");
    logs(&[("page.html", &page)], "page.html", "street.number").await;
}

#[tokio::test]
async fn an_error_in_a_fallback_names_its_place_in_the_page() {
    let tag = "<m:fragment service=\"s\"\n  ref=\"g\">é\n é";
    let page = format!("{GIVER}{tag}{{{{ product.name.first }}}}</m:fragment>");
    fails_at(&[("page.html", &page)], "page.html", "name.first").await;
    let page = format!("{GIVER}{tag}{{{{ address.street.number }}}}</m:fragment>");
    logs(&[("page.html", &page)], "page.html", "street.number").await;
}

#[tokio::test]
async fn an_error_in_an_include_that_waits_names_its_place_in_that_file() {
    let part = format!("{TAGS}\n<i>é {{{{ address.street.number }}}}</i>");
    let page = format!("{GIVER}\n{{% include \"part.html\" %}}");
    let templates = [("page.html", page.as_str()), ("part.html", part.as_str())];
    logs(&templates, "part.html", "street.number").await;
}

#[tokio::test]
async fn an_error_in_an_offered_fragment_names_its_place_in_the_file() {
    let file = format!("<p>é</p>\n<div\n m:ref=\"card\">{TAGS}\n é{{{{ product.name.first }}}}</div>");
    let (engine, _) = engine(&[("cards.html", &file)]);
    let call = hydra_runtime::page::FragmentCall {
        reference: "card".to_owned(),
        imports: json!({"product": 1}).as_object().cloned().unwrap(),
        local: Locals::default().with("card", echo).arc(),
        ..Default::default()
    };
    let reason = engine.fragment(call).await.fragment.reason.unwrap_or_default();
    let expected = place("cards.html", &file, "name.first");
    assert!(
        reason.contains(&expected[..expected.len() - 2]),
        "{expected}: {reason}"
    );
}
