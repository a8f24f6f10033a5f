//! The user who is logged in, in the handlers of pages, fragments and routes (protocol section 5).
//!
//! The gateway logs users in, and its answer to a registration has the keys with which this service verifies logins.
//! [`User`] in a handler is the user. A visitor without a login is sent to the login page, and comes back:
//!
//! ```ignore
//! async fn orders(user: User) -> Orders {
//!     Orders { orders: orders_of(user.name()), user }
//! }
//!
//! async fn home(user: Option<User>) -> Home {
//!     Home { user }
//! }
//! ```
//!
//! Some pages, fragments and routes are for certain roles: `#[page(…, roles("ADMIN"))]`,
//! `#[fragment("…", roles("ADMIN"))]`, and [`RequireRoles`] around a route.

mod guard;
mod keys;
mod request;
#[cfg(test)]
mod tests;

use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, LOCATION},
    request::Parts,
};
use hydra_runtime_wire::login::Login;
use serde::{Serialize, Serializer, ser::SerializeStruct as _};

pub use guard::{Guard, RequireRoles, RoleList};
pub(crate) use keys::ServiceKeys;
pub(crate) use request::RequestLogin;

/// The user who is logged in.
///
/// As a field of a page, templates see `name`, `id`, `roles` and `metadata`: `{{ user.name }}`,
/// `{% if "ADMIN" in user.roles %}`. A response of a handler that took a user is never stored by caches.
#[derive(Clone, PartialEq, Eq)]
pub struct User(Arc<Login>);

impl User {
    /// The name with which the user logs in.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.username
    }

    /// The user's number, if the user has one.
    #[must_use]
    pub fn id(&self) -> Option<i64> {
        self.0.user_id
    }

    /// The user's roles.
    #[must_use]
    pub fn roles(&self) -> &[String] {
        &self.0.roles
    }

    /// Whether the user has this role.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.0.has_role(role)
    }

    /// What else is known about the user, by name.
    #[must_use]
    pub fn metadata(&self, name: &str) -> Option<&str> {
        self.0.metadata.get(name).map(String::as_str)
    }
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User")
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

impl Serialize for User {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut user = serializer.serialize_struct("User", 4)?;
        user.serialize_field("name", self.name())?;
        user.serialize_field("id", &self.id())?;
        user.serialize_field("roles", self.roles())?;
        user.serialize_field("metadata", &self.0.metadata)?;
        user.end()
    }
}

/// The visitor is not logged in: the response leads to the login page, or is 401.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginRequired {
    /// Where the visitor goes. `None`: the request is not one for a page, so that a redirect would not help.
    location: Option<String>,
}

impl IntoResponse for LoginRequired {
    fn into_response(self) -> Response {
        let location = self
            .location
            .and_then(|location| HeaderValue::try_from(location).ok());
        let status = match location {
            Some(_) => StatusCode::FOUND,
            None => StatusCode::UNAUTHORIZED,
        };
        let mut response = status.into_response();
        if let Some(location) = location {
            response.headers_mut().insert(LOCATION, location);
        }
        not_stored(&mut response);
        response
    }
}

impl<S: Sync> FromRequestParts<S> for User {
    type Rejection = LoginRequired;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, LoginRequired> {
        let login = parts.extensions.get::<RequestLogin>();
        let user = login.and_then(|login| login.user(&parts.headers));
        user.ok_or_else(|| LoginRequired {
            location: login.and_then(|login| login.login_page(parts)),
        })
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for User {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        let login = parts.extensions.get::<RequestLogin>();
        Ok(login.and_then(|login| login.user(&parts.headers)))
    }
}

/// Keeps a response out of all caches: the next user of the browser must not see it either.
pub(crate) fn not_stored(response: &mut Response) {
    let value = HeaderValue::from_static("private, no-store");
    response.headers_mut().insert(CACHE_CONTROL, value);
}
