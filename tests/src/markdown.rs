//! The parts of Markdown pages that tests read: blocks of code, rows of tables, headings.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::workspace;

/// A fenced block of code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The heading above it, without its marks.
    pub section: String,
    /// The line that opens it, without its backticks: ```` rust file="src/main.rs" ````.
    pub info: String,
    /// The lines in it, each with its end.
    pub text: String,
}

/// A row of a table that is not its head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The heading above it, without its marks.
    pub section: String,
    /// The cells, trimmed.
    pub cells: Vec<String>,
}

/// A line of a page, as far as tests tell lines apart.
enum Line<'p> {
    Heading(&'p str),
    Block(Block),
    Other(&'p str),
}

impl Block {
    /// The value of `name` in the opening line: `src/main.rs` of `file="src/main.rs"`.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.info.split_once(&format!("{name}=\""))?;
        Some(rest.split_once('"')?.0)
    }

    /// The file that the block is, or a part of.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        self.attribute("file")
    }
}

/// All blocks of code of a page, in its order.
#[must_use]
pub fn blocks(page: &str) -> Vec<Block> {
    let blocks = lines(page).into_iter().filter_map(|line| match line {
        Line::Block(block) => Some(block),
        Line::Heading(_) | Line::Other(_) => None,
    });
    blocks.collect()
}

/// All rows of the tables of a page, in its order.
#[must_use]
pub fn rows(page: &str) -> Vec<Row> {
    let (mut rows, mut section, mut in_body) = (Vec::new(), "", false);
    for line in lines(page) {
        match line {
            Line::Heading(heading) => section = heading,
            Line::Other(text) if text.starts_with("|-") => in_body = true,
            Line::Other(text) if in_body && text.starts_with('|') => {
                let inner = text.trim().trim_start_matches('|');
                let inner = inner.strip_suffix('|').unwrap_or(inner);
                let cells = inner.split('|').map(|cell| cell.trim().to_owned());
                rows.push(Row {
                    section: section.to_owned(),
                    cells: cells.collect(),
                });
            }
            Line::Block(_) | Line::Other(_) => in_body = false,
        }
    }
    rows
}

/// The headings of a page, without their marks.
#[must_use]
pub fn headings(page: &str) -> Vec<&str> {
    let headings = lines(page).into_iter().filter_map(|line| match line {
        Line::Heading(heading) => Some(heading),
        Line::Block(_) | Line::Other(_) => None,
    });
    headings.collect()
}

fn lines(page: &str) -> Vec<Line<'_>> {
    let (mut found, mut section) = (Vec::new(), "");
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(info) = line.strip_prefix("```") {
            let text = lines.by_ref().take_while(|line| *line != "```");
            let text: String = text.map(|line| format!("{line}\n")).collect();
            found.push(Line::Block(Block {
                section: section.to_owned(),
                info: info.to_owned(),
                text,
            }));
        } else if let Some((_, heading)) = line.split_once("# ").filter(|(marks, _)| is_marks(marks)) {
            section = heading;
            found.push(Line::Heading(heading));
        } else {
            found.push(Line::Other(line));
        }
    }
    found
}

/// What stands before the last `#` of a heading.
fn is_marks(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'#')
}

/// The files of the repository with this extension, in the order of their paths, without those of builds.
///
/// # Panics
/// Where a folder of the repository can't be read.
#[must_use]
pub fn files(extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    add_files(workspace(), extension, &mut found);
    found.sort();
    found
}

fn add_files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the repository") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            add_files(&path, extension, found);
        } else if path.extension().is_some_and(|of| of == extension) {
            found.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# Page\n\n## First: `a`\n\n```rust file=\"src/main.rs\"\n# no heading\n| no | row |\n```\n\n\
                        | key | default |\n|---|---|\n| `a` | none |\n| `b` | |\n\n| just | text |\n\n#no heading\n";

    #[test]
    fn blocks_have_their_heading_their_file_and_their_lines() {
        let blocks = blocks(PAGE);
        assert_eq!(blocks.len(), 1);
        assert_eq!(blocks[0].section, "First: `a`");
        assert_eq!(blocks[0].file(), Some("src/main.rs"));
        assert_eq!(blocks[0].text, "# no heading\n| no | row |\n");
    }

    #[test]
    fn rows_are_those_below_the_head_of_a_table() {
        let cells: Vec<_> = rows(PAGE).into_iter().map(|row| row.cells).collect();
        assert_eq!(cells, [["`a`", "none"], ["`b`", ""]]);
    }

    #[test]
    fn headings_are_outside_of_blocks() {
        assert_eq!(headings(PAGE), ["Page", "First: `a`"]);
    }
}
