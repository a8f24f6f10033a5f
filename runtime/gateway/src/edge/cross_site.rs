//! The requests of other sites that are accepted all the same (protocol section 5).
#![deny(clippy::disallowed_methods)]

pub(crate) use hydra_runtime_wire::cross_site::{is_cross_site, is_origin};
use hydra_runtime_wire::routes::RouteTable;

/// The paths at which such requests are accepted all the same.
#[derive(Default)]
pub(crate) struct CrossSitePaths(Option<RouteTable>);

impl CrossSitePaths {
    /// The paths of these patterns, which were checked.
    pub(crate) fn new(patterns: &[String]) -> Self {
        if patterns.is_empty() {
            return Self(None);
        }
        let mut table = RouteTable::default();
        for path in patterns {
            table.insert_pattern(path, 0);
        }
        Self(Some(table))
    }

    /// Whether a path is one of them.
    pub(crate) fn contains(&self, path: &str) -> bool {
        let table = self.0.as_ref();
        table.is_some_and(|table| table.number_of(path).is_some())
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
