//! Places as editors count them (LSP 3.17, "Position"): lines and characters from 0, characters in units of an encoding.
#![deny(clippy::disallowed_methods)]

use std::ops::Range;

/// The units in which characters of a line are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// Bytes.
    Utf8,
    /// 16 bits: a character beyond the Basic Multilingual Plane counts twice. Every editor knows it.
    #[default]
    Utf16,
    /// Characters.
    Utf32,
}

/// A line and a character in it, both from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// How many units of the encoding stand before it in the line.
    pub character: u32,
}

impl Encoding {
    /// How many units a character has.
    fn units(self, character: char) -> usize {
        match self {
            Encoding::Utf8 => character.len_utf8(),
            Encoding::Utf16 => character.len_utf16(),
            Encoding::Utf32 => 1,
        }
    }
}

/// Where the lines of a text are. A line ends with `\n`, `\r\n` or `\r`.
#[derive(Clone, Debug)]
pub struct Lines<'t> {
    text: &'t str,
    /// Where each line starts. The first always does at 0.
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    /// Finds the lines of a text.
    #[must_use]
    pub fn of(text: &'t str) -> Self {
        let bytes = text.as_bytes();
        let ends = memchr::memchr2_iter(b'\n', b'\r', bytes);
        // The first half of `\r\n` ends no line.
        let ends = ends.filter(|at| bytes[*at] == b'\n' || bytes.get(at + 1) != Some(&b'\n'));
        let starts = std::iter::once(0).chain(ends.map(|at| at + 1)).collect();
        Lines { text, starts }
    }

    /// The position of a byte. One beyond the end counts as the end, and one inside of a character as its start.
    #[must_use]
    pub fn position(&self, offset: usize, encoding: Encoding) -> Position {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.starts.partition_point(|start| *start <= offset) - 1;
        let before = &self.text[self.starts[line]..offset];
        let character: usize = match before.is_ascii() {
            true => before.len(),
            false => before.chars().map(|character| encoding.units(character)).sum(),
        };
        Position {
            line: line as u32,
            character: character as u32,
        }
    }

    /// The byte at a position. A line beyond the last counts as the end of the text, a character beyond its line as the end of the
    /// line, and a unit inside of a character as the start of the character.
    #[must_use]
    pub fn offset(&self, position: Position, encoding: Encoding) -> usize {
        let Some(line) = self.line(position.line as usize) else {
            return self.text.len();
        };
        let wanted = position.character as usize;
        let text = &self.text[line.clone()];
        if text.is_ascii() {
            return line.start + wanted.min(text.len());
        }
        let mut units = 0;
        for (at, character) in text.char_indices() {
            units += encoding.units(character);
            if units > wanted {
                return line.start + at;
            }
        }
        line.end
    }

    /// The positions of the ends of a range of bytes.
    #[must_use]
    pub fn range(&self, range: Range<usize>, encoding: Encoding) -> (Position, Position) {
        (
            self.position(range.start, encoding),
            self.position(range.end, encoding),
        )
    }

    /// The bytes of a line without its end.
    fn line(&self, line: usize) -> Option<Range<usize>> {
        let start = *self.starts.get(line)?;
        let end = self.starts.get(line + 1).copied().unwrap_or(self.text.len());
        let text = &self.text[start..end];
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        Some(start..start + text.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ENCODINGS: [Encoding; 3] = [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32];

    #[test]
    fn characters_count_in_units_of_the_encoding() {
        let text = "é\u{1F375}x\r\na\rb\n";
        let lines = Lines::of(text);
        // Byte, line, and the character in each encoding.
        for (offset, line, characters) in [
            (0, 0, [0, 0, 0]),
            (2, 0, [2, 1, 1]),
            (6, 0, [6, 3, 2]),
            (7, 0, [7, 4, 3]),
            (9, 1, [0, 0, 0]),
            (10, 1, [1, 1, 1]),
            (11, 2, [0, 0, 0]),
            (13, 3, [0, 0, 0]),
        ] {
            for (encoding, character) in ENCODINGS.into_iter().zip(characters) {
                let position = Position { line, character };
                assert_eq!(
                    lines.position(offset, encoding),
                    position,
                    "{offset} {encoding:?}"
                );
                assert_eq!(
                    lines.offset(position, encoding),
                    offset,
                    "{position:?} {encoding:?}"
                );
            }
        }
    }

    #[test]
    fn positions_outside_of_the_text_or_inside_of_a_character_are_moved() {
        let text = "é\u{1F375}x\r\nlast";
        let lines = Lines::of(text);
        let most = u32::MAX;
        for (line, character, encoding, expected) in [
            // The middle of a surrogate pair, and of the bytes of a character.
            (0, 2, Encoding::Utf16, 2),
            (0, 4, Encoding::Utf8, 2),
            (0, 1, Encoding::Utf8, 0),
            // Beyond the line: before its end.
            (0, most, Encoding::Utf16, 7),
            (0, 5, Encoding::Utf16, 7),
            (1, most, Encoding::Utf32, text.len()),
            // Beyond the text.
            (2, 0, Encoding::Utf16, text.len()),
            (most, most, Encoding::Utf8, text.len()),
        ] {
            let position = Position { line, character };
            assert_eq!(
                lines.offset(position, encoding),
                expected,
                "{position:?} {encoding:?}"
            );
        }
        assert_eq!(
            lines.position(usize::MAX, Encoding::Utf16),
            Position {
                line: 1,
                character: 4
            }
        );
        assert_eq!(
            Lines::of("").offset(
                Position {
                    line: 0,
                    character: 9
                },
                Encoding::Utf16
            ),
            0
        );
    }

    proptest! {
        #[test]
        fn every_start_of_a_character_has_one_position(text in "[a\u{e9}\u{1F375}\u{10000}\r\n \u{fffd}]{0,40}") {
            let lines = Lines::of(&text);
            for encoding in ENCODINGS {
                let mut before = None;
                for offset in (0..=text.len()).filter(|offset| text.is_char_boundary(*offset)) {
                    let position = lines.position(offset, encoding);
                    prop_assert!(before < Some(position), "positions grow");
                    before = Some(position);
                    // Between the halves of `\r\n` is the end of the line.
                    let inside = text[..offset].ends_with('\r') && text[offset..].starts_with('\n');
                    prop_assert_eq!(lines.offset(position, encoding), offset - usize::from(inside));
                }
            }
        }

        #[test]
        fn every_position_is_a_place_in_the_text(
            text in "[a\u{e9}\u{1F375}\r\n]{0,20}",
            line in 0_u32..12,
            character in 0_u32..30,
        ) {
            let lines = Lines::of(&text);
            for encoding in ENCODINGS {
                let position = Position { line, character };
                let offset = lines.offset(position, encoding);
                prop_assert!(text.is_char_boundary(offset));
                prop_assert!(lines.position(offset, encoding) <= position);
            }
        }
    }
}
