//! The route table: which service has a path (protocol section 4). The table consists of shards that are built once
//! and then only read, so that a change costs only the shards that it touches.
#![deny(clippy::disallowed_methods)]

mod hash;
pub mod pattern;
mod shard;
mod tree;

use std::{borrow::Cow, sync::Arc};

use crate::{limits::MAX_REQUEST_SEGMENTS, paths::reserved::is_reserved};
use pattern::Segment;
pub use shard::{SHARDS, Shard, ShardKey};

/// The target of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The service that holds the path.
    pub service: Arc<str>,
    /// The number of the service, so that its name need not be looked up again.
    pub number: u32,
    /// Where the request goes at the service.
    pub kind: RouteKind,
    /// The pattern as one text: the same for all patterns that match the same paths.
    pub key: Arc<str>,
    /// When the service first claimed the path.
    pub claim: u64,
}

/// Where a request goes at its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteKind {
    /// To `/static/…`.
    Static,
    /// To the same path.
    Endpoint,
    /// To `/socket`.
    Socket,
}

/// The result of a look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteMatch<'a> {
    /// The route of the path.
    Route(&'a Route),
    /// No service has the path.
    NotFound,
    /// The path is malformed: it leaves its folder with `..`, or is not UTF-8.
    BadPath,
}

/// All routes. A literal segment takes precedence over a pattern, and a narrow pattern over a wide one.
#[derive(Clone, Debug)]
pub struct RouteTable {
    /// One for each [`ShardKey::shard`].
    shards: Vec<Arc<Shard>>,
}

impl Default for RouteTable {
    fn default() -> Self {
        Self {
            shards: vec![Arc::default(); SHARDS],
        }
    }
}

impl RouteTable {
    /// Adds a route. If the path has one already, the earlier claim stays, and of two claims of one moment that of
    /// the lesser name. Returns whether two services claim the path.
    pub fn insert(&mut self, segments: &[Segment], route: Route) -> bool {
        let shard_key = ShardKey::of(segments, &route.key);
        Arc::make_mut(&mut self.shards[shard_key.shard()]).insert(shard_key, segments, route)
    }

    /// Adds a pattern of the settings, which no service claims, under a number for [`RouteTable::number_of`]. A text that is not a
    /// pattern is left out: settings are checked before.
    pub fn insert_pattern(&mut self, path: &str, number: usize) {
        let Ok(segments) = pattern::parse(path) else {
            return;
        };
        let route = Route {
            service: "".into(),
            number: u32::try_from(number).unwrap_or(u32::MAX),
            kind: RouteKind::Endpoint,
            key: pattern::key(&segments).into(),
            claim: 0,
        };
        self.insert(&segments, route);
    }

    /// The number of the pattern that a path matches, which is found as by [`RouteTable::find`].
    pub fn number_of(&self, path: &str) -> Option<usize> {
        match self.find(path) {
            RouteMatch::Route(route) => usize::try_from(route.number).ok(),
            RouteMatch::NotFound | RouteMatch::BadPath => None,
        }
    }

    /// The same table with some shards replaced.
    pub fn replaced(&self, new: impl IntoIterator<Item = (usize, Shard)>) -> Self {
        let mut table = self.clone();
        for (at, shard) in new {
            table.shards[at] = Arc::new(shard);
        }
        table
    }

