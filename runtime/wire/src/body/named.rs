//! Drops what a tag does not name from what crosses between a page and a fragment (design section 1).
#![deny(clippy::disallowed_methods)]

use std::collections::HashSet;

use super::FragmentRequest;

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
    fn a_sender_that_states_no_imports_names_all_that_it_sends() {
        check(json!({"attributes": {"a": 1}}), &["a"]);
        check(json!({"attributes": {"a": 1}, "imports": null}), &["a"]);
    }
}
