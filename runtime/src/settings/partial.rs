//! The settings of one source. Values stay texts until one source is chosen, so that errors can name the source.

use std::path::Path;

use hydra_runtime_net::settings_problem;
use serde::{Deserialize, Deserializer, de::Error as _};

use super::SettingsError;

/// The source of a setting.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin<'p> {
    Program,
    File(&'p Path),
    Environment,
}

impl Origin<'_> {
    pub(super) fn place(self, key: &str) -> String {
        match self {
            Origin::Program => format!("the setting `{key}` of the application"),
            Origin::File(path) => format!("`{key}` in `{}`", path.display()),
            Origin::Environment => format!("the environment variable `{}`", variable(key)),
        }
    }
}

/// The part of `hydra.toml` that belongs to an application. Other tables belong to the compiler and the gateway.
#[derive(Deserialize)]
struct File {
    #[serde(default)]
    app: Partial,
}

/// Makes the struct, its setters and its environment variables from one table.
macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $name:ident: $read:literal,)+) => {
        /// The settings of one source. Each is a text as it would stand in `hydra.toml`.
        #[derive(Clone, Default, PartialEq, Eq, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Partial {
            $(#[serde(deserialize_with = $read)] pub(super) $name: Option<String>,)+
        }

        impl Partial {
            /// All keys of `[app]`: name, type and description.
            #[doc(hidden)]
            pub const KEYS: &'static [(&'static str, &'static str, &'static str)] =
                &[$((stringify!($name), $read, concat!($($doc),+)),)+];

            $(
                $(#[doc = $doc])+
                #[must_use]
                pub fn $name(mut self, value: impl Into<String>) -> Self {
                    self.$name = Some(value.into());
                    self
                }
            )+

            /// The settings in the environment. `variable` returns the value of a variable.
            pub(super) fn from_environment(variable: &dyn Fn(&str) -> Option<String>) -> Self {
                Self { $($name: variable(&self::variable(stringify!($name))),)+ }
            }
        }
    };
}

settings! {
    /// The service's name.
    name: "text",
    /// The name of the version, as people use it: `2.4.1`, or a commit.
    version_name: "text",
    /// Where to listen: `127.0.0.1:8080`. Port 0: any free one. `off`: nowhere, for an application that gives only fragments, over its channel.
    listen: "text",
    /// The gateway: `http://127.0.0.1:8081`. Several have commas between them, or are a list in `hydra.toml`; the next one is
    /// used where one can't be reached.
    gateway: "texts",
    /// The installation's public key.
    public_key: "text",
    /// The private key of the installation, or of this service if the gateway has one for it.
    private_key: "text",
    /// Another private key that is valid too, while the private key is changed.
    second_private_key: "text",
    /// Whether to listen beyond this machine although there is no private key: `true` or `false`.
    allow_unsigned: "truth",
    /// The host at which the gateway reaches this application.
    host: "text",
    /// Whether to keep one connection to a gateway, over which both sides send requests: `true` or `false`. Without it, they call each other
    /// by POST.
    channel: "truth",
    /// The proxies in front, which are believed where they say for whom a request is: addresses and networks, `10.0.0.0/8`.
    /// Several have commas between them, or are a list in `hydra.toml`. Otherwise: the addresses in `gateway`.
    trusted_proxies: "texts",
    /// How long a fragment may take where its tag does not say: `1s`.
    fragment_timeout: "text",
    /// How long all fragments of a page together may take: `10s`.
    page_deadline: "text",
    /// How long text waits for deferred fragments that may come into their places: `10ms`. `0` waits for none.
    deferred_grace: "text",
    /// How much fragments may take that are kept for their tags' `cache` and `stale`: `64MB`. `0` keeps none.
    fragment_cache: "text",
    /// How long the action of a form may take: `30s`. The arrival of the form is included, but not that of long files.
    action_timeout: "text",
    /// How much a form may send beside its long files: `2MB`.
    form_body: "text",
    /// Where long files of forms are kept while their handlers run. Otherwise: where the system keeps temporary files.
    upload_folder: "text",
    /// Where operators find metrics: `127.0.0.1:8082`. Otherwise: nowhere.
    admin_listen: "text",
    /// The names of hosts by which operators may reach that. Several have commas between them, or are a list in `hydra.toml`.
    admin_hosts: "texts",
    /// Where the access log goes: `off`, `text`, `json`, or a path.
    access_log: "text",
    /// Whether responses tell developers who made them: `true` or `false`.
    debug_headers: "truth",
    /// Of the traces that begin in this process, the share that is marked as sampled: `0.1`.
    trace_sample: "share",
    /// The collector to which spans of sampled traces go, over OTLP: `http://host:port`.
    otlp_endpoint: "text",
    /// The most connections at a time: `10000`. Otherwise: half of the files that the process may open, 65,536 at most.
    max_connections: "number",
    /// How much is held for one connection that does not take it: `128KiB`. Half of it bounds the head of a request.
    connection_buffer: "text",
    /// How long a connection may take nothing of an answer: `60s`. Then it is closed.
    stall_timeout: "text",
    /// How long connections without a request may still begin one after the application was told to stop: `5s`.
    stop_grace: "text",
    /// How long requests may take to end after the application was told to stop: `10s`.
    stop_timeout: "text",
    /// Where to keep the sessions of visitors: `redis://[:password@]host[:port][/db]`, or as `--redis` of the gateway a
    /// Sentinel or a cluster. Otherwise: in memory.
    session_redis: "text",
    /// What the keys of sessions in Redis begin with: `hydra`.
    session_redis_prefix: "text",
}

