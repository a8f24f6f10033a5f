//! `hydra serve`: a folder of templates as a site, with no Rust written.

mod answer;
mod data;
mod offers;
mod paths;
mod site;
mod watch;

use std::{
    fs,
    future::pending,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use clap::Args;
use hydra_runtime::gateway::{Gateway, GatewayConfig};
use serde::Deserialize;

use super::{Stop, gateway, process};
use answer::Worker;
use site::{Folder, Site};

/// Serve a folder of templates as pages, and what else is in it as it is.
///
/// `index.html` is `/`, `about.html` is `/about`. A page gets its attributes from the query, and from a TOML or JSON file
/// beside it (`about.toml`). What is changed in the folder is served at once, unless it has errors.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ServeArgs {
    /// The folder
    #[arg(value_name = "TEMPLATES")]
    templates: PathBuf,
    /// The address to listen on. Port 0 takes any free port [default: 127.0.0.1:8080]
    #[arg(long, env = "HYDRA_LISTEN", value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// A configuration file: the gateway's settings, plain HTTP services, and `[serve]`
    #[arg(long, env = "HYDRA_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// A folder with the contracts of other services
    #[arg(long, env = "HYDRA_CONTRACTS", value_name = "DIR")]
    contracts: Option<PathBuf>,
    /// Hold the gateway in the same process, on the same port. Plain HTTP services come with it
    #[arg(long, env = "HYDRA_WITH_GATEWAY")]
    with_gateway: bool,
    /// Serve what is there now, and do not look for changes
    #[arg(long, env = "HYDRA_NO_RELOAD")]
    no_reload: bool,
    /// Threads that serve [default: one per CPU]
    #[arg(long, env = "HYDRA_WORKERS", value_name = "N")]
    workers: Option<usize>,
}

const EXAMPLES: &str = "\
Examples:
  hydra serve templates
  hydra serve templates --listen 0.0.0.0:80 --with-gateway --config hydra.toml

A hydra.toml that puts the pages of a web service together:
  [[service]]
  name = \"legacy\"
  url = \"http://127.0.0.1:9000\"
  fragments = { banner = \"/snippets/banner\" }

  [serve]
  fragment_timeout = 500   # milliseconds";

/// The `[serve]` table of `hydra.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ServeConfig {
    /// How long a fragment may take where its tag does not say, in milliseconds.
    fragment_timeout: u64,
    /// How long all fragments of a page together may take, in milliseconds.
    page_deadline: u64,
}

impl Default for ServeConfig {
    fn default() -> Self {
        Self {
            fragment_timeout: 1_000,
            page_deadline: 10_000,
        }
    }
}

/// All of the file that `serve` reads by itself.
#[derive(Default, Deserialize)]
struct File {
    #[serde(default)]
    serve: ServeConfig,
}

/// Runs until the process is told to stop.
pub(super) fn run(args: ServeArgs) -> Result<(), Stop> {
    let (config, serve) = configuration(args.config.as_deref())?;
    let folder = Folder {
        templates: args.templates,
        contracts: args.contracts,
        fragment_timeout: Duration::from_millis(serve.fragment_timeout),
        page_deadline: Duration::from_millis(serve.page_deadline),
    };
    let (site, warnings) = Site::load(&folder).map_err(|report| Stop(report.to_string()))?;
    if !warnings.is_empty() {
        eprintln!("{warnings}");
    }
    let site = Arc::new(ArcSwap::from_pointee(site));
    let watcher = if args.no_reload {
        None
    } else {
        Some(watch::watch(&folder, &site)?)
    };
    let listener = process::listen(args.listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080))))?;
    let workers = args.workers.or(config.workers);
    let served = match args.with_gateway {
        true => {
            let gateway = Gateway::new(config).map_err(|error| Stop(error.to_string()))?;
            gateway.listens_on(listener.local_addr().map_or(0, |address| address.port()));
            let worker = || Worker::new(&folder, &site, Some(gateway.worker())).router();
            process::serve(
                listener,
                workers,
                "the site, with its gateway,",
                worker,
                gateway.keep(),
            )
        }
        false => {
            let worker = || Worker::new(&folder, &site, None).router();
            process::serve(listener, workers, "the site", worker, pending())
        }
    };
    drop(watcher);
    served.map_err(|error| Stop(error.to_string()))
}

fn configuration(path: Option<&Path>) -> Result<(GatewayConfig, ServeConfig), Stop> {
    let Some(path) = path else {
        return Ok(Default::default());
    };
    let gateway = gateway::read(path)?;
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| Stop(format!("cannot read {shown}: {error}")))?;
    let file: File = toml::from_str(&text).map_err(|error| Stop(format!("{shown}: {error}")))?;
    Ok((gateway, file.serve))
}
