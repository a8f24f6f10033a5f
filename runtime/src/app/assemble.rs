//! Assembles the parts of an application to a router.

use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{Router, routing::MethodRouter};
use hydra_contract::{Contract, Plan};
use hydra_runtime_net::{
    fragment_source::FragmentSource,
    observe::{Observer, ObserverConfig, Otlp},
};
use hydra_runtime_wire::{forms::sent::SentCookies, signing::Signer};

use super::{
    App, Application, Error, Ready, Result,
    context::RenderContext,
    current_engine::CurrentEngine,
    endpoint::EndpointState,
    failure,
    forms::{Actions, Forms},
    fragment_handlers::Handlers,
    handler_checks::{ActionRoutes, check_actions, check_fragments, without_handler},
    layers,
    parts::AppParts,
    running_actions::RunningActions,
    session_use::SessionUse,
};
use crate::{
    form::FormLimits,
    fragment_source::LocalFragments,
    overview::{OwnService, PublishedOverview},
    page::{AfterPage, Engine, HasFile, Options},
    service::{Client, GatewayFragments, GivenKeys, Offer, Registration, static_files},
    session::{MemoryStore, SessionManager, SessionStore, SplitWarning, VisitorKeys, warn_of_split},
    settings::Settings,
    user::ServiceKeys,
};

/// An assembled application.
pub struct Assembled {
    /// Answers requests.
    pub router: Router,
    /// Registers the application at its gateway. `None` where the settings name no gateway.
    pub registration: Option<Registration>,
    /// The settings of the application.
    pub settings: Settings,
    pub(super) running: RunningActions,
}

impl<S: Clone + Send + Sync + 'static, T> App<S, T> {
    /// A plain axum router, for tests and for programs with a server of their own. It renders pages and answers calls
    /// for fragments, but it does not register at a gateway, because it does not know its address: see
    /// [`App::assemble`].
    ///
    /// ```ignore
    /// let request = Request::get("/articles/1").body(Body::empty())?;
    /// let response = app().into_router()?.oneshot(request).await?; // tower::ServiceExt
    /// ```
    ///
    /// # Errors
    /// A setting is wrong, or the templates can't be loaded.
    pub fn into_router(self) -> Result<Router>
    where
        Application: Ready<S>,
    {
        Ok(self.assemble()?.router)
    }

    /// The router, and the registration, which runs once the address is known.
    ///
    /// # Errors
    /// Settings or templates that can't be used.
    pub fn assemble(self) -> Result<Assembled>
    where
        Application: Ready<S>,
    {
        let (parts, handlers) = apart(Application::ready(self));
        parts.assemble(handlers)
    }

    /// The router for visitors and what pages are rendered with, for a test: without the environment, `hydra.toml` and a gateway.
    /// Fragments of other services come from `source`, and those of this one from what `around` makes of them.
    ///
    /// # Errors
    /// Settings of the program or templates that can't be used.
    #[cfg(feature = "testing")]
    pub(crate) fn assemble_for_test(
        self,
        source: Arc<dyn FragmentSource>,
        around: impl FnOnce(Arc<str>, Arc<dyn LocalFragments>) -> Arc<dyn LocalFragments>,
    ) -> Result<(Router, Arc<RenderContext>)>
    where
        Application: Ready<S>,
    {
        let (mut parts, handlers) = apart(Application::ready(self));
        if let Some(reason) = parts.refused.take() {
            return Err(reason);
        }
        let settings = Settings::for_test(&parts.name, &parts.settings)?;
        let service = settings.name.as_str().into();
        let rendering = parts.rendering(handlers, &settings, None, Some(source), |own| {
            around(service, Arc::new(own))
        })?;
        Ok((rendering.router, rendering.context))
    }
}

/// An application, apart from its templates' type: what does not depend on the state of its handlers, and the handlers.
fn apart<T>(app: App<(), T>) -> (AppParts, AppHandlers) {
    let App {
        router,
        fragments,
        actions,
        error_page,
        parts,
        ..
    } = app;
    let handlers = AppHandlers {
        router,
        fragments,
        actions,
        error_page,
    };
    (parts, handlers)
}

