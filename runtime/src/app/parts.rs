//! The parts of an application that do not depend on the state of its handlers.

use std::{path::PathBuf, sync::Arc};

use axum::Router;
use hydra_runtime_wire::{Affinity, MenuItem};
use tera::Tera;

use super::{App, Error, paths::Paths, session_use::SessionUse};
use crate::{service::Offer, session::SessionStore, settings::Partial};

/// A function with which the application adds to Tera.
type TeraSetup = Box<dyn FnOnce(&mut Tera) + Send>;

/// Wraps a router in a layer.
pub(super) type Wrap = Box<dyn FnOnce(Router) -> Router + Send>;

/// The parts of an application that do not depend on the state of its handlers.
#[derive(Default)]
pub(super) struct AppParts {
    pub(super) name: String,
    pub(super) plan: String,
    /// The fragments that need a handler.
    pub(super) need_handlers: &'static [&'static str],
    /// The folder of the application's sources, where it was built. Relative folders are searched there too.
    pub(super) crate_folder: Option<PathBuf>,
    pub(super) settings: Partial,
    pub(super) config: Option<PathBuf>,
    pub(super) offer: Offer,
    pub(super) static_folder: Option<PathBuf>,
    pub(super) tera: Vec<TeraSetup>,
    /// The layers, innermost first.
    pub(super) layers: Vec<Wrap>,
    pub(super) session_store: Option<Arc<dyn SessionStore>>,
    pub(super) session_use: SessionUse,
    /// The paths of pages and routes.
    pub(super) paths: Paths,
    /// Why the application can't start: the first reason that was found while its parts were added.
    pub(super) refused: Option<Error>,
}

impl AppParts {
    /// Remembers why the application can't start.
    pub(super) fn refuse(&mut self, reason: Error) {
        self.refused.get_or_insert(reason);
    }
}

impl<S, T> App<S, T> {
    /// Sets the folder of the application's sources. A relative folder that is not in the working directory is searched
    /// there.
    pub fn crate_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.parts.crate_folder = Some(folder.into());
        self
    }

    /// Serves the files that are in `folder` at the start, at `/{service}/…`, through a gateway and without one. In
    /// templates, `{{ asset(file="blog.css") }}` is this path. Gateways fetch the files at `/static/…`, which visitors
    /// can't reach.
    pub fn static_files(mut self, folder: impl Into<PathBuf>) -> Self {
        self.parts.static_folder = Some(folder.into());
        self
    }

    /// Adds a page to the menu `menu` of the whole site, which every service sees in its [`Overview`](crate::Overview).
    /// `path` begins with `/`.
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
        self.parts.offer.menus.entry(menu.into()).or_default().push(item);
        self
    }

    /// Sets the version of this application. The highest version is the newest; of versions with equal numbers, it is
    /// the one that was started last.
    pub fn version(mut self, version: i64) -> Self {
        self.parts.offer.version = version;
        self
    }

    /// Sets the name of this version, as people use it: `2.4.1`, or a commit. Operators state weights by it. Without a
    /// name, the number of the version is its name. The setting `version_name` overrides it.
    pub fn version_name(mut self, name: impl Into<String>) -> Self {
        self.parts.offer.version_name = Some(name.into());
        self
    }

    /// Sets the share of the traffic that this version gets, relative to the weights of the other versions.
    /// With 0, no visitor gets this version, also while no other version runs.
    pub fn weight(mut self, weight: u32) -> Self {
        self.parts.offer.weight = Some(weight);
        self
    }

    /// States whether a visitor stays with one instance of this application, because it keeps what it knows of the visitor in
    /// memory. Otherwise all instances are alike to a visitor; `Session` travels with the visitor.
    pub fn affinity(mut self, affinity: Affinity) -> Self {
        self.parts.offer.affinity = Some(affinity);
        self
    }

    /// Registers filters, functions and tests: `.tera(|tera| tera.register_filter("price", price))`. The build script
    /// must name them too (`hydra_compile::Build::filters`, `functions`, `tests`), because it checks the templates that
    /// use them.
    ///
    /// Three functions are built in: `menu(name="main")` returns the links of a menu of the site, each with `label`,
    /// `href`, `service` and `active`; `is_there(path="/checkout")` tells whether an active service answers the path;
    /// `asset(file="blog.css")` returns the path of one of the [static files](Self::static_files). A function of the
    /// same name that is registered here replaces it.
    pub fn tera(mut self, setup: impl FnOnce(&mut Tera) + Send + 'static) -> Self {
        self.parts.tera.push(Box::new(setup));
        self
    }

    /// Keeps the sessions of this application's visitors in `store`. By default, they are kept in the Redis of the
    /// settings, or in memory.
    pub fn session_store(mut self, store: impl SessionStore) -> Self {
        self.parts.session_store = Some(Arc::new(store));
        self
    }

    /// Sets defaults for settings. `hydra.toml` and the environment override them.
    pub fn settings(mut self, settings: Partial) -> Self {
        self.parts.settings = settings;
        self
    }

    /// Reads the settings from this file. The default is the file that `HYDRA_CONFIG` names, or `hydra.toml` in the
    /// working directory.
    pub fn config(mut self, file: impl Into<PathBuf>) -> Self {
        self.parts.config = Some(file.into());
        self
    }
}
