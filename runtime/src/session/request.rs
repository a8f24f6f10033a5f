//! The sessions of one request.
#![deny(clippy::disallowed_methods)]

use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use http::{HeaderMap, header::SET_COOKIE};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::{SessionManager, Sessions, VisitorId};

/// The sessions of one request: those of the visitor, and the changes of handlers to this service's session.
pub(crate) struct RequestSessions {
    manager: Arc<SessionManager>,
    /// The visitor that the cookie names.
    known: Option<VisitorId>,
    /// The visitor, once it matters: from the cookie, or a new one.
    visitor: OnceLock<Option<VisitorId>>,
    now: SystemTime,
    sessions: OnceCell<Sessions>,
    /// This service's session as handlers left it. Locked for one look-up, never across an await.
    own: Mutex<OwnState>,
    /// Whether a session was saved.
    is_kept: AtomicBool,
    /// Whether a handler took the session.
    is_read: AtomicBool,
    /// Whether the request comes from a page of another service.
    is_elsewhere: bool,
}

/// This service's session as handlers left it.
#[derive(Default)]
struct OwnState {
    state: Option<Value>,
    /// The state, sealed.
    sealed: Option<Value>,
    /// Whether the state is still to be saved.
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

    /// The state of this service. It can't open that of other services.
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

    /// Sets a new state for this service.
    pub(super) fn set_own(&self, state: Value) {
        let mut own = self.look();
        own.state = Some(state);
        own.sealed = None;
        own.is_new = true;
    }

    /// Sets a new state for this service that is sealed already: a fragment of this request changed it.
    pub(crate) fn replace_own(&self, sealed: Value) {
        let mut own = self.look();
        own.state = self.manager.sealer.open(&sealed, self.now);
        own.sealed = Some(sealed);
        own.is_new = true;
    }

    /// The state that handlers set since the last call, sealed. `None`: they set none.
    pub(crate) fn take_own_change(&self) -> Option<Value> {
        let mut own = self.look();
        if !std::mem::take(&mut own.is_new) {
            return None;
        }
        self.sealed(&mut own)
    }

    /// The state as handlers left it, sealed. `None`: they set none.
    fn sealed(&self, own: &mut OwnState) -> Option<Value> {
        if own.sealed.is_none() {
            own.sealed = self.manager.sealer.seal(own.state.clone()?, self.now);
        }
        own.sealed.clone()
    }

    /// Saves the state that handlers set.
    pub(crate) async fn save_own(&self) {
        if let Some(own) = self.take_own_change() {
            // The number of sessions that a visitor may have depends on those that exist.
            self.sessions().await;
            self.keep([(self.manager.service.clone(), own)].into());
        }
    }

    /// Saves the state that handlers set, if the visitor has a cookie already. Others need an answer that sets one.
    pub(crate) async fn save_of_known(&self) {
        if self.known.is_some() {
            self.save_own().await;
        }
    }

    /// The sealed sessions of the visitor, with this service's session as handlers left it.
    pub(crate) async fn latest(&self) -> Sessions {
        let mut sessions = self.sessions().await.clone();
        let own_state = self.sealed(&mut self.look());
        sessions.extend(own_state.map(|own_state| (self.manager.service.clone(), own_state)));
        sessions
    }

    /// Saves changed sessions.
    pub(crate) fn keep(&self, changed: Sessions) {
        let (false, Some(visitor)) = (changed.is_empty(), self.visitor()) else {
            return;
        };
        self.is_kept.store(true, Ordering::Release);
        let none = Sessions::new();
        let known = self.sessions.get().unwrap_or(&none);
        self.manager.save(visitor, known, changed, self.now);
    }

    /// Whether the response is for this visitor alone: a session was read or saved, or may still be saved. `may_be`: the
    /// response sets the cookie, or a part of it knows the visitor's sessions, or a part is still to come and may begin a
    /// session.
    pub(crate) fn is_personal(&self, may_be: bool) -> bool {
        let own_state = || self.sessions.get()?.get(&self.manager.service);
        let has_read = self.is_read.load(Ordering::Acquire) && own_state().is_some();
        may_be || has_read || self.is_kept.load(Ordering::Acquire)
    }

    /// Sets the cookie where the visitor needs one: a session was saved, or may still be saved after the head has left.
    /// Returns whether it did.
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
