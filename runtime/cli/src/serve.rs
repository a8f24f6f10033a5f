//! `hydra serve`: a folder of templates as a site, with no Rust written.

mod answer;
pub(super) mod compile;
mod data;
mod offers;
mod paths;
mod site;
mod watch;

use std::{
    fs,
    future::pending,
    io,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use clap::Args;
use hydra_runtime::settings::parse_size;
use hydra_runtime_gateway::{ErrorPages, Gateway, GatewayConfig};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    Stop,
    gateway::{self, SettingsArgs},
    process,
};
use answer::Worker;
use site::{Folder, Site};

/// Serve a folder of templates as pages, and what else is in it as it is.
///
/// `index.html` is `/`, `about.html` is `/about`. A page gets its attributes from a TOML or JSON file beside it
/// (`about.toml`), and from the query those that it states with `m:attributes` and the file does not give. What is changed
/// in the folder is served at once, unless it has errors.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ServeArgs {
    /// The folder
    #[arg(value_name = "TEMPLATES")]
    templates: PathBuf,
    /// A folder with the contracts of other services
    #[arg(long, env = "HYDRA_CONTRACTS", value_name = "DIR")]
    contracts: Option<PathBuf>,
    /// Hold the gateway in the same process, on the same port. Plain HTTP services come with it
    #[arg(long, env = "HYDRA_WITH_GATEWAY")]
    with_gateway: bool,
    /// Serve what is there now, and do not look for changes
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

Beyond 127.0.0.1, --with-gateway needs a private key, or allow_unsigned.

A hydra.toml that puts the pages of a web service together:
  error_pages = \"errors\"   # a folder with 404.html, error.html and so on, outside of the templates

  [[service]]
  name = \"legacy\"
  url = \"http://127.0.0.1:9000\"
  fragments = { banner = \"/snippets/banner\" }

  [serve]
  fragment_timeout = 500   # milliseconds
  fragment_cache = \"64MB\"  # kept for cache and stale of the tags; 0: nothing";

/// The `[serve]` table of `hydra.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ServeConfig {
    /// How long a fragment may take where its tag does not say, in milliseconds.
    fragment_timeout: u64,
    /// How long all fragments of a page together may take, in milliseconds.
    page_deadline: u64,
    /// How long text waits for deferred fragments that may come into their places, in milliseconds.
    deferred_grace: u64,
    /// How much fragments may take that are kept for their tags' `cache` and `stale`: `64MB`.
    fragment_cache: Option<String>,
}

impl Default for ServeConfig {
    fn default() -> Self {
        Self {
            fragment_timeout: 1_000,
            page_deadline: 10_000,
            deferred_grace: 10,
            fragment_cache: None,
        }
    }
}

/// All of the file that `serve` reads by itself.
#[derive(Default, Deserialize)]
struct File {
    listen: Option<SocketAddr>,
    #[serde(default)]
    serve: ServeConfig,
}

/// Runs until the process is told to stop.
pub(super) fn run(args: ServeArgs) -> Result<(), Stop> {
    let path = args.settings.config.clone();
    let listen = args.settings.listen;
    let config = gateway::configuration(args.settings)?;
    let file = path.as_deref().map(read).transpose()?.unwrap_or_default();
    let listen = listen.or(file.listen);
    let fragment_cache = file.serve.fragment_cache.as_deref().map(parse_size).transpose();
    // One key for all versions of the folder: a page that somebody looks at may be older than the last change.
    let private_key = config.private_key.as_ref().map(|key| key.reveal().to_owned());
    let folder = Folder {
        secret: private_key.unwrap_or_else(|| format!("{}{}", Uuid::new_v4(), Uuid::new_v4())),
        hidden: path.and_then(|path| path_in(&args.templates, &path)),
        templates: args.templates,
        contracts: args.contracts,
        fragment_timeout: Duration::from_millis(file.serve.fragment_timeout),
        page_deadline: Duration::from_millis(file.serve.page_deadline),
        deferred_grace: Duration::from_millis(file.serve.deferred_grace),
        fragment_cache: fragment_cache.map_err(|message| Stop(format!("`fragment_cache`: {message}")))?,
    };
    let (site, warnings) = Site::load(&folder).map_err(|report| Stop(report.to_string()))?;
    if !warnings.is_empty() {
        eprintln!("{warnings}");
    }
    let error_pages = ErrorPages::of(config.error_pages.as_deref());
    let error_pages = error_pages.map_err(|reason| Stop(format!("`error_pages`: {reason}")))?;
    let error_pages = Arc::new(error_pages);
    let site = Arc::new(ArcSwap::from_pointee(site));
    let watcher = match args.no_reload {
        true => None,
        false => Some(watch::watch(&folder, &site)?),
    };
    let listener = process::listen(listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080))))?;
    let served = match args.with_gateway {
        true => beside_gateway(&folder, &site, &error_pages, listener, config)?,
        false => alone(&folder, &site, &error_pages, listener, &config),
    };
    drop(watcher);
    served.map_err(|error| Stop(error.to_string()))
}

fn beside_gateway(
    folder: &Folder,
    site: &Arc<ArcSwap<Site>>,
    error_pages: &Arc<ErrorPages>,
    listener: TcpListener,
    mut config: GatewayConfig,
) -> Result<io::Result<()>, Stop> {
    // It listens where the pages do.
    config.listen = listener.local_addr().unwrap_or(config.listen);
    gateway::warn(&config);
    let (workers, limits) = (config.workers, config.connection_limits());
    let gateway = Gateway::new(config).map_err(|error| Stop(error.to_string()))?;
    if let Ok(address) = listener.local_addr() {
        gateway.listens_on(address);
    }
    let worker = || Worker::new(folder, site, error_pages, Some(gateway.worker())).router();
    let what = "the site, with its gateway,";
    Ok(process::serve(
        listener,
        workers,
        what,
        worker,
        gateway.keep(),
        limits,
    ))
}

fn alone(
    folder: &Folder,
    site: &Arc<ArcSwap<Site>>,
    error_pages: &Arc<ErrorPages>,
    listener: TcpListener,
    config: &GatewayConfig,
) -> io::Result<()> {
    if !config.services.is_empty() {
        tracing::warn!(
            "the settings name web services, which need --with-gateway: their fragments show fallbacks"
        );
    }
    let worker = || Worker::new(folder, site, error_pages, None).router();
    let (workers, limits) = (config.workers, config.connection_limits());
    process::serve(listener, workers, "the site", worker, pending(), limits)
}

fn read(path: &Path) -> Result<File, Stop> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| Stop(format!("cannot read {shown}: {error}")))?;
    // The message alone: a line of this file may hold a key.
    toml::from_str(&text).map_err(|error| Stop(format!("{shown}: {}", error.message())))
}

/// The path under which a file of the folder would be sent.
fn path_in(folder: &Path, file: &Path) -> Option<String> {
    let (folder, file) = (folder.canonicalize().ok()?, file.canonicalize().ok()?);
    Some(format!("/{}", file.strip_prefix(folder).ok()?.to_str()?))
}
