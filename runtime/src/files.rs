//! Opens the files of a folder that may be sent to visitors, for [`ServeDir`](tower_http::services::ServeDir): regular
//! files only, and none outside of the folder that a link leads to. `ServeDir` alone opens every path.

mod ranges;

use std::{
    fs, io,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use tokio::{
    io::{AsyncRead, AsyncSeek, ReadBuf},
    task::spawn_blocking,
};
use tower_http::services::fs::{Backend, File};

pub use ranges::Ranges;

/// Tells whether a file may be sent, by its path in the folder.
type Rule = dyn Fn(&Path) -> bool + Send + Sync;

/// Opens regular files only, because opening a FIFO waits for another process, and opening a device may act on it.
#[derive(Clone, Default)]
pub struct RegularFiles {
    inside: Option<Arc<Inside>>,
}

struct Inside {
    folder: PathBuf,
    may_send: Box<Rule>,
}

impl RegularFiles {
    /// Opens regular files wherever links lead.
    #[must_use]
    pub fn anywhere() -> Self {
        Self::default()
    }

    /// Opens regular files whose real path is inside `folder`, which may itself be a link. `may_send` must allow the
    /// requested path and the real one, both relative to the folder. It is called on a thread that may block.
    #[must_use]
    pub fn inside(folder: &Path, may_send: impl Fn(&Path) -> bool + Send + Sync + 'static) -> Self {
        let inside = Inside {
            // `ServeDir` joins paths like this.
            folder: Path::new(".").join(folder),
            may_send: Box::new(may_send),
        };
        Self {
            inside: Some(Arc::new(inside)),
        }
    }

    /// Whether the folder has this file, and it may be sent. This blocks while the system looks it up.
    #[must_use]
    pub fn has(&self, file: &Path) -> bool {
        let path = match &self.inside {
            Some(inside) => inside.folder.join(file),
            None => file.to_owned(),
        };
        self.find(&path).is_ok_and(|(_, found)| found.is_file())
    }

    /// The real path and the metadata of a file that may be sent, or of a folder.
    fn find(&self, path: &Path) -> io::Result<(PathBuf, fs::Metadata)> {
        let nothing = || io::Error::from(io::ErrorKind::NotFound);
        let real = fs::canonicalize(path).map_err(|_| nothing())?;
        let metadata = fs::symlink_metadata(&real)?;
        if !metadata.is_file() && !metadata.is_dir() {
            return Err(nothing());
        }
        if let Some(inside) = &self.inside {
            let folder = fs::canonicalize(&inside.folder)?;
            let relative = real.strip_prefix(&folder).map_err(|_| nothing())?;
            let asked = path.strip_prefix(&inside.folder).map_err(|_| nothing())?;
            let may_send = |path| (inside.may_send)(path);
            if metadata.is_file() && !(may_send(asked) && may_send(relative)) {
                return Err(nothing());
            }
        }
        Ok((real, metadata))
    }

    fn open_found(&self, path: &Path) -> io::Result<fs::File> {
        let (real, found) = self.find(path)?;
        let file = regular().open(&real)?;
        // Another file may have replaced the first one between the two steps. The opened file must be the one that was
        // checked.
        let opened = file.metadata()?;
        let is_same = opened.is_file() && same(&found, &opened) && fs::canonicalize(path)? == real;
        if is_same {
            Ok(file)
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    }
}

/// Options that open a file for reading, without waiting for the other end of a FIFO and without following a link.
fn regular() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK | libc::O_NOFOLLOW);
    options
}

