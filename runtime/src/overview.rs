//! The overview: which services are there, their menus and their pages (design section 6), as handlers and templates see
//! it.
//!
//! `memory` makes an [`Overview`] from what the gateway said, `board` publishes it, `functions` gives it to templates.
#![deny(clippy::disallowed_methods)]

mod functions;
mod published;
mod services;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};
use hydra_runtime_wire::routes::{RouteMatch, RouteTable};
use serde::Serialize;

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
}

/// A service that is known.
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
    /// The path that it leads to.
    pub href: String,
    /// The service whose page it is.
    pub service: String,
    /// Whether an instance of the service is active. A link of a service that went away stays for ten minutes, so that
    /// a menu can show it greyed out.
    pub active: bool,
}

impl Overview {
    /// All services that are known, and whether each is active. One that went away is known for ten minutes.
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

    /// Whether fragments of `service` may begin a session of the visitor. Those of a service that is not known yet may.
    pub(crate) fn may_begin_sessions(&self, service: &str) -> bool {
        self.0
            .services
            .get(service)
            .is_none_or(|presence| presence.sessions)
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

    /// Whether an active service answers `path`, found by the gateway's own rules. A query or fragment in it is ignored.
    #[must_use]
    pub fn has_page(&self, path: &str) -> bool {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        matches!(self.0.pages.find(path), RouteMatch::Route(_))
    }
}

/// A request that did not come through an [`App`](crate::App), which alone has an overview.
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
