//! A lowered text that records where each of its parts stood in the original.

use hydra_contract::{Origin, Part};

use crate::{
    limits::LOWERED_BYTES_OF_PART,
    source::{LineColumn, Source, Span},
};

/// A lowered text.
#[derive(Clone, Debug, Default)]
pub(super) struct Lowered {
    text: String,
    /// The parts in order. Each part ends where the next one begins.
    parts: Vec<LoweredPiece>,
    /// How many bytes the text and its parts take, those that are skipped among them.
    bytes: usize,
    /// Where the last part ends in the file, if it is a copy.
    copied_to: Option<u32>,
}

/// A part of a lowered text.
#[derive(Clone, Copy, Debug)]
struct LoweredPiece {
    /// Where it begins.
    at: usize,
    /// Where it began in the file.
    start: u32,
    /// Whether the compiler wrote it.
    made: bool,
}

impl Lowered {
    /// How many bytes it takes, about.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Counts what stands at `span` in the file and is not wanted.
    pub(super) fn skip(&mut self, span: Span) {
        let follows = self.copied_to == Some(span.start);
        self.bytes += span.range().len() + if follows { 0 } else { LOWERED_BYTES_OF_PART };
        self.copied_to = Some(span.end);
    }

    /// Adds what stands at `span` in the file with this text.
    pub(super) fn copy(&mut self, file: &str, span: Span) {
        self.skip(span);
        let at = self.text.len();
        let follows =
            |last: &LoweredPiece| !last.made && last.start as usize + (at - last.at) == span.start as usize;
        if span.start < span.end && !self.parts.last().is_some_and(follows) {
            self.part(&file[span.range()]);
            self.begin(span.start, false);
        }
        self.text.push_str(&file[span.range()]);
    }

    /// Adds a text of the compiler's own, for what began at `start` in the file.
    pub(super) fn make(&mut self, start: u32, text: &str) {
        self.bytes += text.len() + LOWERED_BYTES_OF_PART;
        self.copied_to = None;
        self.part(text);
        self.begin(start, true);
        self.text.push_str(text);
    }

    /// Adds all of another text.
    pub(super) fn append(&mut self, other: &Lowered) {
        self.bytes += other.bytes;
        self.copied_to = other.copied_to;
        self.part(&other.text);
        let before = self.text.len();
        self.text.push_str(&other.text);
        self.parts.extend(other.parts.iter().map(|piece| LoweredPiece {
            at: piece.at + before,
            ..*piece
        }));
    }

    /// Without the white space at its end.
    pub(super) fn trim_end(&mut self) {
        self.text.truncate(self.text.trim_end().len());
        let length = self.text.len();
        self.parts.retain(|piece| piece.at < length);
    }

    /// Keeps a `{` at the end and what comes next from being read as one: something that stood between them in the file is gone.
    fn part(&mut self, next: &str) {
        if !self.text.ends_with('{') || !next.starts_with(['{', '%', '#']) {
            return;
        }
        let Some(last) = self.parts.last().copied() else {
            return;
        };
        self.text.pop();
        let at = self.text.len();
        if last.at == at {
            self.parts.pop();
        }
        self.begin(last.start + (at - last.at) as u32, true);
        self.text.push_str("{{ '{' }}");
    }

    fn begin(&mut self, start: u32, made: bool) {
        let at = self.text.len();
        self.parts.push(LoweredPiece { at, start, made });
    }

    /// The text, and where it stood in `file`. `None` where it is all of that file, as it is.
    pub(super) fn finish(self, file: &Source) -> (String, Option<Origin>) {
        if self.text == file.text {
            return (self.text, None);
        }
        let mut here = LineColumn { line: 1, column: 1 };
        let mut passed = 0;
        let mut parts = Vec::with_capacity(self.parts.len());
        for piece in &self.parts {
            here = behind(here, &self.text[passed..piece.at]);
            passed = piece.at;
            let from = file.line_column(piece.start);
            parts.push(Part {
                line: here.line,
                column: here.column,
                from_line: from.line,
                from_column: from.column,
                made: piece.made,
            });
        }
        let file = file.name.clone();
        (self.text, Some(Origin { file, parts }))
    }
}

/// The place behind `text`, which begins at `start`.
fn behind(start: LineColumn, text: &str) -> LineColumn {
    let lines = text.bytes().filter(|byte| *byte == b'\n').count() as u32;
    let last = text.rsplit('\n').next().unwrap_or_default();
    let characters = last.chars().count() as u32;
    LineColumn {
        line: start.line + lines,
        column: if lines == 0 {
            start.column + characters
        } else {
            1 + characters
        },
    }
}
