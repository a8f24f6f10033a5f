//! The settings of an application. `hydra.toml` overrides what the program sets, and the environment overrides both.
//!
//! In `hydra.toml`, settings stand in the table `[app]`. In the environment, the name of each is in capitals, after
//! `HYDRA_`.

mod duration;
mod partial;
#[cfg(test)]
mod tests;
mod value;

use std::{
    env, fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use http::Uri;
use hydra_contract::settings_file::SettingsProblem;
use hydra_runtime_net::{
    admin::AdminListen,
    observe::{AccessLogTarget, Share},
    proxies::TrustedProxies,
    server::ConnectionLimits,
    size,
};

pub use self::partial::Partial;
use self::{partial::Origin, value::Listen};
use crate::limits::{DEFAULT_ACTION_TIMEOUT, DEFAULT_FORM_BODY};
use crate::page::{
    DEFAULT_DEFERRED_GRACE, DEFAULT_FRAGMENT_CACHE, DEFAULT_FRAGMENT_TIMEOUT, DEFAULT_PAGE_DEADLINE,
};
#[doc(hidden)]
pub use hydra_runtime_net::{
    settings_problem,
    size::{parse as parse_size, parse_connection_buffer},
};

/// The default file.
const FILE: &str = "hydra.toml";
/// Where an application listens by default.
const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// The public key of an installation that was not given one.
const DEFAULT_PUBLIC_KEY: &str = "hydra";
/// The default prefix of the keys of sessions in Redis.
const DEFAULT_PREFIX: &str = "hydra";

/// The settings of an application.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// The service's name.
    pub name: String,
    /// The name of its version. `None`: the one that the program states, or else the number of the version.
    pub version_name: Option<String>,
    /// The address on which it listens. Port 0 means any free port.
    pub listen: SocketAddr,
    /// Whether it listens nowhere, and gives only fragments, over its channel.
    pub without_port: bool,
    /// The gateways, each `http://host:port`. One is used, and the next one where it can't be reached. Without a
    /// gateway, fragments of other services show their fallbacks.
    pub gateways: Vec<Uri>,
    /// The name of the installation in paths. It is not secret.
    pub public_key: String,
    /// The key that signs calls between services and gateways: the installation's, or this service's own. Without a key, calls
    /// are not signed.
    pub private_key: Option<String>,
    /// Another private key that is valid too, while the private key is changed.
    pub second_private_key: Option<String>,
    /// Whether it may listen beyond this machine without a private key.
    pub allow_unsigned: bool,
    /// The host at which the gateway reaches this application. `None`: the address that it listens on, or that of the
    /// network interface towards the gateway.
    pub host: Option<String>,
    /// Whether it opens a channel to the gateway. Otherwise both call each other by POST.
    pub channel: bool,
    /// The proxies whose headers about the visitor are believed.
    pub trusted_proxies: TrustedProxies,
    /// The timeout of a fragment whose tag has none.
    pub fragment_timeout: Duration,
    /// The time within which all fragments of a page end.
    pub page_deadline: Duration,
    /// How long text waits for deferred fragments, so that they come in their places.
    pub deferred_grace: Duration,
    /// The size of the fragment cache, which serves the tags' `cache` and `stale`, in bytes. 0: no fragment is kept.
    pub fragment_cache: usize,
    /// How long the action of a form may take. The arrival of the form is included, but not that of long files.
    pub action_timeout: Duration,
    /// How many bytes a form may send beside its long files.
    pub form_body: usize,
    /// Where long files of forms are kept while their handlers run. `None`: where the system keeps temporary files.
    pub upload_folder: Option<PathBuf>,
    /// The address of the listener for operators. `None` or `Off`: there is none.
    pub admin_listen: Option<AdminListen>,
    /// The names of hosts by which operators may reach it, beside `localhost` and IP addresses.
    pub admin_hosts: Vec<String>,
    /// Of the traces that begin in this process, the share that is marked as sampled.
    pub trace_sample: Share,
    /// The collector to which spans go. `None`: spans are not sent.
    pub otlp_endpoint: Option<String>,
    /// Where the access log goes.
    pub access_log: AccessLogTarget,
    /// Whether responses tell developers who made them.
    pub debug_headers: bool,
    /// The limits on connections, and how the server stops.
    pub limits: ConnectionLimits,
    /// The Redis that keeps visitors' sessions. `None`: they are kept in memory.
    pub session_redis: Option<String>,
    /// The prefix of the keys of sessions in Redis.
    pub session_redis_prefix: String,
}

/// A setting is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The file can't be read.
    #[error("`{}` can't be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The file is not TOML, or has an unknown key. The text shows the place.
    #[error("`{}`: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The place and the reason.
        problem: Box<SettingsProblem>,
    },
    /// A value can't be used.
    #[error("{place}: {message}")]
    Value {
        /// The source of the value.
        place: String,
        /// Why it can't be used, and what to write.
        message: String,
    },
}

