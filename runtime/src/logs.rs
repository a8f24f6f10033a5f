//! Logs to standard error without delaying requests. A line about a request has its id.
//!
//! Lines go into a queue, which a thread writes. Where standard error accepts them too slowly, or never, lines are
//! dropped and counted. One place in the code logs 10 lines a second at most. The counter
//! `hydra_log_lines_dropped_total`, by `reason`, and a later line of the log tell how many were left out.

mod limit;
mod request_id;

use std::{backtrace, io, panic};

use tracing::Level;
use tracing_subscriber::{
    Layer as _, filter::Targets, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use hydra_runtime_net::{
    limits::LAST_LINES_TIMEOUT,
    line_queue::{self, LineQueue, LineWriter},
};
use limit::{Limit, More};
use request_id::WithRequestId;

/// The format of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text, with or without colours and the module that logs.
    Text {
        /// Whether the text has colours.
        ansi: bool,
        /// Whether the text has the module.
        target: bool,
    },
    /// One JSON object a line.
    Json,
}

/// Writes the last lines when it is dropped.
#[must_use = "lines that are not written yet are lost with the process"]
#[derive(Debug)]
pub struct Logs(LineWriter);

impl Drop for Logs {
    fn drop(&mut self) {
        self.0.finish(LAST_LINES_TIMEOUT);
    }
}

/// From now on, logs the events that pass `levels`, in all threads, panics included. `None`: the program has set up
/// logs before, and keeps them.
pub fn start(levels: Targets, format: Format) -> Option<Logs> {
    if tracing::dispatcher::has_been_set() {
        return None;
    }
    let (queue, writer) = line_queue::new(io::stderr(), count_dropped);
    let limit = Limit::default();
    let lines = queue.clone();
    let logs = fmt::layer().with_writer(move || lines.clone());
    let logs = match format {
        Format::Text { ansi, target } => {
            let text = fmt::format().with_ansi(ansi).with_target(target);
            logs.with_ansi(ansi)
                .event_format(WithRequestId::text(text))
                .boxed()
        }
        Format::Json => logs
            .json()
            .flatten_event(true)
            .map_event_format(WithRequestId::json)
            .boxed(),
    };
    let registry = tracing_subscriber::registry().with(levels);
    registry.with(limit.clone()).with(logs).try_init().ok()?;
    log_panics();
    let writer = writer.run(move |is_end| report(&limit, &queue, is_end));
    Some(Logs(writer))
}

fn count_dropped() {
    metrics::counter!("hydra_log_lines_dropped_total", "reason" => "slow").increment(1);
}

/// Logs how many lines were left out. It runs in the thread that writes, at intervals and at the end.
fn report(limit: &Limit, queue: &LineQueue, is_end: bool) {
    for More {
        level,
        count,
        message,
    } in limit.left_out(is_end)
    {
        metrics::counter!("hydra_log_lines_dropped_total", "reason" => "often").increment(count);
        // The level of a line must be a constant.
        match level {
            Level::ERROR => tracing::error!(target: limit::TARGET, "and {count} more: {message}"),
            Level::WARN => tracing::warn!(target: limit::TARGET, "and {count} more: {message}"),
            Level::INFO => tracing::info!(target: limit::TARGET, "and {count} more: {message}"),
            Level::DEBUG => tracing::debug!(target: limit::TARGET, "and {count} more: {message}"),
            Level::TRACE => tracing::trace!(target: limit::TARGET, "and {count} more: {message}"),
        }
    }
    if let Some(count) = queue.dropped() {
        tracing::warn!(
            target: limit::TARGET,
            "{count} log lines were dropped: standard error did not take them in time"
        );
    }
}

/// Logs panics like everything else. The hook of the standard library would wait for standard error.
fn log_panics() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !tracing::enabled!(Level::ERROR) {
            return before(info);
        }
        let trace = backtrace::Backtrace::capture();
        match trace.status() {
            backtrace::BacktraceStatus::Captured => tracing::error!("{info}\n{trace}"),
            _ => tracing::error!("{info}"),
        }
    }));
}
