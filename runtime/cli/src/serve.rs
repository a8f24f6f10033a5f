//! `hydra serve`: serves a folder of templates as a site, without any Rust.

mod answer;
pub(super) mod compile;
mod data;
mod offers;
mod paths;
mod site;

use std::{
    fs,
    future::pending,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use clap::Args;
use hydra_runtime::settings::parse_size;
use hydra_runtime_gateway::{
    ErrorPages, Gateway, GatewayConfig, Listeners, PageLimits, ResponseHeaders, Secret,
};
use hydra_runtime_net::{
    admin::{Admin, Readiness},
    duration,
    observe::Observer,
    settings_problem,
};
use serde::{Deserialize, de::IgnoredAny};
use uuid::Uuid;

use super::{
    Stop,
    gateway::{self, SettingsArgs},
    operators::Operators,
    process::{Ports, Serving},
    report,
    watch::{self, Watcher},
};
pub(super) use answer::Worker;
pub(super) use site::{Folder, Site};

/// Serve a folder of templates as pages, and its other files as they are.
///
/// The page of `index.html` is `/`, that of `about.html` is `/about`. A page gets its attributes from a TOML or JSON file beside
/// it (`about.toml`). Attributes that the page states with `m:attributes`, and that the file does not contain, come from the query.
/// The program serves changes in the folder at once, unless they have errors.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ServeArgs {
    /// The folder with the templates
    #[arg(value_name = "TEMPLATES")]
    templates: PathBuf,
    /// A folder with the contracts of other services, one JSON file each [default: none]
    #[arg(long, env = "HYDRA_CONTRACTS", value_name = "DIR")]
    contracts: Option<PathBuf>,
    /// Run a gateway in the same process, on the same port. Plain HTTP services in the configuration file need it
    #[arg(long, env = "HYDRA_WITH_GATEWAY")]
    with_gateway: bool,
    /// Serve the folder as it is at the start, and ignore changes
    #[arg(long, env = "HYDRA_NO_RELOAD")]
    no_reload: bool,
    #[command(flatten, next_help_heading = "Settings of the server and the gateway")]
    settings: SettingsArgs,
}

const EXAMPLES: &str = "\
Examples:
  hydra serve templates
  hydra serve templates --with-gateway --config hydra.toml
  HYDRA_PRIVATE_KEY=… hydra serve templates --listen 0.0.0.0:80 --with-gateway

With --with-gateway, the program listens beyond this machine only if there is a private key, or --allow-unsigned.

A hydra.toml for pages with fragments of another web server:
  error_pages = \"errors\"   # a folder with 404.html, error.html and so on, outside of the templates

  [[service]]
  name = \"legacy\"
  url = \"http://127.0.0.1:9000\"
  fragments = { banner = \"/snippets/banner\" }

  [serve]
  fragment_timeout = \"500ms\"  # for tags without a timeout
  fragment_cache = \"64MB\"     # the memory for `cache` and `stale`; 0 keeps nothing";

/// The `[serve]` table of `hydra.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ServeConfig {
    /// How long a fragment may take if its tag has no `timeout`.
    #[serde(deserialize_with = "duration::setting")]
    fragment_timeout: Duration,
    /// How long all fragments of a page together may take.
    #[serde(deserialize_with = "duration::setting")]
    page_deadline: Duration,
    /// How long the text of a page waits for deferred fragments that may still be put into their places.
    #[serde(deserialize_with = "duration::setting")]
    deferred_grace: Duration,
    /// How much memory fragments may take that are kept for `cache` and `stale`: `64MB`.
    fragment_cache: Option<String>,
}

impl ServeConfig {
    fn fragment_cache(&self) -> Result<Option<usize>, Stop> {
        let size = self.fragment_cache.as_deref().map(parse_size).transpose();
        size.map_err(|message| Stop(format!("`fragment_cache`: {message}")))
    }
}

/// The keys of the table: name, type and description, for the JSON schema.
pub(super) const KEYS: [(&str, &str, &str); 4] = [
    (
        "fragment_timeout",
        "text",
        "How long a fragment may take if its tag has no `timeout`.",
    ),
    (
        "page_deadline",
        "text",
        "How long all fragments of a page together may take.",
    ),
    (
        "deferred_grace",
        "text",
        "How long the text of a page waits for deferred fragments that may still be put into their places.",
    ),
    (
        "fragment_cache",
        "text",
        "How much memory fragments may take that are kept for `cache` and `stale`.",
    ),
];

/// The settings of the table that are durations.
const DURATIONS: [&str; 3] = ["fragment_timeout", "page_deadline", "deferred_grace"];

impl Default for ServeConfig {
    fn default() -> Self {
        Self {
            fragment_timeout: Duration::from_secs(1),
            page_deadline: Duration::from_secs(10),
            deferred_grace: Duration::from_millis(10),
            fragment_cache: None,
        }
    }
}

