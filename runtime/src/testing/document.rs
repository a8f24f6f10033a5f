//! The HTML of a response, searched by CSS selectors.
#![deny(clippy::disallowed_methods)]

use std::{collections::BTreeMap, fmt, panic::Location};

use html5ever::{QualName, driver, local_name, ns, tendril::TendrilSink as _};
use scraper::{ElementRef, Html, HtmlTreeSink, Selector, error::SelectorErrorKind};

use super::error::{Error, Problem};
use crate::limits::MAX_SHOWN_HTML_CHARS;

/// The HTML of a page or of a fragment.
#[derive(Clone, Debug)]
pub(super) struct Document {
    /// How errors call it.
    pub(super) name: String,
    pub(super) html: String,
    pub(super) kind: DocumentKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DocumentKind {
    Page,
    Fragment,
}

/// An element of a page or of a fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    html: String,
    text: String,
    attributes: BTreeMap<String, String>,
}

impl Element {
    fn of(element: ElementRef<'_>) -> Self {
        let text: String = element.text().collect();
        let attributes = element.value().attrs();
        Self {
            html: element.html(),
            text: text.split_whitespace().collect::<Vec<_>>().join(" "),
            attributes: attributes
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        }
    }

    /// The element with all that is in it. The text of the response may have other quotes and closing tags, and its attributes in
    /// another order.
    #[must_use]
    pub fn html(&self) -> &str {
        &self.html
    }

    /// The text in the element and in the elements in it, without character references. A space stands for all white space.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The value of an attribute.
    ///
    /// # Errors
    /// The element does not have it.
    #[track_caller]
    pub fn attribute(&self, name: &str) -> Result<&str, Error> {
        let place = Location::caller();
        let value = self.attributes.get(name).map(String::as_str);
        value.ok_or_else(|| {
            let (element, attribute) = (shown(&self.html), name.to_owned());
            Problem::NoAttribute { element, attribute }.at(place)
        })
    }

    /// Whether the element has an attribute, also without a value: `disabled`.
    #[must_use]
    pub fn has_attribute(&self, name: &str) -> bool {
        self.attributes.contains_key(name)
    }
}

/// Prints the HTML.
impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.html)
    }
}

impl Document {
    /// The elements that match a selector, in the order of the document.
    pub(super) fn select(
        &self,
        selector: &str,
        place: &'static Location<'static>,
    ) -> Result<Vec<Element>, Error> {
        let parsed = Selector::parse(selector).map_err(|error| {
            let (selector, reason) = (selector.to_owned(), hint(&error).to_owned());
            Problem::Selector { selector, reason }.at(place)
        })?;
        let document = self.parsed();
        let root = document.root_element();
        // The root of a fragment is none of its elements: the parser adds it.
        let is_inside = |element: &ElementRef<'_>| self.kind == DocumentKind::Page || *element != root;
        let found = document.select(&parsed).filter(is_inside);
        Ok(found.map(Element::of).collect())
    }

    /// The only element that matches a selector.
    pub(super) fn one(&self, selector: &str, place: &'static Location<'static>) -> Result<Element, Error> {
        let mut elements = self.select(selector, place)?;
        let count = elements.len();
        match (elements.pop(), count) {
            (Some(element), 1) => Ok(element),
            (_, count) => {
                let problem = Problem::NotOne {
                    document: self.name.clone(),
                    selector: selector.to_owned(),
                    elements: match count {
                        0 => "no elements".to_owned(),
                        count => format!("{count} elements"),
                    },
                    html: self.excerpt(),
                };
                Err(problem.at(place))
            }
        }
    }

    /// The beginning of the HTML, as the end of an error's sentence.
    pub(super) fn excerpt(&self) -> String {
        match self.html.trim() {
            "" => ". It has no HTML".to_owned(),
            html => format!(":\n{}", shown(html)),
        }
    }

    fn parsed(&self) -> Html {
        match self.kind {
            DocumentKind::Page => Html::parse_document(&self.html),
            // In a `<template>`, any element may stand, a row of a table too.
            DocumentKind::Fragment => driver::parse_fragment(
                HtmlTreeSink::new(Html::new_fragment()),
                driver::ParseOpts::default(),
                QualName::new(None, ns!(html), local_name!("template")),
                Vec::new(),
                false,
            )
            .one(self.html.as_str()),
        }
    }
}

