//! A real Redis that hangs, ends and comes back.

use std::{
    os::unix::net::UnixStream,
    process::{Child, Command, Stdio},
};

use crate::support::until;

pub(crate) struct Redis {
    process: Child,
    folder: tempfile::TempDir,
}

impl Redis {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self {
            process: Self::spawn(&folder),
            folder,
        }
    }

    fn spawn(folder: &tempfile::TempDir) -> Child {
        Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--unixsocket", "redis.sock"])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("the Debian package redis-server is installed")
    }

    pub(super) fn kill(&mut self) {
        self.process.kill().expect("killed");
        self.process.wait().expect("ended");
        let _ = std::fs::remove_file(self.folder.path().join("redis.sock"));
    }

    /// Starts it again. Gives when it lets clients in.
    pub(super) async fn start_again_empty(&mut self) {
        self.process = Self::spawn(&self.folder);
        until("Redis lets clients in", async || {
            UnixStream::connect(self.folder.path().join("redis.sock")).is_ok()
        })
        .await;
    }

    /// `-STOP` or `-CONT`.
    pub(super) fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args([name, &pid]).status().expect("kill");
        assert!(sent.success());
    }

    pub(crate) fn url(&self) -> String {
        format!("redis+unix://{}", self.folder.path().join("redis.sock").display())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
