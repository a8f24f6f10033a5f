//! The paths that an application has added so far. Where two answer the same requests, axum panics; here the application returns an
//! error that names both.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeMap;

use axum::routing::MethodRouter;

use super::{Error, Page};

/// The methods of HTTP as axum's routers know them.
const METHODS: [&str; 9] = [
    "get", "head", "delete", "options", "patch", "post", "put", "trace", "connect",
];

/// A page as errors name it.
#[derive(Clone, Copy, Debug)]
pub(super) struct NamedPage {
    name: &'static str,
    template: &'static str,
}

impl NamedPage {
    pub(super) fn of<P: Page>() -> Self {
        let name = std::any::type_name::<P>();
        Self {
            name: name.rsplit("::").next().unwrap_or(name),
            template: P::TEMPLATE,
        }
    }
}

impl std::fmt::Display for NamedPage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` (`{}`)", self.name, self.template)
    }
}

/// Which page or route has a path.
#[derive(Clone, Debug)]
pub(super) enum Owner {
    Page(NamedPage),
    /// A route of the application, with the methods that it answers.
    Route(Vec<&'static str>),
}

/// The paths of pages and routes, by their patterns.
#[derive(Debug, Default)]
pub(super) struct Paths {
    by_pattern: BTreeMap<String, Vec<(String, Owner)>>,
}

impl Paths {
    /// Adds a path.
    ///
    /// # Errors
    /// Another page or route answers the same requests, or the same path with other names: axum would panic.
    pub(super) fn add(&mut self, path: &str, owner: Owner) -> Result<(), Error> {
        let known = self.by_pattern.entry(pattern(path)).or_default();
        let clash = known
            .iter()
            .find(|(other, first)| other != path || first.overlaps(&owner));
        if let Some((other, first)) = clash {
            return Err(same_path(other, first, path, &owner));
        }
        known.push((path.to_owned(), owner));
        Ok(())
    }
}

impl Owner {
    /// A route with these methods.
    pub(super) fn route<S>(routes: &MethodRouter<S>) -> Self {
        Self::Route(methods(&format!("{routes:?}")))
    }

    fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Page(_), Self::Page(_)) => true,
            (Self::Page(_), Self::Route(methods)) | (Self::Route(methods), Self::Page(_)) => {
                methods.contains(&"get")
            }
            (Self::Route(one), Self::Route(other)) => one.iter().any(|method| other.contains(method)),
        }
    }

    fn named(&self, path: &str) -> String {
        match self {
            Self::Page(page) => format!("the page {page}"),
            Self::Route(_) => format!("the route `{path}`"),
        }
    }
}

fn same_path(other: &str, first: &Owner, path: &str, second: &Owner) -> Error {
    let path = path.to_owned();
    match (first, second) {
        (Owner::Page(first), Owner::Page(second)) => Error::SamePath {
            path,
            first: first.to_string(),
            second: second.to_string(),
        },
        _ => Error::SameRoute {
            first: first.named(other),
            second: second.named(&path),
            path,
        },
    }
}

/// The methods that a router answers, by what it says of itself. The result is empty where that is not understood, so that axum has the
/// last word.
fn methods(debug: &str) -> Vec<&'static str> {
    let answers = |method: &&&str| {
        let field = format!("{method}: ");
        let start = debug.find(&format!(" {field}")).map(|at| at + 1 + field.len());
        start.is_some_and(|start| !debug[start..].starts_with("None"))
    };
    METHODS.iter().filter(answers).copied().collect()
}

/// A path without the names in it: two paths with one pattern match the same requests.
fn pattern(path: &str) -> String {
    let parts = path.split('/').map(|part| match part.as_bytes() {
        [b'{', b'*', .., b'}'] => "{*}",
        [b'{', .., b'}'] => "{}",
        _ => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use axum::routing::{any, get, post};

    use super::*;

    #[test]
    fn paths_that_match_the_same_requests_have_one_pattern() {
        for (path, expected) in [
            ("/", "/"),
            ("/a/{id}", "/a/{}"),
            ("/a/{other}", "/a/{}"),
            ("/a/{*rest}", "/a/{*}"),
            ("/a/id", "/a/id"),
        ] {
            assert_eq!(pattern(path), expected);
        }
    }

    #[test]
    fn a_router_says_which_methods_it_answers() {
        async fn answer() {}
        for (router, expected) in [
            (get(answer), &["get"][..]),
            (get(answer).post(answer), &["get", "post"]),
            (post(answer), &["post"]),
            (any(answer), &[]),
            (MethodRouter::<()>::new(), &[]),
        ] {
            assert_eq!(methods(&format!("{router:?}")), expected);
        }
        assert_eq!(methods("something else"), Vec::<&str>::new());
    }
}
