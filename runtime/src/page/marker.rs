//! Markers: what a `__hydra` call prints, and where the page is cut afterwards.
//!
//! A marker is `\u{1}`, 16 digits that nobody outside of this engine knows, `:`, the number of the place, `\u{2}`.
//! It is made of digits only, since a filter such as `upper` must not damage it. Tera keeps texts of up to 21 bytes
//! without an allocation: the markers of the first hundred places are not longer.
#![deny(clippy::disallowed_methods)]

use std::ops::Range;

use bytes::Bytes;

use super::canvas::Text;

const START: u8 = 1;
const END: u8 = 2;
const SECRET_DIGITS: usize = 16;
/// A `u32` has ten digits at most.
const NUMBER_DIGITS: usize = 10;
/// `START`, the secret, `:`.
const PREFIX: usize = SECRET_DIGITS + 2;

/// The secret part of an engine's markers.
#[derive(Clone)]
pub(crate) struct Nonce([u8; PREFIX]);

/// A rendered text, cut at its markers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Text that stays as it is.
    Text(Bytes),
    /// The place with this number.
    Place(u32),
    /// The end of the page's head, where its fragments' style sheets and scripts are linked.
    Head,
}

impl Nonce {
    /// The nonce made from `seed`, which must be random.
    pub(crate) fn new(seed: u128) -> Self {
        let mut prefix = [b':'; PREFIX];
        prefix[0] = START;
        write_digits(seed, &mut prefix[1..=SECRET_DIGITS]);
        Self(prefix)
    }

    /// Gives the marker of the place `number` to `print`.
    pub(crate) fn print<T>(&self, number: u32, print: impl FnOnce(&str) -> T) -> T {
        let mut marker = [END; PREFIX + NUMBER_DIGITS + 1];
        marker[..PREFIX].copy_from_slice(&self.0);
        let digits = number.checked_ilog10().unwrap_or(0) as usize + 1;
        write_digits(u128::from(number), &mut marker[PREFIX..PREFIX + digits]);
        // All bytes are ASCII, so this never falls back.
        print(std::str::from_utf8(&marker[..=PREFIX + digits]).unwrap_or_default())
    }

    /// Cuts `text` at the markers whose number is in `known`. All else stays text, however much it looks like a marker.
    pub(crate) fn cut(&self, text: &Text, known: Range<u32>) -> Vec<Part> {
        let mut parts = Vec::with_capacity(2 * known.len() + text.long.len() + 1);
        let mut from = 0;
        for (at, long) in &text.long {
            self.cut_written(&text.written.slice(from..*at), &known, &mut parts);
            parts.push(Part::Text(long.clone()));
            from = *at;
        }
        self.cut_written(&text.written.slice(from..), &known, &mut parts);
        parts
    }

    fn cut_written(&self, text: &Bytes, known: &Range<u32>, parts: &mut Vec<Part>) {
        let mut from = 0;
        if !known.is_empty() {
            for at in memchr::memchr_iter(START, text) {
                if at < from {
                    continue;
                }
                let Some((number, length)) = self.read(&text[at..]).filter(|(n, _)| known.contains(n)) else {
                    continue;
                };
                push_text(parts, text.slice(from..at));
                parts.push(Part::Place(number));
                from = at + length;
            }
        }
        push_text(parts, text.slice(from..));
    }

    /// The number and the length of the marker at the start of `text`.
    fn read(&self, text: &[u8]) -> Option<(u32, usize)> {
        let rest = text.strip_prefix(&self.0)?;
        let digits = rest
            .iter()
            .take(NUMBER_DIGITS + 1)
            .position(|&byte| byte == END)?;
        let number = &rest[..digits];
        if !number.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let number = std::str::from_utf8(number).ok()?.parse().ok()?;
        Some((number, PREFIX + digits + 1))
    }
}

fn push_text(parts: &mut Vec<Part>, text: Bytes) {
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
}

/// Fills `out` with the last digits of `number`.
fn write_digits(mut number: u128, out: &mut [u8]) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nonce() -> Nonce {
        Nonce::new(1_234_567_890_123_456)
    }

    fn marker(number: u32) -> String {
        nonce().print(number, str::to_owned)
    }

    fn cut(text: &str, known: Range<u32>) -> Vec<Part> {
        let written = Bytes::copy_from_slice(text.as_bytes());
        let long = Vec::new();
        nonce().cut(&Text { written, long }, known)
    }

    fn text(text: &'static str) -> Part {
        Part::Text(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn a_marker_is_digits_between_two_control_characters() {
        assert_eq!(marker(0), "\u{1}1234567890123456:0\u{2}");
        assert_eq!(marker(10), "\u{1}1234567890123456:10\u{2}");
        assert_eq!(marker(u32::MAX), "\u{1}1234567890123456:4294967295\u{2}");
    }

    #[test]
    fn a_usual_marker_is_short_enough_for_tera_to_keep_inline() {
        assert_eq!(marker(99).len(), 21);
    }

    #[test]
    fn a_text_is_cut_at_its_markers_and_nothing_is_lost() {
        let page = format!("a{}{}b{}", marker(7), marker(8), marker(9999));
        let parts = cut(&page, 7..10_000);
        assert_eq!(
            parts,
            [
                text("a"),
                Part::Place(7),
                Part::Place(8),
                text("b"),
                Part::Place(9999)
            ]
        );
        assert_eq!(cut("", 0..3), []);
        assert_eq!(cut("plain", 0..3), [text("plain")]);
    }

    #[test]
    fn what_only_looks_like_a_marker_stays_text() {
        for fake in [
            "\u{1}",
            "\u{1}\u{1}\u{2}",
            "\u{1}1234567890123456:",
            "\u{1}1234567890123456:\u{2}",
            "\u{1}1234567890123456:-1\u{2}",
            "\u{1}1234567890123456:+1\u{2}",
            "\u{1}1234567890123456:99999999999\u{2}",
            "\u{1}0000000000000000:0\u{2}",
            "\u{1}1234567890123456:5\u{2}",
        ] {
            assert_eq!(
                cut(fake, 0..5),
                [Part::Text(Bytes::copy_from_slice(fake.as_bytes()))],
                "{fake:?}"
            );
        }
    }

    #[test]
    fn long_texts_stay_whole_in_their_places() {
        let written = Bytes::from(format!("a{}b", marker(3)));
        let at = [0, 1, 1, written.len()];
        let long = at.map(|at| (at, Bytes::from_static(b"long"))).to_vec();
        assert_eq!(
            nonce().cut(&Text { written, long }, 3..4),
            [
                text("long"),
                text("a"),
                text("long"),
                text("long"),
                Part::Place(3),
                text("b"),
                text("long")
            ]
        );
    }

    #[test]
    fn a_broken_marker_does_not_hide_the_next_one() {
        let page = format!("\u{1}1234{}", marker(1));
        assert_eq!(cut(&page, 0..2), [text("\u{1}1234"), Part::Place(1)]);
    }
}
