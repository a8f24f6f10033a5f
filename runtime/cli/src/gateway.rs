//! `hydra gateway`: runs the gateway in a process of its own.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use clap::Args;
use hydra_runtime_gateway::{
    AccessLogTarget, AdminListen, ConfigError, DEFAULT_PUBLIC_KEY, Gateway, GatewayConfig, Listeners, Secret,
    TrustedProxies,
};

use super::{
    Stop,
    operators::Operators,
    process::{Ports, Serving},
    report,
};

/// Run the gateway that services register with and visitors connect to.
///
/// Command-line flags override environment variables, which override the configuration file.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct GatewayArgs {
    #[command(flatten)]
    settings: SettingsArgs,
}

/// The settings of a gateway, in a process of its own or beside pages.
#[derive(Clone, Debug, Args)]
pub(super) struct SettingsArgs {
    /// The address and port to listen on. Port 0 takes any free port. The option may be repeated [default:
    /// 127.0.0.1:8081, and 127.0.0.1:8080 for `hydra serve`]
    #[arg(
        long,
        env = "HYDRA_LISTEN",
        value_name = "ADDRESS:PORT",
        value_delimiter = ','
    )]
    pub(super) listen: Vec<SocketAddr>,
    /// The address and port for operators, with metrics and more, or `off` [default: 127.0.0.1:8082, or a free port if the one to
    /// listen on is]
    #[arg(long, env = "HYDRA_ADMIN_LISTEN", value_name = "ADDRESS:PORT")]
    admin_listen: Option<AdminListen>,
    /// Where the access log goes: `off`, `text`, `json`, or the path of a file [default: off]
    #[arg(long, env = "HYDRA_ACCESS_LOG", value_name = "TARGET")]
    access_log: Option<AccessLogTarget>,
    /// Tell in the headers of each response which service and instance made it, and how long its fragments took [default: false]
    #[arg(long, env = "HYDRA_DEBUG_HEADERS", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    debug_headers: Option<bool>,
    /// The name of the installation in paths, which the gateway and its services share. It is not a secret [default: hydra]
    #[arg(long, env = "HYDRA_PUBLIC_KEY", value_name = "KEY")]
    public_key: Option<String>,
    /// The key that signs calls between services and gateways. The environment variable keeps it out of the list of processes
    /// [default: none, calls are not signed]
    #[arg(long, env = "HYDRA_PRIVATE_KEY", value_name = "KEY", hide_env_values = true)]
    private_key: Option<String>,
    /// Another private key that is valid too, while the private key is changed [default: none]
    #[arg(
        long,
        env = "HYDRA_SECOND_PRIVATE_KEY",
        value_name = "KEY",
        hide_env_values = true
    )]
    second_private_key: Option<String>,
    /// The token of operators, for their page and API. The environment variable keeps it out of the list of processes
    /// [default: none]
    #[arg(long, env = "HYDRA_ADMIN_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    admin_token: Option<String>,
    /// Without a private key: listen beyond this machine all the same. With one: accept unsigned calls of older clients, which cannot
    /// sign [default: false]
    #[arg(long, env = "HYDRA_ALLOW_UNSIGNED", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    allow_unsigned: Option<bool>,
    /// The Redis that several gateways share: `redis://host`,
    /// `redis+sentinel://host,host/master[?sentinel_password=…]` or `redis+cluster://host,host`; `rediss` instead of `redis` uses
    /// TLS [default: none, the registry is in memory]
    #[arg(long, env = "HYDRA_REDIS", value_name = "URL", hide_env_values = true)]
    redis: Option<String>,
    /// The prefix of all keys in Redis [default: hydra]
    #[arg(long, env = "HYDRA_REDIS_PREFIX", value_name = "TEXT")]
    redis_prefix: Option<String>,
    /// Whether services may open channels. Without them, services and the gateway call each other by POST [default: true]
    #[arg(long, env = "HYDRA_CHANNEL", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    channel: Option<bool>,
    /// Take no channels, as `--channel false` does
    #[arg(long, conflicts_with = "channel")]
    no_channel: bool,
    /// The address and port where services may open channels over TCP, without HTTP, usually at port 7001. Port 0 takes any free port.
    /// The option may be repeated [default: nowhere]
    #[arg(
        long,
        env = "HYDRA_CHANNEL_LISTEN",
        value_name = "ADDRESS",
        value_delimiter = ','
    )]
    channel_listen: Vec<SocketAddr>,
    /// Where other gateways of the installation reach this one: `http://host:port` [default: where it listens for plain HTTP, if that is
    /// the address of one interface]
    #[arg(long, env = "HYDRA_INNER_ADDRESS", value_name = "URL")]
    inner_address: Option<String>,
    /// A host that services may register although it is normally refused, such as a link-local address. The option may be repeated
    /// [default: none]
    #[arg(
        long = "allow-host",
        env = "HYDRA_ALLOW_HOSTS",
        value_name = "HOST",
        value_delimiter = ','
    )]
    allow_hosts: Vec<String>,
    /// The proxies in front whose `Forwarded` and `X-Forwarded-*` headers are trusted: addresses and networks with commas between
    /// them, `10.0.0.0/8,::1` [default: none]
    #[arg(long, env = "HYDRA_TRUSTED_PROXIES", value_name = "NETWORKS")]
    trusted_proxies: Option<String>,
    /// The RSA key with which services verify login tokens: base64 of its DER [default: none]
    #[arg(long, env = "HYDRA_LOGIN_PUBLIC_KEY", value_name = "BASE64")]
    login_public_key: Option<String>,
    /// The folder of the keys that sign logins, or `redis` for gateways that share one [default: none, this gateway issues no logins]
    #[arg(long, env = "HYDRA_LOGIN_KEYS", value_name = "FOLDER")]
    login_keys: Option<String>,
    /// The file of users that `hydra user` writes, or `redis` [default: none]
    #[arg(long, env = "HYDRA_LOGIN_USERS", value_name = "FILE")]
    login_users: Option<PathBuf>,
    /// The password of this gateway at the OpenID provider of the file. The environment variable keeps it out of the list of processes
    /// [default: none]
    #[arg(
        long,
        env = "HYDRA_OPENID_CLIENT_SECRET",
        value_name = "SECRET",
        hide_env_values = true
    )]
    openid_client_secret: Option<String>,
    /// The number of threads that serve [default: one per CPU]
    #[arg(long, env = "HYDRA_WORKERS", value_name = "N")]
    workers: Option<usize>,
    /// A configuration file with the same settings and others: timeouts, certificate authorities, plain HTTP services [default:
    /// none]
    #[arg(long, env = "HYDRA_CONFIG", value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  hydra gateway
  HYDRA_PRIVATE_KEY=… hydra gateway --listen 0.0.0.0:80 --public-key my-shop
  HYDRA_PRIVATE_KEY=… hydra gateway --redis redis://10.0.0.7

