//! A progress bar for runs that take longer than a second, on a terminal.

use std::{
    io::{self, IsTerminal},
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use hydra_compile::read::Progress;
use indicatif::{ProgressBar, ProgressStyle};

/// The bar appears after this time, so that short runs show nothing.
const PATIENCE: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(100);

/// Shows progress until it is dropped.
pub(crate) struct ProgressDisplay {
    /// What the run reports to.
    pub(crate) progress: Arc<Progress>,
    watcher: Option<(Sender<()>, JoinHandle<()>)>,
}

/// Starts to watch a run.
pub(crate) fn show() -> ProgressDisplay {
    let progress = Arc::new(Progress::default());
    let watcher = io::stderr().is_terminal().then(|| {
        let (stop, stopped) = mpsc::channel();
        let seen = Arc::clone(&progress);
        (stop, thread::spawn(move || draw(&seen, &stopped)))
    });
    ProgressDisplay { progress, watcher }
}

fn draw(progress: &Progress, stopped: &mpsc::Receiver<()>) {
    if stopped.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
        return;
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) =
        ProgressStyle::with_template("{spinner} {msg} {bar:30} {pos}/{len} templates {elapsed}")
    {
        bar.set_style(style);
    }
    while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
        let total = progress.total.load(Ordering::Relaxed) as u64;
        let done = progress.done.load(Ordering::Relaxed) as u64;
        bar.set_message(if total > 0 && done == total {
            "checking"
        } else {
            "reading"
        });
        bar.set_length(total);
        bar.set_position(done);
        bar.tick();
    }
    bar.finish_and_clear();
}

impl Drop for ProgressDisplay {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.watcher.take() {
            drop(stop);
            // The bar is gone from the screen before the report comes. A panic in it is not the report's concern.
            let _ = thread.join();
        }
    }
}
