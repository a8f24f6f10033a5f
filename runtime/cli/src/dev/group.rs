//! A program with all processes that it starts, which end together.

use std::{
    io,
    os::unix::process::CommandExt as _,
    process::{Child, ChildStderr, ChildStdout, Command, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::guard::Guard;

/// How often a process is looked at that is to end.
const LOOK: Duration = Duration::from_millis(10);

/// A process group of its own. It is killed when this is dropped.
pub(super) struct Group {
    child: Child,
    status: Option<ExitStatus>,
    guard: Guard,
}

impl Group {
    /// Starts a program in a process group of its own, which `guard` kills if this process is killed.
    pub(super) fn start(command: &mut Command, guard: &Guard) -> io::Result<Self> {
        let child = command.process_group(0).spawn()?;
        let (status, guard) = (None, guard.clone());
        let group = Self { child, status, guard };
        if let Some(id) = group.id() {
            group.guard.started(id);
        }
        Ok(group)
    }

    /// Its standard output, once, if that is piped.
    pub(super) fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// The same for its standard error.
    pub(super) fn stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// How the program ended, if it did. The processes that it left are killed.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() && self.is_over() {
            self.kill();
        }
        self.status
    }

    /// Asks all processes to end, and kills those that are left when the program has ended, or after `patience`.
    pub(super) fn stop(&mut self, patience: Duration) {
        if self.status.is_some() {
            return;
        }
        self.signal(Signal::TERM);
        let end = Instant::now() + patience;
        while !self.is_over() && Instant::now() < end {
            thread::sleep(LOOK);
        }
        self.kill();
    }

    /// Whether the program has ended. Its id stays taken, so that no signal reaches another process.
    fn is_over(&self) -> bool {
        let Some(id) = self.id() else { return true };
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        // An error means that there is no such child any more.
        waitid(WaitId::Pid(id), options).map_or(true, |status| status.is_some())
    }

    fn kill(&mut self) {
        self.signal(Signal::KILL);
        if let Some(id) = self.id() {
            self.guard.ended(id);
        }
        self.status = self.child.wait().ok();
    }

    fn signal(&self, signal: Signal) {
        if let Some(id) = self.id() {
            // The processes may have ended in this moment.
            let _ = kill_process_group(id, signal);
        }
    }

    fn id(&self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.child.id()).ok()?)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.status.is_none() {
            self.kill();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader, Read as _},
        process::Stdio,
    };

    use super::*;

    /// A shell with a script, its output, and the first line of it.
    fn shell(script: &str) -> (Group, BufReader<ChildStdout>, String) {
        let mut command = Command::new("sh");
        let mut group = Group::start(
            command.args(["-c", script]).stdout(Stdio::piped()),
            &Guard::default(),
        )
        .expect("a shell");
        let mut output = BufReader::new(group.stdout().expect("its output"));
        let mut line = String::new();
        output.read_line(&mut line).expect("a line");
        (group, output, line.trim().to_owned())
    }

    #[test]
    fn all_processes_of_a_group_end_with_it() {
        // The inner process has the output too: it ends only when both are gone.
        for script in [
            "sleep 1000 & echo on; wait",
            "trap '' TERM; (trap '' TERM; echo on; sleep 1000)",
        ] {
            let (mut group, mut output, line) = shell(script);
            assert_eq!((line.as_str(), group.ended()), ("on", None), "{script}");
            group.stop(Duration::from_millis(300));
            assert!(group.ended().is_some_and(|status| !status.success()), "{script}");
            output
                .read_to_string(&mut String::new())
                .expect("the end of the output");
        }
    }

    #[test]
    fn a_program_that_ends_takes_along_what_it_started() {
        let (mut group, mut output, _) = shell("sleep 1000 & echo on; exit 7");
        let status = loop {
            match group.ended() {
                Some(status) => break status,
                None => thread::sleep(LOOK),
            }
        };
        assert_eq!(status.code(), Some(7));
        output
            .read_to_string(&mut String::new())
            .expect("the end of the output");
        group.stop(Duration::ZERO);
        assert_eq!(group.ended(), Some(status));
    }

    #[test]
    fn a_group_that_is_dropped_ends() {
        let (group, mut output, _) = shell("echo on; sleep 1000");
        drop(group);
        output
            .read_to_string(&mut String::new())
            .expect("the end of the output");
    }
}
