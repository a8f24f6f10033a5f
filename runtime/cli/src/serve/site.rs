//! One version of the folder, checked and ready to answer.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fmt, mem,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::{Extension, response::IntoResponse as _};
use hydra_contract::{PLAN_FORMAT, Plan, Type};
use hydra_runtime::{
    files::RegularFiles,
    fragment_source::LocalFragments,
    overview::PublishedOverview,
    page::{AfterPage, Engine, HasFile, Options},
};
use tera::Context;

use super::{
    compile::{Checked, compiled},
    data,
    offers::Offers,
    paths::{is_static, is_static_behind_links, page_path},
};
use crate::watch::Root;

/// The folder to serve, and its settings.
#[derive(Clone)]
pub(crate) struct Folder {
    pub(crate) templates: PathBuf,
    pub(super) contracts: Option<PathBuf>,
    /// The path of the configuration file if it lies in the folder: it must not be sent.
    pub(super) hidden: Option<String>,
    pub(super) fragment_timeout: Duration,
    pub(super) page_deadline: Duration,
    pub(super) deferred_grace: Duration,
    pub(super) fragment_cache: Option<usize>,
    /// The key that seals the addresses of lazy fragments.
    pub(super) secret: String,
    /// Another one that opens them, while the secret is changed.
    pub(super) second_secret: Option<String>,
}

impl Folder {
    /// The folders that matter for the site.
    pub(crate) fn roots(&self) -> BTreeSet<Root> {
        let roots = [Some(&self.templates), self.contracts.as_ref()];
        let deep = |folder: &PathBuf| Root {
            folder: folder.clone(),
            is_deep: true,
        };
        roots.into_iter().flatten().map(deep).collect()
    }
}

/// One version of the folder.
pub(crate) struct Site {
    /// The name of the service.
    pub(super) service: Arc<str>,
    pub(super) engine: Engine,
    pub(super) offers: Arc<dyn LocalFragments>,
    /// By path.
    pages: HashMap<String, Page>,
    /// The files that are templates, as paths that begin with `/`.
    templates: Arc<HashSet<String>>,
    /// The same without their endings, to recognize the data files beside them.
    stems: Arc<HashSet<String>>,
}

/// A page of the folder.
pub(super) struct Page {
    pub(super) template: String,
    /// The attributes of the file beside the template.
    pub(super) attributes: Context,
    /// The attributes that the page states with `m:attributes`, by their names in Tera. The query may contain them.
    pub(super) stated: BTreeMap<String, Type>,
}

/// Marks the response for a page that could not be rendered: it has only a status, to which the error pages add a
/// body.
#[derive(Clone, Copy)]
pub(super) struct Bare;

