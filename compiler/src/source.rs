//! Template files and places in them.

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
    lines: OnceLock<Vec<u32>>,
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
    /// The largest file that is read, in bytes. Offsets in it fit in 32 bits with room to spare.
    pub const MAX_SIZE: u64 = 1 << 30;

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
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or_default()
    }

    /// The line and column of a byte. Beyond the end: the end.
    #[must_use]
    pub fn line_column(&self, offset: u32) -> LineColumn {
        let offset = (offset as usize).min(self.text.len());
        let starts = self.lines.get_or_init(|| line_starts(&self.text));
        let line = starts.partition_point(|start| *start as usize <= offset);
        let start = starts[line - 1] as usize;
        let column = self
            .text
            .get(start..offset)
            .map_or(offset - start, |text| text.chars().count());
        LineColumn {
            line: line as u32,
            column: column as u32 + 1,
        }
    }
}

/// Where each line starts. The first always does at 0.
fn line_starts(text: &str) -> Vec<u32> {
    std::iter::once(0)
        .chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at as u32 + 1))
        .collect()
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
}