impl Settings {
    /// The settings of the application `name`, from the program, the file and the environment. Without a `file`, it is
    /// the one that `HYDRA_CONFIG` names, or `hydra.toml`.
    ///
    /// # Errors
    /// A named file can't be read, a key is unknown, or a value can't be used.
    pub fn load(name: &str, program: &Partial, file: Option<&Path>) -> Result<Settings, SettingsError> {
        let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let named = file
            .map(Path::to_owned)
            .or_else(|| variable("HYDRA_CONFIG").map(PathBuf::from));
        let text = read(named.as_deref())?;
        let path = named.unwrap_or_else(|| PathBuf::from(FILE));
        let file = text
            .map(|text| Partial::parse(&path, &text))
            .transpose()?
            .unwrap_or_default();
        let environment = Partial::from_environment(&variable);
        let sources = Sources {
            environment: &environment,
            file: &file,
            path: &path,
            program,
        };
        Self::combine(name, sources)
    }

    /// Checks the `[app]` table of the file `text` without the environment and without the program. An address of Redis is
    /// not checked where this crate is built without the feature `redis`.
    ///
    /// # Errors
    /// As [`Settings::load`].
    #[doc(hidden)]
    pub fn check_file(path: &Path, text: &str) -> Result<(), SettingsError> {
        let mut file = Partial::parse(path, text)?;
        if value::CHECK_REDIS.is_none() {
            file.session_redis = None;
        }
        let none = Partial::default();
        let sources = Sources {
            environment: &none,
            file: &file,
            path,
            program: &none,
        };
        Self::combine("app", sources).map(|_| ())
    }

    /// The settings of the application `name` in a test: those of the program, without all that would reach out of the test or
    /// would make one request depend on another. Fragments are not cached, and deferred ones always come in their places.
    ///
    /// # Errors
    /// A value can't be used.
    #[cfg(feature = "testing")]
    pub(crate) fn for_test(name: &str, program: &Partial) -> Result<Settings, SettingsError> {
        let none = Partial::default();
        let sources = Sources {
            environment: &none,
            file: &none,
            path: Path::new(FILE),
            program,
        };
        let settings = Self::combine(name, sources)?;
        Ok(Settings {
            gateways: Vec::new(),
            session_redis: None,
            access_log: AccessLogTarget::default(),
            otlp_endpoint: None,
            fragment_cache: 0,
            deferred_grace: settings.page_deadline,
            ..settings
        })
    }

    /// Takes each setting from the first source that has it.
    fn combine(name: &str, sources: Sources<'_>) -> Result<Settings, SettingsError> {
        macro_rules! setting {
            ($key:ident, $parse:expr) => {
                sources.parsed(stringify!($key), |of| of.$key.as_ref(), $parse)?
            };
        }
        let gateways = setting!(gateway, value::gateways).unwrap_or_default();
        let channel = setting!(channel, value::truth).unwrap_or(false);
        let needs_channel = |listen| value::needs_channel(listen, channel && !gateways.is_empty());
        let listen = setting!(listen, |text| value::listen(text).and_then(needs_channel));
        let listen = listen.unwrap_or(Listen::At(DEFAULT_ADDRESS));
        let settings = Settings {
            name: setting!(name, value::service_name).unwrap_or_else(|| name.to_owned()),
            version_name: setting!(version_name, value::version_name),
            listen: match listen {
                Listen::At(address) => address,
                Listen::Nowhere => SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            },
            without_port: listen == Listen::Nowhere,
            trusted_proxies: setting!(trusted_proxies, TrustedProxies::parse_list)
                .unwrap_or_else(|| TrustedProxies::of_gateways(&gateways)),
            gateways,
            public_key: setting!(public_key, value::public_key)
                .unwrap_or_else(|| DEFAULT_PUBLIC_KEY.to_owned()),
            private_key: setting!(private_key, value::private_key),
            second_private_key: setting!(second_private_key, value::private_key),
            allow_unsigned: setting!(allow_unsigned, value::truth).unwrap_or(false),
            host: setting!(host, value::host),
            channel,
            fragment_timeout: setting!(fragment_timeout, duration::parse).unwrap_or(DEFAULT_FRAGMENT_TIMEOUT),
            page_deadline: setting!(page_deadline, duration::parse).unwrap_or(DEFAULT_PAGE_DEADLINE),
            deferred_grace: setting!(deferred_grace, duration::parse_or_zero)
                .unwrap_or(DEFAULT_DEFERRED_GRACE),
            fragment_cache: setting!(fragment_cache, size::parse).unwrap_or(DEFAULT_FRAGMENT_CACHE),
            action_timeout: setting!(action_timeout, duration::parse).unwrap_or(DEFAULT_ACTION_TIMEOUT),
            form_body: setting!(form_body, size::parse).unwrap_or(DEFAULT_FORM_BODY),
            upload_folder: setting!(upload_folder, |text| value::upload_folder(
                value::HAS_UPLOAD,
                text
            )),
            admin_listen: setting!(admin_listen, |text| value::admin_listen(value::HAS_ADMIN, text)),
            admin_hosts: setting!(admin_hosts, value::list).unwrap_or_default(),
            access_log: setting!(access_log, str::parse).unwrap_or_default(),
            debug_headers: setting!(debug_headers, value::truth).unwrap_or(false),
            trace_sample: setting!(trace_sample, str::parse).unwrap_or(Share::ALL),
            otlp_endpoint: setting!(otlp_endpoint, value::otlp_endpoint),
            limits: limits(&sources)?,
            session_redis: setting!(session_redis, |text| value::redis(value::CHECK_REDIS, text)),
            session_redis_prefix: setting!(session_redis_prefix, value::redis_prefix)
                .unwrap_or_else(|| DEFAULT_PREFIX.to_owned()),
        };
        value::service_name(&settings.name).map_err(|message| SettingsError::Value {
            place: "the name of the application".to_owned(),
            message,
        })?;
        Ok(settings)
    }
}

