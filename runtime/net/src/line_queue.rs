//! A queue of lines for a thread that writes them, so that no request waits for a slow file or pipe.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    },
    thread,
    time::Duration,
};

use crate::limits::{MAX_LINES_PER_FLUSH, MAX_QUEUED_BYTES, MAX_QUEUED_LINES, QUEUED_LINE_OVERHEAD_BYTES};

/// How often the thread reports lines that were left out.
const TICK: Duration = Duration::from_millis(250);

/// Takes lines without waiting. Lines that do not fit are dropped and counted.
#[derive(Clone)]
pub struct LineQueue {
    lines: SyncSender<Box<[u8]>>,
    counts: Arc<Counts>,
    on_dropped: fn(),
}

#[derive(Default)]
struct Counts {
    /// The size of the lines that wait, in bytes.
    bytes: AtomicUsize,
    /// The lines that were dropped and not reported yet.
    dropped: AtomicU64,
    /// Whether the thread ends after the lines that wait.
    is_ending: AtomicBool,
}

/// The reading end of a queue, before its thread is started.
pub struct UnstartedLineWriter<W> {
    lines: Receiver<Box<[u8]>>,
    counts: Arc<Counts>,
    queue: LineQueue,
    out: W,
}

/// The thread that writes.
#[derive(Debug)]
pub struct LineWriter {
    queue: LineQueue,
    ended: Receiver<()>,
}

/// A queue, and its reading end, which writes lines to `out`. `on_dropped` is called for each line that is dropped.
pub fn new<W: Write + Send + 'static>(out: W, on_dropped: fn()) -> (LineQueue, UnstartedLineWriter<W>) {
    let (sender, lines) = mpsc::sync_channel(MAX_QUEUED_LINES);
    let counts = Arc::new(Counts::default());
    let queue = LineQueue {
        lines: sender,
        counts: Arc::clone(&counts),
        on_dropped,
    };
    let unstarted = UnstartedLineWriter {
        lines,
        counts,
        queue: queue.clone(),
        out,
    };
    (queue, unstarted)
}

impl LineQueue {
    /// Takes a line, which ends in a line feed. Returns whether it will be written.
    pub fn push(&self, line: &[u8]) -> bool {
        let counts = &self.counts;
        let size = line.len() + QUEUED_LINE_OVERHEAD_BYTES;
        let bytes = counts.bytes.fetch_add(size, Relaxed) + size;
        if bytes > MAX_QUEUED_BYTES || self.lines.try_send(line.into()).is_err() {
            counts.bytes.fetch_sub(size, Relaxed);
            counts.dropped.fetch_add(1, Relaxed);
            (self.on_dropped)();
            return false;
        }
        true
    }

    /// How many lines were dropped since the last call. `None`: none, or the queue has no room to report it.
    pub fn dropped(&self) -> Option<u64> {
        let has_room = self.counts.bytes.load(Relaxed) < MAX_QUEUED_BYTES / 2;
        let dropped = has_room.then(|| self.counts.dropped.swap(0, Relaxed));
        dropped.filter(|count| *count > 0)
    }
}

impl Write for LineQueue {
    /// A line comes in one piece.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl std::fmt::Debug for LineQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LineQueue").finish_non_exhaustive()
    }
}

