//! Logs of an application that set up none of its own.

use std::{env, io::IsTerminal as _};

use tracing_subscriber::{EnvFilter, fmt};

/// Logs to standard error: for people on a terminal, as JSON otherwise, or as `HYDRA_LOG_FORMAT` (`pretty`, `json`)
/// says. `HYDRA_LOG` filters (`info` where it is not set). Nothing where the application has a subscriber already.
pub(crate) fn init() {
    if tracing::dispatcher::has_been_set() {
        return;
    }
    let filter = EnvFilter::try_from_env("HYDRA_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let people = match env::var("HYDRA_LOG_FORMAT").as_deref() {
        Ok("pretty") => true,
        Ok("json") => false,
        _ => std::io::stderr().is_terminal(),
    };
    let logs = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Another thread may have set one in between; then that one holds.
    let _ = if people {
        logs.with_target(false)
            .with_ansi(std::io::stderr().is_terminal())
            .try_init()
    } else {
        logs.json().flatten_event(true).try_init()
    };
}
