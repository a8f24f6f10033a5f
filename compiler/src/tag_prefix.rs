//! The prefix of Hydra's tags in a file (design section 3.1).

use crate::parse::{self, TagAttribute};

/// The prefix where a file names none.
pub(crate) const DEFAULT: &str = "m";

/// The namespace that makes another prefix Hydra's.
const NAMESPACE: &str = "getmedusa.io";

/// How the name of an attribute begins that declares a prefix.
const XMLNS: &str = "xmlns:";

/// The prefix of a file: `x` where its first element says `xmlns:x="…getmedusa.io…"`, otherwise `m`.
#[must_use]
pub(crate) fn prefix(text: &str) -> &str {
    // Few files have any namespace: the rest need no look at their first element.
    if memchr::memmem::find(text.as_bytes(), XMLNS.as_bytes()).is_none() {
        return DEFAULT;
    }
    let root = parse::root(text, "xmlns");
    let mut declared = root.iter().filter_map(|attribute| declared(text, attribute));
    declared.next().unwrap_or(DEFAULT)
}

fn declared<'t>(text: &'t str, attribute: &TagAttribute) -> Option<&'t str> {
    let name = text.get(attribute.name.range())?.strip_prefix(XMLNS)?;
    let value = text.get(attribute.value.as_ref()?.span.range())?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    (is_name && value.contains(NAMESPACE)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::prefix;

    #[test]
    fn the_root_element_names_the_prefix() {
        for (text, expected) in [
            ("<html>", "m"),
            ("<html xmlns:hydra='https://www.getmedusa.io/'>", "hydra"),
            (
                "<!DOCTYPE html>\n<html lang=\"en\" xmlns:x = \"http://getmedusa.io\">",
                "x",
            ),
            (
                "<html xmlns:svg='http://www.w3.org/2000/svg' xmlns:y='getmedusa.io'>",
                "y",
            ),
            ("<p>xmlns:z='getmedusa.io'</p>", "m"),
            ("<html xmlns:='getmedusa.io'>", "m"),
            ("xmlns:", "m"),
            ("<!-- <a xmlns:z='getmedusa.io'> --><html>", "m"),
            ("<script>'<a xmlns:z=\"getmedusa.io\">'</script>", "m"),
            ("{# a #}<html title='a > b' xmlns:y='getmedusa.io'>", "y"),
            ("<html><b xmlns:y='getmedusa.io'>", "m"),
        ] {
            assert_eq!(prefix(text), expected, "{text}");
        }
    }
}
