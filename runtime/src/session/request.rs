//! What one request knows of sessions.
#![deny(clippy::disallowed_methods)]

use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
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

use super::{SessionManager, Sessions, VisitorId};

/// What one request knows of sessions: those of the visitor, and what the handler made of its own.
pub(crate) struct RequestSessions {
    manager: Arc<SessionManager>,
    /// Who the cookie says it is.
    known: Option<VisitorId>,
    /// Who it is, from when that matters.
    visitor: OnceLock<Option<VisitorId>>,
    now: SystemTime,
    sessions: OnceCell<Sessions>,
    /// What handlers made of the own session. Held for one look, never across an await.
    own: Mutex<OwnState>,
    /// Whether there was something to keep.
    is_kept: AtomicBool,
    /// Whether a handler took the session.
    is_read: AtomicBool,
    /// Whether a page of another service asks.
    is_elsewhere: bool,
}

/// What handlers said.
#[derive(Default)]
struct OwnState {
    state: Option<Value>,
    /// The same, as it is kept.
    sealed: Option<Value>,
    /// Whether it is still to be kept.
    is_new: bool,
}

impl RequestSessions {
    pub(super) fn of_browser(
        manager: Arc<SessionManager>,
        known: Option<VisitorId>,
        now: SystemTime,
    ) -> Self {
        Self {
            manager,
            known,
            visitor: OnceLock::new(),
            now,
            sessions: OnceCell::new(),
            own: Mutex::default(),
            is_kept: AtomicBool::new(false),
            is_read: AtomicBool::new(false),
            is_elsewhere: false,
        }
    }

    pub(super) fn of_page(
        manager: Arc<SessionManager>,
        session: Option<Value>,
        is_elsewhere: bool,
        now: SystemTime,
    ) -> Self {
        let own_state = session.map(|session| (manager.service.clone(), session));
        Self {
            is_elsewhere,
            sessions: OnceCell::from(own_state.into_iter().collect::<Sessions>()),
            ..Self::of_browser(manager, None, now)
        }
    }

    /// The sealed sessions of the visitor, as they were when the request came.
    pub(crate) async fn sessions(&self) -> &Sessions {
        let load = || async {
            match self.known {
                Some(visitor) => self.manager.load(visitor, self.now).await,
                None => Sessions::new(),
            }
        };
        self.sessions.get_or_init(load).await
    }

    /// The state that this service keeps. Nobody else's can be opened.
    pub(super) async fn own_state(&self) -> Option<Value> {
        self.manager.notice(self.is_elsewhere);
        self.is_read.store(true, Ordering::Release);
        let own = self.look().state.clone();
        if own.is_some() {
            return own;
        }
        let sealed = self.sessions().await.get(&self.manager.service)?;
        self.manager.sealer.open(sealed, self.now)
    }

    fn look(&self) -> MutexGuard<'_, OwnState> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A handler has a new state.
    pub(super) fn set_own(&self, state: Value) {
        let mut own = self.look();
        own.state = Some(state);
        own.is_new = true;
    }

    /// What handlers said since this was last asked, sealed.
    pub(crate) fn take_own_change(&self) -> Option<Value> {
        let mut own = self.look();
        if !std::mem::take(&mut own.is_new) {
            return None;
        }
        own.sealed = self.manager.sealer.seal(own.state.clone()?, self.now);
        own.sealed.clone()
    }

    /// Keeps what handlers said.
    pub(crate) async fn save_own(&self) {
        if let Some(own) = self.take_own_change() {
            // What is kept is bounded by what the visitor has.
            self.sessions().await;
            self.keep([(self.manager.service.clone(), own)].into());
        }
    }

    /// The sealed sessions of the visitor, that of this service as handlers left it.
    pub(crate) async fn latest(&self) -> Sessions {
        let mut sessions = self.sessions().await.clone();
        let own_state = self.look().sealed.clone();
        sessions.extend(own_state.map(|own_state| (self.manager.service.clone(), own_state)));
        sessions
    }

    /// Keeps sessions that changed.
    pub(crate) fn keep(&self, changed: Sessions) {
        let (false, Some(visitor)) = (changed.is_empty(), self.visitor()) else {
            return;
        };
        self.is_kept.store(true, Ordering::Release);
        let none = Sessions::new();
        let known = self.sessions.get().unwrap_or(&none);
        self.manager.save(visitor, known, changed, self.now);
    }

    /// Whether what was made is for this visitor alone: a session was read, or something was kept or may be yet.
    fn is_personal(&self, may_be: bool) -> bool {
        let own_state = || self.sessions.get()?.get(&self.manager.service);
        let has_read = self.is_read.load(Ordering::Acquire) && own_state().is_some();
        may_be || has_read || self.is_kept.load(Ordering::Acquire)
    }

    /// Keeps caches that serve others from keeping what is for this visitor alone. What the handler said goes before that.
    /// `may_be`: the cookie is set, or parts know the visitor's sessions, or are still to come and may begin one.
    pub(crate) fn keep_from_caches(&self, headers: &mut HeaderMap, may_be: bool) {
        if self.is_personal(may_be) && !headers.contains_key(CACHE_CONTROL) {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
        }
    }

    /// Sets the cookie where the visitor needs one: something was kept, or may still be after the head has left. Gives
    /// whether it did.
    pub(crate) fn set_cookie(&self, headers: &mut HeaderMap, is_open: bool, is_secure: bool) -> bool {
        if self.known.is_some() || !(is_open || self.is_kept.load(Ordering::Acquire)) {
            return false;
        }
        let cookie = self
            .visitor()
            .and_then(|visitor| self.manager.cookie.cookie(visitor, is_secure));
        let Some(cookie) = cookie else { return false };
        headers.append(SET_COOKIE, cookie);
        true
    }

    fn visitor(&self) -> Option<VisitorId> {
        *self.visitor.get_or_init(|| self.known.or_else(VisitorId::random))
    }
}