/// The parts of the file that only `serve` reads.
#[derive(Default, Deserialize)]
struct File {
    listen: Option<IgnoredAny>,
    #[serde(default)]
    serve: ServeConfig,
}

/// Serves the folder until the process is told to stop.
pub(super) fn run(args: ServeArgs) -> Result<(), Stop> {
    let path = args.settings.config.clone();
    let settings = args.settings.clone();
    let is_listen_stated = !settings.listen.is_empty();
    let config = gateway::configuration(args.settings)?;
    let file = path.as_deref().map(read).transpose()?.unwrap_or_default();
    let is_listen_stated = is_listen_stated || file.listen.is_some();
    let folder = folder_of(
        args.templates,
        args.contracts,
        path.as_deref(),
        &file.serve,
        &config,
    )?;
    let listen = match is_listen_stated {
        true => config.listen.clone(),
        false => Listeners::from(SocketAddr::from(([127, 0, 0, 1], 8080))),
    };
    // First, so that all metrics are kept from their start.
    let operators = Operators::open(&config, &listen)?;
    let (site, warnings) = Site::load(&folder).map_err(|report| Stop(report.to_string()))?;
    if !warnings.is_empty() {
        eprintln!("{warnings}");
    }
    let site = Arc::new(ArcSwap::from_pointee(site));
    let watcher = match args.no_reload {
        true => None,
        false => Some(follow(&folder, &site)?),
    };
    let served = match args.with_gateway {
        true => beside_gateway(&folder, &site, &settings, &listen, config, operators)?,
        false => alone(&folder, &site, &settings, &listen, &config, operators)?,
    };
    drop(watcher);
    served.map_err(|error| Stop(error.to_string()))
}

/// A folder to serve with the settings of the file `path`, if there is one.
pub(super) fn folder(
    templates: PathBuf,
    contracts: Option<PathBuf>,
    path: Option<&Path>,
    config: &GatewayConfig,
) -> Result<Folder, Stop> {
    let file = path.map(read).transpose()?.unwrap_or_default();
    folder_of(templates, contracts, path, &file.serve, config)
}

fn folder_of(
    templates: PathBuf,
    contracts: Option<PathBuf>,
    path: Option<&Path>,
    serve: &ServeConfig,
    config: &GatewayConfig,
) -> Result<Folder, Stop> {
    let revealed = |key: &Option<Secret>| key.as_ref().map(|key| key.reveal().to_owned());
    // The key is the same for all versions of the folder: a visitor's page may be older than the last change.
    let secret = revealed(&config.private_key);
    Ok(Folder {
        secret: secret.unwrap_or_else(|| format!("{}{}", Uuid::new_v4(), Uuid::new_v4())),
        second_secret: revealed(&config.second_private_key),
        hidden: path.and_then(|path| path_in(&templates, path)),
        templates,
        contracts,
        fragment_timeout: serve.fragment_timeout,
        page_deadline: serve.page_deadline,
        deferred_grace: serve.deferred_grace,
        fragment_cache: serve.fragment_cache()?,
    })
}

/// An editor makes several changes when it saves: they count as one.
const QUIET: Duration = Duration::from_millis(100);

/// Serves each change of the folder that has no errors.
fn follow(folder: &Folder, site: &Arc<ArcSwap<Site>>) -> Result<Watcher, Stop> {
    let roots = folder.roots();
    let (folder, site) = (folder.clone(), Arc::clone(site));
    watch::watch(QUIET, move || roots.clone(), move |_| reload(&folder, &site))
        .map_err(|error| Stop(format!("cannot watch the templates: {error}. Try --no-reload")))
}

fn reload(folder: &Folder, site: &ArcSwap<Site>) {
    match Site::load(folder) {
        Ok((new, warnings)) => {
            site.store(Arc::new(new));
            tracing::info!("serving the changed templates");
            if !warnings.is_empty() {
                eprintln!("{warnings}");
            }
        }
        Err(report) => {
            tracing::error!("the changed templates have errors; the last good ones stay");
            eprintln!("{report}");
        }
    }
}

/// The pages for errors.
pub(super) fn error_pages(config: &GatewayConfig) -> Result<Arc<ErrorPages>, Stop> {
    let pages = ErrorPages::of(config.error_pages.as_deref());
    pages
        .map(Arc::new)
        .map_err(|reason| Stop(format!("`error_pages`: {reason}")))
}

/// The limits of pages in a process without a gateway, and the headers of their responses.
fn page_limits(config: &GatewayConfig) -> Result<(PageLimits, ResponseHeaders), Stop> {
    let limits = PageLimits::new(config).map_err(|error| Stop(error.to_string()))?;
    Ok((limits, ResponseHeaders::of(config)))
}

