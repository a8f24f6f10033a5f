//! The paths of pages, checked as the router reads them: one that it refuses stops the application at its start, and one that no
//! request can have never answers.
#![deny(clippy::disallowed_methods)]

use crate::within::Within;
use std::collections::BTreeSet;

/// What is wrong with a path, and what to write instead. `None`: the router takes it, and requests can have it.
#[must_use]
pub(super) fn problem(path: &str) -> Option<String> {
    let Some(rest) = path.strip_prefix('/') else {
        return Some(format!("a path begins with `/`: write `path = \"/{path}\"`"));
    };
    if let Some(sign) = path.chars().find(|c| matches!(c, '?' | '#')) {
        let before = path.split(sign).next().unwrap_or_default();
        return Some(match sign {
            '?' => format!(
                "a path ends before `?`, since the query does not belong to it: write `path = \"{before}\"`, and let the handler take `Query`"
            ),
            _ => format!(
                "a path ends before `#`, since the fragment of an address does not belong to it: browsers do not send it. Write `path = \"{before}\"`"
            ),
        });
    }
    if path.contains(char::is_whitespace) {
        let new: String = path.split_whitespace().collect::<Vec<_>>().join("-");
        return Some(format!(
            "no request has a path with white space in it: write `path = \"{new}\"`"
        ));
    }
    if path.contains("//") {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        return Some(format!(
            "a part of this path is empty: write `path = \"/{}\"`",
            parts.join("/")
        ));
    }
    let mut names = BTreeSet::new();
    let parts: Vec<&str> = rest.split('/').collect();
    for (at, part) in parts.iter().enumerate() {
        if let Some(wrong) = part_problem(part, at + 1 == parts.len(), &mut names) {
            return Some(wrong);
        }
    }
    let is_kept = matches!(parts.first(), Some(&("h" | "_h"))) || path == "/login";
    is_kept.then(|| format!("the gateway keeps `{path}` for itself: visitors would never see this page there. Choose another path"))
}

/// What is wrong with a part between two slashes.
fn part_problem<'p>(part: &'p str, is_last: bool, names: &mut BTreeSet<&'p str>) -> Option<String> {
    let (opened, closed) = (part.matches('{').count(), part.matches('}').count());
    if opened == 0 && closed == 0 {
        let name = part.strip_prefix(':').filter(|name| !name.is_empty());
        if let Some(name) = name {
            return Some(format!(
                "`{part}` is a plain word: write `{{{name}}}` for a part that varies"
            ));
        }
        return (part == "*").then(|| "`*` is a plain sign: write `{*rest}` for all that follows".to_owned());
    }
    if opened != closed {
        let name = part.trim_matches(['{', '}']);
        return Some(format!(
            "the braces of `{part}` are not in pairs: write `{{{name}}}`"
        ));
    }
    if opened > 1 || !part.starts_with('{') || !part.ends_with('}') {
        return Some(format!(
            "`{part}` has more in it than one name in braces, which the gateway does not route: put a `/` between them, or take it apart in the handler"
        ));
    }
    let inside = part.within(1..part.len() - 1);
    let name = inside.strip_prefix('*').unwrap_or(inside);
    if name.is_empty() {
        return Some(format!(
            "the braces of `{part}` are empty: name the part, as in `{{id}}`"
        ));
    }
    if !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
        return Some(format!(
            "`{name}` is not a name for a part of a path: it has letters, digits and `_`"
        ));
    }
    if inside.starts_with('*') && !is_last {
        return Some(format!(
            "`{part}` takes all that follows, so that nothing can stand behind it"
        ));
    }
    (!names.insert(name))
        .then(|| format!("`{name}` stands twice in this path: give the second part another name"))
}

#[cfg(test)]
mod tests {
    use super::problem;

    #[test]
    fn a_path_is_checked_as_the_router_reads_it() {
        for (path, expected) in [
            ("/", None),
            ("/product/{id}", Some("")),
            ("/files/{*rest}", None),
            ("/a/", None),
            ("/a.b-c_d/{x_1}/~e", None),
            ("a", Some("a path begins with `/`: write `path = \"/a\"`")),
            ("", Some("a path begins with `/`: write `path = \"/\"`")),
            (
                "/product/{id",
                Some("the braces of `{id` are not in pairs: write `{id}`"),
            ),
            (
                "/product/id}",
                Some("the braces of `id}` are not in pairs: write `{id}`"),
            ),
            (
                "/product/{}",
                Some("the braces of `{}` are empty: name the part, as in `{id}`"),
            ),
            (
                "/{*}",
                Some("the braces of `{*}` are empty: name the part, as in `{id}`"),
            ),
            (
                "/{a}{b}",
                Some(
                    "`{a}{b}` has more in it than one name in braces, which the gateway does not route: put a `/` between them, or take it apart in the handler",
                ),
            ),
            (
                "/a{b}",
                Some(
                    "`a{b}` has more in it than one name in braces, which the gateway does not route: put a `/` between them, or take it apart in the handler",
                ),
            ),
            (
                "/{id}/x/{id}",
                Some("`id` stands twice in this path: give the second part another name"),
            ),
            (
                "/{*rest}/a",
                Some("`{*rest}` takes all that follows, so that nothing can stand behind it"),
            ),
            (
                "/{a-b}",
                Some("`a-b` is not a name for a part of a path: it has letters, digits and `_`"),
            ),
            (
                "/a//b",
                Some("a part of this path is empty: write `path = \"/a/b\"`"),
            ),
            (
                "/a b",
                Some("no request has a path with white space in it: write `path = \"/a-b\"`"),
            ),
            (
                "/a?b=1",
                Some(
                    "a path ends before `?`, since the query does not belong to it: write `path = \"/a\"`, and let the handler take `Query`",
                ),
            ),
            (
                "/a#b",
                Some(
                    "a path ends before `#`, since the fragment of an address does not belong to it: browsers do not send it. Write `path = \"/a\"`",
                ),
            ),
            (
                "/product/:id",
                Some("`:id` is a plain word: write `{id}` for a part that varies"),
            ),
            (
                "/a/*",
                Some("`*` is a plain sign: write `{*rest}` for all that follows"),
            ),
            (
                "/login",
                Some(
                    "the gateway keeps `/login` for itself: visitors would never see this page there. Choose another path",
                ),
            ),
            (
                "/h/x",
                Some(
                    "the gateway keeps `/h/x` for itself: visitors would never see this page there. Choose another path",
                ),
            ),
            ("/login/x", None),
            ("/help", None),
        ] {
            let expected = expected.filter(|expected| !expected.is_empty());
            assert_eq!(problem(path).as_deref(), expected, "{path}");
        }
    }
}
