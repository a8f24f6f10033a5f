//! Suggests names: the name that was likely meant, or a free one.
#![deny(clippy::disallowed_methods)]

use crate::limits::MAX_SUGGESTED_NAME_BYTES;

/// The candidate that `name` was likely meant to be. Spelled alike but for case or `-` and `_` comes first; then
/// the fewest edits, one third of the length at most. Among equals, the first in the alphabet.
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = folded(name);
    let length = wanted.chars().count();
    if length == 0 || length > MAX_SUGGESTED_NAME_BYTES {
        return None;
    }
    // With one letter exchanged, nothing is left of a name of one letter.
    let bound = if length == 1 { 0 } else { (length / 3).clamp(1, 4) };
    let letters = Letters::of(&wanted);
    candidates
        .into_iter()
        .filter(|candidate| *candidate != name && letters.may_be_near(Letters::of(candidate), bound))
        .map(|candidate| (distance(&wanted, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= bound && *distance < candidate.len())
        .min()
        .map(|(_, candidate)| candidate)
}

/// A name for an export that two fragments of a page fight over: `address` of `orderService` becomes
/// `orderAddress`, or `order_address` where `name` is spelled so. `taken` says which names the page has.
/// The result is a valid name that is not taken; the same question has the same answer.
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
    let numbered = (2_u64..).map(|number| format!("{short}{number}"));
    let mut candidates = [short.clone(), long].into_iter().chain(numbered);
    // There are more numbers than names on any page.
    candidates.find(|candidate| !taken(candidate)).unwrap_or(short)
}

/// What tells most names that are far apart from each other without a look at the order of their letters.
#[derive(Clone, Copy)]
struct Letters {
    /// How many there are, `_` and `-` aside.
    count: usize,
    /// Which there are: some share a bit.
    set: u64,
}

impl Letters {
    fn of(name: &str) -> Self {
        let mut letters = Self { count: 0, set: 0 };
        // An overlong name is far from all that are compared.
        for letter in name.bytes().take(8 * MAX_SUGGESTED_NAME_BYTES) {
            // The first byte of a letter counts.
            if matches!(letter, b'_' | b'-') || letter & 0xc0 == 0x80 {
                continue;
            }
            letters.count += 1;
            // Letters beyond ASCII may have another length in small ones: they share a bit that is always set.
            let bit = if letter.is_ascii() {
                letter.to_ascii_lowercase() & 0x3f
            } else {
                0
            };
            letters.set |= 1 << bit;
        }
        letters
    }

    /// Whether so many edits may lead from one to the other: each changes the count by one at most, and two of the letters.
    fn may_be_near(self, other: Self, bound: usize) -> bool {
        let changed = (self.set ^ other.set).count_ones() as usize;
        self.count.abs_diff(other.count) <= bound && changed <= 2 * bound + 1
    }
}

fn distance(wanted: &str, candidate: &str) -> usize {
    strsim::damerau_levenshtein(wanted, &folded(candidate))
}

/// A name without what people get wrong most: case, and the character between words.
fn folded(name: &str) -> String {
    name.chars()
        .filter(|character| !matches!(character, '_' | '-'))
        .flat_map(char::to_lowercase)
        .collect()
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
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_nearest_name_is_the_one_that_was_meant() {
        let names = ["countryOrigin", "country", "dob", "postal_zip", "basket"];
        let near = |name| nearest(name, names);
        assert_eq!(near("countryorigin"), Some("countryOrigin"));
        assert_eq!(near("country_origin"), Some("countryOrigin"));
        assert_eq!(near("countyr"), Some("country"));
        assert_eq!(near("postalZip"), Some("postal_zip"));
        assert_eq!(near("dbo"), Some("dob"));
        assert_eq!(near("price"), None);
        assert_eq!(near(""), None);
        assert_eq!((nearest("x", ["a", "ab"]), nearest("ab", ["a"])), (None, None));
        assert_eq!(nearest("X", ["a", "x"]), Some("x"));
        assert_eq!(near("dob"), None, "a name is not suggested for itself");
        assert_eq!(nearest(&"x".repeat(1_000_000), names), None);
    }

    /// What is left out unseen is never what the distance alone would choose.
    #[test]
    fn a_look_at_the_letters_loses_no_near_name() {
        let names = [
            "straße",
            "STRASSE",
            "İstanbul",
            "istanbul",
            "na_me",
            "nme",
            "éa",
            "ea",
            "a1b2c3",
            "1a2b3c",
            "abc",
            "ABD",
        ];
        for name in names {
            let wanted = folded(name);
            let bound = (wanted.chars().count() / 3).clamp(1, 4);
            for other in names {
                if distance(&wanted, other) <= bound {
                    let (one, other) = (Letters::of(&wanted), Letters::of(other));
                    assert!(one.may_be_near(other, bound), "{name}");
                }
            }
        }
    }

    #[test]
    fn case_alone_is_nearer_than_a_letter() {
        assert_eq!(nearest("Dob", ["dobs", "dob"]), Some("dob"));
    }

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

        #[test]
        fn the_nearest_name_is_one_of_the_candidates(name in "\\PC{0,12}", names in proptest::collection::vec("[a-zA-Z_]{1,8}", 0..6)) {
            let near = nearest(&name, names.iter().map(String::as_str));
            prop_assert!(near.is_none_or(|near| names.iter().any(|other| other == near) && near != name));
        }
    }
}
