//! Links whose query tells this process something, and that lead on to the same address without it.
#![deny(clippy::disallowed_methods)]

use http::Uri;

/// The value of the first member `name` in the query of `uri`, and where its visitor goes on: the same path and query
/// without all members of that name, always on the same host. `None`: the query has no such member.
#[must_use]
pub fn taken<'u>(uri: &'u Uri, name: &str) -> Option<(&'u str, String)> {
    let query = uri.query()?;
    let value = |part: &'u str| {
        let (found, value) = part.split_once('=')?;
        (found == name).then_some(value)
    };
    let taken = query.split('&').find_map(value)?;
    let rest: Vec<&str> = query.split('&').filter(|part| value(part).is_none()).collect();
    // A path that begins with two slashes would be another host.
    let path = uri.path().trim_start_matches(['/', '\\']);
    let location = match rest.is_empty() {
        true => format!("/{path}"),
        false => format!("/{path}?{}", rest.join("&")),
    };
    Some((taken, location))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_its_own_host_without_the_member() {
        for (uri, expected) in [
            ("/?x=T", Some(("T", "/"))),
            ("/a/b?x=T", Some(("T", "/a/b"))),
            ("/a?y=1&x=T&z=2", Some(("T", "/a?y=1&z=2"))),
            ("/a?x=T&x=U&y", Some(("T", "/a?y"))),
            ("/a?x=", Some(("", "/a"))),
            ("//evil.example/?x=T", Some(("T", "/evil.example/"))),
            ("///evil.example?x=T", Some(("T", "/evil.example"))),
            ("/\\evil.example?x=T", Some(("T", "/evil.example"))),
            ("/\\/evil.example?x=T&y=//b", Some(("T", "/evil.example?y=//b"))),
            ("/%2F/evil.example?x=T", Some(("T", "/%2F/evil.example"))),
            ("/a?x=https://evil.example", Some(("https://evil.example", "/a"))),
            ("http://shop.example/a?x=T", Some(("T", "/a"))),
            ("/", None),
            ("/?x", None),
            ("/?ax=T", None),
            ("/x=T", None),
        ] {
            let uri: Uri = match uri.parse() {
                Ok(uri) => uri,
                // A URI with a backslash never comes as far as this.
                Err(_) => continue,
            };
            let found = taken(&uri, "x");
            assert_eq!(
                found.as_ref().map(|(value, location)| (*value, &**location)),
                expected,
                "{uri}"
            );
        }
    }
}
