//! `hydra dev`: builds and runs the services of a folder with a gateway, and again after each change.

mod board;
mod build;
mod cargo;
mod change;
mod crew;
mod find;
mod front;
mod group;
pub(super) mod guard;
mod link;
mod lock;
mod output;
mod pages;
mod service;
mod surroundings;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;
use hydra_runtime_gateway::{Gateway, GatewayConfig};
use hydra_runtime_net::server::Routes;
use tokio::sync::Notify;

use super::{
    Stop,
    gateway::{self, SettingsArgs},
    operators::Operators,
    process::{self, Ports, Serving},
};
use board::Board;
use crew::Crew;
use find::Found;
use front::Front;
use lock::Lock;
use pages::Pages;
use surroundings::Surroundings;

/// How long a connection without a request may still begin one when the gateway stops. Ctrl-C is to take effect at once.
const STOP_GRACE: Duration = Duration::from_millis(100);

/// Build and run the services of a folder with a gateway, and again after each change.
///
/// A service is a Cargo package with a program and `hydra-compile` among its build-dependencies. A folder of templates without a program
/// is served as `hydra serve` does. The page in the browser shows what the compiler reports, and is loaded again after each change.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct DevArgs {
    /// The folders of services, of Cargo workspaces, or with such folders directly inside
    #[arg(value_name = "DIR", default_value = ".")]
    folders: Vec<PathBuf>,
    /// A gateway that runs already, `http://host:port`, for the services to register with. Without it, one runs in this process. Only
    /// its pages show problems in the browser
    #[arg(long, value_name = "URL", value_parser = gateway_address)]
    gateway: Option<String>,
    /// A folder with the contracts of other services for the folder of templates, one JSON file each [default: none]
    #[arg(long, env = "HYDRA_CONTRACTS", value_name = "DIR")]
    contracts: Option<PathBuf>,
    #[command(flatten, next_help_heading = "Settings of the gateway")]
    settings: SettingsArgs,
}

const EXAMPLES: &str = "\
Examples:
  hydra dev                     # all services in this folder
  hydra dev shop blog           # those in two folders
  hydra dev shop templates      # a service, and a folder of templates
  hydra dev shop --gateway http://127.0.0.1:8081

Services listen on free ports, and find the gateway by HYDRA_GATEWAY. Ctrl-C stops all of them.";

fn gateway_address(text: &str) -> Result<String, String> {
    match text
        .strip_prefix("http://")
        .map(|rest| rest.trim_end_matches('/'))
    {
        Some(authority) if !authority.is_empty() && !authority.contains('/') => {
            Ok(format!("http://{authority}"))
        }
        _ => Err("write it like `http://127.0.0.1:8081`".to_owned()),
    }
}

/// Runs until the process is told to stop.
pub(super) fn run(args: DevArgs) -> Result<(), Stop> {
    let found = find::find(&args.folders)?;
    let folders = found.crates.iter().map(|place| &place.folder).chain(&found.pages);
    let locks: Vec<Lock> = folders
        .map(|folder| lock::hold(folder))
        .collect::<Result<_, _>>()?;
    let mut config = gateway::configuration(args.settings.clone())?;
    config.stop_grace = config.stop_grace.min(STOP_GRACE);
    match args.gateway {
        Some(gateway) => beside(gateway, &found, &config),
        None => with_gateway(found, args.contracts, &args.settings, config, &locks),
    }
}

/// Runs the services at a gateway in another process.
fn beside(gateway: String, found: &Found, config: &GatewayConfig) -> Result<(), Stop> {
    if let Some(pages) = &found.pages {
        return Err(Stop(format!(
            "`{}` is a folder of templates, whose pages need the gateway of this process: leave out --gateway, or name the folders of \
             services",
            pages.display()
        )));
    }
    let board = Board::new(found.names());
    let crew = Crew::new(&found.crates, &board, Surroundings::new(gateway, None, config))?;
    let stopped = process::until_signal(|| crew.start());
    crew.stop();
    stopped.map_err(|error| Stop(error.to_string()))
}

/// Runs the services, and their gateway in this process.
fn with_gateway(
    found: Found,
    contracts: Option<PathBuf>,
    settings: &SettingsArgs,
    config: GatewayConfig,
    locks: &[Lock],
) -> Result<(), Stop> {
    // First, so that all metrics are kept from their start.
    let operators = Operators::open(&config, &config.listen)?;
    let gateway = Gateway::new(config.clone()).map_err(|error| Stop(error.to_string()))?;
    let ports = Ports::open(&config.listen, &config.trusted_proxies)?.with_channels(&config)?;
    gateway.listens_on(&ports.addresses());
    operators.iter().for_each(Operators::log_page);
    let address = address(&ports)?;
    locks.iter().for_each(|lock| lock.announce(&address));

    let board = Board::new(found.names());
    let front = Front::new(board.clone());
    let pages = found
        .pages
        .map(|folder| Pages::new(folder, contracts, settings, &config))
        .transpose()?;
    let crew = Crew::new(
        &found.crates,
        &board,
        Surroundings::new(address, Some(gateway.clone()), &config),
    )?;
    let hangup = Notify::new();
    let keep = async {
        // From here on, signals are handled, and no service is left behind.
        let _end = End(&board);
        let _watcher = pages.as_ref().map(|pages| pages.follow(&board));
        crew.start();
        tokio::select! {
            () = gateway.run_maintenance() => {}
            () = hangup.notified() => {}
        }
    };
    let serving = Serving {
        ports,
        workers: config.workers,
        limits: config.connection_limits(),
        what: "the gateway",
        routes: || {
            let gateway = gateway.worker();
            let channels = gateway.channels_over_tcp();
            let inner = match &pages {
                Some(pages) => pages.router(gateway),
                None => gateway.router(),
            };
            Routes::new(front.around(inner)).with_raw(channels)
        },
        keep,
        // The terminal is gone.
        reload: async || {
            hangup.notify_one();
            false
        },
        operators: operators
            .map(|operators| (operators, |recorded, stopping| gateway.admin(recorded, stopping))),
    };
    let served = serving.run();
    crew.stop();
    served.map_err(|error| Stop(error.to_string()))
}

/// Tells pages at its end that the process stops.
struct End<'b>(&'b Board);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Where services reach the gateway.
fn address(ports: &Ports) -> Result<String, Stop> {
    let plain = ports.plain_addresses().next();
    let local = |address: SocketAddr| match address.ip().is_unspecified() {
        true => SocketAddr::from(([127, 0, 0, 1], address.port())),
        false => address,
    };
    let address = plain.map(|address| format!("http://{}", local(address)));
    address.ok_or_else(|| {
        Stop("`listen` has ports with TLS only: services need one without it to reach the gateway".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_gateway_has_a_scheme_and_no_path() {
        for (text, address) in [
            ("http://127.0.0.1:8081", Some("http://127.0.0.1:8081")),
            ("http://gateway:80/", Some("http://gateway:80")),
            ("127.0.0.1:8081", None),
            ("http://", None),
            ("http://a/b", None),
            ("https://a", None),
        ] {
            assert_eq!(gateway_address(text).ok().as_deref(), address, "{text}");
        }
    }
}
