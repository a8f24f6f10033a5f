//! Ends the processes of services if `hydra dev` was killed and could not do so itself.
//!
//! The guard is another process of this program. It reads from a pipe which process groups run, one line each: `+ID` for one that was
//! started, and `-ID` for one that has ended. The pipe closes when `hydra dev` ends in any way. Groups that are left then are killed.

use std::{
    collections::BTreeSet,
    env,
    io::{self, Read, Write as _},
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use rustix::process::{Pid, Signal, kill_process_group};

use super::output;

/// The name of the subcommand that guards. Only `hydra dev` calls it.
pub(crate) const COMMAND: &str = "dev-guard";

/// Sends the guard process the ids of the process groups that start and end. Clones send to the same process. The default value has no
/// guard process, so that it sends nothing.
#[derive(Clone, Default)]
pub(super) struct Guard(Option<Arc<Process>>);

/// The process of the guard, with its end of the pipe.
struct Process(Child);

impl Guard {
    /// Starts the guard. If that is not possible, the log says so, and there is none.
    pub(super) fn start() -> Self {
        match Process::start() {
            Ok(process) => Self(Some(Arc::new(process))),
            Err(error) => {
                tracing::warn!(%error, "if this process is killed, the services go on: no other process can be started that ends them");
                Self::default()
            }
        }
    }

    /// A process group was started.
    pub(super) fn started(&self, group: Pid) {
        self.tell('+', group);
    }

    /// A process group has ended. Its id must not be free yet for another process.
    pub(super) fn ended(&self, group: Pid) {
        self.tell('-', group);
    }

    fn tell(&self, what: char, group: Pid) {
        let pipe = self.0.as_ref().and_then(|process| process.0.stdin.as_ref());
        if let Some(mut pipe) = pipe {
            // In one call, so that lines of several threads don't mix. The guard may be gone.
            let _ = pipe.write_all(format!("{what}{}\n", group.as_raw_pid()).as_bytes());
        }
    }
}

impl Process {
    fn start() -> io::Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command
            .arg(COMMAND)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // What ends the process group of `hydra dev` does not end the guard.
            .process_group(0);
        command.spawn().map(Self)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // This closes the pipe, so that the guard ends.
        let _ = self.0.wait();
    }
}

/// Guards until standard input ends, and kills the groups that are left then. They are not asked to end: the next `hydra dev` needs
/// their ports and files at once.
pub(crate) fn run() {
    for group in left(io::stdin().lock()).into_iter().filter_map(Pid::from_raw) {
        // Its processes may have ended in this moment.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// The ids of the groups that were started, and have not ended when the input ends. Other lines are left out.
fn left(input: impl Read) -> BTreeSet<i32> {
    let mut groups = BTreeSet::new();
    output::lines(input, |line| {
        match group(line) {
            Some(('+', id)) => groups.insert(id),
            Some(('-', id)) => groups.remove(&id),
            _ => false,
        };
    });
    groups
}

/// What a line says about which group.
fn group(line: &str) -> Option<(char, i32)> {
    let mut text = line.chars();
    let what = text.next()?;
    // Lower ids mean the system's first process, or other processes than those of one group.
    let id = text.as_str().parse().ok().filter(|id| *id > 1)?;
    Some((what, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_that_have_not_ended_are_left() {
        for (input, expected) in [
            ("", &[][..]),
            ("+12\n+7\n-12\n", &[7]),
            ("+12\n-12\n+12\n", &[12]),
            ("-12\n+12", &[12]),
            ("+1\n+0\n+-5\n+x\n\n12\n+99999999999999\n+3\n", &[3]),
        ] {
            let found: Vec<i32> = left(input.as_bytes()).into_iter().collect();
            assert_eq!(found, expected, "{input:?}");
        }
        let other = [&[b'+'; 1000][..], b"\n\xff\n+3\n"].concat();
        assert_eq!(left(&other[..]), BTreeSet::from([3]));
    }
}
