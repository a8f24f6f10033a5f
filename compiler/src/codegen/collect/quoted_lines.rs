//! Lines of templates that Rust errors quote.
#![deny(clippy::disallowed_methods)]

use crate::{codegen::model::QuotedLine, site::Site, source::Location};

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
        let before = source
            .text
            .get(..location.span.start as usize)
            .unwrap_or_default();
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = source
            .text
            .get(start..)
            .unwrap_or_default()
            .lines()
            .next()
            .unwrap_or_default();
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