/// Why a folder can't be served, as a text for people.
#[derive(Debug)]
pub(crate) struct Report(String);

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Site {
    /// Reads and checks the folder. The text contains the warnings.
    ///
    /// # Errors
    /// The report of its errors.
    pub(crate) fn load(folder: &Folder) -> Result<(Site, String), Report> {
        let mut checked = compiled(folder).map_err(Report)?;
        let warnings = mem::take(&mut checked.warnings);
        Ok((Self::of(folder, checked)?, warnings))
    }

    /// A site without pages.
    ///
    /// # Errors
    /// The page engine can't be set up.
    pub(crate) fn empty(folder: &Folder) -> Result<Site, Report> {
        let plan = Plan {
            format: PLAN_FORMAT,
            ..Plan::default()
        };
        let checked = Checked {
            plan,
            ..Checked::default()
        };
        Self::of(folder, checked)
    }

    fn of(folder: &Folder, checked: Checked) -> Result<Site, Report> {
        let Checked {
            service,
            plan,
            mut stated,
            ..
        } = checked;
        let mut pages = HashMap::new();
        for page in &plan.pages {
            if let Some(path) = page_path(&page.template) {
                let attributes = data::beside(&folder.templates.join(&page.template)).map_err(Report)?;
                pages.insert(
                    path,
                    Page {
                        template: page.template.clone(),
                        attributes,
                        stated: stated.remove(&page.template).unwrap_or_default(),
                    },
                );
            }
        }
        let templates = Arc::new(templates(&plan));
        let stems: Arc<HashSet<String>> =
            Arc::new(templates.iter().map(|path| stem(path).to_owned()).collect());
        let offers = Offers::new(plan.contract.clone(), contexts(folder, &plan.offers)?);
        let mut options = Options::new(service.as_deref().unwrap_or("site"));
        options.fragment_timeout = folder.fragment_timeout;
        options.page_deadline = folder.page_deadline;
        options.deferred_grace = folder.deferred_grace;
        // The files of the folder are in the same folder as its pages.
        options.resources = "/".to_owned();
        options.has_file = Some(files(folder, &templates, &stems));
        options.fragment_cache = folder.fragment_cache.unwrap_or(options.fragment_cache);
        let after_page = AfterPage::new(&options.service, "", Some(&folder.secret));
        let second = folder.second_secret.as_deref();
        options.after_page = after_page.map(|after_page| after_page.with_second_secret(second));
        options.error_page = Some(Arc::new(|failure| {
            (failure.status(), Extension(Bare)).into_response()
        }));
        // Only applications have menus.
        let overview = PublishedOverview::new(options.service.clone(), pages.keys().cloned().collect(), []);
        let service = Arc::from(options.service.as_str());
        let engine = Engine::new(plan, options, |tera| overview.register(tera))
            .map_err(|error| Report(error.to_string()))?;
        Ok(Site {
            service,
            engine,
            offers: Arc::new(offers),
            pages,
            templates,
            stems,
        })
    }

    /// The page at a path, which is normalized and decoded.
    pub(super) fn page(&self, path: &str) -> Option<&Page> {
        self.pages.get(path)
    }

    /// Whether a file is a page or offers a fragment. `path` begins with `/`.
    pub(super) fn is_template(&self, path: &str) -> bool {
        self.templates.contains(path)
    }

    /// Whether a JSON file is the data of a template, by its path without the ending.
    pub(super) fn is_data(&self, stem: &str) -> bool {
        self.stems.contains(stem)
    }
}

/// Whether a template lies beside a JSON file in the folder. This includes templates with errors, which are not part
/// of the site.
pub(super) fn has_template_beside(folder: &Path, stem: &str) -> bool {
    let stem = stem.trim_start_matches('/');
    let file = |ending| folder.join(format!("{stem}.{ending}"));
    ["html", "htm", "xhtml", "tera"]
        .iter()
        .any(|ending| file(ending).symlink_metadata().is_ok())
}

/// Tells whether a file of the folder may be sent. The file is looked up when a page names it, since files come and
/// go.
fn files(folder: &Folder, templates: &Arc<HashSet<String>>, stems: &Arc<HashSet<String>>) -> HasFile {
    let (templates, stems) = (Arc::clone(templates), Arc::clone(stems));
    let (root, hidden) = (folder.templates.clone(), folder.hidden.clone());
    let may_send = move |path: &Path| {
        let Some(path) = path.to_str().map(|path| format!("/{path}")) else {
            return false;
        };
        let is_data = |stem: &str| stems.contains(stem) || has_template_beside(&root, stem);
        is_static_behind_links(&path, is_data) && !templates.contains(&path) && hidden.as_ref() != Some(&path)
    };
    let files = RegularFiles::inside(&folder.templates, may_send);
    // Data beside a template is checked above.
    Arc::new(move |file| is_static(&format!("/{file}"), |_| false) && files.has(Path::new(file)))
}

/// The files of pages and of offered fragments, as paths that begin with `/`.
fn templates(plan: &Plan) -> HashSet<String> {
    let pages = plan.pages.iter().map(|page| page.template.as_str());
    let offers = plan.offers.values().map(|template| file_of(template));
    let files = pages.filter(|page| page_path(page).is_some()).chain(offers);
    files.map(|file| format!("/{file}")).collect()
}

/// The file of an offered fragment: the name of the fragment's template ends in it.
fn file_of(template: &str) -> &str {
    template.split_once('/').map_or(template, |(_, file)| file)
}

fn stem(path: &str) -> &str {
    path.rsplit_once('.').map_or(path, |(stem, _)| stem)
}

/// The attributes beside the template of each offered fragment.
fn contexts(folder: &Folder, offers: &BTreeMap<String, String>) -> Result<BTreeMap<String, Context>, Report> {
    let context = |(reference, template): (&String, &String)| {
        Ok((
            reference.clone(),
            data::beside(&folder.templates.join(file_of(template))).map_err(Report)?,
        ))
    };
    offers.iter().map(context).collect()
}
