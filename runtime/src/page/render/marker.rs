//! Markers: what a `__hydra` call prints, and where the page is cut afterwards.
//!
//! A marker is `\u{1}`, a secret of 16 digits, `\u{3}`, the number of the slot or hole, `\u{2}`. Its digits are the
//! control characters from `\u{e}` to `\u{1d}`: no filter such as `upper` or `escape` changes them, HTML does not use
//! them, and the remains of a marker that a filter cut in pieces can be told from other text. Tera stores texts of up
//! to 21 bytes without an allocation, and the markers of the first 256 sites are not longer.
#![deny(clippy::disallowed_methods)]

use std::ops::Range;

use bytes::Bytes;

use crate::page::render::buffer::RenderedText;

const START: u8 = 1;
const END: u8 = 2;
const SECRET_DIGITS: usize = 16;
/// A `u32` has eight digits at most.
const NUMBER_DIGITS: usize = 8;
const SEPARATOR: u8 = 3;
/// `START`, the secret, `SEPARATOR`.
const PREFIX: usize = SECRET_DIGITS + 2;
/// The digit 0. The other digits follow it.
const ZERO: u8 = 0x0e;
const BITS_OF_DIGIT: u32 = 4;

/// The secret part of an engine's markers.
#[derive(Clone)]
pub(crate) struct MarkerSecret([u8; PREFIX]);

/// A rendered text, cut at its markers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Text of the template.
    Text(Bytes),
    /// The marker of the slot or hole with this number.
    Marker(u32),
    /// The position of the script for fragments that come after the page.
    Script,
    /// The end of the page's head, where its fragments' style sheets and scripts are linked.
    Head,
}

impl MarkerSecret {
    /// The secret made from `seed`, which must be random.
    pub(crate) fn new(seed: u128) -> Self {
        let mut prefix = [SEPARATOR; PREFIX];
        prefix[0] = START;
        write_digits(seed, &mut prefix[1..=SECRET_DIGITS]);
        Self(prefix)
    }

    /// Gives the marker with this `number` to `print`.
    pub(crate) fn print<T>(&self, number: u32, print: impl FnOnce(&str) -> T) -> T {
        let mut marker = [END; PREFIX + NUMBER_DIGITS + 1];
        marker[..PREFIX].copy_from_slice(&self.0);
        let digits = (number.checked_ilog2().unwrap_or(0) / BITS_OF_DIGIT) as usize + 1;
        write_digits(u128::from(number), &mut marker[PREFIX..PREFIX + digits]);
        // All bytes are ASCII, so this never falls back.
        print(std::str::from_utf8(&marker[..=PREFIX + digits]).unwrap_or_default())
    }

    /// Cuts `text` at the markers whose number is in `known`. Remains of other markers of this engine, which a filter
    /// in the template has cut in pieces or kept, are removed. Returns the parts, and from how many texts remains were
    /// removed.
    pub(crate) fn cut(&self, text: &RenderedText, known: Range<u32>) -> (Vec<Part>, usize) {
        let mut parts = Vec::with_capacity(2 * known.len() + text.long.len() + 1);
        let (mut from, mut damaged) = (0, 0);
        for (at, long) in &text.long {
            damaged += self.cut_written(&text.written.slice(from..*at), &known, &mut parts);
            // A long text is a part of a template, written before the secret was made: it holds no marker.
            parts.push(Part::Text(long.clone()));
            from = *at;
        }
        damaged += self.cut_written(&text.written.slice(from..), &known, &mut parts);
        (parts, damaged)
    }

    /// The text without remains of markers. `None`: it holds none.
    fn without_remains(&self, text: &Bytes) -> Option<Bytes> {
        // Nearly all texts have no such character, and this loop is fast.
        if !text.iter().fold(false, |found, byte| found | is_digit(*byte)) {
            return None;
        }
        let mut clean = Vec::with_capacity(text.len());
        for run in text.chunk_by(|one, other| is_of_marker(*one) == is_of_marker(*other)) {
            if !self.is_of_secret(run) {
                clean.extend_from_slice(run);
            }
        }
        (clean.len() < text.len()).then(|| Bytes::from(clean))
    }

    /// Whether `run` holds a part of the secret, forwards or backwards.
    fn is_of_secret(&self, run: &[u8]) -> bool {
        let secret = self.0.windows(2);
        is_of_marker(run.first().copied().unwrap_or_default())
            && run.windows(2).any(|pair| {
                secret
                    .clone()
                    .any(|known| pair == known || pair == [known[1], known[0]])
            })
    }

    /// Cuts a text that was rendered, and says from how many of its pieces something was taken out.
    fn cut_written(&self, text: &Bytes, known: &Range<u32>, parts: &mut Vec<Part>) -> usize {
        let (mut from, mut damaged) = (0, 0);
        if !known.is_empty() {
            for at in memchr::memchr_iter(START, text) {
                if at < from {
                    continue;
                }
                let Some((number, length)) = self.read(&text[at..]).filter(|(n, _)| known.contains(n)) else {
                    continue;
                };
                damaged += self.push_text(parts, text.slice(from..at));
                parts.push(Part::Marker(number));
                from = at + length;
            }
        }
        damaged + self.push_text(parts, text.slice(from..))
    }

    /// Adds a text without what is left of markers, and says whether there was any: 1 or 0.
    fn push_text(&self, parts: &mut Vec<Part>, text: Bytes) -> usize {
        let clean = self.without_remains(&text);
        let damaged = usize::from(clean.is_some());
        let text = clean.unwrap_or(text);
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        damaged
    }

