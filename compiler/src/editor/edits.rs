//! The documents that an editor has open, and what it changes in them.
#![deny(clippy::disallowed_methods)]

use std::{collections::BTreeMap, path::PathBuf};

use super::positions::{Encoding, Lines, Position};

/// The largest document that an editor may have open. No template that is edited by hand is larger.
pub const MAX_DOCUMENT_BYTES: usize = 64 << 20;

/// The documents that the editor has open, by path.
pub(super) type Documents = BTreeMap<PathBuf, Document>;

/// A document that the editor has open.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) version: i32,
    pub(super) text: String,
}

/// One change of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The range that is replaced. `None`: the whole text. Ends that lie outside of the text are moved into it, and ends in the
    /// wrong order are exchanged.
    pub range: Option<(Position, Position)>,
    /// What comes in its place.
    pub text: String,
}

/// Makes changes one after the other, each in the text that the one before it left. Returns false, and stops, at a change that
/// would make the document larger than [`MAX_DOCUMENT_BYTES`].
#[must_use]
pub(super) fn apply(text: &mut String, changes: Vec<Change>, encoding: Encoding) -> bool {
    for change in changes {
        let range = match change.range {
            None => 0..text.len(),
            Some((one, other)) => {
                let lines = Lines::of(text);
                let (one, other) = (lines.offset(one, encoding), lines.offset(other, encoding));
                one.min(other)..one.max(other)
            }
        };
        if text.len() - range.len() + change.text.len() > MAX_DOCUMENT_BYTES {
            return false;
        }
        text.replace_range(range, &change.text);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(range: Option<[u32; 4]>, text: &str) -> Change {
        let position = |line, character| Position { line, character };
        Change {
            range: range.map(|[a, b, c, d]| (position(a, b), position(c, d))),
            text: text.to_owned(),
        }
    }

    #[test]
    fn changes_are_made_in_their_order() {
        for (changes, expected) in [
            (vec![], "é\u{1F375}x\nb"),
            (vec![change(None, "new")], "new"),
            (vec![change(Some([0, 1, 0, 3]), "")], "éx\nb"),
            // A half of the pair means its start.
            (vec![change(Some([0, 2, 0, 3]), "y")], "éyx\nb"),
            // The second counts in the text that the first left.
            (
                vec![
                    change(Some([0, 0, 0, 0]), "1\n2\n"),
                    change(Some([2, 0, 2, 1]), "e"),
                ],
                "1\n2\ne\u{1F375}x\nb",
            ),
            // The ends in the wrong order, and outside of the text.
            (vec![change(Some([0, 3, 0, 1]), "")], "éx\nb"),
            (vec![change(Some([9, 9, 0, 4]), "!")], "é\u{1F375}x!"),
            (vec![change(Some([7, 0, 8, 0]), "c")], "é\u{1F375}x\nbc"),
            (vec![change(None, ""), change(Some([3, 3, 5, 5]), "z")], "z"),
        ] {
            let mut text = "é\u{1F375}x\nb".to_owned();
            assert!(apply(&mut text, changes.clone(), Encoding::Utf16));
            assert_eq!(text, expected, "{changes:?}");
        }
    }

    #[test]
    fn a_document_has_a_largest_size() {
        let mut text = "a".repeat(MAX_DOCUMENT_BYTES);
        let (longer, as_long) = (change(Some([0, 0, 0, 0]), "b"), change(Some([0, 0, 0, 1]), "c"));
        assert!(!apply(&mut text, vec![longer, as_long.clone()], Encoding::Utf8));
        assert!(text.starts_with("aa") && text.len() == MAX_DOCUMENT_BYTES);
        assert!(apply(&mut text, vec![as_long], Encoding::Utf8));
        assert!(text.starts_with("ca") && text.len() == MAX_DOCUMENT_BYTES);
    }
}
