//! One version of the folder, checked and ready to answer.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use hydra_runtime::{
    overview::Board,
    page::{Engine, Later, Options},
    source::LocalFragments,
};
use tera::Context;

use super::{
    compile::{Checked, compiled},
    data,
    offers::Offers,
    paths::page_path,
};

/// What is served, and how.
pub(super) struct Folder {
    pub(super) templates: PathBuf,
    pub(super) contracts: Option<PathBuf>,
    /// The path of the settings, where they lie in the folder: nobody may have them.
    pub(super) hidden: Option<String>,
    pub(super) fragment_timeout: Duration,
    pub(super) page_deadline: Duration,
    pub(super) fragment_cache: Option<usize>,
    /// Seals the addresses of lazy fragments.
    pub(super) secret: String,
}

/// One version of the folder.
pub(super) struct Site {
    pub(super) engine: Engine,
    pub(super) offers: Arc<dyn LocalFragments>,
    /// By path.
    pages: HashMap<String, Page>,
}

/// A page of the folder.
pub(super) struct Page {
    pub(super) template: String,
    pub(super) attributes: Context,
}

/// Why a folder can't be served: a text for people.
#[derive(Debug)]
pub(super) struct Report(String);

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Site {
    /// Reads and checks the folder. The text holds the warnings.
    ///
    /// # Errors
    /// The report of its mistakes.
    pub(super) fn load(folder: &Folder) -> Result<(Site, String), Report> {
        let Checked {
            service,
            plan,
            warnings,
        } = compiled(folder).map_err(Report)?;
        let mut pages = HashMap::new();
        for page in &plan.pages {
            if let Some(path) = page_path(&page.template) {
                let attributes = data::beside(&folder.templates.join(&page.template)).map_err(Report)?;
                pages.insert(
                    path,
                    Page {
                        template: page.template.clone(),
                        attributes,
                    },
                );
            }
        }
        let offers = Offers::new(plan.contract.clone(), contexts(folder, &plan.offers)?);
        let mut options = Options::new(service.as_deref().unwrap_or("site"));
        options.fragment_timeout = folder.fragment_timeout;
        options.page_deadline = folder.page_deadline;
        // The files of the folder lie beside its pages.
        options.resources = "/".to_owned();
        options.fragment_cache = folder.fragment_cache.unwrap_or(options.fragment_cache);
        options.later = Later::new(&options.service, "", Some(&folder.secret));
        // Menus are the applications' own: a folder of templates has none.
        let board = Board::new(options.service.clone(), pages.keys().cloned().collect(), []);
        let engine = Engine::new(plan, options, |tera| board.register(tera))
            .map_err(|error| Report(error.to_string()))?;
        Ok((
            Site {
                engine,
                offers: Arc::new(offers),
                pages,
            },
            warnings,
        ))
    }

    /// The page at a path, which is normal and decoded.
    pub(super) fn page(&self, path: &str) -> Option<&Page> {
        self.pages.get(path)
    }
}

/// The attributes beside the template that each offered fragment stands in. The name of its own template ends in it.
fn contexts(folder: &Folder, offers: &BTreeMap<String, String>) -> Result<BTreeMap<String, Context>, Report> {
    let context = |(reference, template): (&String, &String)| {
        let file = template
            .split_once('/')
            .map_or(template.as_str(), |(_, file)| file);
        Ok((
            reference.clone(),
            data::beside(&folder.templates.join(file)).map_err(Report)?,
        ))
    };
    offers.iter().map(context).collect()
}
