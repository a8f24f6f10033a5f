//! Gives a running program the plan of changed templates, over a Unix socket in a folder of this user alone.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    time::Duration,
};

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
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Forgets the former program.
    pub(super) fn reset(&mut self) {
        self.stream = None;
        while self.listener.accept().is_ok() {}
    }

    /// Gives the program a plan, and waits until its pages are made with it.
    ///
    /// # Errors
    /// The program takes no plans, or refuses this one.
    pub(super) fn give(&mut self, plan: &[u8]) -> io::Result<()> {
        let answer = self.ask(plan);
        if answer.is_err() {
            // What is left unread would be taken for the next answer.
            self.stream = None;
        }
        match answer?.as_str() {
            "" => Ok(()),
            reason => Err(io::Error::other(reason)),
        }
    }

    fn ask(&mut self, plan: &[u8]) -> io::Result<String> {
        while let Ok((stream, _)) = self.listener.accept() {
            stream.set_nonblocking(false)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            self.stream = Some(stream);
        }
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let length = u32::try_from(plan.len()).map_err(io::Error::other)?;
        stream.write_all(&length.to_be_bytes())?;
        stream.write_all(plan)?;
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let length = u64::from(u32::from_be_bytes(length));
        if length > MAX_ANSWER_BYTES {
            return Err(io::Error::other("its answer is too long"));
        }
        let mut answer = String::new();
        let read = stream.take(length).read_to_string(&mut answer)?;
        match read as u64 == length {
            true => Ok(answer),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
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

    use super::*;

    /// A program that takes one plan, and gives this answer.
    fn program(path: &Path, answer: &'static [u8]) -> thread::JoinHandle<Vec<u8>> {
        let mut stream = UnixStream::connect(path).expect("the socket");
        thread::spawn(move || {
            let mut length = [0; 4];
            stream.read_exact(&mut length).expect("a length");
            let mut plan = vec![0; u32::from_be_bytes(length) as usize];
            stream.read_exact(&mut plan).expect("a plan");
            stream.write_all(answer).expect("it is read");
            plan
        })
    }

    #[test]
    fn a_plan_goes_to_the_program_that_runs_now() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut link = Link::open(folder.path(), "shop").expect("a socket");
        assert_eq!(
            link.give(b"{}").map_err(|error| error.kind()),
            Err(io::ErrorKind::NotConnected)
        );
        let former = program(link.path(), b"\0\0\0\0");
        link.give(b"{}").expect("it is taken");
        assert_eq!(former.join().expect("a plan"), b"{}");
        let next = program(link.path(), b"\0\0\0\x02no");
        let refused = link.give(b"{\"a\":1}").expect_err("it is refused");
        assert_eq!(
            (refused.to_string().as_str(), next.join().expect("a plan").len()),
            ("no", 7)
        );
        assert!(link.give(b"{}").is_err(), "it is gone");
        for (answer, expected) in [
            (&b"\0\x01\0\x01"[..], "its answer is too long"),
            (b"\0\0\0\x02n", "unexpected end of file"),
        ] {
            let next = program(link.path(), answer);
            let error = link.give(b"{}").expect_err("it can't be read");
            assert_eq!(error.to_string(), expected);
            next.join().expect("a plan");
        }
        link.reset();
        assert_eq!(
            link.give(b"{}").map_err(|error| error.kind()),
            Err(io::ErrorKind::NotConnected)
        );
        let path = link.path().to_owned();
        drop(link);
        assert!(!path.exists());
    }
}
