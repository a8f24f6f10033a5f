//! The route table: which service has a path (protocol section 4). Built once, then only read.
#![deny(clippy::disallowed_methods)]

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use super::pattern::{self, Segment};

/// The most segments of a request's path that are looked at one by one. No pattern has more.
const MAX_SEGMENTS: usize = 64;

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// The service that holds the path.
    pub(crate) service: Arc<str>,
    /// Where the request goes there.
    pub(crate) kind: RouteKind,
    /// The pattern as one text: the same for all patterns that match the same paths.
    pub(crate) key: Arc<str>,
}

/// Where a request goes at its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum RouteKind {
    /// To `/static/…`.
    Static,
    /// To the same path.
    Endpoint,
    /// To `/socket`.
    Socket,
}

/// What a look-up gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    Route(&'a Route),
    Nothing,
    /// The path itself is wrong: it steps out of a folder, or is not UTF-8.
    BadPath,
}

/// All routes. A literal segment beats a pattern, a narrow pattern beats a wide one.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    nodes: Vec<Node>,
    routes: Vec<Route>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    literals: HashMap<Box<str>, u32>,
    /// Longest first, so that `*.min.js` is tried before `*.js`.
    globs: Vec<(Box<str>, u32)>,
    one: Option<u32>,
    rest: Option<u32>,
    route: Option<u32>,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            nodes: vec![Node::default()],
            routes: Vec::new(),
        }
    }
}

impl Table {
    /// Adds a route. A path that is already there keeps its first route.
    pub(crate) fn insert(&mut self, segments: &[Segment], route: Route) {
        let mut node = 0;
        let mut is_rest = false;
        for segment in segments {
            match segment {
                Segment::Rest => is_rest = true,
                other => node = self.child(node, other),
            }
        }
        let place = if is_rest {
            &mut self.nodes[node as usize].rest
        } else {
            &mut self.nodes[node as usize].route
        };
        if place.is_none() {
            *place = Some(index(self.routes.len()));
            self.routes.push(route);
        }
    }

    /// Finds the route of a request's path, still percent-encoded.
    pub(crate) fn find(&self, path: &str) -> Found<'_> {
        let Some(rest) = path.strip_prefix('/') else {
            return Found::BadPath;
        };
        let mut segments: Vec<Cow<'_, str>> = Vec::with_capacity(8);
        if !rest.is_empty() {
            for part in rest.split('/') {
                let Some(segment) = decoded(part) else {
                    return Found::BadPath;
                };
                if segments.len() < MAX_SEGMENTS {
                    segments.push(segment);
                }
            }
        }
        // A wide pattern must not open the gateway's and the services' own calls to visitors, however they are spelled.
        let first = segments.iter().find(|segment| !segment.is_empty());
        if first.is_some_and(|first| matches!(without_parameters(first), "h" | "_h")) {
            return Found::Nothing;
        }
        match self.walk(0, &segments) {
            Some(route) => Found::Route(&self.routes[route as usize]),
            None => Found::Nothing,
        }
    }

    /// How many routes there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.routes.len()
    }

    /// Each node is reached on one way only, so a look-up visits no node twice however the patterns are made.
    fn walk(&self, node: u32, segments: &[Cow<'_, str>]) -> Option<u32> {
        let node = &self.nodes[node as usize];
        let Some((first, rest)) = segments.split_first() else {
            return node.route.or(node.rest);
        };
        node.literals
            .get(&**first)
            .and_then(|child| self.walk(*child, rest))
            .or_else(|| self.walk_globs(node, first, rest))
            .or_else(|| {
                node.one
                    .filter(|_| !first.is_empty())
                    .and_then(|child| self.walk(child, rest))
            })
            .or(node.rest)
    }

    fn walk_globs(&self, node: &Node, first: &str, rest: &[Cow<'_, str>]) -> Option<u32> {
        node.globs
            .iter()
            .filter(|(glob, _)| pattern::glob_matches(glob, first))
            .find_map(|(_, child)| self.walk(*child, rest))
    }

    fn child(&mut self, parent: u32, segment: &Segment) -> u32 {
        let next = index(self.nodes.len());
        let node = &mut self.nodes[parent as usize];
        let child = match segment {
            Segment::Literal(text) => *node.literals.entry(text.clone()).or_insert(next),
            Segment::Glob(text) => match node.globs.iter().find(|(known, _)| known == text) {
                Some((_, child)) => *child,
                None => {
                    let at = node.globs.partition_point(|(known, _)| known.len() >= text.len());
                    node.globs.insert(at, (text.clone(), next));
                    next
                }
            },
            Segment::One | Segment::Rest => *node.one.get_or_insert(next),
        };
        if child == next {
            self.nodes.push(Node::default());
        }
        child
    }
}

/// Some servers drop what follows a `;` in a segment.
fn without_parameters(segment: &str) -> &str {
    segment.split_once(';').map_or(segment, |(name, _)| name)
}

fn decoded(part: &str) -> Option<Cow<'_, str>> {
    // The usual segment has nothing to decode and is no dot: keep it cheap.
    let plain = !part.starts_with('.') && !part.bytes().any(|b| matches!(b, b'%' | b'\\' | 0));
    if plain {
        Some(Cow::Borrowed(part))
    } else {
        pattern::decode(part)
    }
}

