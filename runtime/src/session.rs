//! Sessions: a small typed state for each visitor, which only the service that owns it can write (protocol section 6).
//!
//! A handler takes a [`Session`]. The page that the visitor looks at keeps the sessions of all services that it asked, in a
//! [`SessionStore`], by the cookie `HYDRA-SESSION`; each is sent to its own service only, sealed by `seal`, so that whoever
//! keeps it can neither change it nor pass another service's for it. `visit` is what one request knows of all that.
//!
//! What is trusted, and what is not:
//! - A seal is a signature, not a cipher: who keeps a session could read it. What nobody else may know does not belong in it.
//! - A seal does not say whose session it is. The owner of a fragment never learns who the visitor is, since the cookie
//!   stays with the page, so there is nothing that it could hold a seal against: a page is trusted to send the session of
//!   the visitor who looks at it, and the newest one. A page that lies can show a visitor another's state, at most a day old,
//!   which it could show them anyway. Whatever is worth stealing is to be decided by the login's token, which does travel.
//! - Requests of one visitor that change one service's session at the same time do not wait for each other: the change that
//!   is saved last counts, as a whole. Sessions of different services never touch each other. What must not be lost (an
//!   order, a payment) belongs in a database.
//! - The session of a fragment lives with the page that shows it. Where pages of other services show it, it is another one than
//!   that of the owner's own pages and routes, unless all services keep sessions in the same Redis: see `split`.
//! - A response that was made with a session, or that sets the cookie, is `Cache-Control: private`, unless the handler said
//!   something else.
#![deny(clippy::disallowed_methods)]

mod cookie;
mod manager;
mod memory;
#[cfg(feature = "redis")]
mod redis;
mod request;
mod seal;
mod split_warning;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt, sync::Arc, time::SystemTime};

use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use futures_util::future::BoxFuture;
use http::{StatusCode, request::Parts};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

#[cfg(feature = "redis")]
pub use self::redis::RedisStore;
pub(crate) use self::{
    cookie::VisitorCookie,
    manager::SessionManager,
    request::RequestSessions,
    split_warning::{SplitWarning, warn as warn_of_split},
};
pub use self::{cookie::VisitorId, memory::MemoryStore};
pub use crate::limits::{MAX_SESSION_BYTES, SESSION_IDLE_TIMEOUT};

/// The sealed sessions of one visitor, by service.
pub type Sessions = BTreeMap<String, Value>;

/// Where a page keeps the sessions of its visitors. They are sealed: a store need not keep them from being changed.
pub trait SessionStore: Send + Sync + 'static {
    /// The sessions of `visitor`, none where nothing is known. It counts as use.
    fn load(&self, visitor: VisitorId, now: SystemTime) -> BoxFuture<'static, Result<Sessions, StoreError>>;
    /// Keeps `changed`; sessions of services that are not in it stay as they are.
    fn save(
        &self,
        visitor: VisitorId,
        changed: Sessions,
        now: SystemTime,
    ) -> BoxFuture<'static, Result<(), StoreError>>;
}

/// A store could not do what it was asked. The text is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store of sessions failed: {0}")]
pub struct StoreError(pub String);

/// The state that this service keeps for the visitor: an argument of a handler of a page or a fragment.
///
/// The first time, and when it ran out, it is `T::default()`; so it is where what was kept is no `T` any more. A change is
/// kept when the handler is done. Of several fragments or requests that change it at the same time the last one counts, as a
/// whole.
pub struct Session<T> {
    value: T,
    request: Arc<RequestSessions>,
}

/// A session can't be kept as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// It is larger than [`MAX_SESSION_BYTES`].
    #[error("a session of {0} bytes is too large: {MAX_SESSION_BYTES} is the most")]
    TooLarge(usize),
    /// It can't be JSON.
    #[error("the session can't be serialised: {0}")]
    Unserialisable(String),
}

impl IntoResponse for SessionError {
    fn into_response(self) -> Response {
        tracing::error!(error = %self, "a session is not kept");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

/// A request that did not come through an [`App`](crate::App), which alone has sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("only handlers of an `App` have sessions")]
pub struct NoSession;

impl IntoResponse for NoSession {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.to_string()).into_response()
    }
}

impl<T: Serialize> Session<T> {
    /// The state.
    pub fn get(&self) -> &T {
        &self.value
    }

    /// Replaces the state.
    ///
    /// # Errors
    /// It can't be kept: it is too large or no JSON. The state stays what it was.
    pub fn set(&mut self, value: T) -> Result<(), SessionError> {
        let json =
            serde_json::to_value(&value).map_err(|error| SessionError::Unserialisable(error.to_string()))?;
        let size = json.to_string().len();
        if size > MAX_SESSION_BYTES {
            return Err(SessionError::TooLarge(size));
        }
        self.request.set_own(json);
        self.value = value;
        Ok(())
    }

    /// Changes a copy of the state, and keeps it.
    ///
    /// # Errors
    /// As [`Session::set`].
    pub fn update(&mut self, change: impl FnOnce(&mut T)) -> Result<(), SessionError>
    where
        T: Clone,
    {
        let mut value = self.value.clone();
        change(&mut value);
        self.set(value)
    }
}

impl<T: fmt::Debug> fmt::Debug for Session<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Session").field(&self.value).finish()
    }
}

impl<S, T> FromRequestParts<S> for Session<T>
where
    S: Sync,
    T: Serialize + DeserializeOwned + Default,
{
    type Rejection = NoSession;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NoSession> {
        let request = parts
            .extensions
            .get::<Arc<RequestSessions>>()
            .cloned()
            .ok_or(NoSession)?;
        let kept = request.own_state().await;
        let value = kept.and_then(|kept| match serde_json::from_value(kept) {
            Ok(value) => Some(value),
            Err(error) => {
                tracing::debug!(%error, "a session that was kept is no such state any more");
                None
            }
        });
        Ok(Self {
            value: value.unwrap_or_default(),
            request,
        })
    }
}
