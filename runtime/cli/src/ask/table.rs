//! A table of text for a terminal.

use std::fmt;

/// The widest column that is padded, in characters. A wider cell only moves what follows in its row.
const MAX_WIDTH: usize = 200;

/// Rows with columns as wide as their widest cell.
pub(super) struct Table<const N: usize>(Vec<[String; N]>);

impl<const N: usize> Table<N> {
    /// A table with these headings.
    pub(super) fn new(headings: [&str; N]) -> Self {
        Self(vec![headings.map(str::to_owned)])
    }

    /// Adds a row. Control characters, which could act on the terminal, become spaces.
    pub(super) fn row(&mut self, cells: [String; N]) {
        let safe = |cell: String| cell.replace(char::is_control, " ");
        self.0.push(cells.map(safe));
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |at: usize| {
            let lengths = self.0.iter().map(|row| row[at].chars().count());
            lengths.max().unwrap_or(0).min(MAX_WIDTH)
        };
        let widths: Vec<usize> = (0..N).map(width).collect();
        for row in &self.0 {
            let cells = row.iter().zip(&widths);
            let line: Vec<String> = cells.map(|(cell, width)| format!("{cell:width$}")).collect();
            writeln!(f, "{}", line.join("  ").trim_end())?;
        }
        Ok(())
    }
}