/// Four billion routes do not fit in memory, so the last index is never reached.
fn index(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(patterns: &[&str]) -> Table {
        let mut table = Table::default();
        for text in patterns {
            let segments = pattern::parse(text).expect("a pattern");
            let key = pattern::key(&segments).into();
            table.insert(
                &segments,
                Route {
                    service: (*text).into(),
                    kind: RouteKind::Endpoint,
                    key,
                },
            );
        }
        table
    }

    #[test]
    fn literal_beats_pattern_and_narrow_beats_wide() {
        let table = table(&[
            "/**",
            "/{x}",
            "/a/**",
            "/a/{id}",
            "/a/*.html",
            "/a/*.min.html",
            "/a/b",
            "/a/b/c",
            "/",
            "/z/{x}/d",
            "/z/q/e",
            "/slash/",
        ]);
        for (path, expected) in [
            ("/a/b", "/a/b"),
            ("/a/b/c", "/a/b/c"),
            ("/a/b/d", "/a/**"),
            ("/a/x.html", "/a/*.html"),
            ("/a/x.min.html", "/a/*.min.html"),
            ("/a/x", "/a/{id}"),
            ("/a/%62", "/a/b"),
            ("/a", "/a/**"),
            ("/a/", "/a/**"),
            ("/", "/"),
            ("/q", "/{x}"),
            ("/q/r", "/**"),
            ("/z/q/d", "/z/{x}/d"),
            ("/z/q/e", "/z/q/e"),
            ("/slash/", "/slash/"),
        ] {
            match table.find(path) {
                Found::Route(route) => assert_eq!(&*route.service, expected, "{path}"),
                other => panic!("{path}: {other:?}"),
            }
        }
    }

    #[test]
    fn nothing_and_bad_paths() {
        let table = table(&["/a/{id}", "/b/**"]);
        for path in ["/", "/a", "/a/", "/a/b/c", "/c"] {
            assert_eq!(table.find(path), Found::Nothing, "{path}");
        }
        for path in ["", "*", "/b/../h/x", "/b/%2e%2e/x", "/b/%ff", "/b/a%5c..%5cb"] {
            assert_eq!(table.find(path), Found::BadPath, "{path}");
        }
        let wide = self::table(&["/**"]);
        for path in [
            "/h/fragment/k/requestFragment",
            "/%68/x",
            "//h/x",
            "/h;a=b/x",
            "/_h/x",
            "/h",
        ] {
            assert_eq!(wide.find(path), Found::Nothing, "{path}");
        }
        let long = format!("/b{}", "/x".repeat(1000));
        assert!(matches!(table.find(&long), Found::Route(_)));
    }

    #[test]
    fn the_first_route_of_a_path_stays() {
        let mut table = table(&["/a/{id}"]);
        let segments = pattern::parse("/a/{other}").expect("a pattern");
        table.insert(
            &segments,
            Route {
                service: "late".into(),
                kind: RouteKind::Endpoint,
                key: "/a/*".into(),
            },
        );
        assert!(matches!(table.find("/a/1"), Found::Route(route) if &*route.service == "/a/{id}"));
        assert_eq!(table.len(), 1);
    }
}
