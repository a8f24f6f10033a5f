//! Where something ends that may begin in every few bytes of a text: the text is searched once, however many beginnings it has.

use crate::limits::MAX_NEARBY_BYTES;

/// The ends that `find` finds from a place on.
pub(super) struct Ends<F> {
    find: F,
    /// The end that was found last. `None`: none was looked for.
    last: Option<Option<usize>>,
}

impl<F: Fn(usize) -> Option<usize>> Ends<F> {
    /// No end is looked for yet. `find` gives the first end at or behind a place.
    pub(super) fn new(find: F) -> Self {
        Self { find, last: None }
    }

    /// The first end at or behind `from`, if it is nearby. `from` must never be before that of an earlier call.
    pub(super) fn behind(&mut self, from: usize) -> Option<usize> {
        let is_known = self.last.is_some_and(|last| last.is_none_or(|end| end >= from));
        if !is_known {
            self.last = Some((self.find)(from));
        }
        self.last.flatten().filter(|end| end - from <= MAX_NEARBY_BYTES)
    }
}

/// Finds one of three signs in a text.
pub(super) fn sign(bytes: &[u8], [one, two, three]: [u8; 3]) -> impl Fn(usize) -> Option<usize> {
    move |from| Some(from + memchr::memchr3(one, two, three, bytes.get(from..)?)?)
}

/// Finds a word in a text.
pub(super) fn word<'t>(bytes: &'t [u8], word: &str) -> impl Fn(usize) -> Option<usize> + 't {
    let finder = memchr::memmem::Finder::new(word).into_owned();
    move |from| Some(from + finder.find(bytes.get(from..)?)?)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::{Ends, word};
    use crate::limits::MAX_NEARBY_BYTES;

    #[test]
    fn a_text_is_searched_once_between_two_ends() {
        let text = format!("a}}b}}{}}}", " ".repeat(MAX_NEARBY_BYTES));
        let searches = Cell::new(0);
        let find = word(text.as_bytes(), "}");
        let mut ends = Ends::new(|from| {
            searches.set(searches.get() + 1);
            find(from)
        });
        let found = [0, 1, 2, 3, 4, 5, text.len() - 1, text.len()].map(|from| ends.behind(from));
        let last = Some(text.len() - 1);
        assert_eq!(
            found,
            [Some(1), Some(1), Some(3), Some(3), last, last, last, None]
        );
        assert_eq!(searches.get(), 4);
    }
}