fn beside_gateway(
    folder: &Folder,
    site: &Arc<ArcSwap<Site>>,
    settings: &SettingsArgs,
    listen: &Listeners,
    mut config: GatewayConfig,
    operators: Option<Operators>,
) -> Result<io::Result<()>, Stop> {
    // The gateway listens where the pages do.
    config.listen = listen.clone();
    gateway::warn(&config);
    let (workers, limits) = (config.workers, config.connection_limits());
    let error_pages = ArcSwap::new(error_pages(&config)?);
    let ports = Ports::open(listen, &config.trusted_proxies)?.with_channels(&config)?;
    let gateway = Gateway::new(config).map_err(|error| Stop(error.to_string()))?;
    gateway.listens_on(&ports.addresses());
    operators.iter().for_each(Operators::log_page);
    let newest = ArcSwap::from_pointee(gateway.clone());
    let observer = gateway.observer();
    let routes = || {
        let gateway = newest.load().worker();
        let limits = (gateway.page_limits(), gateway.response_headers().clone());
        let channels = gateway.channels_over_tcp();
        let worker = Worker::new(folder, site, &error_pages.load(), Some(gateway), observer, limits);
        worker.routes().with_raw(channels)
    };
    let reload = async || {
        gateway::reload(settings, Some(listen), &newest).await && renew(settings, &error_pages, None)
    };
    let serving = Serving {
        ports,
        workers,
        limits,
        what: "the site, with its gateway,",
        routes,
        keep: gateway.run_maintenance(),
        reload,
        operators: operators
            .map(|operators| (operators, |recorded, stopping| gateway.admin(recorded, stopping))),
    };
    Ok(serving.run())
}

/// Reads the pages for errors again, and the limits of a process without a gateway. Returns whether they can be used.
fn renew(
    settings: &SettingsArgs,
    error_pages: &ArcSwap<ErrorPages>,
    limits: Option<&ArcSwap<(PageLimits, ResponseHeaders)>>,
) -> bool {
    let configured = gateway::configuration(settings.clone())
        .and_then(|config| Ok((self::error_pages(&config)?, page_limits(&config)?)));
    match configured {
        Ok((pages, renewed)) => {
            error_pages.store(pages);
            if let Some(limits) = limits {
                limits.store(Arc::new(renewed));
            }
            tracing::info!("the pages for errors were read again");
            true
        }
        Err(stop) => {
            tracing::error!("the changed settings cannot be used; the former ones stay");
            eprintln!("hydra: {stop}");
            false
        }
    }
}

fn alone(
    folder: &Folder,
    site: &Arc<ArcSwap<Site>>,
    settings: &SettingsArgs,
    listen: &Listeners,
    config: &GatewayConfig,
    operators: Option<Operators>,
) -> Result<io::Result<()>, Stop> {
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    if !config.services.is_empty() {
        tracing::warn!(
            "the settings name web services, which need --with-gateway: their fragments show fallbacks"
        );
    }
    let error_pages = ArcSwap::new(error_pages(config)?);
    let observer = Observer::new(config.observer()).map_err(Stop)?;
    let limits = ArcSwap::from_pointee(page_limits(config)?);
    let routes = || {
        let limits = limits.load().as_ref().clone();
        Worker::new(folder, site, &error_pages.load(), None, &observer, limits).routes()
    };
    let admin = |recorded, stopping| {
        // The pages are ready before the ports open.
        Admin::new(recorded, stopping, || Readiness::Ready).hosts(config.admin_hosts.clone())
    };
    let serving = Serving {
        ports: Ports::open(listen, &config.trusted_proxies)?,
        workers: config.workers,
        limits: config.connection_limits(),
        what: "the site",
        routes,
        keep: pending(),
        reload: async || renew(settings, &error_pages, Some(&limits)),
        operators: operators.map(|operators| (operators, admin)),
    };
    Ok(serving.run())
}

fn read(path: &Path) -> Result<File, Stop> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| Stop(format!("cannot read {shown}: {error}")))?;
    let file = parse(path, &text)?;
    let table: toml::Table = text.parse().unwrap_or_default();
    let serve = table.get("serve").and_then(toml::Value::as_table);
    for warning in serve
        .into_iter()
        .flat_map(|serve| duration::warnings(serve, &DURATIONS))
    {
        tracing::warn!("[serve]: {warning}");
    }
    Ok(file)
}

fn parse(path: &Path, text: &str) -> Result<File, Stop> {
    toml::from_str(text).map_err(|error| report::settings_file(path, &settings_problem(text, &error)))
}

/// Checks the `[serve]` table of the file `text`.
pub(super) fn check(path: &Path, text: &str) -> Result<(), Stop> {
    parse(path, text)?.serve.fragment_cache().map(|_| ())
}

/// The path at which a file of the folder would be sent.
fn path_in(folder: &Path, file: &Path) -> Option<String> {
    let (folder, file) = (folder.canonicalize().ok()?, file.canonicalize().ok()?);
    Some(format!("/{}", file.strip_prefix(folder).ok()?.to_str()?))
}