    /// Finds the route of a request's path, which is still percent-encoded. Path parameters, `/cart;id=1`, are
    /// ignored (RFC 3986 section 3.3), unless a route has exactly that text.
    pub fn find(&self, path: &str) -> RouteMatch<'_> {
        if is_plain(path) {
            if let Some(route) = self.exact(path) {
                return RouteMatch::Route(route);
            }
            let Some(rest) = path.strip_prefix('/') else {
                return RouteMatch::BadPath;
            };
            if is_reserved(path) {
                return RouteMatch::NotFound;
            }
            let count = if rest.is_empty() { 0 } else { MAX_REQUEST_SEGMENTS };
            return found(self.pattern(rest.split('/').take(count)));
        }
        let Some(written) = segments(path, |part| part) else {
            return RouteMatch::BadPath;
        };
        // A wide pattern would open the gateway's and the services' own calls to visitors.
        if is_reserved(path) {
            return RouteMatch::NotFound;
        }
        if !path.contains(';') {
            return found(self.decoded(&written));
        }
        let route = segments(path, without_parameters).and_then(|bare| {
            let exact = self.exact(&pattern::literal_key(&written));
            exact.or_else(|| self.decoded(&bare))
        });
        // A pattern may contain a `;` itself.
        let as_written = || self.decoded(&written).filter(|route| route.key.contains(';'));
        found(route.or_else(as_written))
    }

    /// The route of decoded segments. Paths of literals are looked up apart, so the trees need not prefer literals.
    fn decoded(&self, segments: &[Cow<'_, str>]) -> Option<&Route> {
        let texts = segments.iter().map(|segment| &**segment);
        self.exact(&pattern::literal_key(segments))
            .or_else(|| self.pattern(texts))
    }

    fn exact(&self, key: &str) -> Option<&Route> {
        let shard_key = ShardKey::exact(key);
        self.shards[shard_key.shard()].exact(shard_key, key)
    }

    fn pattern<'a>(&self, segments: impl Iterator<Item = &'a str> + Clone) -> Option<&Route> {
        let of_literal = segments.clone().next().and_then(|first| {
            let shard_key = ShardKey::under(first);
            self.shards[shard_key.shard()].pattern(segments.clone())
        });
        of_literal.or_else(|| self.shards[ShardKey::WIDE.shard()].pattern(segments))
    }

    /// How many routes there are.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.len()).sum()
    }
}

fn found(route: Option<&Route>) -> RouteMatch<'_> {
    route.map_or(RouteMatch::NotFound, RouteMatch::Route)
}

/// Whether the path, as it is written, is the key of its literals: nothing must be decoded or left out, and nothing
/// leaves its folder.
fn is_plain(path: &str) -> bool {
    let mut previous = 0;
    path.bytes().all(|b| {
        let is_dot_segment = previous == b'/' && b == b'.';
        previous = b;
        !is_dot_segment && !matches!(b, b'%' | b'\\' | b'*' | b';' | 0)
    })
}

/// The decoded segments of a path, each reduced by `part`. `None`: the path is malformed. Segments beyond the longest
/// pattern do not matter.
fn segments(path: &str, part: fn(&str) -> &str) -> Option<Vec<Cow<'_, str>>> {
    let rest = path.strip_prefix('/')?;
    let mut segments = Vec::with_capacity(8);
    if rest.is_empty() {
        return Some(segments);
    }
    for segment in rest.split('/') {
        let segment = decoded(part(segment))?;
        if segments.len() < MAX_REQUEST_SEGMENTS {
            segments.push(segment);
        }
    }
    Some(segments)
}

/// A segment without its parameters. A percent-encoded `;` does not begin any.
fn without_parameters(segment: &str) -> &str {
    segment.split_once(';').map_or(segment, |(name, _)| name)
}

