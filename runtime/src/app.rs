//! An application: pages and fragments over axum (design section 2).
//!
//! [`App`] collects what the application has, [`App::serve`] or [`App::into_router`] puts it together. Downwards:
//! [`App`] → `assemble` (settings, engine, the order of layers) → `render` (pages), `endpoint` (fragments), `local`
//! (fragment handlers).

mod assemble;
mod endpoint;
mod error;
mod fragment;
mod handler;
mod later;
mod local;
mod logs;
mod page;
mod render;
mod serve;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use axum::{
    Router,
    response::Response,
    routing::{self, MethodRouter},
};
use tera::Tera;

pub use self::{
    assemble::Assembled,
    error::{Error, Result},
    fragment::{Fragment, ImportsRejection},
    handler::{FragmentHandler, PageHandler},
    page::{Page, PageOutput, Route},
};
#[doc(hidden)]
pub use self::{
    fragment::{fragment_response, imports},
    page::page_response,
};
use crate::{
    page::{ErrorPage, PageFailure},
    service::Offer,
    session::SessionStore,
    settings::Partial,
    wire::MenuItem,
};

/// What the application adds to Tera.
type TeraSetup = Box<dyn FnOnce(&mut Tera) + Send>;

/// An application: its pages, its fragments and its settings.
///
/// `S` is the state that handlers still need, as in [`axum::Router`]. [`App::with_state`] gives it.
#[must_use = "an `App` does nothing until `serve` or `into_router`"]
pub struct App<S = ()> {
    name: String,
    plan: String,
    /// The application's source folder, where it was built: relative folders are looked for there too.
    crate_folder: Option<PathBuf>,
    settings: Partial,
    config: Option<PathBuf>,
    router: Router<S>,
    fragments: BTreeMap<&'static str, MethodRouter<S>>,
    offer: Offer,
    static_folder: Option<PathBuf>,
    tera: Vec<TeraSetup>,
    error_page: Option<ErrorPage>,
    session_store: Option<Arc<dyn SessionStore>>,
}

/// Fails to compile where the generated bindings are of another version than this crate.
#[doc(hidden)]
pub const fn same_bindings(format: u32) {
    assert!(
        format == hydra_contract::MODEL_FORMAT,
        "use one version of hydra-compile and hydra-runtime"
    );
}