The gateway listens beyond this machine only if there is a private key, or --allow-unsigned.

A hydra.toml with settings that have no flag:
  connect_timeout = \"1s\"             # the default
  response_timeout = \"30s\"           # the default, until the answer begins
  upstream_ca = \"authorities.pem\"    # for https services; default: the authorities of the system
  error_pages = \"errors\"             # a folder with 404.html, error.html and so on
  protocol_1_attributes = \"pass\"     # the default, or \"drop\": none for services of protocol 1
  [[service]]
  name = \"legacy\"
  url = \"http://127.0.0.1:9000\"
  health = \"/ping\"
  endpoints = [\"/old/**\"]
  fragments = { banner = \"/snippets/banner\" }";

/// Runs the gateway until the process is told to stop.
pub(super) fn run(args: GatewayArgs) -> Result<(), Stop> {
    let config = configuration(args.settings.clone())?;
    // First, so that all metrics are kept from their start.
    let operators = Operators::open(&config, &config.listen)?;
    let gateway = Gateway::new(config.clone()).map_err(|error| Stop(error.to_string()))?;
    let ports = Ports::open(&config.listen, &config.trusted_proxies)?.with_channels(&config)?;
    warn(&config);
    gateway.listens_on(&ports.addresses());
    operators.iter().for_each(Operators::log_page);
    let newest = ArcSwap::from_pointee(gateway.clone());
    let serving = Serving {
        ports,
        workers: config.workers,
        limits: config.connection_limits(),
        what: "the gateway",
        routes: || newest.load().worker().routes(),
        keep: gateway.run_maintenance(),
        reload: async || reload(&args.settings, None, &newest).await,
        operators: operators
            .map(|operators| (operators, |recorded, stopping| gateway.admin(recorded, stopping))),
    };
    serving.run().map_err(|error| Stop(error.to_string()))
}

/// Reads the settings again, and makes a gateway with them. Returns whether they can be used.
/// `listen` is where the process listens, if the settings do not say.
pub(super) async fn reload(
    args: &SettingsArgs,
    listen: Option<&Listeners>,
    newest: &ArcSwap<Gateway>,
) -> bool {
    let reloaded = match configuration(args.clone()) {
        Ok(mut config) => {
            config.listen = listen.cloned().unwrap_or(config.listen);
            let reloaded = newest.load_full().reloaded(config).await;
            reloaded.map_err(|error| Stop(error.to_string()))
        }
        Err(stop) => Err(stop),
    };
    match reloaded {
        Ok(reloaded) => {
            newest.store(Arc::new(reloaded.gateway));
            tracing::info!("the settings were read again");
            if !reloaded.need_restart.is_empty() {
                let keys = reloaded.need_restart.join(", ");
                tracing::warn!(keys, "these settings have changed too, and need a restart");
            }
            true
        }
        Err(stop) => {
            tracing::error!("the changed settings cannot be used; the former ones stay");
            eprintln!("hydra: {stop}");
            false
        }
    }
}

/// The settings of the file, overridden by those of the environment and the command line.
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
    config.listen = Listeners::plain(&args.listen).unwrap_or(config.listen);
    config.allow_unsigned = args.allow_unsigned.unwrap_or(config.allow_unsigned);
    config.channel = !args.no_channel && args.channel.unwrap_or(config.channel);
    config.channel_listen = Listeners::plain(&args.channel_listen).or(config.channel_listen);
    config.inner_address = args.inner_address.or(config.inner_address);
    config.admin_listen = args.admin_listen.or(config.admin_listen);
    config.access_log = args.access_log.unwrap_or(config.access_log);
    config.debug_headers = args.debug_headers.unwrap_or(config.debug_headers);
    config.login_keys = args.login_keys.or(config.login_keys);
    config.login_users = args.login_users.or(config.login_users);
    if let (Some(provider), Some(secret)) = (&mut config.openid, args.openid_client_secret) {
        provider.client_secret = Some(Secret::new(secret));
    }
    config.workers = args.workers.or(config.workers);
    config.private_key = args.private_key.map(Secret::new).or(config.private_key);
    let second = args.second_private_key.map(Secret::new);
    config.second_private_key = second.or(config.second_private_key);
    config.admin_token = args.admin_token.map(Secret::new).or(config.admin_token);
    config.redis = args.redis.map(Secret::new).or(config.redis);
    config.allow_hosts.extend(args.allow_hosts);
    // An empty variable counts as absent.
    if let Some(text) = args.trusted_proxies.filter(|text| !text.trim().is_empty()) {
        let proxies = TrustedProxies::parse_list(&text);
        config.trusted_proxies = proxies.map_err(|reason| Stop(format!("`trusted_proxies`: {reason}")))?;
    }
    Ok(config)
}

fn read(path: &Path) -> Result<GatewayConfig, Stop> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| Stop(format!("cannot read {shown}: {error}")))?;
    GatewayConfig::from_toml(&text).map_err(|error| match error {
        ConfigError::Text(problem) => report::settings_file(path, &problem),
        error => Stop(format!("{shown}: {error}")),
    })
}

/// Logs settings that allow unknown callers to register services.
pub(super) fn warn(config: &GatewayConfig) {
    if config.public_key == DEFAULT_PUBLIC_KEY {
        tracing::info!("the public key is the default, `{DEFAULT_PUBLIC_KEY}`");
    }
    match (&config.private_key, config.allow_unsigned) {
        (None, _)
            if config
                .listen
                .iter()
                .all(|listener| listener.address.ip().to_canonical().is_loopback()) =>
        {
            tracing::warn!(
                "there is no private key: calls are not signed, and every program on this machine can register a service"
            )
        }
        (None, _) => tracing::warn!(
            "there is no private key: calls are not signed, and everyone who reaches this port can register a service"
        ),
        (Some(_), true) => tracing::warn!("allow_unsigned is set: unsigned calls are accepted"),
        (Some(_), false) => {}
    }
}
