//! The file of the access log. A file that was moved away, as log rotation does, is left, and a new one begun.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    path::PathBuf,
    time::{Duration, Instant},
};

/// How often it is checked whether the path still leads to the open file.
const CHECK_PERIOD: Duration = Duration::from_secs(1);

/// A file to append to. It is opened when the first line comes, by the thread that writes: a pipe waits for its reader.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    open: Option<BufWriter<File>>,
    checked: Option<Instant>,
}

impl LogFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            open: None,
            checked: None,
        }
    }

    fn writer(&mut self) -> io::Result<&mut BufWriter<File>> {
        let is_due = self
            .checked
            .is_none_or(|checked| checked.elapsed() >= CHECK_PERIOD);
        if is_due {
            self.checked = Some(Instant::now());
            let is_same = self
                .open
                .as_ref()
                .is_some_and(|open| is_same(open.get_ref(), &self.path));
            if !is_same {
                // What is buffered belongs to the old file.
                self.open = None;
            }
        }
        if self.open.is_none() {
            let file = OpenOptions::new().append(true).create(true).open(&self.path)?;
            self.open = Some(BufWriter::new(file));
        }
        self.open.as_mut().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let written = self.writer().and_then(|file| file.write(line));
        if written.is_err() {
            super::count_dropped();
            self.open = None;
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.open {
            Some(file) => file.flush(),
            None => Ok(()),
        }
    }
}

#[cfg(unix)]
fn is_same(file: &File, path: &std::path::Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let id = |known: fs::Metadata| (known.dev(), known.ino());
    let there = fs::metadata(path).map(id).ok();
    there.is_some() && there == file.metadata().map(id).ok()
}

#[cfg(not(unix))]
fn is_same(_: &File, path: &std::path::Path) -> bool {
    fs::exists(path).unwrap_or(false)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_moved_away_is_begun_anew() {
        let folder = std::env::temp_dir().join(format!("hydra-log-file-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let (path, moved) = (folder.join("access.log"), folder.join("access.log.1"));
        let mut file = LogFile::new(path.clone());
        let write = |file: &mut LogFile, line: &str| {
            file.write_all(line.as_bytes())
                .and_then(|()| file.flush())
                .expect("written");
        };
        write(&mut file, "one\n");
        fs::rename(&path, &moved).expect("moved");
        write(&mut file, "two\n");
        file.checked = None;
        write(&mut file, "three\n");
        let text = |path| fs::read_to_string(path).expect("a file");
        assert_eq!(
            (text(&moved), text(&path)),
            ("one\ntwo\n".to_owned(), "three\n".to_owned())
        );
        fs::remove_dir_all(&folder).expect("it is ours");
    }
}
