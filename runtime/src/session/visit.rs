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
    /// What handlers made of the own session. Held for one look, never across an await.
    said: Mutex<Said>,
    /// Whether there was something to keep.
    is_kept: AtomicBool,
    /// Whether a handler took the session.
    is_read: AtomicBool,
    /// Whether a page of another service asks.
    is_elsewhere: bool,
}

/// What handlers said.
#[derive(Default)]
struct Said {
    state: Option<Value>,
    /// The same, as it is kept.
    sealed: Option<Value>,
    /// Whether it is still to be kept.
    is_new: bool,
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
            is_read: AtomicBool::new(false),
            is_elsewhere: false,
        }
    }

    pub(super) fn of_page(
        keeper: Arc<Keeper>,
        session: Option<Value>,
        is_elsewhere: bool,
        now: SystemTime,
    ) -> Self {
        let own = session.map(|session| (keeper.service.clone(), session));
        Self {
            is_elsewhere,
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
        self.keeper.notice(self.is_elsewhere);
        self.is_read.store(true, Ordering::Release);
        let said = self.look().state.clone();
        if said.is_some() {
            return said;
        }
        let sealed = self.sessions().await.get(&self.keeper.service)?;
        self.keeper.sealer.open(sealed, self.now)
    }

    fn look(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A handler has a new state.
    pub(super) fn say(&self, state: Value) {
        let mut said = self.look();
        said.state = Some(state);
        said.is_new = true;
    }

    /// What handlers said since this was last asked, sealed.
    pub(crate) fn said(&self) -> Option<Value> {
        let mut said = self.look();
        if !std::mem::take(&mut said.is_new) {
            return None;
        }
        said.sealed = self.keeper.sealer.seal(said.state.clone()?, self.now);
        said.sealed.clone()
    }

    /// Keeps what handlers said.
    pub(crate) async fn keep_said(&self) {
        if let Some(said) = self.said() {
            // What is kept is bounded by what the visitor has.
            self.sessions().await;
            self.keep([(self.keeper.service.clone(), said)].into());
        }
    }

    /// The sealed sessions of the visitor, that of this service as handlers left it.
    pub(crate) async fn latest(&self) -> Sessions {
        let mut sessions = self.sessions().await.clone();
        let own = self.look().sealed.clone();
        sessions.extend(own.map(|own| (self.keeper.service.clone(), own)));
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
        self.keeper.save(visitor, known, changed, self.now);
    }

    /// Whether what was made is for this visitor alone: a session was read, or something was kept or may be yet.
    fn is_personal(&self, may_be: bool) -> bool {
        let own = || self.sessions.get()?.get(&self.keeper.service);
        let has_read = self.is_read.load(Ordering::Acquire) && own().is_some();
        may_be || has_read || self.is_kept.load(Ordering::Acquire)
    }

    /// Keeps caches that serve others from keeping what is for this visitor alone. What the handler said goes before that.
    /// `may_be`: the cookie is set, or parts know the visitor's sessions, or are still to come and may begin one.
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
