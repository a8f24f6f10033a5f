//! `hydra gateway`.

use std::{
    fs, io,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

use clap::Args;
use hydra_runtime_gateway::{DEFAULT_PUBLIC_KEY, Gateway, GatewayConfig, Secret, TrustedProxies};

use super::{Stop, process};

/// Run the gateway that services register with and visitors connect to.
///
/// Command-line flags override environment variables, which override the configuration file.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct GatewayArgs {
    #[command(flatten)]
    settings: SettingsArgs,
}

/// What a gateway can be told, in a process of its own or beside pages.
#[derive(Debug, Args)]
pub(super) struct SettingsArgs {
    /// The address to listen on. Port 0 takes any free port [default: 127.0.0.1, 8081 for a gateway, 8080 for pages]
    #[arg(long, env = "HYDRA_LISTEN", value_name = "ADDRESS:PORT")]
    pub(super) listen: Option<SocketAddr>,
    /// Names the installation in paths; the same for the gateway and its services. No secret [default: hydra]
    #[arg(long, env = "HYDRA_PUBLIC_KEY", value_name = "KEY")]
    public_key: Option<String>,
    /// Signs the calls between services and gateways. Better in the environment than here
    #[arg(long, env = "HYDRA_PRIVATE_KEY", value_name = "KEY", hide_env_values = true)]
    private_key: Option<String>,
    /// Listen beyond this machine without a private key. With one: let in unsigned calls all the same, for older clients that
    /// cannot sign
    #[arg(long, env = "HYDRA_ALLOW_UNSIGNED", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    allow_unsigned: Option<bool>,
    /// The Redis that several gateways share: `redis://host`,
    /// `redis+sentinel://host,host/master[?sentinel_password=…]` or `redis+cluster://host,host`; with `rediss` for TLS.
    /// Without one, the registry is in memory
    #[arg(long, env = "HYDRA_REDIS", value_name = "URL", hide_env_values = true)]
    redis: Option<String>,
    /// What the names of all keys in Redis begin with [default: hydra]
    #[arg(long, env = "HYDRA_REDIS_PREFIX", value_name = "TEXT")]
    redis_prefix: Option<String>,
    /// A host that services may have although it is link-local, a metadata service and the like
    #[arg(
        long = "allow-host",
        env = "HYDRA_ALLOW_HOSTS",
        value_name = "HOST",
        value_delimiter = ','
    )]
    allow_hosts: Vec<String>,
    /// The proxies in front, which are believed where `Forwarded` and `X-Forwarded-*` say for whom a request is: addresses and
    /// networks with commas between them, `10.0.0.0/8,::1` [default: none]
    #[arg(long, env = "HYDRA_TRUSTED_PROXIES", value_name = "NETWORKS")]
    trusted_proxies: Option<String>,
    /// The RSA key that verifies login tokens, as services get it: base64 of its DER
    #[arg(long, env = "HYDRA_LOGIN_PUBLIC_KEY", value_name = "BASE64")]
    login_public_key: Option<String>,
    /// Threads that serve [default: one per CPU]
    #[arg(long, env = "HYDRA_WORKERS", value_name = "N")]
    workers: Option<usize>,
    /// A configuration file with the same settings, and more: timeouts, authorities, plain HTTP services
    #[arg(long, env = "HYDRA_CONFIG", value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  hydra gateway
  HYDRA_PRIVATE_KEY=… hydra gateway --listen 0.0.0.0:80 --public-key my-shop
  HYDRA_PRIVATE_KEY=… hydra gateway --redis redis://10.0.0.7

Beyond 127.0.0.1 it listens only with a private key, or where allow_unsigned is set.

A hydra.toml, with the settings that only it has:
  public_key = \"my-shop\"
  connect_timeout = 1000             # milliseconds
  response_timeout = 30000           # until the answer begins
  upstream_ca = \"authorities.pem\"    # for https services; without it those of the system
  error_pages = \"errors\"             # a folder with 404.html, error.html and so on
  protocol_1_attributes = \"pass\"     # or \"drop\": what older services get of older pages
  [[service]]
  name = \"legacy\"
  url = \"http://127.0.0.1:9000\"
  health = \"/ping\"
  endpoints = [\"/old/**\"]
  fragments = { banner = \"/snippets/banner\" }";

/// Runs until the process is told to stop.
pub(super) fn run(args: GatewayArgs) -> Result<(), Stop> {
    let config = configuration(args.settings)?;
    let gateway = Gateway::new(config.clone()).map_err(|error| Stop(error.to_string()))?;
    let listener = process::listen(config.listen)?;
    warn(&config);
    serve(&gateway, listener, &config).map_err(|error| Stop(error.to_string()))
}

/// The settings of the file, with those of the environment and the command line over them.
pub(super) fn configuration(args: SettingsArgs) -> Result<GatewayConfig, Stop> {
    let mut config = args.config.as_deref().map(read).transpose()?.unwrap_or_default();
    let put = |place: &mut String, value: Option<String>| {
        if let Some(value) = value {
            *place = value;
        }
    };
    put(&mut config.public_key, args.public_key);
    put(&mut config.redis_prefix, args.redis_prefix);
    put(&mut config.login_public_key, args.login_public_key);
    config.listen = args.listen.unwrap_or(config.listen);
    config.allow_unsigned = args.allow_unsigned.unwrap_or(config.allow_unsigned);
    config.workers = args.workers.or(config.workers);
    config.private_key = args.private_key.map(Secret::new).or(config.private_key);
    config.redis = args.redis.map(Secret::new).or(config.redis);
    config.allow_hosts.extend(args.allow_hosts);
    // An empty variable is none.
    if let Some(text) = args.trusted_proxies.filter(|text| !text.trim().is_empty()) {
        let proxies = TrustedProxies::parse_list(&text);
        config.trusted_proxies = proxies.map_err(|reason| Stop(format!("`trusted_proxies`: {reason}")))?;
    }
    Ok(config)
}

fn read(path: &Path) -> Result<GatewayConfig, Stop> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| Stop(format!("cannot read {shown}: {error}")))?;
    GatewayConfig::from_toml(&text).map_err(|error| Stop(format!("{shown}: {error}")))
}

/// Says at the start what lets strangers in.
pub(super) fn warn(config: &GatewayConfig) {
    if config.public_key == DEFAULT_PUBLIC_KEY {
        tracing::info!("the public key is the default, `{DEFAULT_PUBLIC_KEY}`");
    }
    match (&config.private_key, config.allow_unsigned) {
        (None, _) if config.listen.ip().to_canonical().is_loopback() => tracing::warn!(
            "there is no private key: calls are not signed, and all programs of this machine can register a service"
        ),
        (None, _) => tracing::warn!(
            "there is no private key: calls are not signed, and all who reach this port can register a service"
        ),
        (Some(_), true) => tracing::warn!("allow_unsigned: unsigned calls are let in"),
        (Some(_), false) => {}
    }
}

fn serve(gateway: &Gateway, listener: TcpListener, config: &GatewayConfig) -> io::Result<()> {
    gateway.listens_on(listener.local_addr()?);
    process::serve(
        listener,
        config.workers,
        "the gateway",
        || gateway.worker().router(),
        gateway.keep(),
        config.connection_limits(),
    )
}
