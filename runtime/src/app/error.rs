//! Why an application can't start.

use std::{io, net::SocketAddr, path::PathBuf};

use crate::{page::EngineError, session::StoreError, settings::SettingsError};

/// What the functions of this crate return.
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
    /// A handler for a fragment that no template offers.
    #[error("no template offers the fragment `{reference}`{hint}")]
    UnknownFragment {
        /// The fragment.
        reference: String,
        /// What is offered, as the end of a sentence.
        hint: String,
    },
    /// The folder of static files can't be read.
    #[error("the folder of static files `{}` can't be read: {error}", folder.display())]
    StaticFiles {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The application offers what no gateway takes.
    #[error("no gateway would take this application as it is: {0}")]
    Refused(String),
    /// The store of sessions can't be used.
    #[error(transparent)]
    SessionStore(StoreError),
    /// All who reach the port could call the application's fragments.
    #[error(
        "the application would listen on {0}, beyond this machine, without a private key: all who reach it could call its fragments \
         as a gateway does. Set `private_key` (HYDRA_PRIVATE_KEY) as the gateway has it, or `allow_unsigned = true` \
         (HYDRA_ALLOW_UNSIGNED) where nobody else reaches it"
    )]
    Open(SocketAddr),
    /// The port can't be had.
    #[error("{}", port_message(*address, error))]
    Listen {
        /// Where the application was to listen.
        address: SocketAddr,
        /// Why it can't.
        #[source]
        error: io::Error,
    },
}

/// `main` prints errors with `Debug`: a sentence is more use there than the structure.
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
