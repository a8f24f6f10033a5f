//! The routes of a server, which may be replaced while it runs.

use std::{fmt, sync::Arc};

use arc_swap::ArcSwap;
use axum::Router;

use super::raw::ServeRaw;

/// The routes of one thread of a server. Clones are the same routes. Each request is answered by the router that was
/// there when the request arrived.
#[derive(Clone)]
pub struct Routes {
    router: Arc<ArcSwap<Router>>,
    raw: Option<Arc<ServeRaw>>,
}

impl Routes {
    /// Routes that may be replaced later.
    #[must_use]
    pub fn new(router: Router) -> Self {
        Self {
            router: Arc::new(ArcSwap::from_pointee(router)),
            raw: None,
        }
    }

    /// With what serves the connections on which no HTTP is spoken: see [`Port::without_http`](super::Port::without_http).
    #[must_use]
    pub fn with_raw(mut self, serve: Arc<ServeRaw>) -> Self {
        self.raw = Some(serve);
        self
    }

    /// Answers requests from now on as `newer` does. Requests that have begun end with the former router, and connections without
    /// HTTP are served as before.
    pub fn replace(&self, newer: &Self) {
        self.router.store(newer.router.load_full());
    }

    pub(super) fn current(&self) -> Router {
        Router::clone(&self.router.load())
    }

    pub(super) fn raw(&self) -> Option<&Arc<ServeRaw>> {
        self.raw.as_ref()
    }
}

impl From<Router> for Routes {
    fn from(router: Router) -> Self {
        Self::new(router)
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routes").finish_non_exhaustive()
    }
}