/// The handlers of an application, with their state.
struct AppHandlers {
    router: Router,
    fragments: BTreeMap<&'static str, MethodRouter>,
    actions: ActionRoutes,
    error_page: Option<MethodRouter>,
}

/// An application that answers visitors, without its side of a gateway.
struct Rendering {
    router: Router,
    context: Arc<RenderContext>,
    offer: Offer,
    visitor_keys: VisitorKeys,
}

impl AppParts {
    fn assemble(mut self, handlers: AppHandlers) -> Result<Assembled> {
        if let Some(reason) = self.refused.take() {
            return Err(reason);
        }
        let settings = Settings::load(&self.name, &self.settings, self.config.as_deref())?;
        let signer = settings.private_key.as_ref();
        let signer = signer.map(|key| {
            let signer = Signer::new(key, &settings.public_key);
            Arc::new(signer.with_second_key(settings.second_private_key.as_deref()))
        });
        let client = client(&settings, signer.as_ref());
        let source = client.clone().map(|client| {
            Arc::new(GatewayFragments::new(client, &settings.public_key)) as Arc<dyn FragmentSource>
        });
        let rendering = self.rendering(handlers, &settings, signer.as_ref(), source, |own| Arc::new(own))?;
        let Rendering {
            router,
            context,
            offer,
            visitor_keys,
        } = rendering;
        let (overview, login) = (context.overview.clone(), context.keys.clone());
        let running = context.actions.running.clone();
        let calls = Arc::new(EndpointState {
            context,
            public_key: settings.public_key.clone(),
            signer,
            unsigned_gateway: client.clone().filter(|_| settings.allow_unsigned),
        });
        let router = layers::with_calls(router, calls.clone());
        let registration = client.map(|client| {
            let given = GivenKeys {
                login,
                visitor: visitor_keys,
            };
            Registration::new(client, offer, &settings, overview, given, calls)
        });
        if let Some(reason) = registration.as_ref().and_then(Registration::refusal) {
            return Err(Error::Refused(reason));
        }
        Ok(Assembled {
            router,
            registration,
            settings,
            running,
        })
    }

    /// The application with fragments of other services from `source`, and its own ones as `around` returns them.
    fn rendering(
        mut self,
        handlers: AppHandlers,
        settings: &Settings,
        signer: Option<&Arc<Signer>>,
        source: Option<Arc<dyn FragmentSource>>,
        around: impl FnOnce(Handlers) -> Arc<dyn LocalFragments>,
    ) -> Result<Rendering> {
        let static_folder = self.static_folder.take().map(|folder| self.find_folder(folder));
        if let Some(folder) = &static_folder {
            self.offer.static_files = list(folder)?;
        }
        let plan = self.read_plan(&handlers.fragments)?;
        check_actions(&handlers.actions, &plan)?;
        let contract = self.offer_contract(&plan, settings);
        let offers = plan.offers.keys().cloned().collect();
        let mut options = options(settings);
        options.after_page = self.offer_after_page(&plan, settings);
        options.has_file = static_folder.as_ref().map(|_| names(&self.offer.static_files));
        let overview = overview(settings, &self.offer);
        let visitor_keys = VisitorKeys::new(private_keys(settings));
        let store = self.session_store.take();
        let sessions = session_manager(settings, visitor_keys.clone(), store, self.session_use)?;
        let actions = handlers.actions.iter();
        let fields = actions.map(|(name, route)| (*name, route.fields));
        let forms = Arc::new(Forms::new(settings, &contract, &plan.pages, fields));
        let engine = self.engine(plan, options, &overview)?;
        let keys = Arc::new(ServiceKeys::new(&settings.public_key));
        let local = Handlers::new(
            handlers.fragments,
            &contract,
            forms.clone(),
            overview.clone(),
            sessions.clone(),
            keys.clone(),
        );
        let context = Arc::new(RenderContext {
            engine: CurrentEngine::new(engine),
            local: around(local),
            actions: Actions {
                routes: handlers
                    .actions
                    .into_iter()
                    .map(|(name, route)| (name, route.handler))
                    .collect(),
                forms,
                overview: overview.clone(),
                sessions: sessions.clone(),
                keys: keys.clone(),
                sent_cookies: {
                    let [first, second] = private_keys(settings);
                    SentCookies::new(first, second)
                },
                limits: FormLimits {
                    body: settings.form_body,
                    timeout: settings.action_timeout,
                    #[cfg(feature = "upload")]
                    folder: upload_folder(settings)?,
                },
                running: RunningActions::default(),
            },
            source,
            error_page: handlers.error_page,
            offers,
            contract,
            overview,
            sessions,
            keys,
            proxies: settings.trusted_proxies.clone(),
            observer: observer(settings)?,
            service: settings.name.as_str().into(),
            signer: signer.cloned(),
        });
        #[cfg(all(debug_assertions, unix))]
        super::dev_plans::follow(&context);
        let files = static_folder.as_deref();
        let files = files.map(|folder| (folder, self.offer.static_files.as_slice()));
        let router = layers::around(handlers.router, files, &context, self.layers, &settings.name);
        Ok(Rendering {
            router,
            context,
            offer: self.offer,
            visitor_keys,
        })
    }

