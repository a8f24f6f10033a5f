//! What one request knows of sessions.
#![deny(clippy::disallowed_methods)]

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use http::{
    HeaderMap, HeaderValue,
    header::{CACHE_CONTROL, SET_COOKIE},
};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::{Keeper, Sessions, VisitorId};

/// What one request knows of sessions: those of the visitor, and what the handler made of its own.
pub(crate) struct Visit {
    keeper: Arc<Keeper>,
    /// Who the cookie says it is.
    known: Option<VisitorId>,
    /// Who it is, from when that matters.
    visitor: OnceLock<Option<VisitorId>>,
    now: SystemTime,
    sessions: OnceCell<Sessions>,
    /// What the handler said. Held for one look, never across an await.
    said: Mutex<Option<Value>>,
    /// Whether there was something to keep.
    is_kept: AtomicBool,
}

impl Visit {
    pub(super) fn of_browser(keeper: Arc<Keeper>, known: Option<VisitorId>, now: SystemTime) -> Self {
        Self {
            keeper,
            known,
            visitor: OnceLock::new(),
            now,
            sessions: OnceCell::new(),
            said: Mutex::default(),
            is_kept: AtomicBool::new(false),
        }
    }

    pub(super) fn of_page(keeper: Arc<Keeper>, session: Option<Value>, now: SystemTime) -> Self {
        let own = session.map(|session| (keeper.service.clone(), session));
        Self {
            sessions: OnceCell::from(own.into_iter().collect::<Sessions>()),
            ..Self::of_browser(keeper, None, now)
        }
    }

    /// The sealed sessions of the visitor, as they were when the request came.
    pub(crate) async fn sessions(&self) -> &Sessions {
        let load = || async {
            match self.known {
                Some(visitor) => self.keeper.load(visitor, self.now).await,
                None => Sessions::new(),
            }
        };
        self.sessions.get_or_init(load).await
    }

    /// The state that this service keeps. Nobody else's can be opened.
    pub(super) async fn own(&self) -> Option<Value> {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if said.is_some() {
            return said;
        }
        let sealed = self.sessions().await.get(&self.keeper.service)?;
        self.keeper.sealer.open(sealed, self.now)
    }

    /// The handler has a new state.
    pub(super) fn say(&self, state: Value) {
        *self.said.lock().unwrap_or_else(PoisonError::into_inner) = Some(state);
    }

    /// What the handler said, sealed.
    pub(crate) fn said(&self) -> Option<Value> {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        self.keeper.sealer.seal(said, self.now)
    }

    /// What the handler said, sealed, as a session of this service.
    pub(crate) fn changed(&self) -> Sessions {
        let said = self.said().map(|said| (self.keeper.service.clone(), said));
        said.into_iter().collect()
    }

    /// Keeps sessions that changed.
    pub(crate) fn keep(&self, changed: Sessions) {
        let (false, Some(visitor)) = (changed.is_empty(), self.visitor()) else {
            return;
        };
        self.is_kept.store(true, Ordering::Release);
        let none = Sessions::new();
        let known = self.sessions.get().unwrap_or(&none);
        self.keeper.save(visitor, known, changed, self.now);
    }

    /// Whether what was made is for this visitor alone: sessions were there to read, or something was kept or may be yet.
    fn is_personal(&self, may_be: bool) -> bool {
        let has_sessions = self.sessions.get().is_some_and(|sessions| !sessions.is_empty());
        may_be || has_sessions || self.is_kept.load(Ordering::Acquire)
    }

    /// Keeps caches that serve others from keeping what is for this visitor alone. What the handler said goes before that.
    /// `may_be`: the cookie is set, or parts are still to come that may need it.
    pub(crate) fn guard(&self, headers: &mut HeaderMap, may_be: bool) {
        if self.is_personal(may_be) && !headers.contains_key(CACHE_CONTROL) {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
        }
    }

    /// Sets the cookie where the visitor needs one: something was kept, or may still be after the head has left. Gives
    /// whether it did.
    pub(crate) fn sign(&self, headers: &mut HeaderMap, is_open: bool, is_secure: bool) -> bool {
        if self.known.is_some() || !(is_open || self.is_kept.load(Ordering::Acquire)) {
            return false;
        }
        let cookie = self
            .visitor()
            .and_then(|visitor| self.keeper.visitors.cookie(visitor, is_secure));
        let Some(cookie) = cookie else { return false };
        headers.append(SET_COOKIE, cookie);
        true
    }

    fn visitor(&self) -> Option<VisitorId> {
        *self.visitor.get_or_init(|| self.known.or_else(VisitorId::random))
    }
}