impl Partial {
    /// The settings in a file.
    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, SettingsError> {
        let file: Result<File, _> = toml::from_str(text);
        file.map(|file| file.app).map_err(|error| SettingsError::File {
            path: path.to_owned(),
            problem: Box::new(settings_problem(text, &error)),
        })
    }
}

/// The error does not repeat a wrong value, because it may be a key without its quotes.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer)
        .map(Some)
        .map_err(|_| D::Error::custom("the value must be a text in quotes"))
}

/// `true` or `false`, with or without quotes.
fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Truth {
        Plain(bool),
        Text(String),
    }
    match Truth::deserialize(deserializer) {
        Ok(Truth::Plain(truth)) => Ok(Some(truth.to_string())),
        Ok(Truth::Text(text)) => Ok(Some(text)),
        Err(_) => Err(D::Error::custom("the value must be `true` or `false`")),
    }
}

/// A whole number, with or without quotes.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Plain(u64),
        Text(String),
    }
    match Number::deserialize(deserializer) {
        Ok(Number::Plain(number)) => Ok(Some(number.to_string())),
        Ok(Number::Text(text)) => Ok(Some(text)),
        Err(_) => Err(D::Error::custom("the value must be a whole number")),
    }
}

/// A number with or without quotes.
fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Share {
        Plain(f64),
        Text(String),
    }
    match Share::deserialize(deserializer) {
        Ok(Share::Plain(number)) => Ok(Some(number.to_string())),
        Ok(Share::Text(text)) => Ok(Some(text)),
        Err(_) => Err(D::Error::custom("the value must be a number from 0 to 1")),
    }
}

/// A text, or a list of texts, which become one with commas.
fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Texts {
        One(String),
        Many(Vec<String>),
    }
    match Texts::deserialize(deserializer) {
        Ok(Texts::One(text)) => Ok(Some(text)),
        Ok(Texts::Many(texts)) => Ok(Some(texts.join(","))),
        Err(_) => Err(D::Error::custom(
            "the value must be a text in quotes, or a list of such texts",
        )),
    }
}

fn variable(key: &str) -> String {
    format!("HYDRA_{}", key.to_ascii_uppercase())
}

/// Shows which settings are set, and not their values, because one of them is secret.
impl std::fmt::Debug for Partial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Partial")
            .field("listen", &self.listen)
            .field("gateway", &self.gateway)
            .finish_non_exhaustive()
    }
}