    /// Reads the plan, and compares it with the handlers of `fragments`.
    fn read_plan(&self, fragments: &BTreeMap<&'static str, MethodRouter>) -> Result<Plan> {
        let plan: Plan = serde_json::from_str(&self.plan).map_err(Error::Plan)?;
        check_fragments(fragments.keys().copied(), &plan)?;
        for reference in without_handler(self.need_handlers, fragments) {
            tracing::warn!(
                r#ref = reference,
                "a fragment is offered and has no handler, which its template needs: pages show its fallback. Add one with \
                 `App::fragment`"
            );
        }
        Ok(plan)
    }

    /// Adds to the registration what the plan offers. Returns the contract.
    fn offer_contract(&mut self, plan: &Plan, settings: &Settings) -> Contract {
        let mut contract = plan.contract.clone();
        contract.service.clone_from(&settings.name);
        contract.sessions = Some(self.session_use.maybe_fragments);
        contract.action_sessions = self.session_use.maybe_actions;
        self.offer.contract = contract.clone();
        contract
    }

    /// Adds to the registration the paths of fragments that come after their page, if the plan has such fragments.
    fn offer_after_page(&mut self, plan: &Plan, settings: &Settings) -> Option<AfterPage> {
        let after_page = plan.has_later().then(|| after_page_of(settings)).flatten()?;
        self.offer.endpoint(after_page.script_path());
        self.offer.endpoint(after_page.fragment_path());
        Some(after_page)
    }

    fn engine(&mut self, plan: Plan, options: Options, overview: &PublishedOverview) -> Result<Engine> {
        let setup = std::mem::take(&mut self.tera);
        let engine = Engine::new(plan, options, |tera| {
            // The application registers its functions last, so that they replace those of this crate.
            overview.register(tera);
            setup.into_iter().for_each(|setup| setup(tera));
        })?;
        Ok(engine)
    }

    /// The folder that the application names: in the working directory, or otherwise beside the application's sources.
    fn find_folder(&self, folder: PathBuf) -> PathBuf {
        let beside_sources = self.crate_folder.as_deref().map(|sources| sources.join(&folder));
        match beside_sources {
            Some(beside) if !folder.is_dir() && beside.is_dir() => beside,
            _ => folder,
        }
    }
}

/// The overview before a gateway has sent one: it holds this application alone.
fn overview(settings: &Settings, offer: &Offer) -> PublishedOverview {
    PublishedOverview::of(OwnService {
        name: settings.name.clone(),
        endpoints: offer.endpoints.clone(),
        menus: offer.menus.clone(),
    })
}

