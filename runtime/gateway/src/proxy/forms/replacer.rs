//! Replaces a marker in a text that streams by (protocol section 9).
#![deny(clippy::disallowed_methods)]

use bytes::Bytes;
use memchr::{memmem::Finder, memrchr};

/// Replaces the first marker in a text by another text, and removes all further ones. The pieces of the text pass without
/// being copied, unless a piece ends in what may be the beginning of a marker.
pub(super) struct Replacer {
    /// Begins with `<`, and has no other one.
    marker: Finder<'static>,
    /// Until it has left.
    replacement: Option<Bytes>,
    /// The end of the text so far, which may be the beginning of a marker.
    held: Bytes,
}

impl Replacer {
    pub(super) fn new(marker: &str, replacement: Bytes) -> Self {
        Self {
            marker: Finder::new(marker.as_bytes()).into_owned(),
            replacement: Some(replacement),
            held: Bytes::new(),
        }
    }

    /// Takes in the next piece of the text, and gives what may leave now to `ready`.
    pub(super) fn push(&mut self, piece: Bytes, mut ready: impl FnMut(Bytes)) {
        let mut text = match self.held.is_empty() {
            true => piece,
            false => [std::mem::take(&mut self.held), piece].concat().into(),
        };
        let mut ready = |text: Bytes| {
            if !text.is_empty() {
                ready(text);
            }
        };
        while let Some(at) = self.marker.find(&text) {
            ready(text.split_to(at));
            let _marker = text.split_to(self.marker.needle().len());
            ready(self.replacement.take().unwrap_or_default());
        }
        self.held = text.split_off(text.len() - self.held_length(&text));
        ready(text);
    }

    /// What is left once the text has ended: its end, and the replacement, if the text had no marker.
    pub(super) fn finish(&mut self) -> [Bytes; 2] {
        let held = std::mem::take(&mut self.held);
        [held, self.replacement.take().unwrap_or_default()]
    }

    /// The length of the longest end of `text` that is the beginning of a marker.
    fn held_length(&self, text: &[u8]) -> usize {
        let marker = self.marker.needle();
        let window = text.len().saturating_sub(marker.len().saturating_sub(1));
        let end = text.get(window..).unwrap_or_default();
        let Some(at) = memrchr(b'<', end) else { return 0 };
        let beginning = end.get(at..).unwrap_or_default();
        match marker.starts_with(beginning) {
            true => beginning.len(),
            false => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use hydra_runtime_wire::forms::marker_comment;
    use proptest::prelude::*;

    use super::*;

    fn marker() -> String {
        marker_comment("0123456789abcdef0123456789abcdef")
    }

    /// The text after it streamed by in these pieces.
    fn replaced(pieces: &[&[u8]]) -> String {
        let mut replacer = Replacer::new(&marker(), Bytes::from_static(b"NEW"));
        let mut text = Vec::new();
        for piece in pieces {
            replacer.push(Bytes::copy_from_slice(piece), |ready| {
                text.extend_from_slice(&ready)
            });
        }
        replacer
            .finish()
            .iter()
            .for_each(|rest| text.extend_from_slice(rest));
        String::from_utf8(text).expect("UTF-8")
    }

    #[test]
    fn the_first_marker_is_replaced_and_further_ones_are_removed() {
        let marker = marker();
        let other = marker_comment("1123456789abcdef0123456789abcdef");
        for (text, expected) in [
            (format!("a{marker}b"), "aNEWb".to_owned()),
            (marker.clone(), "NEW".to_owned()),
            (format!("{marker}a{marker}{marker}b"), "NEWab".to_owned()),
            (
                format!("a<!--hydra-form {marker}"),
                "a<!--hydra-form NEW".to_owned(),
            ),
            (format!("a title=\"{marker}\""), "a title=\"NEW\"".to_owned()),
            ("no marker".to_owned(), "no markerNEW".to_owned()),
            (String::new(), "NEW".to_owned()),
            (format!("a{other}"), format!("a{other}NEW")),
            (format!("a{}", &marker[..20]), format!("a{}NEW", &marker[..20])),
            (format!("<<<{marker}<"), "<<<NEW<".to_owned()),
        ] {
            assert_eq!(replaced(&[text.as_bytes()]), expected, "{text}");
            let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
            assert_eq!(replaced(&bytes), expected, "byte by byte: {text}");
        }
    }

    #[test]
    fn what_can_not_be_a_marker_leaves_at_once() {
        let mut replacer = Replacer::new(&marker(), Bytes::new());
        for (piece, expected) in [
            ("<p>text", "<p>text"),
            ("<!--hydra", ""),
            ("-formation-->", "<!--hydra-formation-->"),
            ("a <", "a "),
            ("<", "<"),
            ("", ""),
        ] {
            let mut left = Vec::new();
            replacer.push(piece.into(), |ready| left.extend_from_slice(&ready));
            assert_eq!(left, expected.as_bytes(), "{piece}");
        }
    }

    proptest! {
        #[test]
        fn it_makes_no_difference_in_which_pieces_the_text_comes(
            parts in prop::collection::vec(prop_oneof![
                Just(marker()), Just(marker()[..30].to_owned()), Just("<".to_owned()), "[a-z<!-]{0,20}"
            ], 0..8),
            cuts in prop::collection::vec(0usize..400, 0..12),
        ) {
            let text = parts.concat();
            let whole = replaced(&[text.as_bytes()]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts {
                pieces.push(text.as_bytes().get(from..cut).expect("sorted"));
                from = cut;
            }
            pieces.push(text.as_bytes().get(from..).expect("within"));
            prop_assert_eq!(&replaced(&pieces), &whole);
            let (first, rest) = text.split_once(&marker()).unwrap_or((&text, ""));
            let expected = match text.contains(&marker()) {
                true => format!("{first}NEW{}", rest.replace(&marker(), "")),
                false => format!("{text}NEW"),
            };
            prop_assert_eq!(whole, expected);
        }
    }
}
