//! Replaces a piece of a text that streams by (protocol section 9).
#![deny(clippy::disallowed_methods)]

use bytes::Bytes;
use memchr::memmem::Finder;

use super::{marker_comment, page};
use crate::limits::MAX_RETRIED_FORMS;

/// Replaces all occurrences of a piece in a text. What stands between them passes without being copied, unless a part of the text
/// ends in what may be the beginning of the piece.
pub struct Replacer {
    piece: Finder<'static>,
    replacement: Replacement,
    /// The end of the text so far, which may be the beginning of the piece.
    held: Bytes,
}

enum Replacement {
    /// For the first one, until it has left. All further ones are removed.
    First(Option<Bytes>),
    /// For so many ones. All further ones stay.
    Each(Bytes, usize),
}

impl Replacer {
    /// Replaces the first [`marker_comment`] in a page by the HTML of a fragment, and removes all further ones. A page without any
    /// ends with the HTML.
    #[must_use]
    pub fn of_marker(marker: &str, html: Bytes) -> Self {
        Self::new(&marker_comment(marker), Replacement::First(Some(html)))
    }

    /// Adds the query of a page to the addresses of its forms, as [`page::with_query`] does. `None`: the page has none.
    #[must_use]
    pub fn of_forms(query: Option<&str>) -> Option<Self> {
        let [address, with_query] = page::addresses(query)?;
        let replacement = Replacement::Each(with_query.into(), MAX_RETRIED_FORMS);
        Some(Self::new(&address, replacement))
    }

    fn new(piece: &str, replacement: Replacement) -> Self {
        Self {
            piece: Finder::new(piece.as_bytes()).into_owned(),
            replacement,
            held: Bytes::new(),
        }
    }

    /// Takes in the next part of the text, and gives what may leave now to `ready`.
    pub fn push(&mut self, part: Bytes, mut ready: impl FnMut(Bytes)) {
        let mut text = match self.held.is_empty() {
            true => part,
            false => [std::mem::take(&mut self.held), part].concat().into(),
        };
        let mut ready = |text: Bytes| {
            if !text.is_empty() {
                ready(text);
            }
        };
        while let Some(at) = self.piece.find(&text) {
            ready(text.split_to(at));
            let piece = text.split_to(self.piece.needle().len());
            ready(self.replacement.next(piece));
        }
        self.held = text.split_off(text.len() - self.held_length(&text));
        ready(text);
    }

    /// Gives what is left once the text has ended to `ready`: its end, and the HTML for a marker that the text does not have.
    pub fn finish(&mut self, mut ready: impl FnMut(Bytes)) {
        let held = std::mem::take(&mut self.held);
        let missing = match &mut self.replacement {
            Replacement::First(html) => html.take().unwrap_or_default(),
            Replacement::Each(..) => Bytes::new(),
        };
        let rest = [held, missing].into_iter();
        rest.filter(|text| !text.is_empty()).for_each(&mut ready);
    }

    /// The length of the longest end of `text` that is the beginning of the piece.
    fn held_length(&self, text: &[u8]) -> usize {
        let piece = self.piece.needle();
        let most = text.len().min(piece.len().saturating_sub(1));
        let mut lengths = (1..=most).rev();
        let is_held = |length: &usize| piece.get(..*length).is_some_and(|start| text.ends_with(start));
        lengths.find(is_held).unwrap_or(0)
    }
}

impl Replacement {
    /// What stands in the place of the next occurrence of the piece.
    fn next(&mut self, piece: Bytes) -> Bytes {
        match self {
            Self::First(html) => html.take().unwrap_or_default(),
            Self::Each(_, 0) => piece,
            Self::Each(text, left) => {
                *left -= 1;
                text.clone()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MARKER: &str = "0123456789abcdef0123456789abcdef";

    fn marker() -> String {
        marker_comment(MARKER)
    }

    fn of_marker() -> Replacer {
        Replacer::of_marker(MARKER, Bytes::from_static(b"NEW"))
    }

    /// The text after it streamed by in these parts.
    fn replaced(mut replacer: Replacer, parts: &[&[u8]]) -> String {
        let mut text = Vec::new();
        for part in parts {
            replacer.push(Bytes::copy_from_slice(part), |ready| {
                text.extend_from_slice(&ready)
            });
        }
        replacer.finish(|rest| text.extend_from_slice(&rest));
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
            assert_eq!(replaced(of_marker(), &[text.as_bytes()]), expected, "{text}");
            let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
            assert_eq!(replaced(of_marker(), &bytes), expected, "byte by byte: {text}");
        }
    }

    #[test]
    fn what_can_not_be_a_marker_leaves_at_once() {
        let mut replacer = Replacer::of_marker(MARKER, Bytes::new());
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

    #[test]
    fn the_addresses_of_all_forms_get_the_query_however_the_page_comes() {
        let page = "<a><form action=\"?hydra-form=a.b\"><form action=\"?hydra-form=c.d\" title=\"?hydra-form=\">action=\"?hydra";
        for query in ["x=1", "x=1&y=\"2\"", "hydra"] {
            let expected = page::with_query(page, Some(query));
            assert_ne!(expected, page);
            for length in [1, 2, 7, page.len()] {
                let parts: Vec<&[u8]> = page.as_bytes().chunks(length).collect();
                let replacer = Replacer::of_forms(Some(query)).expect("a query");
                assert_eq!(replaced(replacer, &parts), expected, "{query} {length}");
            }
        }
        assert!(Replacer::of_forms(None).is_none() && Replacer::of_forms(Some("")).is_none());
        let many = page.repeat(MAX_RETRIED_FORMS);
        let replacer = Replacer::of_forms(Some("x")).expect("a query");
        assert_eq!(
            replaced(replacer, &[many.as_bytes()]),
            page::with_query(&many, Some("x"))
        );
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
            let whole = replaced(of_marker(), &[text.as_bytes()]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts {
                pieces.push(text.as_bytes().get(from..cut).expect("sorted"));
                from = cut;
            }
            pieces.push(text.as_bytes().get(from..).expect("within"));
            prop_assert_eq!(&replaced(of_marker(), &pieces), &whole);
            let (first, rest) = text.split_once(&marker()).unwrap_or((&text, ""));
            let expected = match text.contains(&marker()) {
                true => format!("{first}NEW{}", rest.replace(&marker(), "")),
                false => format!("{text}NEW"),
            };
            prop_assert_eq!(whole, expected);
        }
    }
}
