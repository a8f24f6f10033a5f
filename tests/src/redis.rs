//! A Redis of a test.

use std::process::{Child, Command, Stdio};

use crate::{PATIENCE, wait_for};

/// A Redis server without a port, which is killed when this is dropped.
pub struct Redis {
    process: Child,
    folder: tempfile::TempDir,
    /// Its address, as settings name it.
    pub address: String,
}

impl Redis {
    /// Starts it, and waits until clients can connect.
    ///
    /// # Panics
    /// The Debian package redis-server is not installed, or the server does not start.
    #[must_use]
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let process = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--unixsocket", "redis.sock"])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("the Debian package redis-server is installed");
        let socket = folder.path().join("redis.sock");
        wait_for("Redis", PATIENCE, || {
            std::os::unix::net::UnixStream::connect(&socket).ok()
        });
        Self {
            process,
            address: format!("redis+unix://{}", socket.display()),
            folder,
        }
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
