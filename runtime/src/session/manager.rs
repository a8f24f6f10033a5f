//! What an application keeps sessions with: the seals, the cookie and the store.

use std::{sync::Arc, time::SystemTime};

use futures_util::FutureExt as _;
use http::HeaderMap;
use serde_json::Value;
use tokio::runtime::Handle;

use super::{
    RequestSessions, SessionStore, Sessions, VisitorCookie, VisitorId,
    seal::Sealer,
    split_warning::{self, SplitWarning},
};
use crate::limits::{MAX_SEALED_SESSION_BYTES, MAX_SESSION_SERVICES};

/// What an application keeps sessions with.
pub(crate) struct SessionManager {
    pub(super) service: String,
    pub(super) sealer: Sealer,
    pub(super) cookie: VisitorCookie,
    store: Arc<dyn SessionStore>,
    /// Present where each service keeps sessions for itself.
    split_warning: Option<SplitWarning>,
}

impl SessionManager {
    /// For `service`. Without a private key sessions are sealed with a random key, which ends with the process.
    pub(crate) fn new(
        service: &str,
        installation: &str,
        private_key: Option<&str>,
        store: Arc<dyn SessionStore>,
    ) -> Self {
        let secret = private_key.map_or_else(random_secret, |key| key.as_bytes().to_vec());
        Self {
            service: service.to_owned(),
            sealer: Sealer::new(&secret, service, installation),
            cookie: VisitorCookie::new(private_key),
            store,
            split_warning: None,
        }
    }

    /// The same, which notices where sessions live in two places.
    pub(crate) fn with_split(mut self, split_warning: SplitWarning) -> Self {
        self.split_warning = Some(split_warning);
        self
    }

    /// A handler takes a session, on a page of another service or not.
    pub(super) fn notice(&self, is_elsewhere: bool) {
        if self
            .split_warning
            .as_ref()
            .is_some_and(|split_warning| split_warning.notices(is_elsewhere))
        {
            split_warning::warn();
        }
    }

    /// The visit of a browser that asks for a page.
    pub(crate) fn request_of_browser(
        self: &Arc<Self>,
        headers: &HeaderMap,
        now: SystemTime,
    ) -> Arc<RequestSessions> {
        Arc::new(RequestSessions::of_browser(
            self.clone(),
            self.cookie.read(headers),
            now,
        ))
    }

    /// The visit of a page that asks for a fragment and brings the session along. `is_elsewhere`: the page is another
    /// service's.
    pub(crate) fn request_of_page(
        self: &Arc<Self>,
        session: Option<Value>,
        is_elsewhere: bool,
        now: SystemTime,
    ) -> Arc<RequestSessions> {
        Arc::new(RequestSessions::of_page(self.clone(), session, is_elsewhere, now))
    }

    /// The sessions of a visitor; none where the store fails.
    pub(super) async fn load(&self, visitor: VisitorId, now: SystemTime) -> Sessions {
        self.store.load(visitor, now).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "a visitor's sessions can't be had");
            Sessions::new()
        })
    }

    /// Keeps what changed, at once where the store can, and else in a task of its own: whoever calls can't wait.
    pub(super) fn save(&self, visitor: VisitorId, known: &Sessions, changed: Sessions, now: SystemTime) {
        let changed = bounded(known, changed);
        if changed.is_empty() {
            return;
        }
        let mut saving = self.store.save(visitor, changed, now);
        match ((&mut saving).now_or_never(), Handle::try_current()) {
            (Some(done), _) => report(done),
            (None, Ok(runtime)) => drop(runtime.spawn(saving.map(report))),
            (None, Err(_)) => tracing::warn!("sessions can't be saved outside of a runtime"),
        }
    }
}

fn report(saved: Result<(), super::StoreError>) {
    if let Err(error) = saved {
        tracing::warn!(%error, "a visitor's sessions are not kept");
    }
}

/// Of `changed`, what is not too large. Of services that are new to the visitor, no more than there is room for.
fn bounded(known: &Sessions, changed: Sessions) -> Sessions {
    let mut room = MAX_SESSION_SERVICES.saturating_sub(known.len());
    let fits = |(service, session): &(String, Value)| {
        let is_small = session.to_string().len() <= MAX_SEALED_SESSION_BYTES;
        if !is_small {
            tracing::warn!(service, "its session is too large to be kept");
        }
        let has_room = known.contains_key(service) || room > 0;
        if is_small && has_room && !known.contains_key(service) {
            room -= 1;
        }
        is_small && has_room
    };
    changed.into_iter().filter(fits).collect()
}

fn random_secret() -> Vec<u8> {
    // 244 random bits.
    let two = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()];
    two.map(uuid::Uuid::into_bytes).concat()
}