impl<W: Write + Send + 'static> UnstartedLineWriter<W> {
    /// Starts the thread. It calls `report` at intervals, and with `true` before the end. `report` may push lines.
    pub fn run(self, report: impl Fn(bool) + Send + 'static) -> LineWriter {
        let (end, ended) = mpsc::channel();
        let queue = self.queue.clone();
        let write = move || {
            self.write(report);
            // The receiver may be gone.
            let _ = end.send(());
        };
        // Without the thread, all lines are dropped, which is better than ending the program.
        let _ = thread::Builder::new().name("lines".to_owned()).spawn(write);
        LineWriter { queue, ended }
    }

    fn write(mut self, report: impl Fn(bool)) {
        loop {
            match self.lines.recv_timeout(TICK) {
                Ok(line) => {
                    self.put(&line);
                    // Lines that wait leave together.
                    for line in self
                        .lines
                        .try_iter()
                        .take(MAX_LINES_PER_FLUSH)
                        .collect::<Vec<_>>()
                    {
                        self.put(&line);
                    }
                    self.flush();
                }
                Err(RecvTimeoutError::Timeout) => self.flush(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let is_end = self.counts.is_ending.load(Relaxed);
            report(is_end);
            if is_end {
                while let Ok(line) = self.lines.try_recv() {
                    self.put(&line);
                }
                self.flush();
                return;
            }
        }
    }

    fn put(&mut self, line: &[u8]) {
        self.counts
            .bytes
            .fetch_sub(line.len() + QUEUED_LINE_OVERHEAD_BYTES, Relaxed);
        // Where a line can't be written, there is no other place to report that.
        let _ = self.out.write_all(line);
    }

    /// Writes what is buffered.
    fn flush(&mut self) {
        let _ = self.out.flush();
    }
}

impl LineWriter {
    /// Waits until all lines are written, for `time` at most.
    pub fn finish(&self, time: Duration) {
        self.queue.counts.is_ending.store(true, Relaxed);
        // An empty line wakes the thread. If the queue is full, the thread is awake.
        self.queue.push(b"");
        let _ = self.ended.recv_timeout(time);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Condvar, Mutex};

    use super::*;

    /// Takes nothing until it is opened.
    #[derive(Clone, Default)]
    struct Pipe(Arc<(Mutex<State>, Condvar)>);

    #[derive(Default)]
    struct State {
        is_open: bool,
        written: Vec<u8>,
    }

    impl Pipe {
        fn open(&self) {
            self.0.0.lock().expect("not poisoned").is_open = true;
            self.0.1.notify_all();
        }

        fn text(&self) -> String {
            let bytes = self.0.0.lock().expect("not poisoned").written.clone();
            String::from_utf8(bytes).expect("text")
        }
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let state = self.0.0.lock().expect("not poisoned");
            let mut state = self
                .0
                .1
                .wait_while(state, |state| !state.is_open)
                .expect("not poisoned");
            state.written.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_pipe_that_nobody_reads_stops_nobody_and_the_loss_is_told_later() {
        for line in [b"x\n".to_vec(), vec![b'y'; 9_000]] {
            let pipe = Pipe::default();
            let (queue, writer) = new(pipe.clone(), || ());
            let reporting = queue.clone();
            let writer = writer.run(move |_| {
                if let Some(count) = reporting.dropped() {
                    reporting.push(format!("\ndropped {count}\n").as_bytes());
                }
            });
            for _ in 0..2 * MAX_QUEUED_LINES {
                queue.push(&line);
            }
            assert!(queue.counts.dropped.load(Relaxed) > 0);
            assert!(queue.counts.bytes.load(Relaxed) <= MAX_QUEUED_BYTES);
            // The end of the program does not wait for ever.
            assert!(writer.ended.try_recv().is_err());
            pipe.open();
            while !pipe.text().contains("\ndropped ") {
                thread::sleep(Duration::from_millis(1));
            }
            writer.finish(Duration::from_secs(60));
            let text = pipe.text();
            let numbers = text.lines().filter_map(|line| line.strip_prefix("dropped "));
            let dropped: usize = numbers
                .map(|count| count.parse::<usize>().expect("a number"))
                .sum();
            let written = text.matches(char::from(line[0])).count()
                / line.iter().filter(|byte| **byte == line[0]).count();
            assert_eq!(written + dropped, 2 * MAX_QUEUED_LINES);
        }
    }

    #[test]
    fn the_last_lines_are_written_at_the_end() {
        let pipe = Pipe::default();
        pipe.open();
        let (queue, writer) = new(pipe.clone(), || ());
        let writer = writer.run(|_| {});
        for number in 0..100 {
            queue.push(format!("{number}\n").as_bytes());
        }
        writer.finish(Duration::from_secs(60));
        assert!(pipe.text().ends_with("\n99\n"));
    }

    #[test]
    fn the_end_does_not_wait_for_a_pipe_that_nobody_reads() {
        let (queue, writer) = new(Pipe::default(), || ());
        let writer = writer.run(|_| {});
        queue.push(b"never");
        writer.finish(Duration::from_millis(1));
        assert!(writer.ended.try_recv().is_err());
    }
}