fn decoded(part: &str) -> Option<Cow<'_, str>> {
    // The usual segment needs no decoding and has no dots: this keeps it cheap.
    let plain = !part.starts_with('.') && !part.bytes().any(|b| matches!(b, b'%' | b'\\' | 0));
    if plain {
        Some(Cow::Borrowed(part))
    } else {
        pattern::decode(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(service: &str, key: Arc<str>, claim: u64) -> Route {
        Route {
            service: service.into(),
            number: 0,
            kind: RouteKind::Endpoint,
            key,
            claim,
        }
    }

    fn table(patterns: &[&str]) -> RouteTable {
        let mut table = RouteTable::default();
        for text in patterns {
            let segments = pattern::parse(text).expect("a pattern");
            let key = pattern::key(&segments).into();
            table.insert(&segments, route(text, key, 5));
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
                RouteMatch::Route(route) => assert_eq!(&*route.service, expected, "{path}"),
                other => panic!("{path}: {other:?}"),
            }
        }
    }

    #[test]
    fn nothing_and_bad_paths() {
        let table = table(&["/a/{id}", "/b/**"]);
        for path in ["/", "/a", "/a/", "/a/b/c", "/c"] {
            assert_eq!(table.find(path), RouteMatch::NotFound, "{path}");
        }
        for path in ["", "*", "/b/../h/x", "/b/%2e%2e/x", "/b/%ff", "/b/a%5c..%5cb"] {
            assert_eq!(table.find(path), RouteMatch::BadPath, "{path}");
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
            assert_eq!(wide.find(path), RouteMatch::NotFound, "{path}");
        }
        let long = format!("/b{}", "/x".repeat(1000));
        assert!(matches!(table.find(&long), RouteMatch::Route(_)));
    }

    #[test]
    fn path_parameters_do_not_count() {
        let table = table(&[
            "/cart",
            "/cart/edit",
            "/item/{id}",
            "/item/new",
            "/files/*.html",
            "/shop/{x}/d",
            "/shop/q/e",
            "/a;b.css",
            "/odd;x/{id}",
            "/deep/**",
            "/x%20y",
        ]);
        for (path, expected) in [
            ("/cart;jsessionid=1", "/cart"),
            ("/cart;", "/cart"),
            ("/cart;a=1;b=2", "/cart"),
            ("/cart;a=%2Fx", "/cart"),
            ("/cart;a/edit;b", "/cart/edit"),
            ("/c%61rt;a", "/cart"),
            ("/x%20y;a", "/x%20y"),
            ("/item/7;v=1", "/item/{id}"),
            ("/item/new;v=1", "/item/new"),
            ("/files/a.html;v=1", "/files/*.html"),
            ("/shop;s/q;s/d;s", "/shop/{x}/d"),
            ("/shop;s/q;s/e;s", "/shop/q/e"),
            ("/deep;a/x", "/deep/**"),
            // What has a `;` in its name is found by it.
            ("/a;b.css", "/a;b.css"),
            ("/a%3Bb.css", "/a;b.css"),
            ("/odd;x/7", "/odd;x/{id}"),
        ] {
            match table.find(path) {
                RouteMatch::Route(route) => assert_eq!(&*route.service, expected, "{path}"),
                other => panic!("{path}: {other:?}"),
            }
        }
        for path in ["/cart%3Bjsessionid=1", "/;cart", "/item/;v=1", "/cart/;a", "/;"] {
            assert_eq!(table.find(path), RouteMatch::NotFound, "{path}");
        }
        for path in ["/deep/..;a/x", "/deep/.;/x", "/deep/a%2F..;x"] {
            assert_eq!(table.find(path), RouteMatch::BadPath, "{path}");
        }
    }

    #[test]
    fn no_pattern_has_a_reserved_path() {
        for wide in ["/**", "/{page}", "/*", "/{a}/{b}", "/l*", "/*gin", "/h*"] {
            let table = self::table(&[wide]);
            for path in [
                "/h%2Ffragment%2Fhydra%2FrequestFragment",
                "/logi%6e",
                "/logi%256e",
                "/login;x",
                "/login/",
                "//login",
                "/h%5Cx",
                "/%68%252Fx",
                "/health",
                "/h/x",
                "/h;a/x",
            ] {
                assert_eq!(table.find(path), RouteMatch::NotFound, "{wide} {path}");
            }
        }
    }

    #[test]
    fn the_earliest_claim_holds_a_path() {
        let mut table = table(&["/a/{id}"]);
        let segments = pattern::parse("/a/{other}").expect("a pattern");
        let mut add = |service, claim| {
            let is_contested = table.insert(&segments, route(service, "/a/*".into(), claim));
            match table.find("/a/1") {
                RouteMatch::Route(route) => (is_contested, route.service.to_string()),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(add("late", 6), (true, "/a/{id}".into()));
        assert_eq!(add("early", 4), (true, "early".into()));
        assert_eq!(add("early", 9), (false, "early".into()));
        assert_eq!(add("a lesser name", 4), (true, "a lesser name".into()));
        assert_eq!(table.len(), 1);
    }
}
