//! Why an application can't start.

use std::{io, net::SocketAddr, path::PathBuf};

use crate::{form, page::EngineError, session::StoreError, settings::SettingsError};

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an application can't start, in a sentence that says what to do.
#[derive(thiserror::Error)]
pub enum Error {
    /// A setting is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The compiled templates can't be read: compiler and runtime are of different versions.
    #[error("the compiled templates can't be read: {0}. Use one version of hydra-compile and hydra-runtime")]
    Plan(#[source] serde_json::Error),
    /// The templates can't be loaded.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A fragment has a handler, and no template offers it.
    #[error("no template offers the fragment `{reference}`{hint}")]
    UnknownFragment {
        /// The fragment.
        reference: String,
        /// The fragments that templates offer, as the end of a sentence.
        hint: String,
    },
    /// A form of a template has an action without a handler.
    #[error(
        "{} has no handler: write one that takes a struct with `{}`, and add it with `App::action`",
        form::title(.reference, .action),
        form::attribute(.reference, .action)
    )]
    FormWithoutAction {
        /// The fragment. Empty: the form is that of a page.
        reference: String,
        /// The name of the action.
        action: String,
    },
    /// An action has a handler, and no template has its form.
    #[error(
        "the templates do not have {}: write `<form m:action=\"{action}\">` in its template",
        form::title(.reference, .action)
    )]
    ActionWithoutForm {
        /// The fragment. Empty: the form is that of a page.
        reference: String,
        /// The name of the action.
        action: String,
    },
    /// Two pages have the same path.
    #[error("two pages have the path `{path}`: {first} and {second}. Give one of them another path")]
    SamePath {
        /// The path, as the second page writes it.
        path: String,
        /// The struct and the template of the first page.
        first: String,
        /// The struct and the template of the second page.
        second: String,
    },
    /// A page and a route, or two routes, answer the same requests.
    #[error(
        "{first} and {second} answer the same requests: give one of them another path, or the route another method"
    )]
    SameRoute {
        /// The path, as the second one writes it.
        path: String,
        /// The first one.
        first: String,
        /// The second one.
        second: String,
    },
    /// A page's handler takes other values from the path than the path has.
    #[error("the page {page} has the path `{path}`: {misfit}")]
    PathArguments {
        /// The struct and the template of the page.
        page: String,
        /// The path of the page.
        path: String,
        /// What the handler takes, and what to write.
        misfit: String,
    },
    /// The folder of static files can't be read.
    #[error("the folder of static files `{}` can't be read: {error}", folder.display())]
    StaticFiles {
        /// The folder.
        folder: PathBuf,
        /// The cause.
        #[source]
        error: io::Error,
    },
    /// The folder for files of forms can't be written.
    #[cfg(feature = "upload")]
    #[error(
        "`upload_folder`: no file can be made in `{}`: {error}. Name a folder that this user can write, or leave the setting out",
        folder.display()
    )]
    UploadFolder {
        /// The folder.
        folder: PathBuf,
        /// The cause.
        #[source]
        error: io::Error,
    },
    /// No gateway would take the registration of the application.
    #[error("no gateway would take this application as it is: {0}")]
    Refused(String),
    /// The store of sessions can't be used.
    #[error(transparent)]
    SessionStore(StoreError),
    /// The application would be open to calls by anyone who reaches its port.
    #[error(
        "the application would listen on {0}, beyond this machine, without a private key: all who reach it could call its fragments \
         as a gateway does. Set `private_key` (HYDRA_PRIVATE_KEY) as the gateway has it, or `allow_unsigned = true` \
         (HYDRA_ALLOW_UNSIGNED) where nobody else reaches it"
    )]
    Open(SocketAddr),
    /// The access log can't be written, or spans can't be sent.
    #[error("{0}")]
    AccessLog(String),
    /// The port can't be opened.
    #[error("{}", port_message(*address, error))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        #[source]
        error: io::Error,
    },
}

/// Prints the sentence, because `main` prints errors with `Debug`.
impl std::fmt::Debug for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

fn port_message(address: SocketAddr, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "port {} of {} is taken: stop the other program, or choose another port with HYDRA_LISTEN={}:0 (any free one)",
            address.port(),
            address.ip(),
            address.ip(),
        ),
        io::ErrorKind::PermissionDenied => format!(
            "port {} may not be opened by this user: ports below 1024 are most often kept for the system",
            address.port()
        ),
        io::ErrorKind::AddrNotAvailable => format!("this machine has no address {}", address.ip()),
        _ => format!("can't listen on {address}: {error}"),
    }
}
