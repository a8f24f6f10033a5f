//! A folder of templates whose pages the gateway's process serves, as `hydra serve` does.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use anstream::adapter::strip_str;
use arc_swap::ArcSwap;
use axum::Router;
use hydra_runtime_gateway::{ErrorPages, Gateway, GatewayConfig};

use super::{board::Board, change, crew::QUIET, find::name_of, output::Tag};
use crate::{
    Stop,
    gateway::SettingsArgs,
    serve::{self, Folder, Site, Worker},
    watch::{self, Watcher},
};

/// The pages.
pub(super) struct Pages {
    folder: Folder,
    site: Arc<ArcSwap<Site>>,
    error_pages: Arc<ErrorPages>,
}

impl Pages {
    /// The pages of a folder, none before it has been read.
    pub(super) fn new(
        folder: PathBuf,
        contracts: Option<PathBuf>,
        settings: &SettingsArgs,
        config: &GatewayConfig,
    ) -> Result<Self, Stop> {
        let folder = serve::folder(folder, contracts, settings.config.as_deref(), config)?;
        let site = Site::empty(&folder).map_err(|report| Stop(report.to_string()))?;
        Ok(Self {
            site: Arc::new(ArcSwap::from_pointee(site)),
            error_pages: serve::error_pages(config)?,
            folder,
        })
    }

    /// The pages before the gateway of one thread.
    pub(super) fn router(&self, gateway: Gateway) -> Router {
        let limits = (gateway.page_limits(), gateway.response_headers().clone());
        let observer = gateway.observer().clone();
        let worker = Worker::new(
            &self.folder,
            &self.site,
            &self.error_pages,
            Some(gateway),
            &observer,
            limits,
        );
        worker.router()
    }

    /// Reads the folder, and again after each change. Returns what watches it.
    pub(super) fn follow(&self, board: &Board) -> Option<Watcher> {
        let name = name_of(&self.folder.templates);
        let tags = Tag::all(&[&name]);
        let renewal = Renewal {
            tag: tags.into_iter().next()?,
            name,
            board: board.clone(),
            folder: self.folder.clone(),
            site: Arc::clone(&self.site),
        };
        let first = renewal.clone();
        let roots = self.folder.roots();
        let watcher = watch::watch(QUIET, move || roots.clone(), move |paths| renewal.after(paths));
        // After the watcher is there: no change is missed.
        first.renew();
        watcher
            .map_err(|error| first.tag.say(&format!("changes are not noticed: {error}")))
            .ok()
    }
}

/// What is done after changes.
#[derive(Clone)]
struct Renewal {
    name: String,
    tag: Tag,
    board: Board,
    folder: Folder,
    site: Arc<ArcSwap<Site>>,
}

impl Renewal {
    fn after(&self, paths: &BTreeSet<PathBuf>) {
        let mut relevant = paths
            .iter()
            .filter(|path| {
                !path
                    .file_name()
                    .is_some_and(|name| change::is_leftover(Path::new(name)))
            })
            .peekable();
        if relevant.peek().is_none() {
            return;
        }
        let is_style = |path: &PathBuf| {
            path.extension()
                .is_some_and(|ending| ending.eq_ignore_ascii_case("css"))
        };
        match relevant.all(is_style) {
            true => self.board.new_styles(),
            false => self.renew(),
        }
    }

    fn renew(&self) {
        self.board.building(&self.name);
        match Site::load(&self.folder) {
            Ok((site, warnings)) => {
                self.site.store(Arc::new(site));
                self.tag.say(&warnings);
                self.tag.say("the pages are served as they are now");
                self.board.renewed(&self.name);
            }
            Err(report) => {
                let report = report.to_string();
                self.tag.say(&report);
                self.tag
                    .say("the templates have errors: the former pages stay until these are mended");
                let said = strip_str(&report).to_string();
                let report = format!("the templates have errors\n\n{}", said.trim_matches('\n'));
                self.board.failed(&self.name, true, &report);
            }
        }
    }
}