#[cfg(unix)]
fn same(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn same(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    one.len() == other.len()
}

impl Backend for RegularFiles {
    type File = RegularFile;
    type Metadata = fs::Metadata;
    type OpenFuture = BoxFuture<'static, io::Result<RegularFile>>;
    type MetadataFuture = BoxFuture<'static, io::Result<fs::Metadata>>;

    fn open(&self, path: PathBuf) -> Self::OpenFuture {
        let this = self.clone();
        Box::pin(async move {
            let file = spawn_blocking(move || this.open_found(&path)).await??;
            Ok(RegularFile(tokio::fs::File::from_std(file)))
        })
    }

    fn metadata(&self, path: PathBuf) -> Self::MetadataFuture {
        let this = self.clone();
        Box::pin(async move { Ok(spawn_blocking(move || this.find(&path)).await??.1) })
    }
}

/// An open file.
#[derive(Debug)]
pub struct RegularFile(tokio::fs::File);

impl AsyncRead for RegularFile {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncSeek for RegularFile {
    fn start_seek(mut self: Pin<&mut Self>, position: io::SeekFrom) -> io::Result<()> {
        Pin::new(&mut self.0).start_seek(position)
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Pin::new(&mut self.0).poll_complete(cx)
    }
}

impl File for RegularFile {
    type Metadata = fs::Metadata;
    type MetadataFuture<'a> = BoxFuture<'a, io::Result<fs::Metadata>>;

    fn metadata(&self) -> Self::MetadataFuture<'_> {
        Box::pin(self.0.metadata())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::{
        os::unix::{fs::symlink, net::UnixListener},
        process::Command,
    };

    use super::*;

    #[test]
    fn only_regular_files_inside_the_folder_are_opened() {
        let around = tempfile::tempdir().expect("a folder");
        let path = |name: &str| around.path().join(name);
        for folder in ["site/sub", "other", "siteother"] {
            fs::create_dir_all(path(folder)).expect("made");
        }
        for file in [
            "site/a.css",
            "site/sub/b.css",
            "site/data",
            "other/secret",
            "siteother/x",
        ] {
            fs::write(path(file), "text").expect("written");
        }
        let made = Command::new("mkfifo").arg(path("site/fifo")).status();
        assert!(made.expect("mkfifo").success());
        let _socket = UnixListener::bind(path("site/socket")).expect("a socket");
        for (link, target) in [
            ("site/inner", path("site/a.css")),
            ("site/relative", "sub/b.css".into()),
            ("site/chain", "inner".into()),
            ("site/out", path("other/secret")),
            ("site/out-chain", "out".into()),
            ("site/out-relative", "../other/secret".into()),
            ("site/out-folder", path("other")),
            ("site/beside", path("siteother/x")),
            ("site/device", "/dev/zero".into()),
            ("site/to-fifo", "fifo".into()),
            ("site/to-data", "data".into()),
            ("site/circle", "circle".into()),
            ("site/nowhere", "nothing".into()),
            ("link", path("site")),
        ] {
            symlink(target, path(link)).expect("linked");
        }
        let may_send = |path: &Path| !path.ends_with("data");
        for folder in ["site", "link"] {
            let inside = RegularFiles::inside(&path(folder), may_send);
            for (name, is_sent) in [
                ("a.css", true),
                ("sub/b.css", true),
                ("inner", true),
                ("relative", true),
                ("chain", true),
                ("out", false),
                ("out-chain", false),
                ("out-relative", false),
                ("out-folder/secret", false),
                ("beside", false),
                ("../other/secret", false),
                ("sub/../../other/secret", false),
                ("device", false),
                ("fifo", false),
                ("to-fifo", false),
                ("socket", false),
                ("data", false),
                ("to-data", false),
                ("circle", false),
                ("nowhere", false),
                ("nothing", false),
            ] {
                let file = path(folder).join(name);
                assert_eq!(inside.open_found(&file).is_ok(), is_sent, "{folder}/{name}");
                assert_eq!(inside.has(Path::new(name)), is_sent, "{folder}/{name}");
                let is_found = inside.find(&file).is_ok_and(|(_, found)| found.is_file());
                assert_eq!(is_found, is_sent, "{folder}/{name}");
            }
            for name in ["fifo", "to-fifo", "socket", "device"] {
                assert!(
                    RegularFiles::anywhere()
                        .open_found(&path(folder).join(name))
                        .is_err(),
                    "{name}"
                );
            }
            assert!(
                RegularFiles::anywhere()
                    .open_found(&path(folder).join("out"))
                    .is_ok()
            );
            assert!(
                inside.open_found(&path(folder).join("sub")).is_err(),
                "a folder is no file"
            );
        }
    }
}
