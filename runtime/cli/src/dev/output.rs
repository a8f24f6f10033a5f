//! What services and their builds print, each line behind the name of its service.

use std::{
    collections::VecDeque,
    env,
    io::{self, BufRead as _, BufReader, IsTerminal as _, Read, Write as _},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The longest line. A longer one is shown as several.
const MAX_LINE_BYTES: u64 = 16 * 1024;
/// How many lines, and how many bytes, of what a program printed are kept for the report of its end.
const MAX_TAIL_LINES: usize = 400;
const MAX_TAIL_BYTES: usize = 128 * 1024;
/// Colours of a terminal that can be read on light and dark ones.
const COLOURS: [u8; 4] = [36, 35, 33, 32];

/// How the lines of a service begin.
#[derive(Clone, Debug)]
pub(super) struct Tag(Arc<str>);

impl Tag {
    /// The tags of services, aligned.
    pub(super) fn all(names: &[&str]) -> Vec<Self> {
        let has_colour = io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none();
        let width = names
            .iter()
            .map(|name| name.chars().count())
            .max()
            .unwrap_or_default();
        let tag = |(name, colour): (&&str, &u8)| {
            let text = format!("{name:>width$} |");
            Self(match has_colour {
                true => format!("\x1b[{colour}m{text}\x1b[0m").into(),
                false => text.into(),
            })
        };
        names.iter().zip(COLOURS.iter().cycle()).map(tag).collect()
    }

    /// Shows a text of this program about the service.
    pub(super) fn say(&self, text: &str) {
        for line in text.lines() {
            // Nothing may read standard error any more: the services go on all the same.
            let _ = writeln!(io::stderr(), "{} {line}", self.0);
        }
    }
}

/// The last lines of a program. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Tail(Arc<Mutex<TailLines>>);

#[derive(Default)]
struct TailLines {
    lines: VecDeque<String>,
    bytes: usize,
}

impl Tail {
    pub(super) fn push(&self, line: &str) {
        let mut tail = self.lock();
        tail.bytes += line.len();
        tail.lines.push_back(line.to_owned());
        while tail.lines.len() > MAX_TAIL_LINES || tail.bytes > MAX_TAIL_BYTES {
            let Some(first) = tail.lines.pop_front() else {
                break;
            };
            tail.bytes -= first.len();
        }
    }

    /// The lines, with those that begin the text left out if there were too many.
    pub(super) fn text(&self) -> String {
        self.lock().lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// The lock is held for a moment.
    fn lock(&self) -> MutexGuard<'_, TailLines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows all lines of a stream until it ends, and gives each to `see`.
pub(super) fn forward(stream: impl Read, tag: &Tag, mut see: impl FnMut(&str)) {
    lines(stream, |line| {
        tag.say(line);
        see(line);
    });
}

/// Gives all lines of a stream to `see`, without their ends, until it ends.
pub(super) fn lines(stream: impl Read, mut see: impl FnMut(&str)) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while matches!(
        reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line),
        Ok(1..)
    ) {
        see(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']));
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded_and_need_not_be_utf_8() {
        let long = "x".repeat(MAX_LINE_BYTES as usize + 3);
        for (bytes, expected) in [
            (&b"a\r\n\nb"[..], vec!["a", "", "b"]),
            (b"\xff\n", vec!["\u{fffd}"]),
            (long.as_bytes(), vec![&long[3..], "xxx"]),
            (b"", vec![]),
        ] {
            let mut found = Vec::new();
            lines(bytes, |line| found.push(line.to_owned()));
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn the_last_lines_are_kept() {
        let tail = Tail::default();
        for number in 0..=MAX_TAIL_LINES {
            tail.push(&number.to_string());
        }
        assert!(tail.text().starts_with("1\n2\n") && tail.text().ends_with("400\n"));
        tail.push(&"x".repeat(MAX_TAIL_BYTES));
        assert_eq!(tail.text().len(), MAX_TAIL_BYTES + 1);
    }

    #[test]
    fn tags_are_aligned() {
        let tags = Tag::all(&["shop", "recommendations"]);
        // Tests have no terminal, or one with colours.
        let plain: Vec<_> = tags
            .iter()
            .map(|tag| anstream::adapter::strip_str(&tag.0).to_string())
            .collect();
        assert_eq!(plain, ["           shop |", "recommendations |"]);
    }
}
