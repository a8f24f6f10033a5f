//! From what the application said to a router.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{Router, middleware, routing};
use hydra_contract::Plan;
use tower_http::services::{ServeDir, ServeFile, fs::DefaultServeDirFallback};

use super::{
    App, Error, Result, endpoint, endpoint::Counter, later, local::Handlers, render, render::Kitchen,
};
use crate::{
    files::RegularFiles,
    overview::{Board, Own},
    page::{Engine, Later, Options},
    service::{Client, Offer, RemoteGateway, Service, resources},
    session::{Keeper, MemoryStore, RedisStore, SessionStore},
    settings::Settings,
    signing::Signer,
    source::FragmentSource,
};

/// Where calls for fragments come in (protocol section 2).
const FRAGMENT_PATH: &str = "/h/fragment/{key}/requestFragment";

/// An application that is put together.
pub struct Assembled {
    /// Answers requests.
    pub router: Router,
    /// Registers the application at its gateway. `None` where the settings name no gateway.
    pub service: Option<Service>,
    /// The settings that hold.
    pub settings: Settings,
}

impl App {
    /// A plain axum router, for those who have one of their own. It renders pages and answers calls for fragments, but
    /// it does not know where it will listen: see [`App::assemble`] for registering it.
    ///
    /// # Errors
    /// Settings or templates that can't be used.
    pub fn into_router(self) -> Result<Router> {
        Ok(self.assemble()?.router)
    }

    /// The router, and what registers the application once its address is known.
    ///
    /// # Errors
    /// Settings or templates that can't be used.
    pub fn assemble(mut self) -> Result<Assembled> {
        let settings = Settings::load(&self.name, &self.settings, self.config.as_deref())?;
        let static_folder = self.static_folder.take().map(|folder| self.find_folder(folder));
        if let Some(folder) = &static_folder {
            self.offer.resources = list(folder)?;
        }
        let signer = settings.private_key.as_ref();
        let signer = signer.map(|key| Arc::new(Signer::new(key, &settings.public_key)));
        let client = client(&settings, signer.as_ref());
        let plan: Plan = serde_json::from_str(&self.plan).map_err(Error::Plan)?;
        check_fragments(self.fragments.keys().copied(), &plan)?;
        let mut contract = plan.contract.clone();
        contract.service.clone_from(&settings.name);
        self.offer.contract = contract.clone();
        let offers = plan.offers.keys().cloned().collect();
        let later = plan.has_later().then(|| later_of(&settings)).flatten();
        if let Some(later) = &later {
            self.offer.endpoint(later.script_path());
            self.offer.endpoint(later.fragment_path());
        }

        let board = board(&settings, &self.offer);
        let sessions = keeper(&settings, self.session_store)?;
        let setup = self.tera;
        let mut options = options(&settings, self.error_page.clone());
        options.later = later;
        let engine = Engine::new(plan, options, |tera| {
            // Why here: what the application registers replaces what is ours.
            board.register(tera);
            setup.into_iter().for_each(|setup| setup(tera));
        })?;
        let kitchen = Kitchen {
            engine,
            local: Arc::new(Handlers::new(
                self.fragments,
                &contract,
                board.clone(),
                sessions.clone(),
            )),
            source: client.clone().map(|client| {
                Arc::new(RemoteGateway::new(client, &settings.public_key)) as Arc<dyn FragmentSource>
            }),
            error_page: self.error_page,
            offers,
            contract,
            board: board.clone(),
            sessions,
        };
        let files = static_folder
            .as_deref()
            .map(|folder| (folder, self.offer.resources.as_slice()));
        let router = layers(self.router, files, Arc::new(kitchen), &settings, signer);
        let offer = self.offer;
        let service = client.map(|client| Service::new(client, offer, &settings, board));
        if let Some(reason) = service.as_ref().and_then(Service::refusal) {
            return Err(Error::Refused(reason));
        }
        Ok(Assembled {
            router,
            service,
            settings,
        })
    }

    /// A folder as the application wrote it: in the working directory, or else beside the application's sources.
    fn find_folder(&self, folder: PathBuf) -> PathBuf {
        let beside_sources = self.crate_folder.as_deref().map(|sources| sources.join(&folder));
        match beside_sources {
            Some(beside) if !folder.is_dir() && beside.is_dir() => beside,
            _ => folder,
        }
    }
}

/// What is known before any gateway said something: this application.
fn board(settings: &Settings, offer: &Offer) -> Board {
    Board::of(Own {
        name: settings.name.clone(),
        endpoints: offer.endpoints.clone(),
        menus: offer.menus.clone(),
    })
}

