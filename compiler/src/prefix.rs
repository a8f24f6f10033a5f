//! The prefix of Hydra's tags in a file (design section 3.1).

/// The prefix where a file names none.
pub const DEFAULT: &str = "m";

/// The namespace that makes another prefix Hydra's.
const NAMESPACE: &str = "getmedusa.io";

/// The prefix of a file: `x` where an element says `xmlns:x="…getmedusa.io…"`, otherwise `m`.
#[must_use]
pub fn prefix(text: &str) -> &str {
    let attributes = memchr::memmem::find_iter(text.as_bytes(), "xmlns:");
    attributes
        .filter_map(|at| declared(text, at))
        .next()
        .unwrap_or(DEFAULT)
}

fn declared(text: &str, at: usize) -> Option<&str> {
    let in_tag = text[..at].rfind(['<', '>']).is_some_and(|start| {
        text[start + 1..].starts_with(|c: char| c.is_ascii_alphabetic()) && text.as_bytes()[start] == b'<'
    });
    let (name, rest) = text[at + "xmlns:".len()..].split_once('=')?;
    let quote = rest
        .trim_start()
        .chars()
        .next()
        .filter(|c| matches!(c, '"' | '\''))?;
    let value = rest.trim_start()[1..].split(quote).next()?;
    let name = name.trim_end();
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    (in_tag && is_name && value.contains(NAMESPACE)).then_some(name)
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
        ] {
            assert_eq!(prefix(text), expected, "{text}");
        }
    }
}