impl<S: Clone + Send + Sync + 'static> App<S> {
    /// The application `name` with its compiled templates: what `App::new`, made by [`app!`](crate::app!), calls.
    pub fn with_plan(name: impl Into<String>, plan_json: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            plan: plan_json.into(),
            crate_folder: None,
            settings: Partial::default(),
            config: None,
            router: Router::new(),
            fragments: BTreeMap::new(),
            offer: Offer::default(),
            static_folder: None,
            tera: Vec::new(),
            error_page: None,
            session_store: None,
        }
    }

    /// Where the application's sources are. A relative folder that is not in the working directory is looked for there.
    pub fn crate_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.crate_folder = Some(folder.into());
        self
    }

    /// Adds a page. The handler is any axum handler that gives a [`Route`], a page with a path, or a `Result` of one;
    /// path and template are the page's.
    pub fn page<H, T>(self, handler: H) -> Self
    where
        H: PageHandler<T, S>,
        T: 'static,
    {
        let path = <H::Page as Route>::PATH;
        self.route(path, routing::get(handler))
    }

    /// Adds a fragment. The handler is any axum handler that gives one of the types in `fragments`, or a `Result` of
    /// one. It may take the fragment's imports, the state, and whatever else axum extracts from a request's head.
    ///
    /// # Panics
    /// Where the fragment has a handler already, as axum does for routes.
    pub fn fragment<H, T>(mut self, handler: H) -> Self
    where
        H: FragmentHandler<T, S>,
        T: 'static,
    {
        let reference = <H::Fragment as Fragment>::REF;
        let before = self.fragments.insert(reference, routing::any(handler));
        assert!(before.is_none(), "the fragment `{reference}` has two handlers");
        self
    }

    /// Adds a route, as [`Router::route`]. The gateway routes the path to this service.
    pub fn route(mut self, path: &str, routes: MethodRouter<S>) -> Self {
        self.offer.endpoint(path);
        self.router = self.router.route(path, routes);
        self
    }

    /// Adds the routes of `router` below `path`, as [`Router::nest`]. The gateway routes all of it to this service.
    pub fn nest(mut self, path: &str, router: Router<S>) -> Self {
        self.offer.endpoint(path);
        self.offer.endpoint(&format!("{}/**", path.trim_end_matches('/')));
        self.router = self.router.nest(path, router);
        self
    }

    /// Adds the routes of `router`, as [`Router::merge`]. A router does not tell its paths: those that the gateway is
    /// to route here are `endpoints`, with `{name}`, `*` and `**`.
    pub fn merge<'e>(mut self, router: Router<S>, endpoints: impl IntoIterator<Item = &'e str>) -> Self {
        endpoints.into_iter().for_each(|path| self.offer.endpoint(path));
        self.router = self.router.merge(router);
        self
    }

    /// Gives the handlers their state.
    pub fn with_state<S2: Clone + Send + Sync + 'static>(self, state: S) -> App<S2> {
        let fragments = self.fragments.into_iter();
        App {
            fragments: fragments
                .map(|(name, routes)| (name, routes.with_state(state.clone())))
                .collect(),
            router: self.router.with_state(state),
            name: self.name,
            plan: self.plan,
            crate_folder: self.crate_folder,
            settings: self.settings,
            config: self.config,
            offer: self.offer,
            static_folder: self.static_folder,
            tera: self.tera,
            error_page: self.error_page,
            session_store: self.session_store,
        }
    }

    /// Serves the files of `folder` at `/static/…`, and through the gateway at `/{service}/…`.
    pub fn static_files(mut self, folder: impl Into<PathBuf>) -> Self {
        self.static_folder = Some(folder.into());
        self
    }

    /// Puts a page into the menu `menu` of the whole site, which every service sees in its
    /// [`Overview`](crate::Overview). `path` begins with `/`.
    pub fn menu(
        mut self,
        menu: impl Into<String>,
        path: impl Into<String>,
        label: impl Into<String>,
    ) -> Self {
        let item = MenuItem {
            endpoint: path.into(),
            label: label.into(),
        };
        self.offer.menus.entry(menu.into()).or_default().push(item);
        self
    }

    /// The version of this application. The highest is the newest.
    pub fn version(mut self, version: i64) -> Self {
        self.offer.version = version;
        self
    }

    /// The share of the traffic that this version takes, beside the weights of the other versions.
    pub fn weight(mut self, weight: u32) -> Self {
        self.offer.weight = Some(weight);
        self
    }

    /// Registers filters, functions and tests: `.tera(|tera| tera.register_filter("price", price))`.
    ///
    /// Two functions are there already: `menu(name="main")` gives the links of a menu of the site, each with `label`,
    /// `href`, `service` and `active`; `is_there(path="/checkout")` says whether an active service answers the path. A
    /// function that is registered here under one of these names replaces it.
    pub fn tera(mut self, setup: impl FnOnce(&mut Tera) + Send + 'static) -> Self {
        self.tera.push(Box::new(setup));
        self
    }

    /// Replaces the page that visitors see when a page can't be shown. It must not show the reason that it is given.
    pub fn error_page(mut self, page: impl Fn(&PageFailure) -> Response + Send + Sync + 'static) -> Self {
        self.error_page = Some(Arc::new(page));
        self
    }

    /// Keeps the sessions of this application's visitors in `store`. Otherwise: in memory.
    pub fn session_store(mut self, store: impl SessionStore) -> Self {
        self.session_store = Some(Arc::new(store));
        self
    }

    /// Settings of the program itself. `hydra.toml` and the environment go over them.
    pub fn settings(mut self, settings: Partial) -> Self {
        self.settings = settings;
        self
    }

    /// Reads the settings from this file. Otherwise: `HYDRA_CONFIG`, or `hydra.toml` in the working directory.
    pub fn config(mut self, file: impl Into<PathBuf>) -> Self {
        self.config = Some(file.into());
        self
    }
}