/// What sessions are kept with: the application's own store, or the one of the settings.
fn keeper(settings: &Settings, store: Option<Arc<dyn SessionStore>>) -> Result<Arc<Keeper>> {
    let store = match (store, &settings.session_redis) {
        (Some(store), _) => store,
        (None, Some(url)) => {
            let prefix = crate::redis_link::scope(&settings.session_redis_prefix, &settings.public_key);
            Arc::new(RedisStore::new(url, prefix).map_err(Error::SessionStore)?)
        }
        (None, None) => Arc::new(MemoryStore::default()),
    };
    let private_key = settings.private_key.as_deref();
    Ok(Arc::new(Keeper::new(
        &settings.name,
        &settings.public_key,
        private_key,
        store,
    )))
}

/// What fragments that come after their page need of the settings.
fn later_of(settings: &Settings) -> Option<Later> {
    let private_key = settings.private_key.as_deref();
    Later::new(&settings.name, &settings.public_key, private_key)
}

/// The client of the gateway. `None` where the settings name none.
fn client(settings: &Settings, signer: Option<&Arc<Signer>>) -> Option<Arc<Client>> {
    let client = Client::new(settings.gateways.clone())?;
    Some(Arc::new(match signer {
        Some(signer) => client.signed(signer.clone(), &settings.name),
        None => client,
    }))
}

fn list(folder: &Path) -> Result<Vec<String>> {
    resources::list(folder).map_err(|error| Error::StaticFiles {
        folder: folder.to_owned(),
        error,
    })
}

/// The order of layers, from the inside out.
fn layers(
    routes: Router,
    static_files: Option<(&Path, &[String])>,
    kitchen: Arc<Kitchen>,
    settings: &Settings,
    signer: Option<Arc<Signer>>,
) -> Router {
    let counter = Counter {
        kitchen: kitchen.clone(),
        public_key: settings.public_key.clone(),
        signer,
    };
    // Why here: pages are rendered around the application's own routes only. What is added below gives no pages, and
    // layers that the application put on its routes see the request before and the response before it is rendered.
    // Lazy fragments are among them: their visitors have sessions, too.
    let routes = match kitchen.engine.later() {
        Some(later) => later::routes(routes, later, kitchen.clone()),
        None => routes,
    };
    let mut router = routes.layer(middleware::from_fn_with_state(kitchen, render::render));
    // Why here: files need no page, and a route of the application under `/static` would be a conflict to hear of at
    // the start.
    if let Some((folder, resources)) = static_files {
        router = own_paths(router, folder, &settings.name, resources).nest_service("/static", files(folder));
    }
    // Why here: calls for fragments come from gateways. Nothing that the application does for visitors concerns them,
    // and they bound their own bodies.
    router.route(
        FRAGMENT_PATH,
        routing::post(endpoint::answer).with_state(Arc::new(counter)),
    )
}

/// The files under the paths that they have through a gateway, `/{service}/{file}`, so that pages look alike without one.
fn own_paths(mut router: Router, folder: &Path, service: &str, resources: &[String]) -> Router {
    let plain = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte))
    };
    for resource in resources
        .iter()
        .filter(|resource| plain(resource) && plain(service))
    {
        let file = ServeFile::new(folder.join(resource));
        router = router.route_service(&format!("/{service}/{resource}"), file);
    }
    router
}

fn files(folder: &Path) -> ServeDir<DefaultServeDirFallback, RegularFiles> {
    ServeDir::with_backend(folder, RegularFiles::anywhere()).append_index_html_on_directories(false)
}

fn options(settings: &Settings, error_page: Option<crate::page::ErrorPage>) -> Options {
    let mut options = Options::new(&settings.name);
    options.fragment_timeout = settings.fragment_timeout;
    options.page_deadline = settings.page_deadline;
    options.deferred_grace = settings.deferred_grace;
    options.fragment_cache = settings.fragment_cache;
    options.error_page = error_page;
    options
}

/// Whether some template offers each fragment that has a handler.
fn check_fragments<'f>(handlers: impl Iterator<Item = &'f str>, plan: &Plan) -> Result<()> {
    for reference in handlers {
        if !plan.offers.contains_key(reference) {
            let offered: Vec<_> = plan.offers.keys().map(|name| format!("`{name}`")).collect();
            let hint = match offered.as_slice() {
                [] => ": no element has `m:ref`".to_owned(),
                names => format!("; they offer {}", names.join(", ")),
            };
            let reference = reference.to_owned();
            return Err(Error::UnknownFragment { reference, hint });
        }
    }
    Ok(())
}
