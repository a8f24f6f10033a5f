//! Suggests names: the name that was likely meant, or a free one.
#![deny(clippy::disallowed_methods)]

pub use hydra_contract::nearest::nearest;

use crate::limits::{MAX_ALIAS_NUMBER, MAX_SUGGESTED_NAME_BYTES};

/// A name for an export that two fragments of a page fight over: `address` of `orderService` becomes
/// `orderAddress`, or `order_address` where `name` is spelled so. `taken` says which names the page has.
/// The result is a valid name, and not taken where one of some hundred numbers behind it makes a free one; the same question has
/// the same answer.
#[must_use]
pub fn free_alias(name: &str, service: &str, taken: &dyn Fn(&str) -> bool) -> String {
    let mut words = words(service);
    if words.len() > 1 && words.last().is_some_and(|last| last == "service") {
        words.pop();
    }
    if words.is_empty() {
        words.push("other".to_owned());
    }
    words.truncate(4);
    let snake = name.contains(['_', '-']);
    let short = joined(&words, name, snake);
    let long_words: Vec<String> = words.iter().cloned().chain(["service".to_owned()]).collect();
    let long = joined(&long_words, name, snake);
    let numbered = (2..=MAX_ALIAS_NUMBER).map(|number| format!("{short}{number}"));
    let mut candidates = [short.clone(), long].into_iter().chain(numbered);
    candidates.find(|candidate| !taken(candidate)).unwrap_or(short)
}

/// The words of a name, in small letters: `orderService` is `order` and `service`. Only what a name may hold stays.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut previous = ' ';
    for character in name.chars().take(MAX_SUGGESTED_NAME_BYTES) {
        if character.is_ascii_alphanumeric() {
            let starts = !previous.is_ascii_alphanumeric()
                || (character.is_ascii_uppercase() && !previous.is_ascii_uppercase());
            match words.last_mut() {
                Some(word) if !starts => word.push(character.to_ascii_lowercase()),
                _ => words.push(character.to_ascii_lowercase().to_string()),
            }
        }
        previous = character;
    }
    let digits = words
        .iter()
        .take_while(|word| word.starts_with(|first: char| first.is_ascii_digit()))
        .count();
    words.drain(..digits);
    words
}

/// `words` and `name` as one name.
fn joined(words: &[String], name: &str, snake: bool) -> String {
    let name: String = name
        .chars()
        .filter(|character| character.is_ascii_alphanumeric() || matches!(character, '_' | '-'))
        .map(|character| if character == '-' { '_' } else { character })
        .take(MAX_SUGGESTED_NAME_BYTES)
        .collect();
    if snake {
        return format!("{}_{}", words.join("_"), name.trim_start_matches('_'));
    }
    let mut alias = String::new();
    for word in words.iter().map(String::as_str).chain([name.as_str()]) {
        alias.push_str(&if alias.is_empty() {
            word.to_owned()
        } else {
            capital(word)
        });
    }
    alias
}

fn capital(word: &str) -> String {
    let mut characters = word.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_ascii_uppercase().to_string() + characters.as_str()
    })
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, collections::BTreeSet};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_alias_looks_like_its_neighbours() {
        let free = |name, service| free_alias(name, service, &|_| false);
        assert_eq!(free("address", "orderService"), "orderAddress");
        assert_eq!(free("postalZipCode", "orderService"), "orderPostalZipCode");
        assert_eq!(free("postal_zip", "orderService"), "order_postal_zip");
        assert_eq!(free("address", "order-history"), "orderHistoryAddress");
        assert_eq!(free("address", "service"), "serviceAddress");
        assert_eq!(free("address", "{{ who }}"), "whoAddress");
        assert_eq!(free("address", "42"), "otherAddress");
    }

    #[test]
    fn a_taken_alias_gives_way_to_the_next() {
        let taken = |name: &str| matches!(name, "orderAddress" | "orderServiceAddress" | "orderAddress2");
        assert_eq!(free_alias("address", "orderService", &taken), "orderAddress3");
    }

    #[test]
    fn where_every_name_is_taken_few_are_tried() {
        for name in ["address", "postal_zip"] {
            let tried = Cell::new(0);
            let alias = free_alias(name, "orderService", &|_| {
                tried.set(tried.get() + 1);
                true
            });
            assert!(is_name(&alias), "{alias}");
            assert_eq!(tried.get(), MAX_ALIAS_NUMBER + 1, "{name}");
        }
    }

    fn is_name(text: &str) -> bool {
        let mut characters = text.chars();
        characters
            .next()
            .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
            && characters.all(|other| other.is_ascii_alphanumeric() || matches!(other, '_' | '-'))
    }

    proptest! {
        #[test]
        fn an_alias_is_a_free_name(
            name in "[A-Za-z_][A-Za-z0-9_-]{0,12}|\\PC{0,8}",
            service in "\\PC{0,16}|[a-z]{1,6}(-|_)?[sS]ervice",
            rounds in 0_usize..6,
        ) {
            let mut taken = BTreeSet::from([name.clone()]);
            for _ in 0..=rounds {
                let alias = free_alias(&name, &service, &|name| taken.contains(name));
                prop_assert!(is_name(&alias), "{alias:?}");
                prop_assert!(taken.insert(alias));
            }
        }
    }
}
