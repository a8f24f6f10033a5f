//! The overview, for handlers and templates: which services are active, their menus and their pages (design section 6).
//!
//! `services` makes an [`Overview`] from the gateway's answers, `published` publishes it, `functions` gives it to
//! templates.
#![deny(clippy::disallowed_methods)]

mod functions;
mod published;
mod services;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};
use hydra_runtime_wire::routes::{RouteMatch, RouteTable};
use serde::Serialize;

#[doc(hidden)]
pub use self::published::PublishedOverview;
pub(crate) use self::services::OwnService;

/// What is alive, as the gateway said it last: one look, which does not change while it is held. A clone shares all of it.
///
/// A handler takes it as an argument. Without a gateway it holds this application alone.
#[derive(Clone, Debug, Default)]
pub struct Overview(Arc<Content>);

#[derive(Debug, Default)]
struct Content {
    services: BTreeMap<String, Presence>,
    menus: BTreeMap<String, Vec<MenuLink>>,
    pages: RouteTable,
    /// The active services whose fragments may set cookies of the visitor.
    cookie_owners: Arc<BTreeSet<String>>,
}

/// A known service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Presence {
    active: bool,
    /// Whether its fragments may begin sessions.
    sessions: bool,
}

/// An entry of a menu of the site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MenuLink {
    /// The text to show.
    pub label: String,
    /// The path of the page.
    pub href: String,
    /// The service that owns the page.
    pub service: String,
    /// Whether an instance of the service is active. A link of a service that went away stays for ten minutes, so that
    /// a menu can show it greyed out.
    pub active: bool,
}

impl Overview {
    /// All known services, and whether each is active. A service that went away is known for ten minutes.
    pub fn services(&self) -> impl Iterator<Item = (&str, bool)> {
        self.0
            .services
            .iter()
            .map(|(name, presence)| (name.as_str(), presence.active))
    }

    /// Whether an instance of `service` is active.
    #[must_use]
    pub fn is_active(&self, service: &str) -> bool {
        self.0
            .services
            .get(service)
            .is_some_and(|presence| presence.active)
    }

    /// Whether fragments of `service` may begin a session of the visitor. Fragments of an unknown service may.
    pub(crate) fn may_begin_sessions(&self, service: &str) -> bool {
        self.0
            .services
            .get(service)
            .is_none_or(|presence| presence.sessions)
    }

    /// The active services whose fragments may set cookies of the visitor.
    pub(crate) fn cookie_owners(&self) -> &Arc<BTreeSet<String>> {
        &self.0.cookie_owners
    }

    /// The names of all menus.
    pub fn menus(&self) -> impl Iterator<Item = &str> {
        self.0.menus.keys().map(String::as_str)
    }

    /// The links of the menu `name`, in an order that is the same at every service: services by the least path that they
    /// have in this menu, the links of one service as it wrote them. A path comes once. Empty where there is no such menu.
    #[must_use]
    pub fn menu(&self, name: &str) -> &[MenuLink] {
        self.0.menus.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether an active service answers `path`, by the gateway's own rules. A query or fragment in `path` is ignored.
    #[must_use]
    pub fn has_page(&self, path: &str) -> bool {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        matches!(self.0.pages.find(path), RouteMatch::Route(_))
    }
}

/// The request did not come through an [`App`](crate::App). Only an `App` has an overview.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("only handlers of an `App` have an overview")]
pub struct NoOverview;

impl IntoResponse for NoOverview {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.to_string()).into_response()
    }
}

impl<S: Sync> FromRequestParts<S> for Overview {
    type Rejection = NoOverview;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NoOverview> {
        parts
            .extensions
            .get::<PublishedOverview>()
            .map(PublishedOverview::now)
            .ok_or(NoOverview)
    }
}
