//! Processes that end with the test.

use std::{
    io::{BufRead as _, BufReader, Read, Write as _},
    path::Path,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
};

use crate::{PATIENCE, program, wait_for};

/// A process to start.
pub struct Start(Command);

/// A process of a test. It is killed when this is dropped.
pub struct Running {
    child: Child,
    input: Option<ChildStdin>,
    output: Receiver<String>,
    /// All that it printed on either stream.
    printed: Arc<Mutex<String>>,
    /// Where it listens, once it said so: `http://…`.
    pub address: String,
}

impl Start {
    /// A program of the workspace, in an environment without settings.
    #[must_use]
    pub fn program(name: &str) -> Self {
        let mut command = Command::new(program(name));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HYDRA_"))
        {
            command.env_remove(name);
        }
        Self(command)
    }

    /// Another program.
    #[must_use]
    pub fn command(command: Command) -> Self {
        Self(command)
    }

    /// With an argument.
    #[must_use]
    pub fn arg(mut self, argument: &str) -> Self {
        self.0.arg(argument);
        self
    }

    /// With an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    /// In a folder.
    #[must_use]
    pub fn folder(mut self, folder: &Path) -> Self {
        self.0.current_dir(folder);
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// Where it can't be started.
    #[must_use]
    pub fn start(mut self) -> Running {
        self.0
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = self.0.spawn().expect("the program starts");
        let (lines, output) = mpsc::channel();
        let printed = Arc::new(Mutex::new(String::new()));
        let out = child.stdout.take().expect("it has an output");
        let err = child.stderr.take().expect("it has an error output");
        read(out, printed.clone(), move |line| drop(lines.send(line)));
        read(err, printed.clone(), drop);
        let input = child.stdin.take();
        Running {
            child,
            input,
            output,
            printed,
            address: String::new(),
        }
    }

    /// Starts it, and waits until it says that it listens.
    ///
    /// # Panics
    /// Where it does not.
    #[must_use]
    pub fn listening(self) -> Running {
        let mut running = self.start();
        let line = running.line_with("listening on http://");
        line.trim_start_matches("listening on ")
            .clone_into(&mut running.address);
        running
    }
}

impl Running {
    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line on standard output that holds `text`.
    ///
    /// # Panics
    /// Where the process ends or takes too long.
    pub fn line_with(&mut self, text: &str) -> String {
        match self.find_line(text) {
            Ok(line) => line,
            Err(error) => panic!("no line with `{text}`: {error}\n{}", self.printed()),
        }
    }

    /// Waits for a line on standard output that holds `text`.
    ///
    /// # Errors
    /// The process ended, or takes too long.
    pub fn find_line(&mut self, text: &str) -> Result<String, RecvTimeoutError> {
        loop {
            let line = self.output.recv_timeout(PATIENCE)?;
            if line.contains(text) {
                return Ok(line);
            }
        }
    }

    /// Types a line.
    ///
    /// # Panics
    /// Where the process is gone.
    pub fn type_line(&mut self, line: &str) {
        let input = self.input.as_mut().expect("it has an input");
        writeln!(input, "{line}").expect("it reads its input");
    }

    /// All that it printed.
    #[must_use]
    pub fn printed(&self) -> String {
        self.printed
            .lock()
            .map(|printed| printed.clone())
            .unwrap_or_default()
    }

    /// Asks it to end, as Ctrl-C and `kill` do, and waits until it has.
    ///
    /// # Panics
    /// Where it does not.
    pub fn terminate(&mut self) -> ExitStatus {
        self.ask_to_end();
        self.ended()
    }

    /// Asks it to end, and does not wait.
    ///
    /// # Panics
    /// Where it is gone.
    pub fn ask_to_end(&self) {
        self.signal("TERM");
    }

    /// Kills it: it can do nothing before it ends.
    ///
    /// # Panics
    /// Where it is gone.
    pub fn kill(&mut self) -> ExitStatus {
        self.signal("KILL");
        self.ended()
    }

    /// Lets it hang: it keeps its sockets, and does nothing until [`Running::resume`].
    ///
    /// # Panics
    /// Where it is gone.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets it go on after [`Running::pause`].
    ///
    /// # Panics
    /// Where it is gone.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let (command, id) = (format!("kill -{name} $0"), self.child.id().to_string());
        let sent = Command::new("sh").args(["-c", &command, &id]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    /// Where it does not.
    pub fn ended(&mut self) -> ExitStatus {
        wait_for("the end of a process", PATIENCE, || {
            self.child.try_wait().expect("it is a child")
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(
    stream: impl Read + Send + 'static,
    printed: Arc<Mutex<String>>,
    see: impl Fn(String) + Send + 'static,
) {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if let Ok(mut printed) = printed.lock() {
                printed.push_str(&line);
                printed.push('\n');
            }
            see(line);
        }
    });
}
