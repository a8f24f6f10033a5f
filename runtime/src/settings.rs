//! The settings of an application: what the program says, over it `hydra.toml`, over it the environment.
//!
//! In `hydra.toml` they stand in the table `[app]`; in the environment each is `HYDRA_` and its name in capitals.

mod duration;
mod partial;

use std::{
    env, fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use http::Uri;

use self::partial::Origin;
pub use self::partial::Partial;

/// The file that is read where none is named.
const FILE: &str = "hydra.toml";
/// The public key of an installation that was not given one.
const DEFAULT_PUBLIC_KEY: &str = "hydra";

/// The settings that hold.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// The service's name.
    pub name: String,
    /// Where it listens. Port 0: any free one.
    pub listen: SocketAddr,
    /// The gateway, `http://host:port`. Without one, fragments of other services show their fallbacks.
    pub gateway: Option<Uri>,
    /// Names the installation in paths. No secret.
    pub public_key: String,
    /// Signs the calls between services and gateways. Without one they are not signed.
    pub private_key: Option<String>,
    /// The host at which the gateway reaches this application. `None`: the address that it listens on, or that of the
    /// network interface towards the gateway.
    pub host: Option<String>,
    /// How long a fragment may take where its tag does not say.
    pub fragment_timeout: Duration,
    /// How long all fragments of a page together may take.
    pub page_deadline: Duration,
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
    /// The file is no TOML, or says something that is no setting. The text shows the place.
    #[error("`{}`: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The place and the reason.
        message: String,
    },
    /// A value can't be used.
    #[error("{place}: {message}")]
    Value {
        /// Where it was said.
        place: String,
        /// Why it can't be used, and what to write.
        message: String,
    },
}

impl Settings {
    /// The settings of the application `name`, from what the program says, the file (`HYDRA_CONFIG` or `hydra.toml`
    /// where `file` is none) and the environment.
    ///
    /// # Errors
    /// A file that was named and can't be read, a key that is no setting, or a value that can't be used.
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
        Self::combine(
            name,
            program,
            (&file, &path),
            &Partial::from_environment(&variable),
        )
    }

    /// Combines the three, later ones over earlier ones.
    fn combine(
        name: &str,
        program: &Partial,
        (file, path): (&Partial, &Path),
        environment: &Partial,
    ) -> Result<Settings, SettingsError> {
        let sources = [
            (environment, Origin::Environment),
            (file, Origin::File(path)),
            (program, Origin::Program),
        ];
        let pick = Pick { sources };
        let settings = Settings {
            name: pick
                .parsed("name", |of| of.name.as_ref(), service_name)?
                .unwrap_or_else(|| name.to_owned()),
            listen: pick
                .parsed("listen", |of| of.listen.as_ref(), address)?
                .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080))),
            gateway: pick.parsed("gateway", |of| of.gateway.as_ref(), gateway)?,
            public_key: pick
                .parsed("public_key", |of| of.public_key.as_ref(), public_key)?
                .unwrap_or_else(|| DEFAULT_PUBLIC_KEY.to_owned()),
            private_key: pick.parsed("private_key", |of| of.private_key.as_ref(), private_key)?,
            host: pick.parsed("host", |of| of.host.as_ref(), host)?,
            fragment_timeout: pick
                .parsed(
                    "fragment_timeout",
                    |of| of.fragment_timeout.as_ref(),
                    duration::parse,
                )?
                .unwrap_or(Duration::from_secs(1)),
            page_deadline: pick
                .parsed("page_deadline", |of| of.page_deadline.as_ref(), duration::parse)?
                .unwrap_or(Duration::from_secs(10)),
        };
        service_name(&settings.name).map_err(|message| SettingsError::Value {
            place: "the name of the application".to_owned(),
            message,
        })?;
        Ok(settings)
    }
}

/// Finds the value that holds.
struct Pick<'s> {
    sources: [(&'s Partial, Origin<'s>); 3],
}

impl Pick<'_> {
    fn parsed<T>(
        &self,
        key: &str,
        get: impl Fn(&Partial) -> Option<&String>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, SettingsError> {
        let found = self
            .sources
            .iter()
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

/// The file's text. `None` where no file was named and there is none.
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

fn service_name(text: &str) -> Result<String, String> {
    let good = !text.trim().is_empty() && text.len() <= 200 && !text.chars().any(char::is_control);
    good.then(|| text.to_owned())
        .ok_or_else(|| "a service needs a name of 1 to 200 characters on one line".to_owned())
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("`{text}` is no address to listen on: write an IP address and a port, 127.0.0.1:8080")
    })
}

