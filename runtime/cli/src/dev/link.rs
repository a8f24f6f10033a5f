//! Gives a running program the plan of changed templates, over a Unix socket in a folder of this user alone.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use hydra_contract::{Plan, PlanUpdate};

/// Tells a program where the socket is.
pub(super) const SOCKET: &str = "HYDRA_DEV_SOCKET";
/// How long a program may take to use a plan.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer of a program that is read.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

/// The socket of one service.
pub(super) struct Link {
    listener: UnixListener,
    path: PathBuf,
    /// The connection of the program that was started last.
    stream: Option<UnixStream>,
    /// The plan that this program has, as far as that is known.
    plan: Option<Arc<Plan>>,
}

impl Link {
    /// Opens a socket in `folder`.
    pub(super) fn open(folder: &Path, name: &str) -> io::Result<Self> {
        let path = folder.join(format!("{name}.sock"));
        // A former process of this id may have left it.
        let _ = fs::remove_file(&path);
        let listener = UnixListener::bind(&path)?;
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener,
            path,
            stream: None,
            plan: None,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Forgets the former program. The next one has probably been built with `plan`.
    pub(super) fn reset(&mut self, plan: Option<Arc<Plan>>) {
        self.stream = None;
        self.plan = plan;
        while self.listener.accept().is_ok() {}
    }

    /// Gives the program a plan, and waits until its pages are made with it.
    ///
    /// # Errors
    /// The program takes no plans, or refuses this one.
    pub(super) fn give(&mut self, plan: &Arc<Plan>) -> io::Result<()> {
        let answer = self.ask(plan);
        if answer.is_err() {
            // What is left unread would be taken for the next answer.
            self.stream = None;
        }
        match answer?.as_str() {
            "" => {
                self.plan = Some(plan.clone());
                Ok(())
            }
            reason => Err(io::Error::other(reason)),
        }
    }

    fn ask(&mut self, plan: &Plan) -> io::Result<String> {
        while let Ok((mut stream, _)) = self.listener.accept() {
            stream.set_nonblocking(false)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            // The program says first which plan it has: the templates may have changed while it was built.
            let fingerprint = read(&mut stream)?;
            let is_known = |plan: &mut Arc<Plan>| plan.fingerprint().to_string() == fingerprint;
            self.plan = self.plan.take_if(is_known);
            self.stream = Some(stream);
        }
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let update = match &self.plan {
            Some(former) => PlanUpdate::between(former, plan),
            None => PlanUpdate::between(&Plan::default(), plan),
        };
        let update = serde_json::to_vec(&update).map_err(io::Error::other)?;
        let length = u32::try_from(update.len()).map_err(io::Error::other)?;
        stream.write_all(&length.to_be_bytes())?;
        stream.write_all(&update)?;
        read(stream)
    }
}

/// The next message of a program.
fn read(stream: &mut UnixStream) -> io::Result<String> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u64::from(u32::from_be_bytes(length));
    if length > MAX_ANSWER_BYTES {
        return Err(io::Error::other("its answer is too long"));
    }
    let mut text = String::new();
    let read = stream.take(length).read_to_string(&mut text)?;
    match read as u64 == length {
        true => Ok(text),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // The folder is emptied with the user's session, too.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use hydra_contract::Template;

    use super::*;

    /// A program with a plan that takes one update, and gives this answer.
    fn program(path: &Path, has: &Plan, answer: &'static [u8]) -> thread::JoinHandle<PlanUpdate> {
        let mut stream = UnixStream::connect(path).expect("the socket");
        let hello = has.fingerprint().to_string();
        thread::spawn(move || {
            let message = |text: &[u8]| [&(text.len() as u32).to_be_bytes()[..], text].concat();
            stream.write_all(&message(hello.as_bytes())).expect("it is read");
            let mut length = [0; 4];
            stream.read_exact(&mut length).expect("a length");
            let mut update = vec![0; u32::from_be_bytes(length) as usize];
            stream.read_exact(&mut update).expect("an update");
            stream.write_all(&message(answer)).expect("it is read");
            serde_json::from_slice(&update).expect("an update")
        })
    }

    /// A plan of templates with these sources, which are their names too.
    fn plan(sources: &[&str]) -> Arc<Plan> {
        let template = |source: &&str| Template {
            name: (*source).to_owned(),
            source: (*source).to_owned(),
            origin: None,
        };
        Arc::new(Plan {
            templates: sources.iter().map(template).collect(),
            ..Plan::default()
        })
    }

    fn changed(update: &PlanUpdate) -> Vec<&str> {
        let templates = update.plan.templates.iter();
        templates.map(|template| template.name.as_str()).collect()
    }

    #[test]
    fn a_plan_goes_to_the_program_that_runs_now() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut link = Link::open(folder.path(), "shop").expect("a socket");
        let [first, second] = [plan(&["a"]), plan(&["a", "b"])];
        let away = Err(io::ErrorKind::NotConnected);
        assert_eq!(link.give(&first).map_err(|error| error.kind()), away);
        let former = program(link.path(), &first, b"");
        link.give(&second).expect("it is taken");
        assert_eq!(changed(&former.join().expect("an update")), ["a", "b"]);
        let next = program(link.path(), &second, b"no");
        let refused = link.give(&first).expect_err("it is refused");
        assert_eq!(refused.to_string(), "no");
        next.join().expect("an update");
        assert!(link.give(&first).is_err(), "it is gone");
        link.reset(None);
        assert_eq!(link.give(&first).map_err(|error| error.kind()), away);
        let path = link.path().to_owned();
        drop(link);
        assert!(!path.exists());
    }

    #[test]
    fn what_the_program_has_already_is_left_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut link = Link::open(folder.path(), "shop").expect("a socket");
        let [first, second] = [plan(&["a", "b"]), plan(&["a", "c"])];
        for (has, expected) in [(&first, &["c"][..]), (&plan(&["b"]), &["a", "c"])] {
            link.reset(Some(first.clone()));
            let running = program(link.path(), has, b"");
            link.give(&second).expect("it is taken");
            let update = running.join().expect("an update");
            assert_eq!(changed(&update), expected);
            assert_eq!(update.apply(has).fingerprint(), second.fingerprint());
        }
    }

    #[test]
    fn an_answer_that_is_too_long_or_cut_is_not_used() {
        for (answer, expected) in [
            (&b"\0\0\0\x02no"[..], Ok("no")),
            (b"\0\x01\0\x01", Err("its answer is too long")),
            (b"\0\0\0\x02n", Err("unexpected end of file")),
        ] {
            let (mut program, mut here) = UnixStream::pair().expect("a connection");
            program.write_all(answer).expect("it is read");
            drop(program);
            let read = read(&mut here).map_err(|error| error.to_string());
            assert_eq!(read.as_deref().map_err(String::as_str), expected);
        }
    }
}
