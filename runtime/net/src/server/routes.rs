//! The routes of a server, which may be replaced while it runs.

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;

/// The routes of one thread of a server. Clones are the same routes. Each request is answered by the router that was
/// there when the request arrived.
#[derive(Clone, Debug)]
pub struct Routes(Arc<ArcSwap<Router>>);

impl Routes {
    /// Routes that may be replaced later.
    #[must_use]
    pub fn new(router: Router) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(router)))
    }

    /// Answers requests from now on with `router`. Requests that have begun end with the former one.
    pub fn replace(&self, router: Router) {
        self.0.store(Arc::new(router));
    }

    pub(super) fn current(&self) -> Router {
        Router::clone(&self.0.load())
    }
}

impl From<Router> for Routes {
    fn from(router: Router) -> Self {
        Self::new(router)
    }
}
