//! The texts of files, and places in them.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// Which file of a run: an index into its sources, in the order of their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// A range of bytes in one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

/// A range of bytes in a file of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The file.
    pub source: SourceId,
    /// The bytes.
    pub span: Span,
}

/// One file: a template, a contract or a Rust file.
#[derive(Debug)]
pub struct Source {
    /// The name by which Tera knows it: its path in the template folder, with `/`.
    pub name: String,
    /// The path for reports.
    pub path: PathBuf,
    /// What it holds.
    pub text: String,
    lines: OnceLock<Lines>,
}

/// A line and a column as people count: from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineColumn {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

impl Span {
    /// The range from `start` to `end`, in bytes.
    #[must_use]
    pub fn new(start: usize, end: usize) -> Self {
        // A source is never larger than `MAX_SOURCE`, so that offsets fit.
        Self {
            start: start as u32,
            end: end as u32,
        }
    }

    /// As a range for slicing.
    #[must_use]
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// How many bytes it holds.
    #[must_use]
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether it holds no byte.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Whether all of `other` lies in it.
    #[must_use]
    pub fn contains(self, other: Span) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// This span in a file of a run.
    #[must_use]
    pub fn at(self, source: SourceId) -> Location {
        Location { source, span: self }
    }
}

impl Source {
    /// A file that was read from `path`.
    #[must_use]
    pub fn new(name: impl Into<String>, path: impl AsRef<Path>, text: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            path: path.as_ref().into(),
            text: text.into(),
            lines: OnceLock::new(),
        }
    }

    /// The text at `span`.
    #[inline]
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or_default()
    }

    /// The line and column of a byte. Beyond the end: the end.
    #[must_use]
    pub fn line_column(&self, offset: u32) -> LineColumn {
        let offset = (offset as usize).min(self.text.len());
        let lines = self.lines.get_or_init(|| Lines::of(&self.text));
        let line = lines.starts.partition_point(|start| *start as usize <= offset);
        let start = lines.starts[line - 1] as usize;
        let column = lines.characters(&self.text, offset) - lines.characters(&self.text, start);
        LineColumn {
            line: line as u32,
            column: column + 1,
        }
    }

    /// The byte at a line and a column: the opposite of [`Source::line_column`]. A column beyond its line is its end; `None`
    /// where there is no such line.
    #[must_use]
    pub fn offset(&self, place: LineColumn) -> Option<u32> {
        let lines = self.lines.get_or_init(|| Lines::of(&self.text));
        let line = place.line.checked_sub(1)? as usize;
        let start = *lines.starts.get(line)? as usize;
        let end = lines
            .starts
            .get(line + 1)
            .map_or(self.text.len(), |next| *next as usize);
        let column = place.column.checked_sub(1)?;
        let wanted = lines.characters(&self.text, start).saturating_add(column);
        Some(lines.offset(&self.text, wanted).clamp(start, end) as u32)
    }
}

/// Where lines and characters are, so that a place in a file of one line costs no more than any other.
#[derive(Debug)]
struct Lines {
    /// Where each line starts. The first always does at 0.
    starts: Vec<u32>,
    /// How many characters start before each block of [`BLOCK`] bytes.
    before: Vec<u32>,
}

/// The bytes that are counted for each place that is asked for.
const BLOCK: usize = 512;

impl Lines {
    fn of(text: &str) -> Self {
        let feeds = memchr::memchr_iter(b'\n', text.as_bytes());
        let starts = std::iter::once(0).chain(feeds.map(|at| at as u32 + 1)).collect();
        let mut total = 0;
        let blocks = text.as_bytes().chunks(BLOCK).map(|block| {
            total += characters(block);
            total
        });
        let before = std::iter::once(0).chain(blocks).collect();
        Self { starts, before }
    }

    /// How many characters start before the byte `offset`.
    fn characters(&self, text: &str, offset: usize) -> u32 {
        let block = offset / BLOCK;
        self.before[block] + characters(&text.as_bytes()[block * BLOCK..offset])
    }

    /// Where the character starts that has `wanted` others before it.
    fn offset(&self, text: &str, wanted: u32) -> usize {
        // The last block that starts no later than the character.
        let block = self.before.partition_point(|before| *before <= wanted) - 1;
        let bytes = text.as_bytes().iter().enumerate().skip(block * BLOCK);
        let mut starts = bytes.filter(|(_, byte)| is_start(**byte));
        let more = wanted - self.before[block];
        starts.nth(more as usize).map_or(text.len(), |(at, _)| at)
    }
}

/// How many characters start in these bytes of a text.
fn characters(bytes: &[u8]) -> u32 {
    bytes.iter().filter(|byte| is_start(**byte)).count() as u32
}

/// Whether a character of a text starts with this byte.
fn is_start(byte: u8) -> bool {
    (byte as i8) >= -0x40
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_count_line_feeds() {
        let source = Source::new("a.html", "a.html", "é{{ x }}\r\nü y\n");
        let at = |offset| source.line_column(offset);
        assert_eq!(at(0), LineColumn { line: 1, column: 1 });
        assert_eq!(at(2), LineColumn { line: 1, column: 2 });
        assert_eq!(at(11), LineColumn { line: 2, column: 1 });
        assert_eq!(at(15), LineColumn { line: 2, column: 4 });
        assert_eq!(at(17), LineColumn { line: 3, column: 1 });
        assert_eq!(at(9_999), LineColumn { line: 3, column: 1 });
    }
    #[test]
    fn columns_of_long_lines_are_counted_over_blocks() {
        let text = format!("x\n{}", "é€a".repeat(BLOCK));
        let source = Source::new("a.html", "a.html", text.clone());
        for (column, (at, _)) in text.char_indices().skip(2).enumerate().step_by(97) {
            let expected = LineColumn {
                line: 2,
                column: column as u32 + 1,
            };
            assert_eq!(source.line_column(at as u32), expected);
            assert_eq!(source.offset(expected), Some(at as u32));
        }
        let offset = |line, column| source.offset(LineColumn { line, column });
        assert_eq!(offset(1, 9), Some(2), "beyond its line");
        for far in [u32::MAX / 2, u32::MAX] {
            assert_eq!(offset(2, far), Some(text.len() as u32));
        }
        assert_eq!((offset(3, 1), offset(0, 1), offset(1, 0)), (None, None, None));
        let end = LineColumn {
            line: 2,
            column: 3 * BLOCK as u32 + 1,
        };
        assert_eq!(source.line_column(text.len() as u32), end);
    }
}
