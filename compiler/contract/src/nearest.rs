//! The name that was likely meant where a name is unknown.
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

#[cfg(test)]
mod tests {
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

    /// The quick comparison of letters leaves out no candidate that the edit distance would choose.
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
}
