//! Sessions: a small typed state for each visitor, which only its service can write (protocol section 6).
//!
//! A handler takes a [`Session`]. The service of the page that the visitor looks at keeps the sessions of all services
//! on that page, in a [`SessionStore`], by the cookie `HYDRA-SESSION`. Each session is sent to its own service only. It
//! is sealed, so that the service that keeps it can neither change it nor replace it with another service's.
//!
//! The limits of that protection:
//!
//! - A seal is a signature and no encryption: the service that keeps a session can read it. Secrets do not belong
//!   in a session.
//! - A seal does not name the visitor. The owner of a fragment never learns who the visitor is, since the cookie
//!   stays with the page, so that it has nothing to check a seal against. It trusts the page to send the newest
//!   session of the visitor who looks at the page. A malicious page can show a visitor another visitor's state, at
//!   most a day old, which it could show them anyway. Make decisions about anything valuable by the login token in
//!   `HYDRA-SSO`: that cookie is passed on to the owner of a fragment, so that the owner, unlike with a session, can
//!   verify who the visitor is.
//! - Requests of one visitor that change one service's session at the same time do not wait for each other: the
//!   change that is saved last counts, as a whole. Sessions of different services do not affect each other. Data
//!   that must not be lost, such as an order or a payment, belongs in a database.
//! - The session of a fragment is kept with the page that shows it. Where a page of another service shows the
//!   fragment, that session differs from the one of the owner's own pages and routes, unless all services keep
//!   sessions in the same Redis: see `split_warning`.
//! - A response that was made with a session, or that sets the cookie, is `Cache-Control: private`, unless the
//!   handler sets that header.
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
mod visitor_keys;

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
    manager::{SessionManager, may_be_kept},
    request::RequestSessions,
    split_warning::{SplitWarning, warn as warn_of_split},
    visitor_keys::VisitorKeys,
};
pub use self::{cookie::VisitorId, memory::MemoryStore};
pub use crate::limits::{MAX_SESSION_BYTES, SESSION_IDLE_TIMEOUT};

/// The sealed sessions of one visitor, by service.
pub type Sessions = BTreeMap<String, Value>;

/// A place for the sessions of a service's visitors. They are sealed, so that a store does not have to protect them
/// from changes.
pub trait SessionStore: Send + Sync + 'static {
    /// The sessions of `visitor`, which is empty for an unknown visitor. Loading counts as use.
    fn load(&self, visitor: VisitorId, now: SystemTime) -> BoxFuture<'static, Result<Sessions, StoreError>>;
    /// Saves `changed`. Sessions of services that are not in it stay as they are.
    fn save(
        &self,
        visitor: VisitorId,
        changed: Sessions,
        now: SystemTime,
    ) -> BoxFuture<'static, Result<(), StoreError>>;
}

/// A store failed. The text is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store of sessions failed: {0}")]
pub struct StoreError(pub String);

/// The state that this service keeps for the visitor: an argument of a handler of a page or a fragment.
///
/// The first time, after it expired, and where the saved state does not fit `T` any more, it is `T::default()`. A
/// change is saved when the handler is done. Where several fragments or requests change it at the same time, the last
/// change counts, as a whole.
pub struct Session<T> {
    value: T,
    request: Arc<RequestSessions>,
}

/// A session can't be saved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The session is larger than [`MAX_SESSION_BYTES`].
    #[error("a session of {0} bytes is too large: {MAX_SESSION_BYTES} is the most")]
    TooLarge(usize),
    /// The session can't be serialised to JSON.
    #[error("the session can't be serialised: {0}")]
    Unserialisable(String),
}

impl IntoResponse for SessionError {
    fn into_response(self) -> Response {
        tracing::error!(error = %self, "a session is not kept");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

/// The request did not come through an [`App`](crate::App). Only an `App` has sessions.
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
    /// The state is too large, or can't be serialised to JSON. The session keeps its old state.
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

    /// Changes a copy of the state, and saves it.
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
                tracing::debug!(%error, "a saved session does not fit the type of the handler any more");
                None
            }
        });
        Ok(Self {
            value: value.unwrap_or_default(),
            request,
        })
    }
}
