//! The access log: one line for each request, written by a thread of its own. A slow disk drops lines, and never slows
//! a request.

mod file;
mod line;

use std::{
    fs, io,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use self::{
    file::LogFile,
    line::{Line, as_json, as_text},
};
use super::{AccessLogTarget, record::RequestRecord};
use crate::{
    limits::LAST_LINES_TIMEOUT,
    line_queue::{self, LineQueue, LineWriter},
};

pub(super) use line::Head;

/// The access log of a process. It writes its last lines when it is dropped.
#[derive(Debug)]
pub(super) struct AccessLog {
    queue: LineQueue,
    /// Locked only at the end.
    writer: Mutex<LineWriter>,
    is_json: bool,
    dropped: AtomicU64,
}

impl AccessLog {
    /// Opens the log. `None`: it is off.
    ///
    /// # Errors
    /// The file can't be written; the text names it and the reason.
    pub(super) fn open(target: &AccessLogTarget) -> Result<Option<Self>, String> {
        Ok(match target {
            AccessLogTarget::Off => None,
            AccessLogTarget::Text => Some(Self::to(io::stdout(), false)),
            AccessLogTarget::Json => Some(Self::to(io::stdout(), true)),
            AccessLogTarget::File(path) => {
                check(path)
                    .map_err(|error| format!("`access_log`: cannot write {}: {error}", path.display()))?;
                let is_json = path
                    .extension()
                    .is_some_and(|ending| ending == "json" || ending == "jsonl");
                Some(Self::to(LogFile::new(path.clone()), is_json))
            }
        })
    }

    fn to(out: impl io::Write + Send + 'static, is_json: bool) -> Self {
        let (queue, writer) = line_queue::new(out, count_dropped);
        let writer = writer.run(|_| ());
        Self {
            queue,
            writer: Mutex::new(writer),
            is_json,
            dropped: AtomicU64::new(0),
        }
    }

    /// Logs a request whose answer has ended `now`.
    pub(super) fn log(&self, head: &Head, record: &RequestRecord, body: BodyEnd, now: Instant) {
        let line = Line {
            head,
            record,
            bytes: body.bytes,
            is_whole: body.is_whole,
            time: now.saturating_duration_since(record.began()),
        };
        let text = match self.is_json {
            true => as_json(&line),
            false => as_text(&line),
        };
        if !self.queue.push(text.as_bytes()) {
            let count = self.dropped.fetch_add(1, Relaxed) + 1;
            // Not each of them: a target that takes nothing would fill the log.
            if count.is_power_of_two() {
                tracing::warn!(
                    count,
                    "lines of the access log were dropped so far: its target did not take them in time"
                );
            }
        }
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        let writer = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner);
        writer.finish(LAST_LINES_TIMEOUT);
    }
}

/// How the body of an answer ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct BodyEnd {
    /// How many bytes of it left.
    pub(super) bytes: u64,
    /// Whether all of it left.
    pub(super) is_whole: bool,
}

fn count_dropped() {
    metrics::counter!("hydra_access_log_dropped_total").increment(1);
}

/// Checks that a file can be written. A pipe is not opened: that would wait for its reader.
fn check(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if fs::metadata(path).is_ok_and(|known| known.file_type().is_fifo()) {
            return Ok(());
        }
    }
    fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_written_is_an_error_at_the_start() {
        let folder = std::env::temp_dir().join(format!("hydra-access-log-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let open = |path: &Path| AccessLog::open(&AccessLogTarget::File(path.to_owned()));
        assert!(open(&folder.join("access.log")).is_ok_and(|log| log.is_some_and(|log| !log.is_json)));
        assert!(open(&folder.join("access.jsonl")).is_ok_and(|log| log.is_some_and(|log| log.is_json)));
        for wrong in [folder.clone(), folder.join("none/access.log")] {
            let error = open(&wrong).expect_err("it can't be written");
            assert!(error.contains(&wrong.display().to_string()), "{error}");
        }
        fs::remove_dir_all(&folder).expect("it is ours");
    }
}
