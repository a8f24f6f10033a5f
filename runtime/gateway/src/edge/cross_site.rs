//! The requests of other sites that are accepted all the same (protocol section 5).
#![deny(clippy::disallowed_methods)]

pub(crate) use hydra_runtime_wire::cross_site::{is_cross_site, is_origin};
use hydra_runtime_wire::routes::{Route, RouteKind, RouteMatch, RouteTable, pattern};

/// The paths at which such requests are accepted all the same.
#[derive(Default)]
pub(crate) struct CrossSitePaths(Option<RouteTable>);

impl CrossSitePaths {
    /// The paths of these patterns, which were checked.
    pub(crate) fn new(patterns: &[String]) -> Self {
        let parsed: Vec<_> = patterns
            .iter()
            .filter_map(|path| pattern::parse(path).ok())
            .collect();
        if parsed.is_empty() {
            return Self(None);
        }
        let mut table = RouteTable::default();
        for segments in &parsed {
            let route = Route {
                service: "".into(),
                number: 0,
                kind: RouteKind::Endpoint,
                key: pattern::key(segments).into(),
                claim: 0,
            };
            table.insert(segments, route);
        }
        Self(Some(table))
    }

    /// Whether a path is one of them.
    pub(crate) fn contains(&self, path: &str) -> bool {
        let found = self.0.as_ref().map(|table| table.find(path));
        matches!(found, Some(RouteMatch::Route(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_paths_take_requests_of_other_sites() {
        let paths = CrossSitePaths::new(&["/hooks/**".to_owned(), "/pay/{id}/done".to_owned()]);
        for (path, expected) in [
            ("/hooks/a/b", true),
            ("/pay/7/done", true),
            ("/pay/7", false),
            ("/hook", false),
            ("/", false),
        ] {
            assert_eq!(paths.contains(path), expected, "{path}");
        }
        assert!(!CrossSitePaths::new(&[]).contains("/"));
    }
}
