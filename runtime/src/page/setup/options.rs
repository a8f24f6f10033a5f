//! The settings of an engine.

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

/// The default timeout of a fragment.
pub(crate) const DEFAULT_FRAGMENT_TIMEOUT: Duration = Duration::from_secs(1);
/// The default time for all fragments of a page.
pub(crate) const DEFAULT_PAGE_DEADLINE: Duration = Duration::from_secs(10);
/// The default size of the fragment cache, in bytes.
pub(crate) const DEFAULT_FRAGMENT_CACHE: usize = 64_000_000;
/// The default time for which pages wait for deferred fragments.
pub(crate) const DEFAULT_DEFERRED_GRACE: Duration = Duration::from_millis(10);

/// Makes the error page that visitors see. It gets the failure, whose details are for the log and not for visitors.
pub type ErrorPage = Arc<dyn Fn(&PageFailure) -> Response + Send + Sync>;

/// The settings of an [`Engine`](crate::page::Engine). The default suits most applications.
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// This service's name.
    pub service: String,
    /// The timeout of a fragment whose tag has none.
    pub fragment_timeout: Duration,
    /// The time within which all fragments of a page end.
    pub page_deadline: Duration,
    /// How many different fragments one page may fetch. Further ones are refused.
    pub max_fragments: usize,
    /// The largest HTML of one fragment, in bytes.
    pub max_fragment_bytes: usize,
    /// How deep fragments nest in fragments, counted over all services.
    pub max_depth: usize,
    /// How long a response waits for its slots before the text that is ready leaves. Timers count whole milliseconds.
    pub flush_after: Duration,
    /// How long text waits for deferred fragments, counted from the request. A fragment that has come by then stands in
    /// its place, and nothing on the page moves.
    pub deferred_grace: Duration,
    /// The path under which browsers find the static files of this service. Through a gateway: `/{service}/`.
    pub resources: String,
    /// Tells which static files exist, for `asset(file="…")` in templates. `None`: the service has none.
    pub has_file: Option<HasFile>,
    /// The size of the fragment cache, which serves the tags' `cache` and `stale`, in bytes. 0: no fragment is kept.
    pub fragment_cache: usize,
    /// What deferred and lazy fragments need of the application. `None`: pages wait for them as for others.
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
            fragment_timeout: DEFAULT_FRAGMENT_TIMEOUT,
            page_deadline: DEFAULT_PAGE_DEADLINE,
            max_fragments: 1000,
            max_fragment_bytes: 1 << 20,
            max_depth: hydra_runtime_wire::limits::MAX_CALL_CHAIN_DEPTH,
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
