//! Keeps the content of a file while it arrives: its beginning in memory, and all of a longer one in a temporary file.

use std::{io, path::Path};

use bytes::BytesMut;
use tokio::{
    fs::File,
    io::{AsyncWriteExt as _, BufWriter},
    task::spawn_blocking,
};

use super::upload_file::Content;
use crate::limits::{UPLOAD_BEGINNING_BYTES, UPLOAD_WRITE_BYTES};

/// The content of a file as far as it has arrived. What was written is gone when it is dropped.
pub(super) struct Spool<'f> {
    /// Where temporary files are made.
    folder: &'f Path,
    beginning: BytesMut,
    file: Option<BufWriter<File>>,
    size: u64,
}

impl<'f> Spool<'f> {
    pub(super) fn new(folder: &'f Path) -> Self {
        Self {
            folder,
            beginning: BytesMut::new(),
            file: None,
            size: 0,
        }
    }

    /// Adds what has arrived.
    ///
    /// # Errors
    /// The temporary file can't be made or written.
    pub(super) async fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        let room = UPLOAD_BEGINNING_BYTES.saturating_sub(self.beginning.len());
        let (first, rest) = piece.split_at_checked(room).unwrap_or((piece, &[]));
        self.beginning.extend_from_slice(first);
        self.size += piece.len() as u64;
        if rest.is_empty() {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let file = File::from_std(new_file(self.folder).await?);
                let file = self
                    .file
                    .insert(BufWriter::with_capacity(UPLOAD_WRITE_BYTES, file));
                file.write_all(&self.beginning).await?;
                file
            }
        };
        file.write_all(rest).await
    }

    /// All that has arrived.
    ///
    /// # Errors
    /// The temporary file can't be written.
    pub(super) async fn finish(self) -> io::Result<Content> {
        let rest = match self.file {
            None => None,
            Some(mut file) => {
                file.flush().await?;
                Some((file.into_inner(), self.size))
            }
        };
        Ok(Content {
            beginning: self.beginning.freeze(),
            rest,
        })
    }
}

async fn new_file(folder: &Path) -> io::Result<std::fs::File> {
    let folder = folder.to_path_buf();
    spawn_blocking(move || tempfile::tempfile_in(folder)).await?
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;
    use crate::form::UploadFile;

    async fn spooled(folder: &Path, pieces: &[&[u8]]) -> UploadFile {
        let mut spool = Spool::new(folder);
        for piece in pieces {
            spool.write(piece).await.expect("written");
        }
        UploadFile {
            name: String::new(),
            media_type: String::new(),
            content: spool.finish().await.expect("finished"),
        }
    }

    #[tokio::test]
    async fn a_file_is_what_was_written_wherever_it_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let long: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
        let first = &long[..UPLOAD_BEGINNING_BYTES];
        for pieces in [
            vec![],
            vec![&b"a"[..], b"", b"bc"],
            vec![first],
            vec![first, b"x"],
            vec![&long[..]],
            vec![&long[..10_000], &long[10_000..20_000], &long[20_000..]],
        ] {
            let whole = pieces.concat();
            let mut file = spooled(folder.path(), &pieces).await;
            assert_eq!(file.size(), whole.len() as u64);
            let beginning = whole.len().min(UPLOAD_BEGINNING_BYTES);
            assert_eq!(file.beginning(), &whole[..beginning]);
            // More than once, and from the beginning each time.
            for _ in 0..2 {
                let mut read = Vec::new();
                let mut content = file.read().await.expect("a reader");
                content.read_to_end(&mut read).await.expect("read");
                assert!(read == whole, "{} bytes", whole.len());
            }
        }
    }

    #[tokio::test]
    async fn a_saved_file_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("saved");
        let long = vec![7; 50_000];
        let mut file = spooled(folder.path(), &[&long]).await;
        file.save(&path).await.expect("saved");
        assert_eq!(std::fs::read(&path).expect("read"), long);
        let again = file.save(&path).await.expect_err("another file is there");
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert!(file.save(folder.path().join("no/folder")).await.is_err());
        drop(file);
        let left: Vec<_> = std::fs::read_dir(folder.path()).expect("a folder").collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[tokio::test]
    async fn a_file_that_can_not_be_written_is_an_error() {
        let nowhere = Path::new("/dev/null/nowhere");
        let mut spool = Spool::new(nowhere);
        assert!(spool.write(b"short").await.is_ok());
        assert!(spool.write(&vec![0; UPLOAD_BEGINNING_BYTES]).await.is_err());
    }

    /// A device on which there is never room.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_full_disk_is_an_error() {
        let full = File::options()
            .write(true)
            .open("/dev/full")
            .await
            .expect("opened");
        let spool = Spool {
            folder: Path::new("/"),
            beginning: BytesMut::zeroed(UPLOAD_BEGINNING_BYTES),
            file: Some(BufWriter::with_capacity(UPLOAD_WRITE_BYTES, full)),
            size: UPLOAD_BEGINNING_BYTES as u64,
        };
        let kept = async |mut spool: Spool<'_>| {
            spool.write(&[0; 10_000]).await?;
            spool.finish().await
        };
        let error = kept(spool).await.expect_err("no room");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