impl Settings {
    /// Whether anyone who reaches `listen` could call the application's fragments, although `allow_unsigned` is not
    /// set.
    pub(crate) fn is_open(&self) -> bool {
        self.private_key.is_none() && !self.allow_unsigned && !self.listen.ip().to_canonical().is_loopback()
    }
}

/// The limits on connections.
fn limits(sources: &Sources<'_>) -> Result<ConnectionLimits, SettingsError> {
    let default = ConnectionLimits::default();
    let buffer = sources.parsed(
        "connection_buffer",
        |of| of.connection_buffer.as_ref(),
        parse_connection_buffer,
    )?;
    let stall = sources.parsed("stall_timeout", |of| of.stall_timeout.as_ref(), duration::parse)?;
    let stop_grace = sources.parsed("stop_grace", |of| of.stop_grace.as_ref(), duration::parse)?;
    let stop_timeout = sources.parsed("stop_timeout", |of| of.stop_timeout.as_ref(), duration::parse)?;
    Ok(ConnectionLimits {
        connections: sources.parsed(
            "max_connections",
            |of| of.max_connections.as_ref(),
            value::connections,
        )?,
        buffer: buffer.unwrap_or(default.buffer),
        stall: stall.unwrap_or(default.stall),
        stop_grace: stop_grace.unwrap_or(default.stop_grace),
        stop_timeout: stop_timeout.unwrap_or(default.stop_timeout),
        ..default
    })
}

/// What the sources of settings say: the environment goes over the file, and the file over the program.
#[derive(Clone, Copy)]
struct Sources<'s> {
    environment: &'s Partial,
    file: &'s Partial,
    /// The path of the file.
    path: &'s Path,
    program: &'s Partial,
}

impl Sources<'_> {
    /// The value of the setting `key`, from the first source that has one.
    fn parsed<T>(
        &self,
        key: &str,
        get: impl Fn(&Partial) -> Option<&String>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, SettingsError> {
        let sources = [
            (self.environment, Origin::Environment),
            (self.file, Origin::File(self.path)),
            (self.program, Origin::Program),
        ];
        let found = sources
            .into_iter()
            .find_map(|(partial, origin)| Some((get(partial)?, origin)));
        let Some((text, origin)) = found else {
            return Ok(None);
        };
        parse(text).map(Some).map_err(|message| SettingsError::Value {
            place: origin.place(key),
            message,
        })
    }
}

/// The text of the file. `None`: no file was named, and the default file does not exist.
fn read(named: Option<&Path>) -> Result<Option<String>, SettingsError> {
    let path = named.unwrap_or(Path::new(FILE));
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(SettingsError::Unreadable {
            path: path.to_owned(),
            reason: error.to_string(),
        }),
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("name", &self.name)
            .field("version_name", &self.version_name)
            .field("listen", &self.listen)
            .field("without_port", &self.without_port)
            .field("gateways", &self.gateways)
            .field("public_key", &self.public_key)
            .field("private_key", &self.private_key.as_ref().map(|_| "…"))
            .field(
                "second_private_key",
                &self.second_private_key.as_ref().map(|_| "…"),
            )
            .field("allow_unsigned", &self.allow_unsigned)
            .field("host", &self.host)
            .field("channel", &self.channel)
            .field("trusted_proxies", &self.trusted_proxies)
            .field("fragment_timeout", &self.fragment_timeout)
            .field("page_deadline", &self.page_deadline)
            .field("deferred_grace", &self.deferred_grace)
            .field("fragment_cache", &self.fragment_cache)
            .field("action_timeout", &self.action_timeout)
            .field("form_body", &self.form_body)
            .field("upload_folder", &self.upload_folder)
            .field("admin_listen", &self.admin_listen)
            .field("admin_hosts", &self.admin_hosts)
            .field("access_log", &self.access_log)
            .field("debug_headers", &self.debug_headers)
            .field("trace_sample", &self.trace_sample)
            .field("otlp_endpoint", &self.otlp_endpoint)
            .field("limits", &self.limits)
            .field("session_redis", &self.session_redis.as_ref().map(|_| "…"))
            .field("session_redis_prefix", &self.session_redis_prefix)
            .finish()
    }
}
