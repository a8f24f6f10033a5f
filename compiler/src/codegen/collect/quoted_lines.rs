//! Lines of templates that Rust errors quote.
#![deny(clippy::disallowed_methods)]

use crate::{
    codegen::model::QuotedLine,
    limits::MAX_QUOTED_LINE_CHARS,
    site::Site,
    source::{LineColumn, Location},
};

/// Finds places.
pub(super) struct QuotedLines<'c, 's> {
    pub(super) site: &'c Site<'s>,
}

impl QuotedLines<'_, '_> {
    /// The place with its line. What spans several lines is marked to the end of the first.
    pub(super) fn at(&self, location: Location) -> QuotedLine {
        let Some(file) = self.site.files.get(location.source.0 as usize) else {
            return QuotedLine::default();
        };
        let source = file.source;
        let place = source.line_column(location.span.start);
        let start = source
            .offset(LineColumn { column: 1, ..place })
            .unwrap_or_default() as usize;
        let line = first_line(source.text.get(start..).unwrap_or_default());
        let meant = source.slice(location.span).lines().next().unwrap_or_default();
        QuotedLine {
            file: source.path.display().to_string(),
            line: place.line,
            column: place.column,
            length: meant.chars().count() as u32,
            text: line.to_owned(),
        }
    }
}

/// The first line of a text. Of a line that is too long to be shown there are only as many characters as tell so: a template
/// that consists of one line would otherwise be kept once for each of its names.
fn first_line(text: &str) -> &str {
    let behind = text.char_indices().nth(MAX_QUOTED_LINE_CHARS + 2);
    let text = &text[..behind.map_or(text.len(), |(at, _)| at)];
    let line = text.lines().next().unwrap_or_default();
    let behind = line.char_indices().nth(MAX_QUOTED_LINE_CHARS + 1);
    &line[..behind.map_or(line.len(), |(at, _)| at)]
}