fn gateway(text: &str) -> Result<Uri, String> {
    let url: Uri = text.parse().map_err(|_| not_a_gateway(text))?;
    let plain = url.scheme_str() == Some("http") && url.path() == "/" && url.query().is_none();
    let host = url.host().is_some_and(|host| !host.is_empty());
    (plain && host).then_some(url).ok_or_else(|| not_a_gateway(text))
}

fn not_a_gateway(text: &str) -> String {
    format!("`{text}` is no gateway: write http://, its host and its port, http://127.0.0.1:8081")
}

fn public_key(text: &str) -> Result<String, String> {
    let good = !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    good.then(|| text.to_owned()).ok_or_else(|| {
        "a public key is made of letters, digits and `-._~`, since it stands in paths".to_owned()
    })
}

/// The reason never shows the key.
fn private_key(text: &str) -> Result<String, String> {
    (text.len() >= 16)
        .then(|| text.to_owned())
        .ok_or_else(|| "a private key has 16 characters or more".to_owned())
}

fn host(text: &str) -> Result<String, String> {
    let good =
        !text.is_empty() && !text.contains(['/', '@', ' ']) && text.parse::<http::uri::Authority>().is_ok();
    good.then(|| text.to_owned())
        .ok_or_else(|| format!("`{text}` is no host: write a name or an IP address, without scheme and port"))
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("name", &self.name)
            .field("listen", &self.listen)
            .field("gateway", &self.gateway)
            .field("public_key", &self.public_key)
            .field("private_key", &self.private_key.as_ref().map(|_| "…"))
            .field("host", &self.host)
            .field("fragment_timeout", &self.fragment_timeout)
            .field("page_deadline", &self.page_deadline)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partial(toml: &str) -> Partial {
        Partial::parse(Path::new("hydra.toml"), toml).unwrap()
    }

    fn combine(program: &Partial, file: &Partial, environment: &Partial) -> Result<Settings, SettingsError> {
        Settings::combine("shop", program, (file, Path::new("hydra.toml")), environment)
    }

    #[test]
    fn the_environment_goes_over_the_file_and_the_file_over_the_program() {
        let program = Partial::default()
            .listen("127.0.0.1:1")
            .gateway("http://a:1")
            .public_key("program");
        let file =
            partial("[app]\nlisten = '127.0.0.1:2'\ngateway = 'http://b:1'\nfragment_timeout = '300ms'");
        let environment =
            Partial::from_environment(&|name| (name == "HYDRA_LISTEN").then(|| "127.0.0.1:3".to_owned()));
        let settings = combine(&program, &file, &environment).unwrap();
        assert_eq!(settings.listen.port(), 3);
        assert_eq!(settings.gateway.unwrap().host(), Some("b"));
        assert_eq!(settings.public_key, "program");
        assert_eq!(settings.fragment_timeout, Duration::from_millis(300));
        assert_eq!(settings.page_deadline, Duration::from_secs(10));
    }

    #[test]
    fn without_any_setting_it_listens_on_8080_and_knows_no_gateway() {
        let none = Partial::default();
        let settings = combine(&none, &none, &none).unwrap();
        assert_eq!(settings.listen, SocketAddr::from(([127, 0, 0, 1], 8080)));
        assert_eq!((settings.name.as_str(), settings.gateway), ("shop", None));
    }

    #[test]
    fn an_unknown_key_is_an_error_with_its_place_and_other_tables_are_not_ours() {
        let error = Partial::parse(
            Path::new("x/hydra.toml"),
            "[compile]\nx = 1\n[app]\nlisten_on = ''",
        );
        let message = error.unwrap_err().to_string();
        assert!(
            message.contains("x/hydra.toml") && message.contains("line 4"),
            "{message}"
        );
        assert!(
            message.contains("listen_on") && message.contains("`listen`"),
            "{message}"
        );
        assert_eq!(partial("allow_unsigned = true"), Partial::default());
    }

    #[test]
    fn a_value_that_cannot_be_used_says_where_it_stands_and_what_to_write() {
        let none = Partial::default();
        let cases = [
            ("listen = '8080'", "127.0.0.1:8080"),
            ("gateway = 'localhost:8081'", "http://127.0.0.1:8081"),
            ("gateway = 'https://a'", "http://"),
            ("gateway = 'http://a/path'", "http://"),
            ("public_key = 'a/b'", "letters"),
            ("private_key = 'short'", "16"),
            ("host = 'http://a'", "without scheme"),
            ("page_deadline = '3'", "300ms"),
            ("name = ' '", "name"),
        ];
        for (line, help) in cases {
            let error = combine(&none, &partial(&format!("[app]\n{line}")), &none)
                .unwrap_err()
                .to_string();
            let key = line.split(' ').next().unwrap();
            assert!(
                error.contains(&format!("`{key}` in `hydra.toml`")) && error.contains(help),
                "{error}"
            );
            assert!(!error.contains("short"), "{error}");
        }
    }
}
