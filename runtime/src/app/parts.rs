//! What an application says about itself beside its handlers.

use std::{path::PathBuf, sync::Arc};

use axum::Router;
use hydra_runtime_wire::MenuItem;
use tera::Tera;

use super::{App, session_use::SessionUse};
use crate::{service::Offer, session::SessionStore, settings::Partial};

/// What the application adds to Tera.
type TeraSetup = Box<dyn FnOnce(&mut Tera) + Send>;

/// Wraps a router in a layer.
pub(super) type Wrap = Box<dyn FnOnce(Router) -> Router + Send>;

/// All that does not depend on the state of the handlers.
#[derive(Default)]
pub(super) struct AppParts {
    pub(super) name: String,
    pub(super) plan: String,
    /// The fragments that need a handler.
    pub(super) need_handlers: &'static [&'static str],
    /// The application's source folder, where it was built: relative folders are looked for there too.
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
}

impl<S, T> App<S, T> {
    /// Where the application's sources are. A relative folder that is not in the working directory is looked for there.
    pub fn crate_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.parts.crate_folder = Some(folder.into());
        self
    }

    /// Serves the files that are in `folder` at the start, at `/{service}/…`, through a gateway and without one. In templates,
    /// `{{ asset(file="blog.css") }}` gives this path. (Gateways fetch the files at `/static/…`, where visitors find none.)
    pub fn static_files(mut self, folder: impl Into<PathBuf>) -> Self {
        self.parts.static_folder = Some(folder.into());
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
        self.parts.offer.menus.entry(menu.into()).or_default().push(item);
        self
    }

    /// The version of this application. The highest is the newest.
    pub fn version(mut self, version: i64) -> Self {
        self.parts.offer.version = version;
        self
    }

    /// The share of the traffic that this version takes, beside the weights of the other versions.
    pub fn weight(mut self, weight: u32) -> Self {
        self.parts.offer.weight = Some(weight);
        self
    }

    /// Registers filters, functions and tests: `.tera(|tera| tera.register_filter("price", price))`. The build script names
    /// them too (`hydra_compile::Build::filters`, `functions`, `tests`), so that templates that use them pass its check.
    ///
    /// Three functions are there already: `menu(name="main")` gives the links of a menu of the site, each with `label`,
    /// `href`, `service` and `active`; `is_there(path="/checkout")` says whether an active service answers the path;
    /// `asset(file="blog.css")` gives the path of one of the [static files](Self::static_files). A function that is registered
    /// here under one of these names replaces it.
    pub fn tera(mut self, setup: impl FnOnce(&mut Tera) + Send + 'static) -> Self {
        self.parts.tera.push(Box::new(setup));
        self
    }

    /// Keeps the sessions of this application's visitors in `store`. Otherwise: in the Redis of the settings, or in memory.
    pub fn session_store(mut self, store: impl SessionStore) -> Self {
        self.parts.session_store = Some(Arc::new(store));
        self
    }

    /// Settings of the program itself. `hydra.toml` and the environment go over them.
    pub fn settings(mut self, settings: Partial) -> Self {
        self.parts.settings = settings;
        self
    }

    /// Reads the settings from this file. Otherwise: `HYDRA_CONFIG`, or `hydra.toml` in the working directory.
    pub fn config(mut self, file: impl Into<PathBuf>) -> Self {
        self.parts.config = Some(file.into());
        self
    }
}
