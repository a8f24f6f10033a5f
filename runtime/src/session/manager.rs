//! Manages the sessions of an application: seals, the cookie and the store.

use std::{sync::Arc, time::SystemTime};

use futures_util::FutureExt as _;
use http::HeaderMap;
use serde_json::Value;
use tokio::runtime::Handle;

use super::{
    RequestSessions, SessionStore, Sessions, VisitorCookie, VisitorId, VisitorKeys,
    seal::Sealer,
    split_warning::{self, SplitWarning},
};
use crate::limits::{MAX_SEALED_SESSION_BYTES, MAX_SESSION_SERVICES};

/// Manages the sessions of an application.
pub(crate) struct SessionManager {
    pub(super) service: String,
    pub(super) sealer: Sealer,
    pub(super) cookie: VisitorCookie,
    store: Arc<dyn SessionStore>,
    /// Set where each service keeps sessions for itself.
    split_warning: Option<SplitWarning>,
}

impl SessionManager {
    /// For `service`. The first private key seals sessions, and both open them. Without one, sessions are sealed with a random
    /// key, which ends with the process.
    pub(crate) fn new(
        service: &str,
        installation: &str,
        private_keys: [Option<&str>; 2],
        visitor_keys: VisitorKeys,
        store: Arc<dyn SessionStore>,
    ) -> Self {
        let [private_key, second] = private_keys;
        let secret = private_key.map_or_else(random_secret, |key| key.as_bytes().to_vec());
        Self {
            service: service.to_owned(),
            sealer: Sealer::new(&secret, service, installation).with_second(second),
            cookie: VisitorCookie::new(visitor_keys),
            store,
            split_warning: None,
        }
    }

    /// Warns where sessions are kept in two places.
    pub(crate) fn with_split(mut self, split_warning: SplitWarning) -> Self {
        self.split_warning = Some(split_warning);
        self
    }

    /// Notes that a handler takes a session, on a page of another service or not.
    pub(super) fn notice(&self, is_elsewhere: bool) {
        if self
            .split_warning
            .as_ref()
            .is_some_and(|split_warning| split_warning.notices(is_elsewhere))
        {
            split_warning::warn();
        }
    }

    /// The sessions of a request from a browser.
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

    /// The sessions of a request from a page, which sends this service's session along. `is_elsewhere`: the page
    /// belongs to another service.
    pub(crate) fn request_of_page(
        self: &Arc<Self>,
        session: Option<Value>,
        is_elsewhere: bool,
        now: SystemTime,
    ) -> Arc<RequestSessions> {
        Arc::new(RequestSessions::of_page(self.clone(), session, is_elsewhere, now))
    }

    /// The sessions of a visitor. Where the store fails, there are none.
    pub(super) async fn load(&self, visitor: VisitorId, now: SystemTime) -> Sessions {
        self.store.load(visitor, now).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "a visitor's sessions can't be had");
            Sessions::new()
        })
    }

    /// Saves changed sessions: at once if the store can, and otherwise in a task of its own, because the caller can't
    /// wait.
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

/// Whether a session is not too large.
pub(crate) fn may_be_kept(session: &Value) -> bool {
    session.to_string().len() <= MAX_SEALED_SESSION_BYTES
}

/// The sessions in `changed` that are not too large, with new services only up to the limit.
fn bounded(known: &Sessions, changed: Sessions) -> Sessions {
    let mut room = MAX_SESSION_SERVICES.saturating_sub(known.len());
    let fits = |(service, session): &(String, Value)| {
        let is_small = may_be_kept(session);
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
