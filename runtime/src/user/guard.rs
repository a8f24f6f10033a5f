//! Guards by role.

use std::{
    marker::PhantomData,
    task::{Context, Poll},
};

use axum::{
    extract::{FromRequestParts, Request},
    response::{IntoResponse, Response},
};
use futures_util::future::{Either, Ready, ready};
use http::{StatusCode, request::Parts};
use tower::{Layer, Service};

use super::{LoginRequired, RequestLogin, not_stored};

/// Why a guard refuses a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The visitor is not logged in.
    Login(LoginRequired),
    /// The user has none of the roles.
    Role,
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Login(required) => required.into_response(),
            Self::Role => {
                let mut response = StatusCode::FORBIDDEN.into_response();
                not_stored(&mut response);
                response
            }
        }
    }
}

/// Checks that the user has one of the roles. A service without keys refuses all users.
fn check(parts: &Parts, roles: &[&str]) -> Result<(), Refused> {
    let login = parts.extensions.get::<RequestLogin>();
    match login.and_then(|login| login.user(&parts.headers)) {
        Some(user) if roles.iter().any(|role| user.has_role(role)) => Ok(()),
        Some(_) => Err(Refused::Role),
        None => Err(Refused::Login(LoginRequired {
            location: login.and_then(|login| login.login_page(parts)),
        })),
    }
}

/// Lets only users with one of these roles through: a layer around a route.
///
/// ```ignore
/// App::new("shop").route("/admin/export", get(export).layer(RequireRoles::any(&["ADMIN"])))
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RequireRoles(&'static [&'static str]);

impl RequireRoles {
    /// Users with at least one of these roles pass. With an empty list, no user does.
    #[must_use]
    pub const fn any(roles: &'static [&'static str]) -> Self {
        Self(roles)
    }
}

impl<S> Layer<S> for RequireRoles {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { inner, roles: self.0 }
    }
}

/// A service behind [`RequireRoles`].
#[derive(Clone, Debug)]
pub struct Guarded<S> {
    inner: S,
    roles: &'static [&'static str],
}

impl<S: Service<Request, Response = Response>> Service<Request> for Guarded<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = Either<Ready<Result<Response, S::Error>>, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (parts, body) = request.into_parts();
        match check(&parts, self.roles) {
            Ok(()) => Either::Right(self.inner.call(Request::from_parts(parts, body))),
            Err(refused) => Either::Left(ready(Ok(refused.into_response()))),
        }
    }
}

/// The roles of a [`Guard`]. The macros implement it.
pub trait RoleList {
    /// The roles, of which a user needs one.
    const ROLES: &'static [&'static str];
}

/// An argument that refuses users without one of the roles. `#[fragment("…", roles("ADMIN"))]` adds it as the first argument
/// of the handler.
#[derive(Clone, Copy, Debug)]
pub struct Guard<R>(PhantomData<fn() -> R>);

impl<S: Sync, R: RoleList> FromRequestParts<S> for Guard<R> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        check(parts, R::ROLES).map(|()| Self(PhantomData))
    }
}
