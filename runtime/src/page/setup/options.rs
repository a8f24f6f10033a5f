//! What an application sets for all its pages.

use std::{fmt, sync::Arc, time::Duration};

use axum::response::Response;
use percent_encoding::utf8_percent_encode;

use crate::page::{
    after_page::AfterPage,
    assets::{
        PATH_SEGMENT,
        function::{HasFile, StaticFiles},
    },
    report::error::PageFailure,
};

/// How many bytes kept fragments may take where nothing else is said.
pub(crate) const DEFAULT_FRAGMENT_CACHE: usize = 64_000_000;
/// How long pages wait for deferred fragments where nothing else is said.
pub(crate) const DEFAULT_DEFERRED_GRACE: Duration = Duration::from_millis(10);

/// Makes the error page that visitors see. It gets the status and the reason, and must not show the latter.
pub type ErrorPage = Arc<dyn Fn(&PageFailure) -> Response + Send + Sync>;

/// The settings of an [`Engine`](super::Engine). The default suits most applications.
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// This service's name.
    pub service: String,
    /// How long a fragment may take where its tag does not say.
    pub fragment_timeout: Duration,
    /// How long all fragments of a page together may take.
    pub page_deadline: Duration,
    /// How many different fragments one page may ask for. What is beyond is refused.
    pub max_fragments: usize,
    /// How large the HTML of one fragment may be, in bytes.
    pub max_fragment_bytes: usize,
    /// How deep fragments of fragments may nest, over services.
    pub max_depth: usize,
    /// How long a response waits for its slots before what is ready leaves. Timers count whole milliseconds.
    pub flush_after: Duration,
    /// How long text waits for deferred fragments since the page was asked for. One that is there by then comes into its
    /// place, and nothing on the page moves.
    pub deferred_grace: Duration,
    /// The path under which browsers find the static files of this service. Through a gateway: `/{service}/`.
    pub resources: String,
    /// Which static files there are, for `asset(file="…")` in templates. `None`: there are none.
    pub has_file: Option<HasFile>,
    /// How many bytes the fragments that are kept for their tags' `cache` and `stale` may take. 0: none is kept.
    pub fragment_cache: usize,
    /// What deferred and lazy fragments need of the application. `None`: they are shown in their places, like others.
    pub after_page: Option<AfterPage>,
    /// The error page. `None`: a plain one.
    pub error_page: Option<ErrorPage>,
}

impl Options {
    /// The default settings of the service `service`.
    #[must_use]
    pub fn new(service: impl Into<String>) -> Self {
        let service = service.into();
        Self {
            resources: format!("/{}/", utf8_percent_encode(&service, PATH_SEGMENT)),
            service,
            has_file: None,
            fragment_timeout: Duration::from_secs(1),
            page_deadline: Duration::from_secs(10),
            max_fragments: 1000,
            max_fragment_bytes: 1 << 20,
            max_depth: hydra_runtime_wire::trail::MAX_DEPTH,
            flush_after: Duration::from_millis(1),
            deferred_grace: DEFAULT_DEFERRED_GRACE,
            fragment_cache: DEFAULT_FRAGMENT_CACHE,
            after_page: None,
            error_page: None,
        }
    }

    /// The static files of this service.
    pub(crate) fn static_files(&self) -> StaticFiles {
        StaticFiles {
            service: self.service.clone(),
            folder: self.resources.clone(),
            has: self.has_file.clone(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("service", &self.service)
            .field("fragment_timeout", &self.fragment_timeout)
            .field("page_deadline", &self.page_deadline)
            .field("max_fragments", &self.max_fragments)
            .field("max_fragment_bytes", &self.max_fragment_bytes)
            .field("max_depth", &self.max_depth)
            .field("flush_after", &self.flush_after)
            .field("deferred_grace", &self.deferred_grace)
            .field("resources", &self.resources)
            .field("fragment_cache", &self.fragment_cache)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_the_path_under_which_the_application_serves_them() {
        assert_eq!(Options::new("my-shop.v2_x y").resources, "/my-shop.v2_x%20y/");
    }
}
