//! Logs of an application that set up none of its own.

use std::{env, io::IsTerminal as _};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    Layer as _, filter::Targets, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

/// Logs to standard error: for people on a terminal, as JSON otherwise, or as `HYDRA_LOG_FORMAT` (`pretty`, `json`)
/// says. `HYDRA_LOG` filters (`info` where it is not set). Nothing where the application has a subscriber already.
pub(crate) fn init() {
    if tracing::dispatcher::has_been_set() {
        return;
    }
    let said = env::var("HYDRA_LOG").ok().and_then(|filter| filter.parse().ok());
    let filter = said.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let people = match env::var("HYDRA_LOG_FORMAT").as_deref() {
        Ok("pretty") => true,
        Ok("json") => false,
        _ => std::io::stderr().is_terminal(),
    };
    let logs = fmt::layer().with_writer(std::io::stderr);
    let logs = if people {
        logs.with_target(false)
            .with_ansi(std::io::stderr().is_terminal())
            .boxed()
    } else {
        logs.json().flatten_event(true).boxed()
    };
    // Another thread may have set one in between; then that one holds.
    let _ = tracing_subscriber::registry().with(filter).with(logs).try_init();
}