    /// The number and the length of the marker at the start of `text`.
    fn read(&self, text: &[u8]) -> Option<(u32, usize)> {
        let rest = text.strip_prefix(&self.0)?;
        let digits = rest
            .iter()
            .take(NUMBER_DIGITS + 1)
            .position(|&byte| byte == END)?;
        let number = &rest[..digits];
        if number.is_empty() || !number.iter().copied().all(is_digit) {
            return None;
        }
        let add = |number: u32, digit: &u8| (number << BITS_OF_DIGIT) | u32::from(digit - ZERO);
        Some((number.iter().fold(0, add), PREFIX + digits + 1))
    }
}

fn is_digit(byte: u8) -> bool {
    (ZERO..ZERO + (1 << BITS_OF_DIGIT)).contains(&byte)
}

fn is_of_marker(byte: u8) -> bool {
    is_digit(byte) || matches!(byte, START | END | SEPARATOR)
}

/// Fills `out` with the last digits of `number`.
fn write_digits(mut number: u128, out: &mut [u8]) {
    for digit in out.iter_mut().rev() {
        *digit = ZERO + (number & 0xf) as u8;
        number >>= BITS_OF_DIGIT;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker_secret() -> MarkerSecret {
        MarkerSecret::new(0x1234_5678_90ab_cdef)
    }

    fn marker(number: u32) -> String {
        marker_secret().print(number, str::to_owned)
    }

    fn cut_and_count(text: &str, known: Range<u32>) -> (Vec<Part>, usize) {
        let written = Bytes::copy_from_slice(text.as_bytes());
        let long = Vec::new();
        marker_secret().cut(&RenderedText { written, long }, known)
    }

    fn cut(text: &str, known: Range<u32>) -> Vec<Part> {
        let (parts, damaged) = cut_and_count(text, known);
        assert_eq!(damaged, 0, "{text:?}");
        parts
    }

    fn text(text: &'static str) -> Part {
        Part::Text(Bytes::from_static(text.as_bytes()))
    }

    const SECRET: &str =
        "\u{f}\u{10}\u{11}\u{12}\u{13}\u{14}\u{15}\u{16}\u{17}\u{e}\u{18}\u{19}\u{1a}\u{1b}\u{1c}\u{1d}";

    #[test]
    fn a_marker_is_control_characters_only() {
        assert_eq!(marker(0), format!("\u{1}{SECRET}\u{3}\u{e}\u{2}"));
        assert_eq!(marker(0x10), format!("\u{1}{SECRET}\u{3}\u{f}\u{e}\u{2}"));
        let most = "\u{1d}".repeat(8);
        assert_eq!(marker(u32::MAX), format!("\u{1}{SECRET}\u{3}{most}\u{2}"));
    }

    #[test]
    fn a_usual_marker_is_short_enough_for_tera_to_keep_inline() {
        assert_eq!(marker(255).len(), 21);
    }

    #[test]
    fn a_text_is_cut_at_its_markers_and_nothing_is_lost() {
        let page = format!("a{}{}b{}", marker(7), marker(8), marker(9999));
        let parts = cut(&page, 7..10_000);
        assert_eq!(
            parts,
            [
                text("a"),
                Part::Marker(7),
                Part::Marker(8),
                text("b"),
                Part::Marker(9999)
            ]
        );
        assert_eq!(
            cut(&marker(u32::MAX - 1), u32::MAX - 1..u32::MAX),
            [Part::Marker(u32::MAX - 1)]
        );
        assert_eq!(cut("", 0..3), []);
        assert_eq!(cut("plain", 0..3), [text("plain")]);
    }

    #[test]
    fn what_only_looks_like_a_marker_stays_text() {
        for fake in [
            "\u{1}",
            "\u{1}\u{1}\u{2}",
            "\u{1}1234567890123456:0\u{2}",
            "\u{e}\u{e}\u{e}",
            "\u{1}\u{e}\u{3}\u{2}",
            "\u{1b}[0m",
            "\u{f}1\u{10}",
        ] {
            assert_eq!(
                cut(fake, 0..5),
                [Part::Text(Bytes::copy_from_slice(fake.as_bytes()))],
                "{fake:?}"
            );
        }
    }

    #[test]
    fn what_is_left_of_a_marker_never_reaches_a_page() {
        let whole = marker(1);
        let backwards: String = whole.chars().rev().collect();
        for damaged in [
            &whole,
            &whole[..5],
            &whole[3..],
            &whole[4..9],
            &backwards,
            &whole[..whole.len() - 1],
            &format!("{0}{0}", &whole[..6]),
        ] {
            let page = format!("a{}b{damaged}c{damaged}", marker(0));
            let (parts, count) = cut_and_count(&page, 0..1);
            assert_eq!(parts, [text("a"), Part::Marker(0), text("bc")], "{damaged:?}");
            assert_eq!(count, 1);
        }
        let (parts, count) = cut_and_count(&whole[..7], 0..1);
        assert_eq!((parts.as_slice(), count), (&[][..], 1));
    }

    #[test]
    fn long_texts_stay_whole_in_their_places() {
        let written = Bytes::from(format!("a{}b", marker(3)));
        let at = [0, 1, 1, written.len()];
        let long = at.map(|at| (at, Bytes::from_static(b"long"))).to_vec();
        assert_eq!(
            marker_secret().cut(&RenderedText { written, long }, 3..4).0,
            [
                text("long"),
                text("a"),
                text("long"),
                text("long"),
                Part::Marker(3),
                text("b"),
                text("long")
            ]
        );
    }

    #[test]
    fn a_broken_marker_does_not_hide_the_next_one() {
        let page = format!("\u{1}1234{}", marker(1));
        assert_eq!(cut(&page, 0..2), [text("\u{1}1234"), Part::Marker(1)]);
    }
}