/// The beginning of HTML, as an error shows it.
fn shown(html: &str) -> String {
    match html.char_indices().nth(MAX_SHOWN_HTML_CHARS) {
        Some((end, _)) => format!("{}…", &html[..end]),
        None => html.to_owned(),
    }
}

/// What to write in place of a text that is not a selector.
fn hint(error: &SelectorErrorKind) -> &'static str {
    match error {
        SelectorErrorKind::ExpectedColonOnPseudoElement
        | SelectorErrorKind::ExpectedIdentityOnPseudoElement => {
            "it has a pseudo-element, which HTML does not contain"
        }
        _ => "write one like `main > h1.title`, `#total` or `input[name=zip]`",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(html: &str, kind: DocumentKind) -> Document {
        Document {
            name: "the test".to_owned(),
            html: html.to_owned(),
            kind,
        }
    }

    fn texts(html: &str, kind: DocumentKind, selector: &str) -> Vec<String> {
        let elements = document(html, kind).select(selector, Location::caller());
        let elements = elements.expect("a selector").into_iter();
        elements.map(|element| element.text().to_owned()).collect()
    }

    #[test]
    fn elements_are_found_as_browsers_find_them() {
        use DocumentKind::{Fragment, Page};
        for (html, kind, selector, expected) in [
            (
                "<!doctype html><title>A</title><p>B",
                Page,
                "head > title",
                &["A"][..],
            ),
            ("<p>a<p>b", Page, "body > p", &["a", "b"]),
            ("<p> a\n <b>b</b>&amp;c </p>", Fragment, "p", &["a b&c"]),
            ("<tr><td>a</td><td>b</td></tr>", Fragment, "tr > td", &["a", "b"]),
            ("<li>a</li>", Fragment, "li", &["a"]),
            ("<template><b>in</b></template>", Fragment, "template b", &[]),
            ("<template><b>in</b></template>", Fragment, "b", &["in"]),
            ("<p>x</p>", Fragment, "template", &[]),
            ("", Fragment, "*", &[]),
        ] {
            assert_eq!(texts(html, kind, selector), expected, "{html}: {selector}");
        }
    }

    #[test]
    fn a_selector_that_cannot_be_read_is_an_error_that_says_why() {
        let page = document("<p>a</p>", DocumentKind::Page);
        let deep = "a(".repeat(100_000);
        for selector in [
            "",
            "p >",
            "p[",
            "p { }",
            "..p",
            "p:nonsense(",
            "p::before",
            deep.as_str(),
        ] {
            let error = page
                .select(selector, Location::caller())
                .expect_err("no selector");
            let text = error.to_string();
            assert!(text.contains("` is not a CSS selector: "), "{text}");
        }
    }

    #[test]
    fn one_element_is_one() {
        let page = document("<p>a<p>b<i>c</i>", DocumentKind::Page);
        let said = |selector| {
            page.one(selector, Location::caller())
                .expect_err("not one")
                .to_string()
        };
        assert_eq!(page.one("i", Location::caller()).expect("one").text(), "c");
        assert!(
            said("p").contains("2 elements of the test match `p` instead of one:\n<p>a<p>b"),
            "{}",
            said("p")
        );
        assert!(
            said("h1").contains("no elements of the test match `h1`"),
            "{}",
            said("h1")
        );
        let empty = document(" \n", DocumentKind::Page);
        let error = empty.one("p", Location::caller()).expect_err("none").to_string();
        assert!(error.ends_with("instead of one. It has no HTML"), "{error}");
    }

    #[test]
    fn a_long_document_is_cut_between_characters() {
        let long = "é".repeat(10_000);
        let error = document(&long, DocumentKind::Page).one("h1", Location::caller());
        assert!(error.expect_err("none").to_string().chars().count() < 2_500);
    }

    #[test]
    fn an_attribute_is_there_or_is_an_error() {
        let page = document("<input name=zip disabled>", DocumentKind::Page);
        let input = page.one("input", Location::caller()).expect("one");
        assert_eq!(input.attribute("name").expect("a name"), "zip");
        assert!(input.has_attribute("disabled") && !input.has_attribute("value"));
        let error = input.attribute("value").expect_err("none").to_string();
        assert!(
            error.contains("the element `<input disabled=\"\" name=\"zip\">` has no attribute `value`"),
            "{error}"
        );
    }
}
