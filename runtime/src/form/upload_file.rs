//! A file of any length that a visitor sent.

use std::{
    io::{self, SeekFrom},
    path::{Path, PathBuf},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio::{
    fs::File,
    io::{AsyncRead, AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _, BufReader, ReadBuf, copy_buf},
    task::spawn_blocking,
};

use crate::limits::UPLOAD_WRITE_BYTES;

/// A file that a visitor sent, of any length. Beyond its beginning, the content is in a temporary file without a name, which is gone
/// when the `UploadFile` is dropped, and also if the process is killed.
#[derive(Debug)]
pub struct UploadFile {
    /// The name that the browser gave, which may be any text: use it for nothing but to show it.
    pub name: String,
    /// The media type that the browser gave, which may be any text.
    pub media_type: String,
    pub(super) content: Content,
}

/// The content of a file.
#[derive(Debug)]
pub(super) struct Content {
    /// The beginning, or all of it where there is no file.
    pub(super) beginning: Bytes,
    /// All of it, if that is longer than the beginning.
    pub(super) rest: Option<(File, u64)>,
}

impl UploadFile {
    /// How many bytes the file has.
    #[must_use]
    pub fn size(&self) -> u64 {
        let Content { beginning, rest } = &self.content;
        rest.as_ref().map_or(beginning.len() as u64, |(_, size)| *size)
    }

    /// The first bytes: 16 KiB, or all if there are fewer, which tell what kind of file it is.
    #[must_use]
    pub fn beginning(&self) -> &[u8] {
        &self.content.beginning
    }

    /// The content, from its first byte.
    ///
    /// # Errors
    /// The temporary file can't be read.
    pub async fn read(&mut self) -> io::Result<UploadReader<'_>> {
        match &mut self.content.rest {
            None => Ok(UploadReader(Reading::Memory(&self.content.beginning))),
            Some((file, size)) => {
                file.seek(SeekFrom::Start(0)).await?;
                Ok(UploadReader(Reading::File(file.take(*size))))
            }
        }
    }

    /// Copies the content to a new file at `path`, which appears there once all of it is written.
    ///
    /// # Errors
    /// There is a file at this path already, or the file can't be written. Then nothing is left there.
    pub async fn save(&mut self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref().to_path_buf();
        let new = spawn_blocking({
            let path = path.clone();
            move || beside(&path)
        });
        let new = new.await??;
        let mut written = File::from_std(new.as_file().try_clone()?);
        let mut content = BufReader::with_capacity(UPLOAD_WRITE_BYTES, self.read().await?);
        copy_buf(&mut content, &mut written).await?;
        written.flush().await?;
        let kept = spawn_blocking(move || new.persist_noclobber(path)).await?;
        kept.map(drop).map_err(|error| error.error)
    }
}

/// A new file in the folder of `path`, which is removed when it is dropped.
fn beside(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.map_or_else(|| PathBuf::from("."), Path::to_path_buf);
    let mut new = tempfile::Builder::new();
    new.prefix(".upload-");
    // As other new files: what it may be is up to the process, not to a temporary file.
    #[cfg(unix)]
    new.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    new.tempfile_in(folder)
}

/// Reads the content of an [`UploadFile`].
#[derive(Debug)]
pub struct UploadReader<'f>(Reading<'f>);

#[derive(Debug)]
enum Reading<'f> {
    Memory(&'f [u8]),
    File(tokio::io::Take<&'f mut File>),
}

impl AsyncRead for UploadReader<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Reading::Memory(content) => Pin::new(content).poll_read(cx, buffer),
            Reading::File(file) => Pin::new(file).poll_read(cx, buffer),
        }
    }
}
