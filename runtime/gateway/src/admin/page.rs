//! The operators' page: services, versions, routes, problems and the graph of fragments, for browsers.
//!
//! Each page is HTML that the server renders, and works without scripts. The same address answers a request for
//! `text/event-stream` with the part of the page that changes, again and again; a script puts it in its place.
//! Changes are forms, and each is confirmed on a page of its own.

mod answers;
mod changes;
mod digest;
mod events;
mod form;
mod sign_in;
mod templates;
mod view;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    extract::{Query, State},
    response::Response,
    routing::{get, post},
};
use http::{HeaderMap, StatusCode, Uri, header::ACCEPT};
use tera::{Context, Tera};
use tokio::sync::{Semaphore, watch};

use crate::{
    Gateway,
    limits::MAX_WATCHERS,
    operators::{Access, Guard},
};
use digest::Digest;
use view::{Around, View, link};

/// The operators' page of one gateway.
struct Site {
    gateway: Gateway,
    templates: Tera,
    /// What the newest snapshot tells. The lock is held while that is found out, outside of the threads that serve.
    digest: Mutex<Arc<Digest>>,
    /// The places for browsers whose pages are kept up to date.
    watchers: Arc<Semaphore>,
    /// What the addresses of style and script contain.
    assets: String,
    stopping: watch::Receiver<bool>,
}

/// Which part of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Whole,
    /// What is kept up to date.
    Live,
}

/// The routes of the page. `stopping` tells that the process is about to end.
pub(super) fn routes(gateway: Gateway, stopping: watch::Receiver<bool>) -> Router {
    let site = Arc::new(Site {
        templates: templates::all(),
        digest: Mutex::default(),
        watchers: Arc::new(Semaphore::new(MAX_WATCHERS)),
        assets: answers::assets_mark(),
        stopping,
        gateway,
    });
    let views = ["/", "/service", "/weights", "/routes", "/problems", "/flows"];
    let router = views
        .into_iter()
        .fold(Router::new(), |router, path| router.route(path, get(show)));
    router
        .route("/sign-in", get(sign_in::sign_in_page).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/change", post(changes::change))
        .route("/confirm", post(changes::confirm))
        .with_state(site)
        .merge(answers::assets())
}

/// Answers with a view: as a page, or as a stream of what changes on it.
async fn show(
    State(site): State<Arc<Site>>,
    uri: Uri,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let access = site.access(&headers).await;
    // The routes lead to views only.
    let view = View::of(uri.path(), &query).unwrap_or(View::Services(view::Listed::default()));
    let accept = headers.get(ACCEPT).map_or(&b""[..], |accept| accept.as_bytes());
    let is_stream = accept.starts_with(b"text/event-stream");
    match (&access, is_stream) {
        (Access::SignedOut, true) => return answers::signed_out(),
        (Access::SignedOut, false) => {
            return answers::see(&link("/sign-in", &[("place", &view.place())]), None);
        }
        (_, true) => return events::watch(site, view, headers),
        (_, false) => {}
    }
    let notice = query.get("done").and_then(|done| changes::notice(done));
    let (status, text) = site.rendered(view, access, notice, Part::Whole).await;
    answers::html(status, text)
}

impl Site {
    async fn access(&self, headers: &HeaderMap) -> Access {
        self.guard().access(&self.gateway, headers).await
    }

    fn guard(&self) -> &Guard {
        self.gateway.operators()
    }

    /// What the newest snapshot tells.
    fn digest(&self) -> Arc<Digest> {
        let snapshot = self.gateway.publisher().snapshot();
        let mut digest = self.digest.lock().unwrap_or_else(PoisonError::into_inner);
        if digest.version != snapshot.version || snapshot.version == 0 {
            *digest = Arc::new(Digest::of(&snapshot));
        }
        Arc::clone(&digest)
    }

    fn around<'a>(&'a self, access: &'a Access, notice: Option<&'static str>) -> Around<'a> {
        Around {
            assets: &self.assets,
            access,
            is_stopping: *self.stopping.borrow(),
            notice,
        }
    }

    /// Renders a view, outside of the threads that serve: a large registry takes time.
    async fn rendered(
        self: &Arc<Self>,
        view: View,
        access: Access,
        notice: Option<&'static str>,
        part: Part,
    ) -> (StatusCode, String) {
        let site = Arc::clone(self);
        let rendering = tokio::task::spawn_blocking(move || {
            let digest = site.digest();
            let (status, mut context) = view.values(&site.gateway, &digest);
            let around = site.around(&access, notice);
            view::add_frame(&mut context, &view, &site.gateway, &digest, around);
            let name = match part {
                Part::Whole => format!("{}.html", view.template()),
                Part::Live => format!("{}.live.html", view.template()),
            };
            site.render(status, &name, &context)
        });
        rendering.await.unwrap_or_else(|error| failed(&error))
    }

    fn render(&self, status: StatusCode, name: &str, context: &Context) -> (StatusCode, String) {
        match self.templates.render(name, context) {
            Ok(text) => (status, text),
            Err(error) => failed(&error),
        }
    }
}

/// The log has the reason: it may hold anything of a registration.
fn failed(error: &dyn std::fmt::Debug) -> (StatusCode, String) {
    tracing::error!(?error, "the operators' page was not rendered");
    let text = "<!doctype html><title>Error</title><p>The page was not rendered. The log has the reason.";
    (StatusCode::INTERNAL_SERVER_ERROR, text.to_owned())
}

#[cfg(test)]
mod tests;