/// The session manager, with the application's own store or with the store of the settings.
fn session_manager(
    settings: &Settings,
    visitor_keys: VisitorKeys,
    store: Option<Arc<dyn SessionStore>>,
    session_use: SessionUse,
) -> Result<Arc<SessionManager>> {
    let is_memory = store.is_none() && settings.session_redis.is_none();
    let store = match (store, &settings.session_redis) {
        (Some(store), _) => store,
        #[cfg(feature = "redis")]
        (None, Some(url)) => {
            let prefix =
                hydra_runtime_net::redis_link::scope(&settings.session_redis_prefix, &settings.public_key);
            let store = crate::session::RedisStore::new(url, prefix);
            Arc::new(store.map_err(Error::SessionStore)?)
        }
        // Without the feature `redis`, the settings hold no Redis, because loading them would have failed.
        (None, _) => Arc::new(MemoryStore::default()),
    };
    let mut session_manager = SessionManager::new(
        &settings.name,
        &settings.public_key,
        private_keys(settings),
        visitor_keys,
        store,
    );
    // Without a gateway, no page of another service shows fragments of this one.
    if is_memory && !settings.gateways.is_empty() {
        let (split, is_split) = SplitWarning::at_start(session_use.pages, session_use.fragments);
        session_manager = session_manager.with_split(split);
        if is_split {
            warn_of_split();
        }
    }
    Ok(Arc::new(session_manager))
}

/// The key that signs, and the one that is valid too while it is changed.
fn private_keys(settings: &Settings) -> [Option<&str>; 2] {
    [&settings.private_key, &settings.second_private_key].map(Option::as_deref)
}

/// Where long files of forms are kept while their handlers run.
#[cfg(feature = "upload")]
fn upload_folder(settings: &Settings) -> Result<Arc<Path>> {
    let Some(folder) = &settings.upload_folder else {
        return Ok(std::env::temp_dir().into());
    };
    tempfile::tempfile_in(folder).map_err(|error| Error::UploadFolder {
        folder: folder.clone(),
        error,
    })?;
    Ok(folder.as_path().into())
}

/// Gives requests their ids, and logs them.
fn observer(settings: &Settings) -> Result<Observer> {
    let config = ObserverConfig {
        proxies: settings.trusted_proxies.clone(),
        sample: settings.trace_sample,
        access_log: &settings.access_log,
        otlp: settings.otlp_endpoint.as_deref().map(|endpoint| Otlp {
            endpoint,
            service: &settings.name,
        }),
        debug_headers: settings.debug_headers,
        private_key: settings.private_key.as_deref(),
    };
    Observer::new(config).map_err(Error::AccessLog)
}

/// What fragments that come after their page need, from the settings.
fn after_page_of(settings: &Settings) -> Option<AfterPage> {
    let private_key = settings.private_key.as_deref();
    let after_page = AfterPage::new(&settings.name, &settings.public_key, private_key)?;
    Some(after_page.with_second_secret(settings.second_private_key.as_deref()))
}

/// The client of the gateway. `None`: the settings name no gateway.
fn client(settings: &Settings, signer: Option<&Arc<Signer>>) -> Option<Arc<Client>> {
    let client = Client::new(settings.gateways.clone())?;
    if settings.trusted_proxies.is_empty() {
        tracing::warn!(
            "the gateway is named by its host name, and `trusted_proxies` names no address: what it says of visitors \
             (X-Forwarded-*) is not believed"
        );
    }
    Some(Arc::new(match signer {
        Some(signer) => client.signed(signer.clone(), &settings.name),
        None => client,
    }))
}

fn list(folder: &Path) -> Result<Vec<String>> {
    static_files::list(folder).map_err(|error| Error::StaticFiles {
        folder: folder.to_owned(),
        error,
    })
}

/// A function that tells whether a static file has a name.
fn names(files: &[String]) -> HasFile {
    let names: HashSet<String> = files.iter().cloned().collect();
    Arc::new(move |file| names.contains(file))
}

fn options(settings: &Settings) -> Options {
    let mut options = Options::new(&settings.name);
    options.fragment_timeout = settings.fragment_timeout;
    options.page_deadline = settings.page_deadline;
    options.deferred_grace = settings.deferred_grace;
    options.fragment_cache = settings.fragment_cache;
    options.error_page = Some(Arc::new(failure::of_page));
    options
}
