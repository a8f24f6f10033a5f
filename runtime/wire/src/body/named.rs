//! What crosses between a page and a fragment: only what the tag names (design section 1).
#![deny(clippy::disallowed_methods)]

use std::collections::HashSet;

use serde_json::Value;

use super::{Attributes, FragmentRequest};

/// One entry of the imports that a tag states: `countryOrigin`, or `product.id as id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatedImport<'a> {
    /// What the page calls it: a name, or a path of names with dots between them.
    pub path: &'a str,
    /// What the fragment calls it.
    pub name: &'a str,
}

impl<'a> StatedImport<'a> {
    /// The value that the page has for the import. `None`: the page has none.
    #[must_use]
    pub fn value_in<'v>(&self, page: &'v Attributes) -> Option<&'v Value> {
        let (first, rest) = match page.get(self.path) {
            Some(whole) => return Some(whole),
            None => self.path.split_once('.')?,
        };
        rest.split('.')
            .try_fold(page.get(first)?, |value, step| match value {
                Value::Object(members) => members.get(step),
                Value::Array(items) => items.get(step.parse::<usize>().ok()?),
                _ => None,
            })
    }

    /// Reads one entry. `None`: it is not what a tag may write, as a path without an alias.
    fn read(text: &'a str) -> Option<Self> {
        let mut words = text.split_whitespace();
        match (words.next()?, words.next(), words.next(), words.next()) {
            (name, None, ..) if !name.contains('.') => Some(Self { path: name, name }),
            (path, Some("as"), Some(name), None) => Some(Self { path, name }),
            _ => None,
        }
    }
}

/// Reads imports in the words of a tag (design section 3.2): one entry in each text, or several with commas. An entry
/// that can't be read is an error that holds its text; an empty one is left out.
pub fn stated_imports(texts: &[String]) -> impl Iterator<Item = Result<StatedImport<'_>, &str>> {
    let entries = texts.iter().flat_map(|text| text.split(',')).map(str::trim);
    entries
        .filter(|text| !text.is_empty())
        .map(|text| StatedImport::read(text).ok_or(text))
}

impl FragmentRequest {
    /// Drops the attributes that `imports` does not name, and returns their number. A sender without imports, such as
    /// one of protocol 1, names everything that it sends.
    pub fn keep_imports(&mut self) -> usize {
        let (Some(imports), Some(attributes)) = (&self.imports, &mut self.attributes) else {
            return 0;
        };
        let before = attributes.len();
        // `countryOrigin as country`: the last word is the fragment's own name.
        let named: HashSet<&str> = imports
            .iter()
            .filter_map(|text| text.split_whitespace().next_back())
            .collect();
        attributes.retain(|name, _| named.contains(name.as_str()));
        before - attributes.len()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(item: serde_json::Value, kept: &[&str]) {
        let mut item: FragmentRequest = serde_json::from_value(item).expect("an item");
        let before = item.attributes.as_ref().map_or(0, serde_json::Map::len);
        let dropped = item.keep_imports();
        let attributes = item.attributes.unwrap_or_default();
        assert_eq!(attributes.keys().collect::<Vec<_>>(), kept);
        assert_eq!(dropped, before - kept.len());
    }

    #[test]
    fn only_the_attributes_that_the_imports_name_are_kept() {
        let attributes = json!({"dob": 1, "country": 2, "id": 3, "secret": 4, "as": 5});
        let imports = json!([
            "dob",
            " countryOrigin  as\ncountry ",
            "product.id as id",
            "",
            null
        ]);
        check(
            json!({"attributes": attributes, "imports": imports}),
            &["country", "dob", "id"],
        );
        check(json!({"attributes": attributes, "imports": []}), &[]);
        check(json!({"imports": ["dob"]}), &[]);
    }

    #[test]
    fn imports_in_the_words_of_a_tag_give_the_fragments_names() {
        let page =
            json!({"a": 1, "product": {"id": 7, "tags": ["x", {"y": 2}]}, "dotted.name": 3, "none": null});
        let page = page.as_object().expect("an object");
        for (texts, expected) in [
            (&["a"][..], json!({"a": 1})),
            (&["a as b"], json!({"b": 1})),
            (&[" a\n as\tb "], json!({"b": 1})),
            (&["product.id as id"], json!({"id": 7})),
            (&["product.tags.1.y as y"], json!({"y": 2})),
            (
                &["product as item", "a"],
                json!({"item": page["product"], "a": 1}),
            ),
            (&["a, product.id as id,"], json!({"a": 1, "id": 7})),
            (&["dotted.name as d"], json!({"d": 3})),
            (&["none"], json!({"none": null})),
            (&[], json!({})),
            (&["", " ", ","], json!({})),
            // The page lacks these.
            (
                &[
                    "missing",
                    "product.missing as m",
                    "a.b as c",
                    "product.tags.9 as t",
                    "product.tags.x as t",
                ],
                json!({}),
            ),
            (&["..", ". as x", "product. as y", "a as a as a"], json!({})),
        ] {
            let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
            let found: Attributes = stated_imports(&texts)
                .flatten()
                .filter_map(|import| Some((import.name.to_owned(), import.value_in(page)?.clone())))
                .collect();
            assert_eq!(json!(found), expected, "{texts:?}");
        }
    }

    #[test]
    fn an_entry_that_no_tag_may_write_is_told() {
        let texts = ["a as", "as b", "a b", "product.id", "a AS b", "good"].map(str::to_owned);
        let wrong: Vec<_> = stated_imports(&texts).filter_map(Result::err).collect();
        assert_eq!(wrong, ["a as", "as b", "a b", "product.id", "a AS b"]);
    }

    #[test]
    fn a_sender_that_states_no_imports_names_all_that_it_sends() {
        check(json!({"attributes": {"a": 1}}), &["a"]);
        check(json!({"attributes": {"a": 1}, "imports": null}), &["a"]);
    }
}
