//! The cookies of one visitor at plain services, while the fragments of a page are fetched.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use http::{HeaderMap, HeaderValue, header::COOKIE};
use tokio::sync::OwnedMutexGuard;

use super::{names::ServiceCookies, set_cookie};

/// The cookies. A clone shares them.
#[derive(Clone, Default)]
pub(crate) struct Jar(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// As in a request of the visitor. Locked for one look or one change, never across an await.
    cookies: Mutex<HeaderMap>,
    /// Whose turn it is to fetch a fragment, by service. Locked in the same way.
    turns: Mutex<BTreeMap<String, Turns>>,
}

type Turns = Arc<tokio::sync::Mutex<()>>;

impl Jar {
    pub(super) fn new(cookies: impl Iterator<Item = HeaderValue>) -> Self {
        let mut headers = HeaderMap::new();
        for cookies in cookies {
            headers.append(COOKIE, cookies);
        }
        Self(Arc::new(Inner {
            cookies: Mutex::new(headers),
            turns: Mutex::default(),
        }))
    }

    /// Waits until no other fragment of the service is fetched for a visitor who lacks a cookie. Otherwise each fragment would get
    /// another token, of which the visitor could keep only one.
    pub(crate) async fn turn(&self, service: &str, own: &ServiceCookies) -> Option<OwnedMutexGuard<()>> {
        if self.with(|cookies| own.are_complete(cookies)) {
            return None;
        }
        let turns = {
            let mut all = self.0.turns.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(service.to_owned()).or_default())
        };
        Some(turns.lock_owned().await)
    }

    /// The cookies that a service gets. `None`: the visitor has none.
    pub(crate) fn for_service(&self, own: &ServiceCookies) -> Option<HeaderValue> {
        self.with(|cookies| own.for_service(cookies))
    }

    /// Takes in what a fragment set, under the names that the visitor keeps.
    pub(crate) fn apply(&self, sets: &[HeaderValue]) {
        self.with(|cookies| sets.iter().for_each(|set| set_cookie::apply(set, cookies)));
    }

    fn with<T>(&self, work: impl FnOnce(&mut HeaderMap) -> T) -> T {
        let mut cookies = self.0.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut cookies)
    }
}

/// Cookies are secrets.
impl fmt::Debug for Jar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jar").finish_non_exhaustive()
    }
}
