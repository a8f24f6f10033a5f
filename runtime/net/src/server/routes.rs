//! The routes of a server, which may be replaced while it runs.

use std::{fmt, sync::Arc};

use arc_swap::ArcSwap;
use axum::{Router, body::Body, response::Response};
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Either},
};
use http::Request;
use tower::ServiceExt as _;

use super::raw::ServeRaw;

/// Answers one request.
pub type Answer = dyn Fn(Request<Body>) -> BoxFuture<'static, Response> + Send + Sync;

/// The routes of one thread of a server. Clones are the same routes. Each request is answered by the router that was
/// there when the request arrived.
#[derive(Clone)]
pub struct Routes {
    current: Arc<ArcSwap<Current>>,
    raw: Option<Arc<ServeRaw>>,
}

struct Current {
    router: Router,
    shortcut: Option<Shortcut>,
}

/// A way past the router.
struct Shortcut {
    takes: fn(&Request<Body>) -> bool,
    answer: Arc<Answer>,
}

impl Routes {
    /// Routes that may be replaced later.
    #[must_use]
    pub fn new(router: Router) -> Self {
        Self {
            current: Arc::new(ArcSwap::from_pointee(Current {
                router,
                shortcut: None,
            })),
            raw: None,
        }
    }

    /// Answers the requests for which `takes` is true with `answer` instead of the router, which must do the same with them: the
    /// way through a router takes an eighth of the instructions of a page without fragments.
    #[must_use]
    pub fn with_shortcut(self, takes: fn(&Request<Body>) -> bool, answer: Arc<Answer>) -> Self {
        let router = self.current.load().router.clone();
        let shortcut = Some(Shortcut { takes, answer });
        self.current.store(Arc::new(Current { router, shortcut }));
        self
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
        self.current.store(newer.current.load_full());
    }

    /// Answers a request.
    pub(super) fn answer(&self, request: Request<Body>) -> impl Future<Output = Response> + Send + use<> {
        let current = self.current.load();
        match &current.shortcut {
            Some(shortcut) if (shortcut.takes)(&request) => Either::Left((shortcut.answer)(request)),
            _ => Either::Right(
                current
                    .router
                    .clone()
                    .oneshot(request)
                    .map(|Ok(response)| response),
            ),
        }
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
