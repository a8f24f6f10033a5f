//! Sets up logs for an application that has not done so.

use std::{env, io::IsTerminal as _};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;

use crate::logs::{Format, Logs, start};

/// Logs to standard error: as text on a terminal and as JSON otherwise, unless `HYDRA_LOG_FORMAT` (`pretty`, `json`) is
/// set. `HYDRA_LOG` filters; its default is `info`. `None`: the application has a subscriber already.
pub(crate) fn init() -> Option<Logs> {
    let levels = env::var("HYDRA_LOG").ok().and_then(|filter| filter.parse().ok());
    let filter = levels.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let is_terminal = std::io::stderr().is_terminal();
    let people = match env::var("HYDRA_LOG_FORMAT").as_deref() {
        Ok("pretty") => true,
        Ok("json") => false,
        _ => is_terminal,
    };
    let format = match people {
        true => Format::Text {
            ansi: is_terminal,
            target: false,
        },
        false => Format::Json,
    };
    start(filter, format)
}
